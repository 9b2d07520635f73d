using CharRnn.Files;

namespace CharRnn.Text;

/// <summary>The wording of every error about a corpus, in one place.</summary>
internal static class CorpusErrors
{
    /// <summary>What to do about bytes that are not text, if the encoding can be chosen.</summary>
    public const string UseBytes = "use --encoding bytes";

    /// <summary>What to do about them if the model determines the encoding.</summary>
    public const string GiveText = "give UTF-8 text, as the model was trained on";

    public static CharRnnException Missing(string path) => path.Contains('\uFFFD', StringComparison.Ordinal)
        ? NameNotUtf8(path)
        : new(path.Length > 0 ? path : "''", "no such file or directory", "check the path");

    // .NET shows such a name with U+FFFD and cannot open it.
    public static CharRnnException NameNotUtf8(string path) =>
        new(path, "has a name that is not valid UTF-8", "rename it, or send it to standard input: charrnn ... - < FILE");

    public static CharRnnException BrokenLink(string path) =>
        new(path, "is a link that leads nowhere", "check what it points to");

    public static CharRnnException Run(string directory) =>
        new(
            directory, "is a run's directory, not a text",
            $"give a text, or have one written with charrnn sample {FileKind.Quote(directory)}");

    public static CharRnnException OnlyRuns(string directory) =>
        new(directory, "holds runs of charrnn and no text", "give a text, or a directory that holds some");

    public static CharRnnException NoMatch(string pattern) =>
        new(pattern, "matches no file", "check the pattern (*, ? and ** for any depth)");

    public static CharRnnException NoText(string directory) =>
        new(directory, "a directory with no text in it", "give one that holds files which are neither empty nor hidden");

    public static CharRnnException Unreadable(string path, Exception cause) =>
        new(path, $"cannot be read ({cause.Message.TrimEnd('.')})", "check its permissions and its disk", cause);

    public static CharRnnException Empty(string name) =>
        new(name, "is empty", "give a file with text in it");

    public static CharRnnException TooShort(string name, int batchSize, int sequenceLength, long has, long validation) =>
        new(name,
            $"needs at least {TextSplit.RequiredLength(batchSize, sequenceLength)} characters"
            + $" (batch size {batchSize} x (sequence length {sequenceLength} + 2)), has {has}"
            + (validation > 0 ? $" to train on besides the {validation} for validation" : ""),
            "give more text or lower --batch-size or --seq-length");

    /// <param name="path">The file.</param>
    /// <param name="text">The text from the invalid byte on.</param>
    /// <param name="offset">Where the byte stands.</param>
    /// <param name="remedy">What to do where no encoding helps.</param>
    public static CharRnnException InvalidByte(string path, ReadOnlySpan<byte> text, long offset, string remedy)
    {
        string found = $"invalid byte 0x{text[0]:X2} at offset {offset} in UTF-8 text";
        return FileKind.Of(text) == FileKind.Windows1252
            ? new(path, $"{found}, which looks like {FileKind.Windows1252.Name}", $"{FileKind.Windows1252.TextAdvice(path)}, or {remedy}")
            : new(path, found, $"convert it to UTF-8 if it is text (iconv -f ITS-ENCODING -t UTF-8), or {remedy}");
    }

    public static CharRnnException Binary(string path, long offset, string remedy) =>
        new(path, $"looks binary, with a NUL byte at offset {offset}", remedy);

    public static CharRnnException OneCharacter(string name, string character) =>
        new(name, $"has one distinct character only, {character}, so there is nothing to learn", "give other text");

    public static CharRnnException VocabularyTooLarge(string name, int size, int limit, string? need) => new(
        name, $"has {size:N0} distinct characters, more than the {limit:N0} allowed{(need is null ? "" : $", for which {need}")}",
        UseBytes);

    public static CharRnnException Changed(string path, long before, long read, long after) =>
        new(path, $"changed while it was read ({before} bytes at the start, {read} read, {after} now)",
            "wait until nothing writes to it, or give a copy");

    public static CharRnnException UnknownCharacters(string subject, string names) =>
        new(subject, $"has characters that the model's vocabulary does not: {names}", "leave them out, as --unknown skip does");

    public static CharRnnException NoKnownCharacter(string name) =>
        new(name, "has no character of the model's vocabulary", "give text like that which the model was trained on");

    public static CharRnnException LoneSurrogate(string subject, int index) =>
        new(subject, $"is not valid Unicode text, with half a surrogate pair at index {index}", "give whole characters");
}
