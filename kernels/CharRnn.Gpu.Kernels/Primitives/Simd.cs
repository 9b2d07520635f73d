using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>What the SIMD bodies share: pointers into buffers, and elementary functions of vectors.</summary>
internal static unsafe class Simd
{
    // This is a constant, and not a vector in a static field, which would be read from memory and checked for its initialisation each
    // time. Adding 1.5·2^23 rounds to the nearest integer, which is then in the lowest bits; subtracting it leaves the rounded float.
    private const float Rounder = 12582912f;

    // 2⁻⁸⁰.
    private const float Negligible = 8.2718061e-25f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float* Pointer(ArrayView<float> view) => (float*)Unsafe.AsPointer(ref view[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int* Pointer(ArrayView<int> view) => (int*)Unsafe.AsPointer(ref view[0]);

    /// <summary>Rounds a number of floats up to whole vectors, which the padding of rows allows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WholeVectors(int n) => (n + Vector<float>.Count - 1) & -Vector<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> FusedMultiplyAdd(Vector<float> a, Vector<float> b, Vector<float> c) => Vector.MultiplyAddEstimate(a, b, c);

    /// <summary>Returns a0 b0 a1 b1; .NET's portable vectors have no such shuffle of two operands.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>Returns a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    /// <summary>
    /// Returns the largest of the first v values of a row. The values behind them, up to the end of the last vector, become -∞, whose
    /// <see cref="Exp"/> is 0. If a value is NaN, the result depends on the processor.
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

        // This is a copy, because a vector whose address is taken is kept in memory, where the loop would wait for it each time.
        Vector<float> found = maxima;
        float* lanes = (float*)&found;
        Vector128<float> max = Vector128.Load(lanes);
        for (int lane = Vector128<float>.Count; lane < Vector<float>.Count; lane += Vector128<float>.Count)
            max = Vector128.MaxNative(max, Vector128.Load(lanes + lane));
        max = Vector128.MaxNative(max, Vector128.Shuffle(max, Vector128.Create(2, 3, 0, 1)));
        return max[0] > max[1] ? max[0] : max[1];
    }

    /// <summary>
    /// Returns 1/√x for positive, normal x, and nearly 0 for an infinite x. A root and a division take thirteen cycles, which the
    /// processor cannot overlap with others. Where the processor has an estimate of 12 bits, one step of Newton's method improves it to
    /// within 3 ulp, in a third of the time.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> ReciprocalSqrt(Vector<float> x)
    {
        Vector<float> estimate;
        x = Vector.MinNative(new Vector<float>(float.MaxValue), x); // Newton's step would turn an infinity into NaN
        if (Avx.IsSupported && Vector<float>.Count == Vector256<float>.Count)
            estimate = Avx.ReciprocalSqrt(x.AsVector256()).AsVector();
        else if (Sse.IsSupported && Vector<float>.Count == Vector128<float>.Count)
            estimate = Sse.ReciprocalSqrt(x.AsVector128()).AsVector();
        else
            return Vector<float>.One / Vector.SquareRoot(x);
        return estimate * FusedMultiplyAdd(x * new Vector<float>(-0.5f) * estimate, estimate, new Vector<float>(1.5f));
    }

    /// <summary>
    /// Returns x, or 0 where |x| &lt; 2⁻⁸⁰, which no update can tell from 0; NaN for NaN. A multiply-add whose operand or result is
    /// denormal, below 2⁻¹²⁶, takes Intel's processors over a hundred cycles: the sure predictions of 1024 units, whose other probabilities
    /// were as small, made the gradient of Why take ten times as long.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Flush(Vector<float> x) =>
        Vector.AndNot(x, Vector.AsVectorSingle(Vector.LessThan(Vector.Abs(x), new Vector<float>(Negligible))));

    /// <summary>Returns exp x for x ≤ 88 within 2 ulp; exactly 0 below -87, where a float's exponent ends; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        Vector<int> tooSmall = Vector.LessThan(x, new Vector<float>(-87f));
        Vector<float> expm1 = Expm1(Vector.MaxNative(new Vector<float>(-87f), x), out Vector<float> scale); // x, the second, if NaN
        return Vector.AndNot(FusedMultiplyAdd(expm1, scale, scale), Vector.AsVectorSingle(tooSmall));
    }

    /// <summary>Returns 1 / (1 + e⁻ˣ), also where it is tiny; 1e-38 below -87; NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) =>
        Vector<float>.One / (Vector<float>.One + Exp(Vector.MinNative(new Vector<float>(87f), -x))); // -x, the second, if NaN

    /// <summary>
    /// Returns σ(x) = ½ + ½ tanh ½x for a gate: within 1e-7, which is not small beside a tiny value, at two thirds of the cost of
    /// <see cref="Sigmoid"/>. It is exactly ½ at 0, and NaN for NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Gate(Vector<float> x)
    {
        Vector<float> half = new(0.5f);
        return FusedMultiplyAdd(half, Tanh(half * x), half);
    }

    /// <summary>
    /// Returns tanh x within 6 ulp, or 4 where |x| &lt; 0.6; NaN for NaN. It computes x P(x²) / Q(x²), where P and Q have degree 4 and
    /// positive coefficients, so that nothing cancels. They are fitted for the least relative error on [-9, 9]; at 9 tanh rounds to 1.
    /// No result exceeds 1.
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
    /// Returns ln x for positive, normal x within 3 ulp, and NaN or nonsense for any other x. With x = 2ⁿ m and m in [√½, √2), it
    /// computes ln m = 2 artanh s, s = (m - 1) / (m + 1), by its series to s⁹.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Log(Vector<float> x)
    {
        // Subtracting √½ from the bits carries mantissas from √2 on into the next exponent.
        Vector<int> shifted = Vector.AsVectorInt32(x) - new Vector<int>(Logarithm.RootHalfBits);
        Vector<float> n = Vector.ConvertToSingle(shifted >> 23);
        Vector<float> m = Vector.AsVectorSingle(
            (shifted & new Vector<int>(Logarithm.MantissaBits)) + new Vector<int>(Logarithm.RootHalfBits));
        Vector<float> f = m - Vector<float>.One;
        Vector<float> s = f / (m + Vector<float>.One);
        Vector<float> square = s * s;
        Vector<float> p = FusedMultiplyAdd(new(2f / 9), square, new(2f / 7));
        p = FusedMultiplyAdd(p, square, new(2f / 5));
        p = FusedMultiplyAdd(p, square, new(2f / 3));

        // 2s = f - s f, and f is exact, so only terms that are small beside f are rounded.
        Vector<float> tail = FusedMultiplyAdd(p * square, s, -s * f);
        Vector<float> log = FusedMultiplyAdd(n, new(Logarithm.Ln2High), f + FusedMultiplyAdd(n, new(Logarithm.Ln2Low), tail));
        return log + (x - x); // x - x is NaN for an infinity and for NaN, else 0
    }

    /// <summary>
    /// Returns exp r - 1, by its series to r⁷, and scale = 2ⁿ, where x = n ln 2 + r and |r| ≤ ln 2 / 2; so exp x = scale + scale·result.
    /// </summary>
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
