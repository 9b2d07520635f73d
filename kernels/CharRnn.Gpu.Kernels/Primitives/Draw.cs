using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Draws a character from logits: it applies the temperature, then top-k, then top-p, and then draws.</summary>
/// <remarks>
/// Nothing is sorted. The smallest set of largest values that reaches a count (top-k) or a mass (top-p) is found by bisection on the
/// bits of its smallest member, because non-negative floats have the same order as their bits.
/// </remarks>
public static unsafe class Draw
{
    private const uint InfinityBits = 0x7F800000;

    /// <summary>Sets <c>tokens[index]</c> to the first character, in vocabulary order, whose cumulative probability exceeds u.</summary>
    /// <param name="tokens">Where the character goes.</param>
    /// <param name="index">Its place there.</param>
    /// <param name="z">Padded logits, which are overwritten.</param>
    /// <param name="v">V.</param>
    /// <param name="draw">Temperature, top-k, top-p.</param>
    /// <param name="uniforms">Numbers in [0, 1).</param>
    /// <param name="uniform">Which of them is u.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        ArrayView<int> tokens, int index, ArrayView<float> z, int v, DrawArguments draw, ArrayView<float> uniforms, int uniform)
    {
        float* p = Simd.Pointer(z);
        float max = Simd.Max(p, v);
        if (draw.Temperature == 0f)
        {
            tokens[index] = Math.Max(0, new Span<float>(p, v).IndexOf(max)); // IndexOf finds nothing where logits are NaN
            return;
        }

        var temperature = new Vector<float>(draw.Temperature);
        for (int i = 0; i < v; i += Vector<float>.Count)
            *(Vector<float>*)(p + i) = Simd.Exp((*(Vector<float>*)(p + i) - new Vector<float>(max)) / temperature);

        if (draw.TopK > 0 && draw.TopK < v)
            KeepLargest(p, v, byMass: false, draw.TopK);
        if (draw.TopP < 1f)
            KeepLargest(p, v, byMass: true, draw.TopP * Total(p, v));

        float target = uniforms[uniform] * Total(p, v), cumulative = 0f;
        int chosen = 0;
        for (int i = 0; i < v && cumulative <= target; i++)
        {
            if (p[i] > 0f)
                chosen = i;
            cumulative += p[i];
        }

        tokens[index] = chosen;
    }

    private static float Total(float* p, int v)
    {
        float total = 0f;
        for (int i = 0; i < v; i++)
            total += p[i];
        return total;
    }

    /// <summary>Keeps the largest values that together reach the target, the first ones among equals, and zeroes the others.</summary>
    private static void KeepLargest(float* p, int v, bool byMass, float target)
    {
        uint low = 0, high = InfinityBits;
        while (high - low > 1)
        {
            uint middle = low + ((high - low) / 2);
            float threshold = BitConverter.UInt32BitsToSingle(middle), reached = 0f;
            for (int i = 0; i < v; i++)
                if (p[i] >= threshold)
                    reached += byMass ? p[i] : 1f;
            if (reached >= target)
                low = middle;
            else
                high = middle;
        }

        float smallest = BitConverter.UInt32BitsToSingle(low), kept = 0f;
        for (int i = 0; i < v; i++)
            if (p[i] > smallest)
                kept += byMass ? p[i] : 1f;
        for (int i = 0; i < v; i++)
        {
            if (p[i] > smallest)
                continue;
            if (p[i] == smallest && kept < target)
                kept += byMass ? p[i] : 1f;
            else
                p[i] = 0f;
        }
    }

    internal static void RunOnGroup(
        ArrayView<int> tokens, int index, ArrayView<float> z, int v, DrawArguments draw, ArrayView<float> uniforms, int uniform)
    {
        if (Group.IdxX == 0)
            tokens[index] = DrawAlone(z, v, draw, uniforms[uniform]);
        Team.Barrier();
    }

    /// <summary>Does the same with one thread, which is done with a few hundred logits before a group could meet at its barriers.</summary>
    private static int DrawAlone(ArrayView<float> z, int v, DrawArguments draw, float u)
    {
        int likeliest = 0;
        for (int i = 1; i < v; i++)
            if (z[i] > z[likeliest])
                likeliest = i;
        if (draw.Temperature == 0f)
            return likeliest;

        float max = z[likeliest];
        for (int i = 0; i < v; i++)
            z[i] = KernelMath.Exp((z[i] - max) / draw.Temperature);
        if (draw.TopK > 0 && draw.TopK < v)
            KeepLargestAlone(z, v, 0, draw.TopK);
        if (draw.TopP < 1f)
            KeepLargestAlone(z, v, 1, draw.TopP * TotalAlone(z, v));

        float target = u * TotalAlone(z, v), cumulative = 0f;
        int chosen = 0;
        for (int i = 0; i < v && cumulative <= target; i++)
        {
            if (z[i] > 0f)
                chosen = i;
            cumulative += z[i];
        }

        return chosen;
    }

    private static float TotalAlone(ArrayView<float> z, int v)
    {
        float total = 0f;
        for (int i = 0; i < v; i++)
            total += z[i];
        return total;
    }

    private static void KeepLargestAlone(ArrayView<float> z, int v, int byMass, float target)
    {
        uint low = 0, high = InfinityBits;
        while (high - low > 1)
        {
            uint middle = low + ((high - low) / 2);
            float threshold = Interop.IntAsFloat(middle), reached = 0f;
            for (int i = 0; i < v; i++)
                if (z[i] >= threshold)
                    reached += byMass != 0 ? z[i] : 1f;
            if (reached >= target)
                low = middle;
            else
                high = middle;
        }

        float smallest = Interop.IntAsFloat(low), kept = 0f;
        for (int i = 0; i < v; i++)
            if (z[i] > smallest)
                kept += byMass != 0 ? z[i] : 1f;
        for (int i = 0; i < v; i++)
        {
            if (z[i] > smallest)
                continue;
            if (z[i] == smallest && kept < target)
                kept += byMass != 0 ? z[i] : 1f;
            else
                z[i] = 0f;
        }
    }
}
