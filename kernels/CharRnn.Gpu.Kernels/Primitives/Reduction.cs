using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Reduces many values to one in a fixed order.</summary>
public static unsafe class Reduction
{
    /// <summary>The most threads of a group: the scratch has room for their partial sums.</summary>
    public const int MaxGroupSize = 256;

    /// <summary>Sets <c>to[index] = scale · Σ values</c>.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(ArrayView<float> scratch, ArrayView<float> to, int index, ArrayView<float> values, int count, float scale)
    {
        float* p = Simd.Pointer(values);
        double sum = 0;
        for (int i = 0; i < count; i++)
            sum += p[i];
        to[index] = (float)(sum * scale);
    }

    internal static void SumOnGroup(
        ArrayView<float> scratch, ArrayView<float> to, int index, ArrayView<float> values, int count, float scale)
    {
        float sum = 0f;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            sum += values[i];
        Put(scratch, to, index, sum, scale);
    }

    /// <summary>Returns Σ values, to every thread of the team.</summary>
    [IntrinsicImplementation]
    public static float Total(ArrayView<float> scratch, ArrayView<float> values, int count)
    {
        float sum = 0f;
        for (int i = 0; i < count; i++)
            sum += values[i];
        return sum;
    }

    internal static float TotalOnGroup(ArrayView<float> scratch, ArrayView<float> values, int count)
    {
        float sum = 0f;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            sum += values[i];
        Gather(scratch, sum);
        float total = scratch[0];
        Team.Barrier();
        return total;
    }

    /// <summary>Returns the same sum, bit by bit, on the host.</summary>
    /// <param name="values">The values.</param>
    /// <param name="threads">The threads of a team.</param>
    public static float Total(ReadOnlySpan<float> values, int threads)
    {
        var sums = new float[threads];
        for (int i = 0; i < values.Length; i++)
            sums[i % threads] += values[i];
        for (int left = threads; left > 1; left = (left + 1) / 2)
            for (int thread = 0; thread + ((left + 1) / 2) < left; thread++)
                sums[thread] += sums[thread + ((left + 1) / 2)];
        return sums[0];
    }

    /// <summary>Sets <c>to[index] = Σ values²</c>. The number of values is a multiple of <see cref="Layout.PanelWidth"/>.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SumOfSquares(ArrayView<float> scratch, ArrayView<float> to, int index, ArrayView<float> values, int count)
    {
        float* p = Simd.Pointer(values);
        Vector<float> sum = Vector<float>.Zero;
        for (int i = 0; i < count; i += Vector<float>.Count)
            sum = Simd.FusedMultiplyAdd(*(Vector<float>*)(p + i), *(Vector<float>*)(p + i), sum);
        to[index] = Vector.Sum(sum);
    }

    internal static void SumOfSquaresOnGroup(ArrayView<float> scratch, ArrayView<float> to, int index, ArrayView<float> values, int count)
    {
        float sum = 0f;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
            sum += values[i] * values[i];
        Put(scratch, to, index, sum, 1f);
    }

    /// <summary>Sets <c>to[index] = scale · Σ sum</c>, over the threads of a group.</summary>
    internal static void Put(ArrayView<float> scratch, ArrayView<float> to, int index, float sum, float scale)
    {
        Gather(scratch, sum);
        if (Group.IdxX == 0)
            to[index] = scratch[0] * scale;
        Team.Barrier();
    }

    /// <summary>
    /// Leaves Σ sum over the threads of a group in the first word of the scratch. Halves of them are added until one is left, which is an
    /// order that depends on their number alone.
    /// </summary>
    private static void Gather(ArrayView<float> scratch, float sum)
    {
        int thread = Group.IdxX;
        scratch[thread] = sum;
        Team.Barrier();
        for (int left = Group.DimX; left > 1; left = (left + 1) / 2)
        {
            int half = (left + 1) / 2;
            if (thread + half < left)
                scratch[thread] += scratch[thread + half];
            Team.Barrier();
        }
    }

    /// <summary>Sets <c>flags[index] = 1</c> if any value is infinite or NaN; otherwise leaves it as it is.</summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FlagNonFinite(ArrayView<int> flags, int index, ArrayView<float> values, int count)
    {
        if (count == 0)
            return;
        float* p = Simd.Pointer(values);
        // x - x is 0 for a finite value and NaN for any other. Four sums hide the latency of an addition.
        int lanes = Vector<float>.Count, i = 0;
        Vector<float> d0 = default, d1 = default, d2 = default, d3 = default;
        for (; i + (4 * lanes) <= count; i += 4 * lanes)
        {
            Vector<float>* x = (Vector<float>*)(p + i);
            d0 += x[0] - x[0];
            d1 += x[1] - x[1];
            d2 += x[2] - x[2];
            d3 += x[3] - x[3];
        }

        float sum = Vector.Sum(d0 + d1 + (d2 + d3));
        for (; i < count; i++)
            sum += p[i] - p[i];
        if (sum != 0f)
            flags[index] = 1;
    }

    internal static void FlagNonFiniteOnGroup(ArrayView<int> flags, int index, ArrayView<float> values, int count)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            if (!KernelMath.IsFinite(values[i]))
                Atomic.Exchange(ref flags[index], 1); // other threads, and other groups, may set it, too
        }

        Team.Barrier();
    }
}
