using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

// The vectors of which tiles are made. A Vector<T> has 8 floats also where the processor has vectors of 16, unless the environment says
// otherwise; with those a product is nearly twice as fast. The width of the vectors changes no result.
public static unsafe partial class Product
{
    /// <summary>The floats of the vectors of a product on the CPU.</summary>
    public static int VectorWidth => Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector<float>.Count;

    /// <summary>The arithmetic of vectors of floats.</summary>
    private interface IVectorMath<TVector>
    {
        static abstract TVector Repeat(float value);

        static abstract TVector Add(TVector a, TVector b);

        static abstract TVector FusedMultiplyAdd(TVector a, TVector b, TVector c);
    }

    private readonly struct PortableMath : IVectorMath<Vector<float>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Repeat(float value) => new(value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> Add(Vector<float> a, Vector<float> b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector<float> FusedMultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) => Simd.FusedMultiplyAdd(a, b, c);
    }

    private readonly struct WideMath : IVectorMath<Vector512<float>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Repeat(float value) => Vector512.Create(value);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> FusedMultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
            Vector512.FusedMultiplyAdd(a, b, c);
    }

    /// <summary>The floats of a vector, of which a panel has a whole number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Lanes<TVector>()
        where TVector : unmanaged => sizeof(TVector) / sizeof(float);

    /// <summary>Rounds a number of columns up to whole vectors, which the padding of rows allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WholeVectors<TVector>(int n)
        where TVector : unmanaged => (n + Lanes<TVector>() - 1) & -Lanes<TVector>();
}
