namespace CharRnn.Gpu.Kernels.Primitives;

// The sizes of tiles, as types.
public static unsafe partial class Product
{
    /// <summary>A number that the compiler knows, so that tiles of all sizes are compiled from one text.</summary>
    private interface ICount
    {
        static abstract int Value { get; }
    }

    private readonly struct One : ICount { public static int Value => 1; }

    private readonly struct Two : ICount { public static int Value => 2; }

    private readonly struct Three : ICount { public static int Value => 3; }

    private readonly struct Four : ICount { public static int Value => 4; }

    private readonly struct Five : ICount { public static int Value => 5; }

    private readonly struct Six : ICount { public static int Value => 6; }

    private readonly struct Seven : ICount { public static int Value => 7; }

    private readonly struct Eight : ICount { public static int Value => 8; }

    private readonly struct Nine : ICount { public static int Value => 9; }

    private readonly struct Ten : ICount { public static int Value => 10; }

    private readonly struct Eleven : ICount { public static int Value => 11; }

    private readonly struct Twelve : ICount { public static int Value => 12; }

    private readonly struct Thirteen : ICount { public static int Value => 13; }

    private readonly struct Fourteen : ICount { public static int Value => 14; }
}
