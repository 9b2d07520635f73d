using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using CharRnn.Files;

namespace CharRnn.Runs;

/// <summary>
/// config.json: a flat JSON object of names, as the command line spells its options, to strings, numbers, flags or lists of strings or of
/// numbers, in the order in which they were set. It does not know the options: the meaning of a name belongs to the command line.
/// </summary>
public sealed class RunConfiguration
{
    // Thousands of input paths fit; a corpus given by mistake is not read whole.
    private const int MaxLength = 16 << 20;

    private static readonly JsonWriterOptions s_style = new()
    {
        Indented = true,
        NewLine = "\n",
        // Paths stay readable; the file is not part of a web page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private const string KindName = "kind";

    private readonly string _path;
    private readonly List<string> _names = [];
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);

    /// <summary>A configuration with no values.</summary>
    public RunConfiguration()
        : this("config.json")
    {
    }

    private RunConfiguration(string path) => _path = path;

    /// <summary>The names in their order.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>
    /// The kind of the run that wrote it, under <c>kind</c>; null where no run did. Runs of earlier programs do not name it, and are
    /// told by what only their kind records.
    /// </summary>
    public RunKind? Kind
    {
        get => _values.TryGetValue(KindName, out JsonElement value)
            ? Enum.GetValues<RunKind>().Cast<RunKind?>()
                .FirstOrDefault(kind => value.ValueKind == JsonValueKind.String && value.ValueEquals(WordOf(kind!.Value)))
            : Has("hidden-size") ? RunKind.Text : Has("label") && Has("layers") ? RunKind.Table : null;
        set => Set(KindName, WordOf(value ?? throw new ArgumentNullException(nameof(value))));
    }

    /// <summary>Reads a configuration.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mayBePipe">
    /// Whether a user named it: it may then be a pipe, or <c>-</c> for standard input. A run's own file is neither.
    /// </param>
    /// <exception cref="CharRnnException">
    /// The file cannot be read, is not a flat JSON object, has a name twice or a value of another kind.
    /// </exception>
    public static RunConfiguration Read(string path, bool mayBePipe = false)
    {
        byte[] json = ReadBytes(path, mayBePipe);
        string name = StandardStreams.NameOf(path);
        var configuration = new RunConfiguration(name);
        try
        {
            using var document = JsonDocument.Parse(WithoutByteOrderMark(json), new JsonDocumentOptions { MaxDepth = 8 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw Malformed(name, "is not a JSON object");
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
                configuration.Add(property);
        }
        catch (JsonException e)
        {
            throw Malformed(name, $"is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", e);
        }
        catch (InvalidOperationException e)
        {
            throw Malformed(name, "holds a string of invalid Unicode", e);
        }

        return configuration;
    }

    /// <summary>Writes the configuration atomically, indented, one name per line.</summary>
    /// <exception cref="CharRnnException">The file system refuses.</exception>
    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using (var json = new Utf8JsonWriter(stream, s_style))
        {
            json.WriteStartObject();
            foreach (string name in _names)
            {
                json.WritePropertyName(name);
                _values[name].WriteTo(json);
            }

            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
    });

    /// <summary>Whether there is a value of this name.</summary>
    public bool Has(string name) => _values.ContainsKey(name);

    /// <summary>Sets a string; a name set before keeps its place.</summary>
    public void Set(string name, string value) => Put(name, JsonSerializer.SerializeToElement(value));

    /// <summary>Sets a whole number.</summary>
    public void Set(string name, long value) => Put(name, JsonSerializer.SerializeToElement(value));

    /// <summary>Sets a number.</summary>
    /// <exception cref="ArgumentException">It is not finite.</exception>
    public void Set(string name, double value) => Put(name, JsonSerializer.SerializeToElement(value));

    /// <summary>Sets a flag.</summary>
    public void Set(string name, bool value) => Put(name, JsonSerializer.SerializeToElement(value));

    /// <summary>Sets a list of strings.</summary>
    public void Set(string name, IReadOnlyList<string> values) => Put(name, JsonSerializer.SerializeToElement(values));

    /// <summary>A string.</summary>
    /// <exception cref="CharRnnException">There is no value of this name, or it is of another kind.</exception>
    public string GetText(string name)
    {
        JsonElement value = Value(name);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw WrongKind(name, value, "a string");
    }

    /// <summary>A list of strings; a single string is a list of one.</summary>
    /// <inheritdoc cref="GetText"/>
    public IReadOnlyList<string> GetTexts(string name)
    {
        JsonElement value = Value(name);
        return value.ValueKind switch
        {
            JsonValueKind.Array when !IsNumbers(value) => [.. value.EnumerateArray().Select(item => item.GetString()!)],
            JsonValueKind.String => [value.GetString()!],
            _ => throw WrongKind(name, value, "a list of strings"),
        };
    }

    /// <summary>
    /// A value as it would stand after its option on the command line: a number as it is written in the file, numbers with commas between
    /// them, true or false.
    /// </summary>
    /// <exception cref="CharRnnException">There is no value of this name, or it is a list of strings.</exception>
    public string GetOptionText(string name)
    {
        JsonElement value = Value(name);
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Array => IsNumbers(value)
                ? string.Join(',', value.EnumerateArray())
                : throw WrongKind(name, value, "a single value"),
            _ => value.GetRawText(),
        };
    }

