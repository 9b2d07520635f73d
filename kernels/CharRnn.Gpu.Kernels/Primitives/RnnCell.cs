using System.Numerics;
using System.Runtime.CompilerServices;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// The vanilla cell (E1, E7). Its only gate is the hidden state itself. Groups compute it from the sums of their product, or in
/// registers: see <see cref="GroupRecurrence"/>.
/// </summary>
internal readonly unsafe struct RnnCell : Cells.ICell
{
    public static int Gates => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Forward(in Cells.CellPointers p, long at, long gate, int unit) =>
        *(Vector<float>*)(p.H + at) = Simd.Tanh(*(Vector<float>*)(p.Gates + gate));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Backward(in Cells.CellPointers p, long at, long gate, int unit)
    {
        Vector<float> h = *(Vector<float>*)(p.H + at);
        *(Vector<float>*)(p.Gates + gate) = *(Vector<float>*)(p.Dh + at) * (Vector<float>.One - (h * h));
    }

    /// <summary>Returns h in a thread of a group.</summary>
    public static float Forward(float z) => KernelMath.Tanh(z);

    /// <summary>Returns da in a thread of a group.</summary>
    public static float Backward(float dh, float h) => dh * (1f - (h * h));
}
