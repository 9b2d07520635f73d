namespace CharRnn.Files;

/// <summary>The element types of the safetensors format that this program reads and writes, under the format's names.</summary>
public enum SafetensorsDtype
{
    /// <summary>IEEE 754 binary32: weights, optimizer memory, hidden state.</summary>
    F32,

    /// <summary>IEEE 754 binary64: losses.</summary>
    F64,

    /// <summary>Signed 64-bit integer: counters.</summary>
    I64,

    /// <summary>Byte: packed tokens.</summary>
    U8,
}

/// <summary>Sizes of <see cref="SafetensorsDtype"/>.</summary>
internal static class SafetensorsDtypes
{
    /// <summary>Bytes per element.</summary>
    public static int Size(this SafetensorsDtype dtype) => dtype switch
    {
        SafetensorsDtype.U8 => 1,
        SafetensorsDtype.F32 => 4,
        _ => 8,
    };
}
