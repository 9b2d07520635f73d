using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Four floats, which a GPU loads in one instruction.</summary>
/// <remarks>
/// An element of a view is read into a variable first: if a method is called on the element itself, ILGPU loads its floats one by one.
/// </remarks>
internal readonly struct Float4(float x, float y, float z, float w)
{
    public readonly float X = x, Y = y, Z = z, W = w;

    /// <summary>Views the same memory four floats at a time. It must begin at a multiple of four floats.</summary>
    public static ArrayView<Float4> Of(ArrayView<float> view) => view.AsAligned(16).Cast<Float4>();

    public Float4 Plus(Float4 other) => new(X + other.X, Y + other.Y, Z + other.Z, W + other.W);

    public Float4 Plus(float factor, Float4 other) =>
        new(X + (factor * other.X), Y + (factor * other.Y), Z + (factor * other.Z), W + (factor * other.W));
}

/// <summary>Two floats, which a GPU loads in one instruction.</summary>
internal readonly struct Float2(float x, float y)
{
    public readonly float X = x, Y = y;

    /// <summary>Views the same memory two floats at a time. It must begin at an even place.</summary>
    public static ArrayView<Float2> Of(ArrayView<float> view) => view.AsAligned(8).Cast<Float2>();
}

/// <summary>A tile of four rows of four floats.</summary>
internal readonly struct Tile(Float4 r0, Float4 r1, Float4 r2, Float4 r3)
{
    public readonly Float4 R0 = r0, R1 = r1, R2 = r2, R3 = r3;

    /// <summary>Adds the outer product of a column and a row to the tile.</summary>
    public Tile Plus(Float4 column, Float4 row) => Plus(column.X, column.Y, column.Z, column.W, row);

    public Tile Plus(float c0, float c1, float c2, float c3, Float4 row) =>
        new(R0.Plus(c0, row), R1.Plus(c1, row), R2.Plus(c2, row), R3.Plus(c3, row));

    public Tile Plus(Tile other) => new(R0.Plus(other.R0), R1.Plus(other.R1), R2.Plus(other.R2), R3.Plus(other.R3));
}

/// <summary>A tile of eight rows of eight floats: four on the left, and four somewhere on the right.</summary>
internal readonly struct WideTile(Tile topLeft, Tile topRight, Tile bottomLeft, Tile bottomRight)
{
    public readonly Tile First = topLeft;

    private readonly Tile _topRight = topRight, _bottomLeft = bottomLeft, _bottomRight = bottomRight;

    /// <summary>Adds the outer product of a column and a row to the tile.</summary>
    public WideTile Plus(Float4 top, Float4 bottom, Float4 left, Float4 right) =>
        new(First.Plus(top, left), _topRight.Plus(top, right), _bottomLeft.Plus(bottom, left), _bottomRight.Plus(bottom, right));

    /// <summary>The same tile with another quarter as its first.</summary>
    public WideTile Next() => new(_topRight, _bottomLeft, _bottomRight, First);
}
