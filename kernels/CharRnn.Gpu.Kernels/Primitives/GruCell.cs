using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// The GRU cell (E11), with the gates r, z, n. In n, r multiplies the state's part, which is kept apart for that:
/// <code>
/// n = tanh(x·Wxn + bn + r ⊙ (h[t-1]·Whn + bhn));   h[t] = (1 - z) ⊙ n + z ⊙ h[t-1]
/// dh[t-1] has the term z ⊙ dh[t], which is the carry
/// </code>
/// </summary>
internal readonly unsafe struct GruCell : Cells.ICell
{
    private const int Z = Layout.PanelWidth, N = 2 * Layout.PanelWidth;

    public static int Gates => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Forward(in Cells.CellPointers p, long at, long gate, int unit)
    {
        float* gates = p.Gates + gate, recurrent = p.Recurrent + gate;
        Vector<float> r = Simd.Gate(*(Vector<float>*)gates + *(Vector<float>*)recurrent);
        Vector<float> z = Simd.Gate(*(Vector<float>*)(gates + Z) + *(Vector<float>*)(recurrent + Z));
        Vector<float> state = *(Vector<float>*)(recurrent + N) + *(Vector<float>*)(p.Bias + unit);
        Vector<float> n = Simd.Tanh(Simd.FusedMultiplyAdd(r, state, *(Vector<float>*)(gates + N)));
        *(Vector<float>*)gates = r;
        *(Vector<float>*)(gates + Z) = z;
        *(Vector<float>*)(gates + N) = n;
        *(Vector<float>*)(recurrent + N) = state;
        *(Vector<float>*)(p.H + at) = Simd.FusedMultiplyAdd(z, *(Vector<float>*)(p.PreviousH + at) - n, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(in Cells.CellPointers p, long at, long gate, int unit)
    {
        float* gates = p.Gates + gate, recurrent = p.Recurrent + gate;
        Vector<float> one = Vector<float>.One, r = *(Vector<float>*)gates;
        Vector<float> z = *(Vector<float>*)(gates + Z), n = *(Vector<float>*)(gates + N);
        Vector<float> dh = *(Vector<float>*)(p.Dh + at) + *(Vector<float>*)(p.Carry + at);
        Vector<float> dn = dh * (one - z) * (one - (n * n));
        Vector<float> dr = dn * *(Vector<float>*)(recurrent + N) * (r * (one - r));
        Vector<float> dz = dh * (*(Vector<float>*)(p.PreviousH + at) - n) * (z * (one - z));
        *(Vector<float>*)gates = *(Vector<float>*)recurrent = dr;
        *(Vector<float>*)(gates + Z) = *(Vector<float>*)(recurrent + Z) = dz;
        *(Vector<float>*)(gates + N) = dn;
        *(Vector<float>*)(recurrent + N) = dn * r;
        *(Vector<float>*)(p.Carry + at) = dh * z;
    }

    /// <summary>
    /// Computes a unit in a thread of a group, from both parts of its pre-activations; the other values have these places.
    /// </summary>
    public static void Forward(ForwardViews v, Float4 input, Float4 recurrent, int gates, int h, int previousH, int bias)
    {
        float r = KernelMath.Gate(input.X + recurrent.X), z = KernelMath.Gate(input.Y + recurrent.Y);
        float state = recurrent.Z + v.Weights.Arena[bias], n = KernelMath.Tanh(input.Z + (r * state));
        v.Gates[gates] = r;
        v.Gates[gates + Z] = z;
        v.Gates[gates + N] = n;
        v.Recurrent[gates + N] = state;
        v.H[h] = n + (z * (v.H[previousH] - n));
    }

    /// <summary>Computes the gradients of a unit in a thread of a group.</summary>
    /// <returns>The carry for the time step before.</returns>
    public static float Backward(TrainingViews v, int gates, float dh, int previousH)
    {
        float r = v.Deltas[gates], z = v.Deltas[gates + Z], n = v.Deltas[gates + N];
        float dn = dh * (1f - z) * (1f - (n * n)), dr = dn * v.RecurrentDeltas[gates + N] * (r * (1f - r));
        float dz = dh * (v.Forward.H[previousH] - n) * (z * (1f - z));
        v.Deltas[gates] = dr;
        v.Deltas[gates + Z] = dz;
        v.Deltas[gates + N] = dn;
        v.RecurrentDeltas[gates] = dr;
        v.RecurrentDeltas[gates + Z] = dz;
        v.RecurrentDeltas[gates + N] = dn * r;
        return dh * z;
    }
}
