namespace CharRnn.Reference;

/// <summary>E11 and its derivatives; the gates are r, z, n.</summary>
internal sealed class ReferenceGruCell : ReferenceCell
{
    public override void Forward(CellStep s)
    {
        int H = s.Units;
        for (int u = 0; u < H; u++)
        {
            double r = s.Gates[u] = Sigmoid(s.Input[u] + s.Recurrent[u]);
            double z = s.Gates[H + u] = Sigmoid(s.Input[H + u] + s.Recurrent[H + u]);
            double n = s.Gates[(2 * H) + u] = Math.Tanh(s.Input[(2 * H) + u] + (r * s.Recurrent[(2 * H) + u]));
            s.H[u] = ((1 - z) * n) + (z * s.PreviousH[u]);
        }
    }

    public override void Backward(CellStep s, double[] dh, double[] dc)
    {
        int H = s.Units;
        for (int u = 0; u < H; u++)
        {
            (double r, double z, double n) = (s.Gates[u], s.Gates[H + u], s.Gates[(2 * H) + u]);
            double dn = dh[u] * (1 - z) * (1 - (n * n));
            s.InputGradient[u] = s.RecurrentGradient[u] = dn * s.Recurrent[(2 * H) + u] * r * (1 - r);
            s.InputGradient[H + u] = s.RecurrentGradient[H + u] = dh[u] * (s.PreviousH[u] - n) * z * (1 - z);
            s.InputGradient[(2 * H) + u] = dn;
            s.RecurrentGradient[(2 * H) + u] = dn * r;
            dh[u] *= z;
        }
    }
}
