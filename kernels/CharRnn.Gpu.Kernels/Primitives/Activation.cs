using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The activation functions σ of layers, and their derivatives.</summary>
public static unsafe class Activation
{
    /// <summary>The numbers by which kernels name σ.</summary>
    public const int Identity = 0, Sigmoid = 1, Hyperbolic = 2, Rectifier = 3;

    /// <summary>A σ as a CPU worker computes it.</summary>
    internal interface IFunction
    {
        /// <summary>Returns σ(z).</summary>
        static abstract Vector<float> Of(Vector<float> z);

        /// <summary>Returns σ′(z), given h = σ(z).</summary>
        static abstract Vector<float> Slope(Vector<float> h);
    }

    /// <summary>Computes the end of N1, <c>z = σ(z + b)</c>, in place, in the first columns of some rows.</summary>
    /// <param name="z">h[l-1]·W[l]ᵀ, which h[l] replaces.</param>
    /// <param name="bias">b[l].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">Padded row length.</param>
    /// <param name="columns">Number of columns; SIMD bodies compute whole vectors.</param>
    /// <param name="kind">Which σ.</param>
    [IntrinsicImplementation]
    public static void Run(ArrayView<float> z, ArrayView<float> bias, int rows, int row, int columns, int kind)
    {
        if (kind == Identity)
            Each<IdentityFunction>(z, bias, rows, row, columns);
        else if (kind == Sigmoid)
            Each<SigmoidFunction>(z, bias, rows, row, columns);
        else if (kind == Hyperbolic)
            Each<TanhFunction>(z, bias, rows, row, columns);
        else
            Each<RectifierFunction>(z, bias, rows, row, columns);
    }

    internal static void RunOnGroup(ArrayView<float> z, ArrayView<float> bias, int rows, int row, int columns, int kind)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, i = element - (r * columns);
            z[(r * row) + i] = Of(z[(r * row) + i] + bias[i], kind);
        }

        Team.Barrier();
    }

    /// <summary>Computes the end of N4, <c>δ = δ ⊙ σ′(z)</c>, in place, from h = σ(z).</summary>
    [IntrinsicImplementation]
    public static void RunGradient(ArrayView<float> delta, ArrayView<float> h, int rows, int row, int columns, int kind)
    {
        if (kind == Sigmoid)
            EachSlope<SigmoidFunction>(delta, h, rows, row, columns);
        else if (kind == Hyperbolic)
            EachSlope<TanhFunction>(delta, h, rows, row, columns);
        else if (kind == Rectifier)
            EachSlope<RectifierFunction>(delta, h, rows, row, columns);
    }

    internal static void RunGradientOnGroup(ArrayView<float> delta, ArrayView<float> h, int rows, int row, int columns, int kind)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, place = (r * row) + element - (r * columns);
            delta[place] *= Slope(h[place], kind);
        }

        Team.Barrier();
    }

    /// <summary>Returns σ(z) in a thread of a group.</summary>
    internal static float Of(float z, int kind) => kind == Identity ? z
        : kind == Sigmoid ? KernelMath.Sigmoid(z)
        : kind == Hyperbolic ? KernelMath.Tanh(z)
        : z > 0f || KernelMath.IsNaN(z) ? z : 0f;

    /// <summary>Returns σ′(z), given h = σ(z), in a thread of a group.</summary>
    internal static float Slope(float h, int kind) => kind == Identity ? 1f
        : kind == Sigmoid ? h * (1f - h)
        : kind == Hyperbolic ? 1f - (h * h)
        : h > 0f ? 1f : 0f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<T>(ArrayView<float> z, ArrayView<float> bias, int rows, int row, int columns)
        where T : struct, IFunction
    {
        float* p = Simd.Pointer(z), addend = Simd.Pointer(bias);
        for (int r = 0; r < rows; r++, p += row)
            for (int i = 0; i < columns; i += Vector<float>.Count)
                *(Vector<float>*)(p + i) = T.Of(*(Vector<float>*)(p + i) + *(Vector<float>*)(addend + i));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EachSlope<T>(ArrayView<float> delta, ArrayView<float> h, int rows, int row, int columns)
        where T : struct, IFunction
    {
        float* gradient = Simd.Pointer(delta), state = Simd.Pointer(h);
        for (int r = 0; r < rows; r++, gradient += row, state += row)
            for (int i = 0; i < columns; i += Vector<float>.Count)
                *(Vector<float>*)(gradient + i) *= T.Slope(*(Vector<float>*)(state + i));
    }

    internal readonly struct IdentityFunction : IFunction
    {
        public static Vector<float> Of(Vector<float> z) => z;

        public static Vector<float> Slope(Vector<float> h) => Vector<float>.One;
    }

    internal readonly struct SigmoidFunction : IFunction
    {
        public static Vector<float> Of(Vector<float> z) => Simd.Sigmoid(z);

        public static Vector<float> Slope(Vector<float> h) => h * (Vector<float>.One - h);
    }

    internal readonly struct TanhFunction : IFunction
    {
        public static Vector<float> Of(Vector<float> z) => Simd.Tanh(z);

        public static Vector<float> Slope(Vector<float> h) => Vector<float>.One - (h * h);
    }

    internal readonly struct RectifierFunction : IFunction
    {
        public static Vector<float> Of(Vector<float> z) => Vector.MaxNative(Vector<float>.Zero, z); // returns z, the second, if it is NaN

        public static Vector<float> Slope(Vector<float> h) =>
            Vector.ConditionalSelect(Vector.GreaterThan(h, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
    }
}
