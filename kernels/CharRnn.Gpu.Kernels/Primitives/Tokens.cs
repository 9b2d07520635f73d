using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Fetches the characters of a step.</summary>
public static class Tokens
{
    /// <summary>
    /// Sets <c>to[t, b] = window[b, position + t]</c> for the streams b in <c>[first, first + count)</c> and t in <c>[0, rows)</c>.
    /// The rows of <paramref name="to"/> have the length <paramref name="streams"/>.
    /// </summary>
    [IntrinsicImplementation]
    public static void Gather(
        ArrayView<int> to, int streams, ArrayView<int> window, long windowLength, long position, int first, int count, int rows)
    {
        for (int b = first; b < first + count; b++)
            for (int t = 0; t < rows; t++)
                to[(t * streams) + b] = window[(b * windowLength) + position + t];
    }

    internal static void GatherOnGroup(
        ArrayView<int> to, int streams, ArrayView<int> window, long windowLength, long position, int first, int count, int rows)
    {
        for (int i = Group.IdxX; i < count * rows; i += Group.DimX)
        {
            int t = i / count;
            int b = first + i - (t * count);
            to[(t * streams) + b] = window[(b * windowLength) + position + t];
        }

        Team.Barrier();
    }
}
