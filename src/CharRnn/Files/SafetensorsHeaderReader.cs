using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace CharRnn.Files;

/// <summary>
/// Reads a safetensors header and trusts none of it: token by token, so that what is kept never outgrows the header
/// by more than a small factor, and every number is checked before anything is computed from it.
/// </summary>
internal ref struct SafetensorsHeaderReader
{
    // Our own files hold 5 to 18 tensors of at most 2 dimensions; the caps keep a hostile header cheap.
    private const int MaxEntries = 10_000;
    private const int MaxRank = 8;

    private readonly string _path;
    private readonly Dictionary<string, SafetensorsEntry> _tensors = new(StringComparer.Ordinal);
    private Dictionary<string, string>? _metadata;
    private Utf8JsonReader _json;

    private SafetensorsHeaderReader(string path, ReadOnlySpan<byte> header)
    {
        _path = path;
        _json = new Utf8JsonReader(header);
    }

    /// <summary>Reads a header.</summary>
    /// <param name="path">The file, for errors.</param>
    /// <param name="header">The header's bytes.</param>
    /// <param name="payloadLength">Bytes of the file after the header: the tensors must cover them exactly, each byte once.</param>
    /// <exception cref="CharRnnException">Anything in it breaks the format's rules.</exception>
    public static SafetensorsHeader Read(string path, ReadOnlySpan<byte> header, long payloadLength)
    {
        if (header.IsEmpty || header[0] != '{')
            throw FileErrors.Damaged(path, "its header does not begin with {");
        if (!Utf8.IsValid(header))
            throw FileErrors.Damaged(path, "its header is not valid UTF-8");

        var reader = new SafetensorsHeaderReader(path, header);
        try
        {
            reader.ReadRoot();
        }
        catch (JsonException e)
        {
            throw FileErrors.Damaged(path, $"its header is not valid JSON at byte {reader._json.BytesConsumed}", e);
        }

        SafetensorsEntry[] inOrder = [.. reader._tensors.Values.OrderBy(t => t.Begin).ThenBy(t => t.End)];
        CheckLayout(path, inOrder, payloadLength);
        return new SafetensorsHeader(reader._metadata ?? [], inOrder);
    }

    private void ReadRoot()
    {
        _json.Read();
        while (NextKey(out string name))
        {
            if (name == SafetensorsHeader.MetadataName)
                ReadMetadata();
            else if (!_tensors.TryAdd(name, ReadTensor(name)))
                throw Damaged($"tensor {FileErrors.Quote(name)} is described twice");
            else if (_tensors.Count > MaxEntries)
                throw Damaged($"it holds more than {MaxEntries} tensors");
        }

        _json.Read(); // Throws if anything but white space follows.
    }

    private void ReadMetadata()
    {
        if (_metadata is not null)
            throw Damaged("its header has __metadata__ twice");
        _metadata = new(StringComparer.Ordinal);
        Expect(JsonTokenType.StartObject, "__metadata__");
        while (NextKey(out string key))
        {
            Expect(JsonTokenType.String, $"metadata key {FileErrors.Quote(key)}");
            if (!_metadata.TryAdd(key, Text()))
                throw Damaged($"metadata key {FileErrors.Quote(key)} occurs twice");
            if (_metadata.Count > MaxEntries)
                throw Damaged($"it holds more than {MaxEntries} metadata keys");
        }
    }

    private SafetensorsEntry ReadTensor(string name)
    {
        string tensor = $"tensor {FileErrors.Quote(name)}";
        SafetensorsDtype? dtype = null;
        List<long>? shape = null, offsets = null;

        Expect(JsonTokenType.StartObject, tensor);
        while (NextKey(out string key))
        {
            bool isFirst = key switch
            {
                "dtype" => dtype is null,
                "shape" => shape is null,
                "data_offsets" => offsets is null,
                _ => throw Damaged($"{tensor} has an unknown key {FileErrors.Quote(key)}"),
            };
            if (!isFirst)
                throw Damaged($"{tensor} has {key} twice");
            if (key == "dtype")
                dtype = ReadDtype(tensor);
            else if (key == "shape")
                shape = ReadSizes($"the shape of {tensor}");
            else
                offsets = ReadSizes($"data_offsets of {tensor}");
        }

        if (dtype is null || shape is null || offsets is null)
            throw Damaged($"{tensor} has no {(dtype is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        if (offsets.Count != 2 || offsets[0] > offsets[1])
            throw Damaged($"data_offsets of {tensor} are {SafetensorsEntry.ShapeText(offsets)}, not a begin and an end");

        var entry = new SafetensorsEntry(name, dtype.Value, shape, offsets[0], offsets[1]);
        CheckSize(entry, tensor);
        return entry;
    }

    private SafetensorsDtype ReadDtype(string tensor)
    {
        Expect(JsonTokenType.String, $"the dtype of {tensor}");
        string text = Text();
        return text switch
        {
            "F32" => SafetensorsDtype.F32,
            "F64" => SafetensorsDtype.F64,
            "I64" => SafetensorsDtype.I64,
            "U8" => SafetensorsDtype.U8,
            _ => throw new CharRnnException(
                _path, $"{tensor} has dtype {FileErrors.Quote(text)}, not F32, F64, I64 or U8",
                "convert it to F32, in PyTorch with .float()"),
        };
    }

    private List<long> ReadSizes(string what)
    {
        Expect(JsonTokenType.StartArray, what);
        var sizes = new List<long>();
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (sizes.Count == MaxRank)
                throw Damaged($"{what} has more than {MaxRank} numbers");
            if (_json.TokenType != JsonTokenType.Number || !_json.TryGetInt64(out long size) || size < 0)
                throw Damaged($"{what} holds {TokenText()}, not a whole number from 0 to 2^63 - 1");
            sizes.Add(size);
        }

        return sizes;
    }

    private readonly void CheckSize(SafetensorsEntry entry, string tensor)
    {
        string shape = SafetensorsEntry.ShapeText(entry.Shape);
        long length;
        try
        {
            length = entry.Shape.Aggregate((long)entry.Dtype.Size(), (product, size) => checked(product * size));
        }
        catch (OverflowException)
        {
            throw Damaged($"the shape {shape} of {tensor} has a product over 2^63");
        }

        if (entry.End - entry.Begin != length)
            throw Damaged($"{tensor} has {entry.End - entry.Begin} bytes, but {entry.Dtype} {shape} needs {length}");
    }

    private static void CheckLayout(string path, SafetensorsEntry[] tensors, long payloadLength)
    {
        SafetensorsEntry? before = null;
        foreach (SafetensorsEntry tensor in tensors)
        {
            long end = before?.End ?? 0;
            if (tensor.Begin < end)
                throw FileErrors.Damaged(path, $"tensors {FileErrors.Quote(before!.Name)} and {FileErrors.Quote(tensor.Name)} overlap");
            if (tensor.Begin > end)
                throw FileErrors.Damaged(
                    path, $"{tensor.Begin - end} bytes before tensor {FileErrors.Quote(tensor.Name)} belong to no tensor");
            before = tensor;
        }

        long described = before?.End ?? 0;
        if (described > payloadLength)
            throw FileErrors.Damaged(path, $"it is cut off: its tensors need {described} bytes, {payloadLength} are there");
        if (described < payloadLength)
            throw FileErrors.Damaged(path, $"{payloadLength - described} bytes at its end belong to no tensor");
    }

    /// <summary>Goes on to an object's next key and its value's first token; false at the object's end.</summary>
    private bool NextKey(out string key)
    {
        key = "";
        if (!_json.Read() || _json.TokenType != JsonTokenType.PropertyName)
            return false;
        key = Text();
        _json.Read();
        return true;
    }

    private readonly void Expect(JsonTokenType type, string what)
    {
        if (_json.TokenType != type)
        {
            string expected = type switch
            {
                JsonTokenType.StartObject => "an object",
                JsonTokenType.StartArray => "an array",
                _ => "a string",
            };
            throw Damaged($"{what} is {TokenText()}, not {expected}");
        }
    }

    private readonly string Text()
    {
        try
        {
            return _json.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // An escaped half of a surrogate pair is valid JSON and no text.
            throw FileErrors.Damaged(_path, $"its header holds a string of invalid Unicode at byte {_json.TokenStartIndex}", e);
        }
    }

    private readonly string TokenText() => _json.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.Number => Encoding.ASCII.GetString(_json.ValueSpan[..Math.Min(_json.ValueSpan.Length, 40)]),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        _ => "a string",
    };

    private readonly CharRnnException Damaged(string found) => FileErrors.Damaged(_path, found);
}
