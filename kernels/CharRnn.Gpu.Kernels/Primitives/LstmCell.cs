using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// The LSTM cell (E10), with the gates i, f, g, o:
/// <code>
/// c[t] = f ⊙ c[t-1] + i ⊙ g;   h[t] = o ⊙ tanh c[t]
/// dc[t] = dc[t+1] ⊙ f[t+1] + dh ⊙ o ⊙ (1 - tanh² c[t]), whose first term is the carry
/// </code>
/// </summary>
internal readonly unsafe struct LstmCell : Cells.ICell
{
    private const int F = Layout.PanelWidth, G = 2 * Layout.PanelWidth, O = 3 * Layout.PanelWidth;

    public static int Gates => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Forward(in Cells.CellPointers p, long at, long gate, int unit)
    {
        float* gates = p.Gates + gate;
        Vector<float> i = Simd.Gate(*(Vector<float>*)gates), f = Simd.Gate(*(Vector<float>*)(gates + F));
        Vector<float> g = Simd.Tanh(*(Vector<float>*)(gates + G)), o = Simd.Gate(*(Vector<float>*)(gates + O));
        Vector<float> c = Simd.FusedMultiplyAdd(f, *(Vector<float>*)(p.PreviousC + at), i * g);
        *(Vector<float>*)gates = i;
        *(Vector<float>*)(gates + F) = f;
        *(Vector<float>*)(gates + G) = g;
        *(Vector<float>*)(gates + O) = o;
        *(Vector<float>*)(p.C + at) = c;
        *(Vector<float>*)(p.H + at) = o * Simd.Tanh(c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(in Cells.CellPointers p, long at, long gate, int unit)
    {
        float* gates = p.Gates + gate;
        Vector<float> one = Vector<float>.One, i = *(Vector<float>*)gates, f = *(Vector<float>*)(gates + F);
        Vector<float> g = *(Vector<float>*)(gates + G), o = *(Vector<float>*)(gates + O);
        Vector<float> dh = *(Vector<float>*)(p.Dh + at), tanh = Simd.Tanh(*(Vector<float>*)(p.C + at));
        Vector<float> dc = Simd.FusedMultiplyAdd(dh * o, one - (tanh * tanh), *(Vector<float>*)(p.Carry + at));
        *(Vector<float>*)gates = dc * g * (i * (one - i));
        *(Vector<float>*)(gates + F) = dc * *(Vector<float>*)(p.PreviousC + at) * (f * (one - f));
        *(Vector<float>*)(gates + G) = dc * i * (one - (g * g));
        *(Vector<float>*)(gates + O) = dh * tanh * (o * (one - o));
        *(Vector<float>*)(p.Carry + at) = dc * f;
    }

    /// <summary>Computes a unit in a thread of a group, from its pre-activations; the other values have these places.</summary>
    public static void Forward(ForwardViews v, Float4 z, int gates, int h, int c, int previousC)
    {
        float i = KernelMath.Gate(z.X), f = KernelMath.Gate(z.Y), g = KernelMath.Tanh(z.Z), o = KernelMath.Gate(z.W);
        float state = (f * v.C[previousC]) + (i * g);
        v.Gates[gates] = i;
        v.Gates[gates + F] = f;
        v.Gates[gates + G] = g;
        v.Gates[gates + O] = o;
        v.C[c] = state;
        v.H[h] = o * KernelMath.Tanh(state);
    }

    /// <summary>Computes the gradients of a unit in a thread of a group.</summary>
    /// <returns>The carry for the time step before.</returns>
    public static float Backward(TrainingViews v, int gates, float dh, float carry, int c, int previousC)
    {
        float i = v.Deltas[gates], f = v.Deltas[gates + F], g = v.Deltas[gates + G], o = v.Deltas[gates + O];
        float tanh = KernelMath.Tanh(v.Forward.C[c]), dc = carry + (dh * o * (1f - (tanh * tanh)));
        v.Deltas[gates] = dc * g * (i * (1f - i));
        v.Deltas[gates + F] = dc * v.Forward.C[previousC] * (f * (1f - f));
        v.Deltas[gates + G] = dc * i * (1f - (g * g));
        v.Deltas[gates + O] = dh * tanh * (o * (1f - o));
        return dc * f;
    }
}
