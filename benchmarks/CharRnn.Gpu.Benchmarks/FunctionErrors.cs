using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>The error of the vector functions, against double precision, at every float there is.</summary>
internal static class FunctionErrors
{
    private const int Chunk = 1 << 16;

    public static int Run()
    {
        Report("tanh, |x| < 0.5", Simd.Tanh, Math.Tanh, x => Math.Abs(x) < 0.5);
        Report("tanh", Simd.Tanh, Math.Tanh, _ => true);
        Report("exp, -87 <= x <= 88", Simd.Exp, Math.Exp, x => x is >= -87 and <= 88);
        Report("ln, x > 0 and normal", Simd.Log, Math.Log, x => x >= 1.17549435e-38f && float.IsFinite(x));
        return 0;
    }

    private static void Report(
        string name, Func<Vector<float>, Vector<float>> function, Func<double, double> exact, Func<float, bool> counts)
    {
        (double Error, float At) worst = (0, 0);
        long counted = 0;
        var gate = new Lock();
        Parallel.For(0, (1L << 32) / Chunk, chunk =>
        {
            (double Error, float At) here = (0, 0);
            int n = 0;
            var x = new float[Chunk];
            for (int i = 0; i < Chunk; i++)
                x[i] = BitConverter.UInt32BitsToSingle((uint)((chunk * Chunk) + i));
            float[] y = [.. x];
            foreach (ref Vector<float> vector in MemoryMarshal.Cast<float, Vector<float>>(y.AsSpan()))
                vector = function(vector);

            for (int i = 0; i < Chunk; i++)
            {
                if (float.IsNaN(x[i]) || !counts(x[i]))
                    continue;
                n++;
                double right = exact(x[i]);
                float nearest = (float)Math.Abs(right);
                double error = Math.Abs(y[i] - right) / (MathF.BitIncrement(nearest) - (double)nearest);
                if (!(error <= here.Error))
                    here = (error, x[i]);
            }

            lock (gate)
            {
                counted += n;
                if (!(here.Error <= worst.Error))
                    worst = here;
            }
        });
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-22} {counted,13:N0} floats, at most {worst.Error:F2} units in the last place off, at {worst.At:R}"));
    }
}
