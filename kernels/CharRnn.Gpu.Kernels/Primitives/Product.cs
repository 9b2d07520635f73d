using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>The matrix product <c>C[m,n] (+)= A[m,k] · B[k,n]</c>, which computes every product of E1–E8 and N1–N5.</summary>
/// <remarks>
/// Each element of C is summed section by section of k. The sum of a section begins at zero and is then added to what C holds, so that
/// small terms are not rounded to the precision of a large sum. On the CPU, tiles of all sizes add the terms in the same order.
/// Therefore the result does not depend on how rows are shared out there.
/// </remarks>
public static unsafe partial class Product
{
    // Terms of a section: so few that its two vectors' width of B and its strip of A take 22 KB of the first-level cache with vectors of 8
    // floats, and 38 KB with 16. It must not depend on them, because it is part of the order of the sums.
    private const int SectionTerms = 256;

    // The most rows of a transposed A that are packed at a time: strips of so many rows take 128 KB of the second-level cache.
    private const int PackedRows = 128;

    // Up to so many steps, a transposed A is not packed: its cache lines and those of B fit in the first-level cache as they are.
    private const int UnpackedSteps = 64;

    // Today's processors have a first-level cache of at least this size.
    private const int FirstLevelBytes = 32 << 10;

    // The memory that the first-level table of pages maps, 64 pages of 4 KB; a panel that spans more is packed.
    private const long MappedBytes = 64 * 4096;

    /// <summary>The most rows of C that are computed together.</summary>
    public const int MaxTileRows = 6;

    private const int CacheLine = 64;

    /// <summary>Computes A · B.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="c">C.</param>
    /// <param name="cLayout">Where C's elements lie.</param>
    /// <param name="a">A, row by row.</param>
    /// <param name="aRow">Distance between A's rows.</param>
    /// <param name="b">B, in panels; behind its last column there is zero up to the end of the line.</param>
    /// <param name="bLayout">Where B's elements lie.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C; what lies behind them up to the end of the line may be computed, too.</param>
    /// <param name="k">Terms per element.</param>
    /// <param name="accumulate">0 to overwrite C, 1 to add to it.</param>
    /// <param name="sweep">
    /// The number of this product among successive products with the same B. Where C has one row, even ones go through the columns
    /// from the first to the last and odd ones come back, so that each begins with what the one before left in the cache. It changes
    /// no result.
    /// </param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k, int accumulate, int sweep)
    {
        if (m > 0)
            Run(Simd.Pointer(c), cLayout, Simd.Pointer(a), aRow, Simd.Pointer(b), bLayout, m, n, k, accumulate != 0, sweep);
    }

    /// <summary>The same for a primitive that has pointers; m is at least 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Run(
        float* c, Layout cLayout, float* a, int aRow, float* b, Layout bLayout, int m, int n, int k, bool accumulate, int sweep) =>
        Sections(c, cLayout, a, aRow, 1, b, bLayout, m, n, k, accumulate, sweep);

    internal static void RunOnGroup(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k, int accumulate, int _) =>
        GroupProduct.Run(scratch, new Elements(c, cLayout, accumulate), a, aRow, b, bLayout, m, n, k);

    /// <summary>Computes a product whose left side is a transpose, <c>C[m,n] = A[k,m]ᵀ · B[k,n]</c>.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="c">C.</param>
    /// <param name="cLayout">Where C's elements lie.</param>
    /// <param name="a">A, whose columns are the rows of the left side. On a GPU it begins at a multiple of four floats.</param>
    /// <param name="aRow">Distance between A's rows, which are the steps of k.</param>
    /// <param name="b">B.</param>
    /// <param name="bLayout">Where B's elements lie.</param>
    /// <param name="m">Rows of C.</param>
    /// <param name="n">Columns of C; what lies behind them up to the end of the line may be computed, too.</param>
    /// <param name="k">Terms per element.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RunTransposed(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k)
    {
        if (m == 0)
            return;
        float* pc = Simd.Pointer(c), pa = Simd.Pointer(a), pb = Simd.Pointer(b);
        if (m == 1 || k <= UnpackedSteps)
            Sections(pc, cLayout, pa, 1, aRow, pb, bLayout, m, n, k, false, 0);
        else if (Vector512.IsHardwareAccelerated)
            Packed<Vector512<float>, WideMath>(pc, cLayout, pa, aRow, pb, bLayout, m, n, k);
        else
            Packed<Vector<float>, PortableMath>(pc, cLayout, pa, aRow, pb, bLayout, m, n, k);
    }

    internal static void RunTransposedOnGroup(
        ArrayView<float> scratch, ArrayView<float> c, Layout cLayout, ArrayView<float> a, int aRow, ArrayView<float> b, Layout bLayout,
        int m, int n, int k) =>
        GroupProduct.RunTransposed(
            scratch, new Elements(c, cLayout, 0), new TransposedLeft(Float4.Of(a), aRow / GroupProduct.TileSide), b, bLayout, m, n, k);

    private readonly struct TransposedLeft(ArrayView<Float4> a, int row) : ITransposedLeft<TransposedLeft>
    {
        private readonly ArrayView<Float4> _a = a;
        private readonly int _row = row;

        public bool IsMatrix => true;

        public TransposedLeft At(int step, int row) => new(_a.SubView((step * _row) + (row / GroupProduct.TileSide)), _row);

        public TransposedLeft Next() => new(_a.SubView(_row), _row);

        public Float4 Load(int below) => _a[below / GroupProduct.TileSide];
    }

    /// <summary>Multiplies operands that tiles can read where they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sections(
        float* c, Layout cLayout, float* a, int aRow, int aStep, float* b, Layout bLayout, int m, int n, int k, bool accumulate, int sweep)
    {
        if (Vector512.IsHardwareAccelerated)
            Sections<Vector512<float>, WideMath>(c, cLayout, a, aRow, aStep, b, bLayout, m, n, k, accumulate, sweep);
        else
            Sections<Vector<float>, PortableMath>(c, cLayout, a, aRow, aStep, b, bLayout, m, n, k, accumulate, sweep);
    }

    /// <summary>The same with given vectors, section by section of k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sections<TVector, TMath>(
        float* c, Layout cLayout, float* a, int aRow, int aStep, float* b, Layout bLayout, int m, int n, int k, bool accumulate, int sweep)
        where TVector : unmanaged
        where TMath : struct, IVectorMath<TVector>
    {
        int width = WholeVectors<TVector>(n);
        for (int k0 = 0; k0 < k; k0 += SectionTerms)
        {
            var section = new Section<TVector, TMath>(c, cLayout, Math.Min(SectionTerms, k - k0), accumulate || k0 > 0);
            float* sectionA = a + ((long)k0 * aStep), sectionB = b + ((long)k0 * bLayout.Row);
            if (m == 1)
                section.SingleRow(sectionA, aStep, sectionB, bLayout, width, sweep);
            else
                section.Rows(sectionA, aRow, aStep, sectionB, bLayout, m, width);
        }
    }
}
