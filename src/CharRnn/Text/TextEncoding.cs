namespace CharRnn.Text;

/// <summary>What one character of the model is.</summary>
public enum TextEncoding
{
    /// <summary>A Unicode scalar value, decoded from UTF-8.</summary>
    Utf8,

    /// <summary>A byte, for text in any encoding and for data that is not text.</summary>
    Bytes,
}
