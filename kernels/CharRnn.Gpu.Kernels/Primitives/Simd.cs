using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>What the SIMD bodies share: pointers into buffers, and vector exp and tanh.</summary>
internal static unsafe class Simd
{
    private static readonly Vector<float> Log2E = new(1.44269504f);

    // ln 2 in two parts: the first has so few bits that its product with n is exact.
    private static readonly Vector<float> Ln2High = new(0.693359375f);
    private static readonly Vector<float> Ln2Low = new(-2.12194440e-4f);

    // Adding and taking away 1.5·2^23 rounds to the nearest integer.
    private static readonly Vector<float> Rounder = new(12582912f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Pointer(ArrayView<float> view) => (float*)Unsafe.AsPointer(ref view[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Pointer(ArrayView<int> view) => (int*)Unsafe.AsPointer(ref view[0]);

    /// <summary>n floats rounded up to whole vectors, which the rows' padding allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WholeVectors(int n) => (n + Vector<float>.Count - 1) & -Vector<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> FusedMultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.MultiplyAddEstimate(a, b, c);

    /// <summary>
    /// The largest of a row's first v values; the padding behind them becomes -∞, of which <see cref="Exp"/> makes zeros.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float* p, int row, int v)
    {
        new Span<float>(p + v, row - v).Fill(float.NegativeInfinity);
        var maxima = new Vector<float>(float.NegativeInfinity);
        for (int i = 0; i < row; i += Vector<float>.Count)
            maxima = Vector.Max(maxima, *(Vector<float>*)(p + i));
        float max = maxima[0];
        for (int lane = 1; lane < Vector<float>.Count; lane++)
            max = Math.Max(max, maxima[lane]);
        return max;
    }

    /// <summary>exp x for x ≤ 88; exactly 0 below -87, where a float's exponent ends. NaN stays NaN. Within 2 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        Vector<int> tooSmall = Vector.LessThan(x, new Vector<float>(-87f));
        Vector<float> expm1 = Expm1(Vector.ConditionalSelect(tooSmall, new Vector<float>(-87f), x), out Vector<float> scale);
        return Vector.ConditionalSelect(tooSmall, Vector<float>.Zero, FusedMultiplyAdd(expm1, scale, scale));
    }

    /// <summary>tanh x = q / (q + 2) with q = exp(2|x|) - 1: no cancellation anywhere. Within 4 ulp; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x)
    {
        Vector<float> magnitude = Vector.Abs(x);
        Vector<float> saturation = new(9.02f); // from here on tanh rounds to 1
        magnitude = Vector.ConditionalSelect(Vector.GreaterThan(magnitude, saturation), saturation, magnitude);
        Vector<float> expm1 = Expm1(magnitude + magnitude, out Vector<float> scale);
        Vector<float> q = FusedMultiplyAdd(expm1, scale, scale - Vector<float>.One);
        Vector<float> tanh = q / (q + new Vector<float>(2f));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -tanh, tanh);
    }

    /// <summary>exp x = scale + scale·result, scale = 2ⁿ, x = n ln 2 + r, |r| ≤ ln 2 / 2, result = exp r - 1 by its series to r⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Expm1(Vector<float> x, out Vector<float> scale)
    {
        Vector<float> n = FusedMultiplyAdd(x, Log2E, Rounder) - Rounder;
        Vector<float> r = FusedMultiplyAdd(n, -Ln2High, x);
        r = FusedMultiplyAdd(n, -Ln2Low, r);
        scale = Vector.AsVectorSingle((Vector.ConvertToInt32(n) + new Vector<int>(127)) << 23);

        Vector<float> p = new(1f / 5040);
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 720));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 120));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 24));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 6));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 2));
        return FusedMultiplyAdd(p * r, r, r);
    }
}
