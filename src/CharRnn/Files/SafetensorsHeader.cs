using System.Text.Json;

namespace CharRnn.Files;

/// <summary>
/// The JSON header of a safetensors file: an object of tensor names to dtype, shape and data_offsets, and under
/// <c>__metadata__</c> an object of strings (https://huggingface.co/docs/safetensors).
/// </summary>
/// <param name="Metadata">The strings under <c>__metadata__</c>.</param>
/// <param name="Tensors">The tensors in the order of their bytes.</param>
internal sealed record SafetensorsHeader(IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<SafetensorsEntry> Tensors)
{
    /// <summary>The format's limit, in bytes.</summary>
    public const int MaxLength = 100_000_000;

    /// <summary>The name of the metadata, which is not a tensor.</summary>
    public const string MetadataName = "__metadata__";

    /// <summary>The header of a file of these tensors, in this order from the start of the payload.</summary>
    public static SafetensorsHeader Of(IReadOnlyDictionary<string, string> metadata, IReadOnlyList<SafetensorsTensor> tensors) =>
        new(metadata, [.. Lay(tensors, 0)]);

    /// <summary>The entries of tensors that follow each other.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="begin">The offset of the first one in the payload.</param>
    public static IEnumerable<SafetensorsEntry> Lay(IEnumerable<SafetensorsTensor> tensors, long begin)
    {
        foreach (SafetensorsTensor tensor in tensors)
        {
            yield return new SafetensorsEntry(tensor.Name, tensor.Dtype, tensor.Shape, begin, begin + tensor.ByteLength);
            begin += tensor.ByteLength;
        }
    }

    /// <summary>
    /// The bytes of a header, the same for the same arguments: metadata first with its keys in ordinal order, then the
    /// tensors in the order given, all in ASCII, padded with spaces so that the payload begins at a multiple of 8.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// A name occurs twice or is <c>__metadata__</c>, or the header is over the format's limit.
    /// </exception>
    public byte[] Build()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
                WriteMetadata(json);

            var names = new HashSet<string>(StringComparer.Ordinal) { MetadataName };
            foreach (SafetensorsEntry tensor in Tensors)
            {
                if (!names.Add(tensor.Name))
                    throw new ArgumentException($"a tensor cannot be named {tensor.Name} here");
                WriteTensor(json, tensor);
            }

            json.WriteEndObject();
        }

        while (buffer.Length % sizeof(long) != 0)
            buffer.WriteByte((byte)' ');
        return buffer.Length <= MaxLength ? buffer.ToArray() : throw new ArgumentException($"a header of {buffer.Length} bytes");
    }

    private void WriteMetadata(Utf8JsonWriter json)
    {
        json.WriteStartObject(MetadataName);
        foreach ((string key, string value) in Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, SafetensorsEntry tensor)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Dtype.ToString());
        json.WriteStartArray("shape");
        foreach (long size in tensor.Shape)
            json.WriteNumberValue(size);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(tensor.Begin);
        json.WriteNumberValue(tensor.End);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
