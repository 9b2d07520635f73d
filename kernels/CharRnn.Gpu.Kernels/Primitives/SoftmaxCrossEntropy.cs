using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Computes E3 and E4 together, so that the logits are read once.</summary>
public static unsafe class SoftmaxCrossEntropy
{
    // The most threads of a group that share a row: together they read a cache line of it.
    private const int MostLanes = 16;

    /// <summary>
    /// Computes the loss of each row, <c>losses[r] = logsumexp z[r] - z[r, y]</c>, and replaces its logits by
    /// <c>dz[r] = (softmax z[r] - onehot y)·scale</c>, with zeros in the padding, and on a CPU for what <see cref="Simd.Flush"/> drops.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="z">Logits <c>[rows, row]</c>, which dz replaces.</param>
    /// <param name="targets">y, <c>[rows]</c>.</param>
    /// <param name="losses">The loss of each row in nats, <c>[rows]</c>.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">Padded row length.</param>
    /// <param name="v">V, the number of logits in a row.</param>
    /// <param name="scale">1/B of E4, or 1/n of N3.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        ArrayView<float> scratch, ArrayView<float> z, ArrayView<int> targets, ArrayView<float> losses, int rows, int row, int v,
        float scale)
    {
        if (rows == 0)
            return;
        float* p = Simd.Pointer(z), loss = Simd.Pointer(losses);
        int* target = Simd.Pointer(targets);
        int width = Simd.WholeVectors(v);
        var factor = new Vector<float>(scale);
        Vector<float> shifts = default, sums = default; // a lane for each row: one logarithm serves a vector of rows
        for (int r = 0; r < rows; r++, p += row)
        {
            float max = Simd.Max(p, v);
            int lane = r % Vector<float>.Count;
            ((float*)&shifts)[lane] = max - p[target[r]];

            Vector<float> sum = Vector<float>.Zero, maxima = new(max);
            for (int i = 0; i < width; i += Vector<float>.Count)
            {
                Vector<float> e = Simd.Exp(*(Vector<float>*)(p + i) - maxima);
                *(Vector<float>*)(p + i) = e;
                sum += e;
            }

            float total = Vector.Sum(sum);
            ((float*)&sums)[lane] = total;
            var divisor = new Vector<float>(total);
            for (int i = 0; i < width; i += Vector<float>.Count)
                *(Vector<float>*)(p + i) = Simd.Flush(*(Vector<float>*)(p + i) / divisor * factor);
            p[target[r]] -= scale;

            if (lane == Vector<float>.Count - 1 || r == rows - 1)
            {
                Vector<float> values = shifts + Simd.Log(sums);
                for (int i = 0; i <= lane; i++)
                    loss[r - lane + i] = values[i];
            }
        }
    }

    internal static void RunOnGroup(
        ArrayView<float> scratch, ArrayView<float> z, ArrayView<int> targets, ArrayView<float> losses, int rows, int row, int v,
        float scale)
    {
        int lanes = Group.DimX < MostLanes ? Group.DimX : MostLanes, sums = Group.DimX;
        int rowsAtOnce = Group.DimX / lanes, place = Group.IdxX / lanes, lane = Group.IdxX - (place * lanes);
        for (int begin = 0; begin < rows; begin += rowsAtOnce)
        {
            int r = begin + place, first = r * row;
            bool works = place < rowsAtOnce && r < rows;
            float max = float.NegativeInfinity, targetLogit = 0f;
            if (works)
            {
                targetLogit = z[first + targets[r]];
                for (int i = lane; i < v; i += lanes)
                    max = z[first + i] > max ? z[first + i] : max;
            }

            scratch[Group.IdxX] = max;
            Team.Barrier();
            float sum = 0f;
            if (works)
            {
                for (int i = 0; i < lanes; i++)
                    max = scratch[(place * lanes) + i] > max ? scratch[(place * lanes) + i] : max;
                for (int i = lane; i < v; i += lanes)
                {
                    float e = KernelMath.Exp(z[first + i] - max);
                    z[first + i] = e;
                    sum += e;
                }
            }

            scratch[sums + Group.IdxX] = sum;
            Team.Barrier();
            if (works)
            {
                sum = 0f;
                for (int i = 0; i < lanes; i++)
                    sum += scratch[sums + (place * lanes) + i];
                if (lane == 0)
                    losses[r] = max - targetLogit + KernelMath.Log(sum);
                for (int i = lane; i < row; i += lanes)
                    z[first + i] = i >= v ? 0f : (z[first + i] / sum * scale) - (i == targets[r] ? scale : 0f);
            }
        }

        Team.Barrier();
    }
}
