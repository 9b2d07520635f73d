using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// exp and tanh for group bodies: the device's own are 1e-4 off where gradients need 1e-7
/// (<c>tanh.approx</c>) or differ from one device to the next. The same series as in <see cref="Simd"/>.
/// </summary>
internal static class KernelMath
{
    private const uint ExponentBits = 0x7F800000, SignBit = 0x80000000;

    /// <summary>
    /// By the bits: ILGPU 1.5.3's OpenCL C makes <c>x &lt;= y</c> of "not <c>x &gt; y</c>", which is another thing where x
    /// is NaN. So no group body may leave a NaN to a comparison.
    /// </summary>
    public static bool IsNaN(float x) => (Interop.FloatAsInt(x) & ~SignBit) > ExponentBits;

    /// <summary>Neither infinite nor NaN, by the bits.</summary>
    public static bool IsFinite(float x) => (Interop.FloatAsInt(x) & ExponentBits) != ExponentBits;

    /// <summary>x cut to [lower, upper]; NaN stays NaN.</summary>
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

    /// <inheritdoc cref="Simd.Tanh"/>
    public static float Tanh(float x)
    {
        float magnitude = x < 0f ? -x : x;
        magnitude = magnitude > 9.02f ? 9.02f : magnitude;
        float expm1 = Expm1(magnitude + magnitude, out float scale);
        float q = (expm1 * scale) + (scale - 1f);
        float tanh = q / (q + 2f);
        tanh = x < 0f ? -tanh : tanh;
        return IsNaN(x) ? x : tanh;
    }

    private static float Expm1(float x, out float scale)
    {
        float scaled = x * 1.44269504f;
        int n = (int)(scaled + (scaled < 0f ? -0.5f : 0.5f));
        float r = x - (n * 0.693359375f);
        r -= n * -2.12194440e-4f;
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
