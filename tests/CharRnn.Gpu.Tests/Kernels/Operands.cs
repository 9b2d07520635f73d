using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>What a primitive works on, under one type, so that one harness runs them all.</summary>
public readonly record struct Operands(
    ArrayView<float> A, ArrayView<float> B, ArrayView<float> C, ArrayView<float> D, ArrayView<int> I, Numbers N);

/// <summary>The sizes and scalars of a primitive; each uses those it needs.</summary>
public readonly record struct Numbers(
    int Rows = 0, int Columns = 0, int Terms = 0, int Row = 0, int First = 0, int Flag = 0, int Kind = 0,
    int RowStride = 0, int StepStride = 0,
    float X = 0, float Y = 0, DrawArguments Draw = default, UpdateArguments Update = default, StepRates Rates = default,
    DropoutArguments Dropout = default);

/// <summary><see cref="Operands"/> on the host, before or after a body ran.</summary>
internal sealed record OperandData
{
    public float[] A { get; init; } = [0];

    public float[] B { get; init; } = [0];

    public float[] C { get; init; } = [0];

    public float[] D { get; init; } = [0];

    public int[] I { get; init; } = [0];

    public required Numbers N { get; init; }
}
