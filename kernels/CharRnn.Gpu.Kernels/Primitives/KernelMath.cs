using ILGPU;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// exp and tanh for group bodies: the device's own are 1e-4 off where gradients need 1e-7
/// (<c>tanh.approx</c>) or differ from one device to the next. The same series as in <see cref="Simd"/>.
/// </summary>
internal static class KernelMath
{
    /// <inheritdoc cref="Simd.Exp"/>
    public static float Exp(float x)
    {
        float clamped = x < -87f ? -87f : x;
        float expm1 = Expm1(clamped, out float scale);
        return x < -87f ? 0f : (expm1 * scale) + scale;
    }

    /// <inheritdoc cref="Simd.Tanh"/>
    public static float Tanh(float x)
    {
        float magnitude = x < 0f ? -x : x;
        if (magnitude > 9.02f)
            magnitude = 9.02f;
        float expm1 = Expm1(magnitude + magnitude, out float scale);
        float q = (expm1 * scale) + (scale - 1f);
        float tanh = q / (q + 2f);
        return x < 0f ? -tanh : tanh;
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
