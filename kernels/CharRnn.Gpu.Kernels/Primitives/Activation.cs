using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The hidden units' nonlinearity and its derivative, of a CPU worker; groups have them in <see cref="GroupRecurrence"/>.</summary>
public static unsafe class Activation
{
    /// <summary><c>x = tanh x</c>, in place, of the first columns of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tanh(ArrayView<float> x, int rows, int row, int columns)
    {
        float* p = Simd.Pointer(x);
        for (int r = 0; r < rows; r++, p += row)
            for (int i = 0; i < columns; i += Vector<float>.Count)
                *(Vector<float>*)(p + i) = Simd.Tanh(*(Vector<float>*)(p + i));
    }

    /// <summary>E7, in place, of the first columns of some rows: <c>dh = (1 - h²) ⊙ dh</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TanhGradient(ArrayView<float> dh, ArrayView<float> h, int rows, int row, int columns)
    {
        float* gradient = Simd.Pointer(dh), state = Simd.Pointer(h);
        for (int r = 0; r < rows; r++, gradient += row, state += row)
            for (int i = 0; i < columns; i += Vector<float>.Count)
            {
                Vector<float> value = *(Vector<float>*)(state + i);
                *(Vector<float>*)(gradient + i) *= Vector<float>.One - (value * value);
            }
    }
}
