using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Elementary functions for group bodies, with the same series as in <see cref="Simd"/>. The devices' own functions differ from one
/// device to the next, or have an error of 1e-4 (<c>tanh.approx</c>), where gradients need 1e-7.
/// </summary>
internal static class KernelMath
{
    private const uint ExponentBits = 0x7F800000, SignBit = 0x80000000;

    /// <summary>
    /// Tests the bits, because a comparison would fail: ILGPU 1.5.3 translates "not <c>x &gt; y</c>" to <c>x &lt;= y</c> in OpenCL C,
    /// which is different where x is NaN. So no group body may compare a value that may be NaN.
    /// </summary>
    public static bool IsNaN(float x) => (Interop.FloatAsInt(x) & ~SignBit) > ExponentBits;

    /// <summary>Whether x is neither infinite nor NaN, by its bits.</summary>
    public static bool IsFinite(float x) => (Interop.FloatAsInt(x) & ExponentBits) != ExponentBits;

    /// <summary>Clips x to [lower, upper]; NaN stays NaN.</summary>
    public static float Clamp(float x, float lower, float upper)
    {
        float clamped = x < lower ? lower : x;
        clamped = clamped > upper ? upper : clamped;
        return IsNaN(x) ? x : clamped;
    }

    /// <inheritdoc cref="Simd.Exp"/>
    public static float Exp(float x)
    {
        float expm1 = Expm1(x < -87f ? -87f : x, out float scale);
        float exp = x < -87f ? 0f : (expm1 * scale) + scale;
        return IsNaN(x) ? x : exp;
    }

    /// <summary>
    /// Computes the rational function p / q of <see cref="Simd.Tanh"/>. For |x| below 0.6 it computes x + x·(p - q)/q, which rounds only
    /// the small term, at the cost of three more operations, which a GPU does not notice.
    /// </summary>
    public static float Tanh(float x)
    {
        float clamped = Clamp(x, -Rational.Limit, Rational.Limit);
        float square = clamped * clamped;
        float p = (((((((Rational.P4 * square) + Rational.P3) * square) + Rational.P2) * square) + Rational.P1) * square) + Rational.P0;
        float q = (((((((Rational.Q4 * square) + Rational.Q3) * square) + Rational.Q2) * square) + Rational.Q1) * square) + 1f;
        float n = (((((Rational.N4 * square) + Rational.N3) * square) + Rational.N2) * square) + Rational.N1;
        return square < Rational.Small ? clamped + (clamped * (square * n / q)) : Clamp(p * clamped / q, -1f, 1f);
    }

    /// <inheritdoc cref="Simd.Sigmoid"/>
    public static float Sigmoid(float x)
    {
        float power = x > -87f || IsNaN(x) ? -x : 87f;
        return 1f / (1f + Exp(power));
    }

    /// <inheritdoc cref="Simd.Gate"/>
    public static float Gate(float x) => 0.5f + (0.5f * Tanh(0.5f * x));

    /// <inheritdoc cref="Simd.Log"/>
    public static float Log(float x)
    {
        int shifted = (int)Interop.FloatAsInt(x) - Logarithm.RootHalfBits;
        float n = shifted >> 23;
        float m = Interop.IntAsFloat((uint)((shifted & Logarithm.MantissaBits) + Logarithm.RootHalfBits));
        float f = m - 1f;
        float s = f / (m + 1f);
        float square = s * s;
        float p = (((((2f / 9 * square) + (2f / 7)) * square) + (2f / 5)) * square) + (2f / 3);
        float tail = (p * square * s) - (s * f);
        float log = (n * Logarithm.Ln2High) + (f + ((n * Logarithm.Ln2Low) + tail));
        return IsFinite(x) ? log : x - x;
    }

    private static float Expm1(float x, out float scale)
    {
        float scaled = x * Logarithm.Log2E;
        int n = (int)(scaled + (scaled < 0f ? -0.5f : 0.5f));
        float r = x - (n * Logarithm.Ln2High);
        r -= n * Logarithm.Ln2Low;
        scale = Interop.IntAsFloat((uint)(n + 127) << 23);

        float p = 1f / 5040;
        p = (p * r) + (1f / 720);
        p = (p * r) + (1f / 120);
        p = (p * r) + (1f / 24);
        p = (p * r) + (1f / 6);
        p = (p * r) + (1f / 2);
        return (p * r * r) + r;
    }
}

/// <summary>The coefficients of tanh, fitted by weighted least squares until the relative error was even, 2e-8 everywhere.</summary>
internal static class Rational
{
    public const float Limit = 9f;
    public const float P0 = 9.99999979e-01f, P1 = 1.33810244e-01f, P2 = 3.49558673e-03f, P3 = 2.06090610e-05f, P4 = 1.33546347e-08f;

    /// <summary>The coefficients of P - Q, and the square below which an argument is small: see <see cref="KernelMath.Tanh"/>.</summary>
    public const float N1 = P1 - Q1, N2 = P2 - Q2, N3 = P3 - Q3, N4 = P4 - Q4, Small = 0.36f;

    public const float Q1 = 4.67143400e-01f, Q2 = 2.58769768e-02f, Q3 = 3.28563261e-04f, Q4 = 7.77654678e-07f;
}

/// <summary>The constants of exp and ln: logarithms of 2 and e, the bits of √½, and the bits of a mantissa.</summary>
internal static class Logarithm
{
    public const float Log2E = 1.44269504f;

    // ln 2 is the sum of these two; the first has so few bits that its product with an exponent is exact.
    public const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    public const int RootHalfBits = 0x3F3504F3, MantissaBits = 0x007FFFFF;
}