    /// <summary>A value for people: as <see cref="GetOptionText"/>, and a list with commas between.</summary>
    /// <exception cref="CharRnnException">There is no value of this name.</exception>
    public string GetDisplayText(string name) =>
        Value(name) is { ValueKind: JsonValueKind.Array } list ? string.Join(", ", list.EnumerateArray()) : GetOptionText(name);

    // An empty list is one of strings.
    private static bool IsNumbers(JsonElement list) =>
        list.GetArrayLength() > 0 && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number);

    private static string WordOf(RunKind kind) => kind == RunKind.Text ? "text" : "table";

    private static byte[] ReadBytes(string path, bool mayBePipe)
    {
        string name = StandardStreams.NameOf(path);
        try
        {
            string full = FileErrors.FullPath(path);
            using Stream stream = mayBePipe
                ? StandardStreams.OpenToRead(StandardStreams.IsInput(path) ? path : full)
                : new FileStream(RegularFile.OpenHandle(full), FileAccess.Read);
            // One byte more than allowed, so that a pipe, which has no length, is held to the same limit.
            byte[] buffer = new byte[stream.CanSeek ? Math.Min(stream.Length, MaxLength) + 1 : MaxLength + 1];
            int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            if (length > MaxLength)
                throw Malformed(name, $"is longer than a configuration's {MaxLength} bytes");
            return Utf8.IsValid(buffer.AsSpan(0, length)) ? buffer[..length] : throw Malformed(name, "is not valid UTF-8");
        }
        catch (Exception e) when (FileErrors.IsFileFailure(e))
        {
            throw FileErrors.Reading(name, e);
        }
    }

    // Some editors put one; JSON knows none.
    private static ReadOnlyMemory<byte> WithoutByteOrderMark(byte[] json)
        => json.AsSpan().StartsWith("\uFEFF"u8) ? json.AsMemory(3) : json;

    private static CharRnnException Malformed(string path, string found, Exception? cause = null)
        => new(path, found, "give a flat JSON object of option names and values", cause);

    private void Add(JsonProperty property)
    {
        JsonElement value = property.Value;
        bool isAllowed = value.ValueKind switch
        {
            JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => true,
            JsonValueKind.Array => IsNumbers(value) || value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String),
            _ => false,
        };
        if (!isAllowed)
            throw WrongKind(property.Name, value, "a string, a number, true, false or a list of strings or of numbers");
        if (Has(property.Name))
            throw Malformed(_path, $"has {FileErrors.Quote(property.Name)} twice");
        CheckText(value);
        Put(property.Name, value.Clone());
    }

    // An escaped half of a surrogate pair throws InvalidOperationException here, where the file is being read.
    private static void CheckText(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            _ = value.GetString();
        else if (value.ValueKind == JsonValueKind.Array)
            foreach (JsonElement item in value.EnumerateArray())
                CheckText(item);
    }

    private void Put(string name, JsonElement value)
    {
        if (!Has(name))
            _names.Add(name);
        _values[name] = value;
    }

    private JsonElement Value(string name) => _values.TryGetValue(name, out JsonElement value)
        ? value
        : throw new CharRnnException(_path, $"has no value for {FileErrors.Quote(name)}", "add it to the file");

    private CharRnnException WrongKind(string name, JsonElement value, string expected)
    {
        string found = value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => IsNumbers(value) ? "a list of numbers" : "a list",
            JsonValueKind.String => FileErrors.Quote(value.GetString()!),
            _ => value.GetRawText(),
        };
        return new(_path, $"{FileErrors.Quote(name)} is {found}, not {expected}", "correct the value");
    }
}
