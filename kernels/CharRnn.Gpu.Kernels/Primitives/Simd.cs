using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>What the SIMD bodies share: pointers into buffers, and vector exp and tanh.</summary>
internal static unsafe class Simd
{
    // Constants, and not vectors in static fields: those are read from memory, and checked for being initialised, each time.
    // Adding 1.5·2^23 rounds to the nearest integer, which then stands in the lowest bits; taking it away leaves the float.
    private const float Rounder = 12582912f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Pointer(ArrayView<float> view) => (float*)Unsafe.AsPointer(ref view[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Pointer(ArrayView<int> view) => (int*)Unsafe.AsPointer(ref view[0]);

    /// <summary>n floats rounded up to whole vectors, which the rows' padding allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WholeVectors(int n) => (n + Vector<float>.Count - 1) & -Vector<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> FusedMultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.MultiplyAddEstimate(a, b, c);

    /// <summary>a0 b0 a1 b1: the cross-platform vectors have no such shuffle of two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b) : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b) : Vector128.Create(a[2], b[2], a[3], b[3]);

    /// <summary>
    /// The largest of a row's first v values; those behind them up to the last vector's end become -∞, of which
    /// <see cref="Exp"/> makes zeros. What it is where a value is NaN depends on the processor.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float* p, int v)
    {
        int last = WholeVectors(v) - Vector<float>.Count;
        Vector<int> present = Vector.LessThan(Vector<int>.Indices, new Vector<int>(v - last));
        Vector<float> maxima = Vector.ConditionalSelect(present, *(Vector<float>*)(p + last), new Vector<float>(float.NegativeInfinity));
        *(Vector<float>*)(p + last) = maxima;
        for (int i = 0; i < last; i += Vector<float>.Count)
            maxima = Vector.MaxNative(maxima, *(Vector<float>*)(p + i));

        // Of a copy: a vector whose address is taken lies in memory all along, and the loop would wait for it at every step.
        Vector<float> found = maxima;
        float* lanes = (float*)&found;
        Vector128<float> max = Vector128.Load(lanes);
        for (int lane = Vector128<float>.Count; lane < Vector<float>.Count; lane += Vector128<float>.Count)
            max = Vector128.MaxNative(max, Vector128.Load(lanes + lane));
        max = Vector128.MaxNative(max, Vector128.Shuffle(max, Vector128.Create(2, 3, 0, 1)));
        return max[0] > max[1] ? max[0] : max[1];
    }

    /// <summary>
    /// 1/√x for positive, normal x, nearly 0 for an infinite one. A root and a division take the processor thirteen cycles that it cannot overlap; where
    /// it has an estimate (to 12 bits), one step of Newton's makes of it what is within 3 ulp, in a third of that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> ReciprocalSqrt(Vector<float> x)
    {
        Vector<float> estimate;
        x = Vector.MinNative(new Vector<float>(float.MaxValue), x); // Newton's step would make NaN of an infinity
        if (Avx.IsSupported && Vector<float>.Count == Vector256<float>.Count)
            estimate = Avx.ReciprocalSqrt(x.AsVector256()).AsVector();
        else if (Sse.IsSupported && Vector<float>.Count == Vector128<float>.Count)
            estimate = Sse.ReciprocalSqrt(x.AsVector128()).AsVector();
        else
            return Vector<float>.One / Vector.SquareRoot(x);
        return estimate * FusedMultiplyAdd(x * new Vector<float>(-0.5f) * estimate, estimate, new Vector<float>(1.5f));
    }

    /// <summary>exp x for x ≤ 88; exactly 0 below -87, where a float's exponent ends. NaN stays NaN. Within 2 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        Vector<int> tooSmall = Vector.LessThan(x, new Vector<float>(-87f));
        Vector<float> expm1 = Expm1(Vector.MaxNative(new Vector<float>(-87f), x), out Vector<float> scale); // NaN, the second, returns
        return Vector.AndNot(FusedMultiplyAdd(expm1, scale, scale), Vector.AsVectorSingle(tooSmall));
    }

    /// <summary>1 / (1 + e⁻ˣ), also where it is tiny; 1e-38 below -87. NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) =>
        Vector<float>.One / (Vector<float>.One + Exp(Vector.MinNative(new Vector<float>(87f), -x))); // of which NaN, as the second, returns

    /// <summary>
    /// tanh x = x P(x²) / Q(x²), both of degree 4 with positive coefficients, so nothing cancels: the least relative error
    /// on [-9, 9], where tanh rounds to 1. Within 6 ulp, 4 where |x| &lt; 0.6; NaN stays NaN, and no result exceeds 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x)
    {
        // The native minimum and maximum return their second operand where either is NaN.
        Vector<float> limit = new(Rational.Limit), one = Vector<float>.One;
        x = Vector.MinNative(limit, Vector.MaxNative(-limit, x));
        Vector<float> square = x * x;
        Vector<float> p = FusedMultiplyAdd(new(Rational.P4), square, new(Rational.P3));
        Vector<float> q = FusedMultiplyAdd(new(Rational.Q4), square, new(Rational.Q3));
        p = FusedMultiplyAdd(p, square, new(Rational.P2));
        q = FusedMultiplyAdd(q, square, new(Rational.Q2));
        p = FusedMultiplyAdd(p, square, new(Rational.P1));
        q = FusedMultiplyAdd(q, square, new(Rational.Q1));
        p = FusedMultiplyAdd(p, square, new(Rational.P0));
        q = FusedMultiplyAdd(q, square, one);
        return Vector.MinNative(one, Vector.MaxNative(-one, p * x / q));
    }

    /// <summary>
    /// ln x for positive, normal x, otherwise NaN or nonsense: x = 2ⁿ m with m in [√½, √2), ln m = 2 artanh s with
    /// s = (m - 1) / (m + 1) by its series to s⁹. Within 3 ulp.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Log(Vector<float> x)
    {
        // Taking √½ from the bits carries mantissas from √2 on into the next exponent.
        Vector<int> shifted = Vector.AsVectorInt32(x) - new Vector<int>(Logarithm.RootHalfBits);
        Vector<float> n = Vector.ConvertToSingle(shifted >> 23);
        Vector<float> m = Vector.AsVectorSingle((shifted & new Vector<int>(Logarithm.MantissaBits)) + new Vector<int>(Logarithm.RootHalfBits));
        Vector<float> f = m - Vector<float>.One;
        Vector<float> s = f / (m + Vector<float>.One);
        Vector<float> square = s * s;
        Vector<float> p = FusedMultiplyAdd(new(2f / 9), square, new(2f / 7));
        p = FusedMultiplyAdd(p, square, new(2f / 5));
        p = FusedMultiplyAdd(p, square, new(2f / 3));

        // 2s = f - s f, of which f is exact: what is rounded is small beside it.
        Vector<float> tail = FusedMultiplyAdd(p * square, s, -s * f);
        Vector<float> log = FusedMultiplyAdd(n, new(Logarithm.Ln2High), f + FusedMultiplyAdd(n, new(Logarithm.Ln2Low), tail));
        return log + (x - x); // NaN for an infinity and for NaN
    }

    /// <summary>exp x = scale + scale·result, scale = 2ⁿ, x = n ln 2 + r, |r| ≤ ln 2 / 2, result = exp r - 1 by its series to r⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Expm1(Vector<float> x, out Vector<float> scale)
    {
        Vector<float> shifted = FusedMultiplyAdd(x, new(Logarithm.Log2E), new(Rounder));
        Vector<float> n = shifted - new Vector<float>(Rounder);
        Vector<float> r = FusedMultiplyAdd(n, new(-Logarithm.Ln2High), x);
        r = FusedMultiplyAdd(n, new(-Logarithm.Ln2Low), r);
        scale = Vector.AsVectorSingle((Vector.AsVectorInt32(shifted) + new Vector<int>(127)) << 23);

        Vector<float> p = new(1f / 5040);
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 720));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 120));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 24));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 6));
        p = FusedMultiplyAdd(p, r, new Vector<float>(1f / 2));
        return FusedMultiplyAdd(p * r, r, r);
    }
}
