namespace CharRnn.Reference;

/// <summary>E1 and E7.</summary>
internal sealed class ReferenceRnnCell : ReferenceCell
{
    public override void Forward(CellStep s)
    {
        for (int u = 0; u < s.Units; u++)
            s.H[u] = s.Gates[u] = Math.Tanh(s.Input[u] + s.Recurrent[u]);
    }

    public override void Backward(CellStep s, double[] dh, double[] dc)
    {
        for (int u = 0; u < s.Units; u++)
        {
            s.InputGradient[u] = s.RecurrentGradient[u] = (1 - (s.H[u] * s.H[u])) * dh[u];
            dh[u] = 0;
        }
    }
}
