using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;
using ILGPU.Util;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Drops values (E12). The random words are those of Philox 4x32-10 (Salmon et al., SC'11), whose counter is the place of the value: four
/// blocks of four words for a line of 16 units. A dropped value becomes -0, and no kept value is -0, so that the way back knows it again.
/// In the padding of x both are zeros where that of h is.
/// </summary>
public static unsafe class Dropout
{
    private const uint DroppedBits = 0x80000000, Domain = 0x80000000;
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10, BlocksOfLine = 4;

    /// <summary>Computes <c>x = h ⊙ m / (1 - p)</c> for some rows (t, b) and some units, from the begin of a line on.</summary>
    /// <param name="x">What the layer above reads, <c>[rows, row]</c>.</param>
    /// <param name="h">Hidden states in the same shape.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">Padded row length.</param>
    /// <param name="columns">Number of units; whole lines are computed.</param>
    /// <param name="firstRow">t·B + b of the first row.</param>
    /// <param name="firstUnit">The number of the first unit.</param>
    /// <param name="layer">The number of the layer.</param>
    /// <param name="dropout">What is dropped.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Apply(
        ArrayView<float> x, ArrayView<float> h, int rows, int row, int columns, int firstRow, int firstUnit, int layer,
        DropoutArguments dropout)
    {
        float* to = Simd.Pointer(x), from = Simd.Pointer(h);
        Vector128<uint> lanes = Vector128.Create(0u, 1, 2, 3), threshold = Vector128.Create(dropout.Threshold);
        for (int r = 0; r < rows; r++, to += row, from += row)
            for (int i = 0; i < columns; i += Layout.PanelWidth)
            {
                Vector128<uint> w0 = lanes + Vector128.Create((uint)((firstUnit + i) / Layout.PanelWidth * BlocksOfLine));
                Vector128<uint> w1 = Vector128.Create((uint)(firstRow + r)), w2 = Vector128.Create(dropout.Step);
                Vector128<uint> w3 = Vector128.Create(Domain | (uint)layer);
                Words(ref w0, ref w1, ref w2, ref w3, dropout.SeedLow, dropout.SeedHigh);
                Put(to + i, from + i, w0, threshold, dropout.Scale);
                Put(to + i + 4, from + i + 4, w1, threshold, dropout.Scale);
                Put(to + i + 8, from + i + 8, w2, threshold, dropout.Scale);
                Put(to + i + 12, from + i + 12, w3, threshold, dropout.Scale);
            }
    }

    internal static void ApplyOnGroup(
        ArrayView<float> x, ArrayView<float> h, int rows, int row, int columns, int firstRow, int firstUnit, int layer,
        DropoutArguments dropout)
    {
        int blocks = Layout.PanelCount(columns) * BlocksOfLine;
        for (int element = Group.IdxX; element < rows * blocks; element += Group.DimX)
        {
            int r = element / blocks, block = element - (r * blocks), line = block / BlocksOfLine, lane = block - (line * BlocksOfLine);
            uint w0 = (uint)((firstUnit / Layout.PanelWidth * BlocksOfLine) + block), w1 = (uint)(firstRow + r);
            uint w2 = dropout.Step, w3 = Domain | (uint)layer, k0 = dropout.SeedLow, k1 = dropout.SeedHigh;
            for (int round = 0; round < Rounds; round++)
            {
                ulong product0 = (ulong)Multiplier0 * w0, product1 = (ulong)Multiplier1 * w2;
                w0 = (uint)(product1 >> 32) ^ w1 ^ k0;
                w2 = (uint)(product0 >> 32) ^ w3 ^ k1;
                w1 = (uint)product1;
                w3 = (uint)product0;
                k0 += Weyl0;
                k1 += Weyl1;
            }

            int place = (r * row) + (line * Layout.PanelWidth) + lane;
            Put(x, h, place, w0, dropout);
            Put(x, h, place + 4, w1, dropout);
            Put(x, h, place + 8, w2, dropout);
            Put(x, h, place + 12, w3, dropout);
        }

        Team.Barrier();
    }

    /// <summary>Computes <c>dh = dx ⊙ m / (1 - p)</c> in place, for the first columns of some rows.</summary>
    /// <param name="dh">The gradient of x, which that of h replaces, <c>[rows, row]</c>.</param>
    /// <param name="x">What <see cref="Apply"/> wrote, in the same shape.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">Padded row length.</param>
    /// <param name="columns">Number of units; SIMD bodies compute whole vectors of four.</param>
    /// <param name="scale">1 / (1 - p).</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient(ArrayView<float> dh, ArrayView<float> x, int rows, int row, int columns, float scale)
    {
        float* gradient = Simd.Pointer(dh), value = Simd.Pointer(x);
        Vector128<float> factor = Vector128.Create(scale);
        Vector128<uint> dropped = Vector128.Create(DroppedBits);
        for (int r = 0; r < rows; r++, gradient += row, value += row)
            for (int i = 0; i < columns; i += Vector128<float>.Count)
                Vector128.AndNot(
                    Vector128.Load(gradient + i) * factor, Vector128.Equals(Vector128.Load(value + i).AsUInt32(), dropped).AsSingle())
                    .Store(gradient + i);
    }

    internal static void GradientOnGroup(ArrayView<float> dh, ArrayView<float> x, int rows, int row, int columns, float scale)
    {
        for (int element = Group.IdxX; element < rows * columns; element += Group.DimX)
        {
            int r = element / columns, place = (r * row) + element - (r * columns);
            dh[place] = Utilities.Select(Interop.FloatAsInt(x[place]) == DroppedBits, 0f, dh[place] * scale);
        }

        Team.Barrier();
    }

    /// <summary>Computes the words of four blocks, a lane for each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Words(
        ref Vector128<uint> w0, ref Vector128<uint> w1, ref Vector128<uint> w2, ref Vector128<uint> w3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++, k0 += Weyl0, k1 += Weyl1)
        {
            (Vector128<uint> high0, Vector128<uint> low0) = Multiply(w0, Multiplier0);
            (Vector128<uint> high1, Vector128<uint> low1) = Multiply(w2, Multiplier1);
            w0 = high1 ^ w1 ^ Vector128.Create(k0);
            w2 = high0 ^ w3 ^ Vector128.Create(k1);
            w1 = low1;
            w3 = low0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<uint> High, Vector128<uint> Low) Multiply(Vector128<uint> words, uint multiplier)
    {
        Vector128<ulong> factor = Vector128.Create((ulong)multiplier);
        Vector128<ulong> first = Vector128.WidenLower(words) * factor, last = Vector128.WidenUpper(words) * factor;
        return (Vector128.Narrow(first >> 32, last >> 32), words * Vector128.Create(multiplier));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, float* from, Vector128<uint> words, Vector128<uint> threshold, float scale)
    {
        Vector128<float> kept = (Vector128.Load(from) * Vector128.Create(scale)) + Vector128<float>.Zero; // -0 becomes 0
        Vector128<float> keeps = Vector128.GreaterThanOrEqual(words, threshold).AsSingle();
        Vector128.ConditionalSelect(keeps, kept, Vector128.Create(DroppedBits).AsSingle()).Store(to);
    }

    private static void Put(ArrayView<float> to, ArrayView<float> from, int place, uint word, DropoutArguments dropout)
    {
        // Selections, because ILGPU 1.5.3 marks branches in their place as uniform, which they are not.
        float value = from[place] * dropout.Scale, kept = Utilities.Select(value == 0f, 0f, value);
        to[place] = Utilities.Select(word < dropout.Threshold, Interop.IntAsFloat(DroppedBits), kept);
    }
}
