using System.Buffers.Binary;
using System.Text;

namespace CharRnn.Gpu.Tests.Files;

/// <summary>Safetensors bytes put together by hand, without the code under test.</summary>
internal static class RawSafetensors
{
    public static byte[] File(string header, params byte[] payload) =>
        File((ulong)Encoding.UTF8.GetByteCount(header), Encoding.UTF8.GetBytes(header), payload);

    public static byte[] File(ulong headerLength, byte[] header, params byte[] payload)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, headerLength);
        return [.. length, .. header, .. payload];
    }

    public static byte[] Floats(params float[] values)
    {
        byte[] bytes = new byte[values.Length * 4];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * 4), values[i]);
        return bytes;
    }

    /// <summary>A file of F32 tensors in the order given, each with a shape and values.</summary>
    public static byte[] Model(string metadata, params (string Name, string Shape, float[] Values)[] tensors)
    {
        var header = new StringBuilder($"{{\"__metadata__\":{metadata}");
        int offset = 0;
        foreach ((string name, string shape, float[] values) in tensors)
        {
            header.Append(
                $",\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{offset},{offset + (values.Length * 4)}]}}");
            offset += values.Length * 4;
        }

        return File(header.Append('}').ToString(), [.. tensors.SelectMany(t => Floats(t.Values))]);
    }
}
