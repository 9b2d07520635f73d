using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;

namespace CharRnn.Gpu.Kernels.Primitives;

// Products whose left side is a transpose, and whose operands are copied to where tiles read them in order.
public static unsafe partial class Product
{
    /// <summary>
    /// Multiplies a transposed A. Its operands would be read in strides, which are slow in caches and for prefetchers. So the rows of each
    /// tile are copied from A into a strip, and where a panel of B spans many pages, the panel is copied too. Tiles read these copies
    /// one float after the other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    [SkipLocalsInit]
    private static void Packed<TVector, TMath>(
        float* c, Layout cLayout, float* a, int aStep, float* b, Layout bLayout, int m, int n, int k)
        where TVector : unmanaged
        where TMath : struct, IVectorMath<TVector>
    {
        int lanes = Lanes<TVector>(), width = WholeVectors<TVector>(n);
        byte* stripMemory = stackalloc byte[(PackedRows * SectionTerms * sizeof(float)) + CacheLine];
        byte* panelMemory = stackalloc byte[(2 * lanes * SectionTerms * sizeof(float)) + CacheLine];
        bool packPanels = (long)Math.Min(SectionTerms, k) * bLayout.Row * sizeof(float) > MappedBytes;
        float* strips = Aligned(stripMemory), panel = Aligned(panelMemory);
        for (int k0 = 0; k0 < k; k0 += SectionTerms)
        {
            int steps = Math.Min(SectionTerms, k - k0);
            var section = new Section<TVector, TMath>(c, cLayout, steps, accumulate: k0 > 0);
            float* sectionA = a + ((long)k0 * aStep), sectionB = b + ((long)k0 * bLayout.Row);
            int rounds = (m + PackedRows - 1) / PackedRows;
            for (int i = 0; i < rounds; i++)
            {
                int row0 = (int)((long)m * i / rounds), rows = (int)((long)m * (i + 1) / rounds) - row0, tiles = TileCount(rows);
                for (int tile = 0, row = 0; tile < tiles; tile++)
                {
                    int count = (rows / tiles) + (tile < rows % tiles ? 1 : 0);
                    PackStrip(strips + ((long)row * steps), sectionA + row0 + row, aStep, count, steps);
                    row += count;
                }

                for (int column = 0; column < width; column += 2 * lanes)
                {
                    bool two = column + lanes < width;
                    if (packPanels)
                    {
                        PackPanel<TVector>(panel, sectionB, bLayout, column, steps, two);
                        section.Tiles(row0, rows, column, two, strips, packed: true, steps, 0, panel, 2 * lanes, lanes);
                        continue;
                    }

                    long place = Place(bLayout, column);
                    section.Tiles(
                        row0, rows, column, two, strips, packed: true, steps, 0, sectionB + place, bLayout.Row,
                        Place(bLayout, column + lanes) - place);
                }
            }
        }
    }

    /// <summary>Copies the rows of a tile from A, step by step: <c>strip[step·count + i] = a[i + step·aStep]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackStrip(float* strip, float* a, int aStep, int count, int k)
    {
        if (count >= 4)
        {
            // These are two vectors of four, which overlap where the tile has fewer than eight rows.
            for (int step = 0; step < k; step++, strip += count, a += aStep)
            {
                Vector128<float> begin = Vector128.Load(a), end = Vector128.Load(a + count - 4);
                begin.Store(strip);
                end.Store(strip + count - 4);
            }

            return;
        }

        for (int step = 0; step < k; step++, strip += count, a += aStep)
            for (int i = 0; i < count; i++)
                strip[i] = a[i];
    }

    /// <summary>Copies one vector of columns of B, or two, step by step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel<TVector>(float* panel, float* b, Layout layout, int column, int k, bool two)
        where TVector : unmanaged
    {
        int lanes = Lanes<TVector>();
        float* from = b + Place(layout, column);
        long next = Place(layout, column + lanes) - Place(layout, column);
        for (int step = 0; step < k; step++, panel += 2 * lanes, from += layout.Row)
        {
            *(TVector*)panel = *(TVector*)from;
            if (two)
                *(TVector*)(panel + lanes) = *(TVector*)(from + next);
        }
    }

    private static float* Aligned(byte* memory) => (float*)(((nuint)memory + CacheLine - 1) & ~(nuint)(CacheLine - 1));
}
