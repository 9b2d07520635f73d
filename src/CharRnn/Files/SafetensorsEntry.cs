using System.Globalization;

namespace CharRnn.Files;

/// <summary>What a safetensors header says about one tensor, checked against the file.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Dtype">The type of its elements.</param>
/// <param name="Shape">The sizes of the tensor, outermost first; none for a scalar.</param>
/// <param name="Begin">The offset of its first byte in the payload.</param>
/// <param name="End">The offset after its last byte: <c>End - Begin</c> = elements × element size.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsDtype Dtype, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Number of elements.</summary>
    public long Count => (End - Begin) / Dtype.Size();

    /// <summary>A shape as errors show it: <c>[65, 100]</c>.</summary>
    internal static string ShapeText(IEnumerable<long> shape)
        => $"[{string.Join(", ", shape.Select(size => size.ToString(CultureInfo.InvariantCulture)))}]";
}
