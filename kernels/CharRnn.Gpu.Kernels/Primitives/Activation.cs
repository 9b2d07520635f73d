using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The hidden units' nonlinearity and its derivative, over whole padded rows.</summary>
public static unsafe class Activation
{
    /// <summary><c>x = tanh x</c>, in place.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tanh(ArrayView<float> x, int count)
    {
        float* p = Simd.Pointer(x);
        for (int i = 0; i < count; i += Vector<float>.Count)
            *(Vector<float>*)(p + i) = Simd.Tanh(*(Vector<float>*)(p + i));
    }

    internal static void TanhOnGroup(ArrayView<float> x, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            x[i] = KernelMath.Tanh(x[i]);
        Group.Barrier();
    }

    /// <summary>E7, in place: <c>dh = (1 - h²) ⊙ dh</c>.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TanhGradient(ArrayView<float> dh, ArrayView<float> h, int count)
    {
        float* gradient = Simd.Pointer(dh), state = Simd.Pointer(h);
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> value = *(Vector<float>*)(state + i);
            *(Vector<float>*)(gradient + i) *= Vector<float>.One - (value * value);
        }
    }

    internal static void TanhGradientOnGroup(ArrayView<float> dh, ArrayView<float> h, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            dh[i] *= 1f - (h[i] * h[i]);
        Group.Barrier();
    }
}
