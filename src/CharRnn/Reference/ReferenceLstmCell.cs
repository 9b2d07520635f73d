namespace CharRnn.Reference;

/// <summary>E10 and its derivatives; the gates are i, f, g, o.</summary>
internal sealed class ReferenceLstmCell : ReferenceCell
{
    public override void Forward(CellStep s)
    {
        int H = s.Units;
        for (int u = 0; u < H; u++)
        {
            double i = s.Gates[u] = Sigmoid(s.Input[u] + s.Recurrent[u]);
            double f = s.Gates[H + u] = Sigmoid(s.Input[H + u] + s.Recurrent[H + u]);
            double g = s.Gates[(2 * H) + u] = Math.Tanh(s.Input[(2 * H) + u] + s.Recurrent[(2 * H) + u]);
            double o = s.Gates[(3 * H) + u] = Sigmoid(s.Input[(3 * H) + u] + s.Recurrent[(3 * H) + u]);
            s.C[u] = (f * s.PreviousC[u]) + (i * g);
            s.H[u] = o * Math.Tanh(s.C[u]);
        }
    }

    public override void Backward(CellStep s, double[] dh, double[] dc)
    {
        int H = s.Units;
        for (int u = 0; u < H; u++)
        {
            (double i, double f, double g, double o) = (s.Gates[u], s.Gates[H + u], s.Gates[(2 * H) + u], s.Gates[(3 * H) + u]);
            double tanhC = Math.Tanh(s.C[u]);
            double dC = dc[u] + (dh[u] * o * (1 - (tanhC * tanhC)));
            s.InputGradient[u] = dC * g * i * (1 - i);
            s.InputGradient[H + u] = dC * s.PreviousC[u] * f * (1 - f);
            s.InputGradient[(2 * H) + u] = dC * i * (1 - (g * g));
            s.InputGradient[(3 * H) + u] = dh[u] * tanhC * o * (1 - o);
            dc[u] = dC * f;
            dh[u] = 0;
        }

        s.InputGradient.CopyTo(s.RecurrentGradient, 0);
    }
}
