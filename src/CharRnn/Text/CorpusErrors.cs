using CharRnn.Model;

namespace CharRnn.Text;

/// <summary>The wording of every error about a corpus, in one place.</summary>
internal static class CorpusErrors
{
    /// <summary>What to do about bytes that are no text, where the encoding can be chosen.</summary>
    public const string UseBytes = "use --encoding bytes";

    /// <summary>What to do about them where the model has chosen it.</summary>
    public const string GiveText = "give UTF-8 text, as the model was trained on";

    public static CharRnnException Missing(string path) =>
        new(path.Length > 0 ? path : "''", "no such file or directory", "check the path");

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
            + (validation > 0 ? $" to train on beside the {validation} to validate with" : ""),
            "give more text or lower --batch-size or --seq-length");

    public static CharRnnException InvalidByte(string path, byte value, long offset, string remedy) =>
        new(path, $"invalid byte 0x{value:X2} at offset {offset} in UTF-8 text", remedy);

    public static CharRnnException OtherUnicode(string path, string encoding, string remedy) =>
        new(path, $"is {encoding}, by its byte order mark", $"convert it to UTF-8 (iconv -f {encoding} -t UTF-8) or {remedy}");

    public static CharRnnException Binary(string path, long offset, string remedy) =>
        new(path, $"looks binary, with a NUL byte at offset {offset}", remedy);

    public static CharRnnException OneCharacter(string name, string character) =>
        new(name, $"has one distinct character only, {character}, so there is nothing to learn", "give other text");

    public static CharRnnException VocabularyTooLarge(string name, int size, int limit, int? hiddenSize)
    {
        // Weights, gradients and Adagrad memory, four bytes each.
        string memory = hiddenSize is int h
            ? $", for which a model of {h} hidden units would need {new ModelShape(size, h).ParameterCount * 12 / 1e6:N0} MB"
            : "";
        return new(name, $"has {size:N0} distinct characters, more than the {limit:N0} allowed{memory}", UseBytes);
    }

    public static CharRnnException Changed(string path, long before, long read, long after) =>
        new(path, $"changed while it was read ({before} bytes at the start, {read} read, {after} now)",
            "wait until nothing writes to it, or give a copy");

    public static CharRnnException UnknownCharacters(string subject, string names) =>
        new(subject, $"has characters that the model's vocabulary does not: {names}", "leave them out or use --unknown skip");

    public static CharRnnException NoKnownCharacter(string name) =>
        new(name, "has not one character of the model's vocabulary", "give text like that which the model was trained on");

    public static CharRnnException LoneSurrogate(string subject, int index) =>
        new(subject, $"is no valid Unicode text, with half a surrogate pair at index {index}", "give whole characters");

    public static CharRnnException Spill(string directory, Exception cause) =>
        new(directory, $"cannot hold the part of the corpus that exceeds memory ({cause.Message.TrimEnd('.')})",
            $"free space there or set {(OperatingSystem.IsWindows() ? "TEMP" : "TMPDIR")} to a directory with room", cause);
}
