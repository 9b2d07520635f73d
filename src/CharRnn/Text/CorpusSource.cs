namespace CharRnn.Text;

/// <summary>The source of a text.</summary>
/// <param name="Name">The name of the whole text in errors.</param>
/// <param name="Files">The files to read, in order.</param>
/// <param name="ReadInto">Reads all of it.</param>
internal sealed record CorpusSource(string Name, IReadOnlyList<string> Files, Action<CorpusReader, CancellationToken> ReadInto)
{
    /// <summary>Bytes of all files together, byte order marks included; 0 if it can be read only once, or has no size.</summary>
    public long Bytes { get; private init; }

    /// <summary>Notes for the user about what is read and what is left out.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>The files that the command line's inputs stand for.</summary>
    /// <exception cref="ArgumentException">There is no input.</exception>
    public static CorpusSource Of(IReadOnlyList<string> inputs)
    {
        if (inputs.Count == 0)
            throw new ArgumentException("no input", nameof(inputs));

        List<string> notes = [];
        IReadOnlyList<InputFile> files = InputFiles.Find(inputs, notes);
        string name = files.Count == 1 ? files[0].Name : $"{files[0].Name} and {files.Count - 1} more";
        long bytes = Size(files);
        return new CorpusSource(name, [.. files.Select(f => f.Path)], (reader, cancellation) =>
        {
            reader.TotalBytes = bytes;
            foreach (InputFile file in files)
                reader.ReadFile(file, cancellation);
        })
        {
            Bytes = bytes,
            Notes = notes,
        };
    }

    /// <summary>A stream.</summary>
    public static CorpusSource Of(Stream stream, string name) =>
        new(name, [name], (reader, cancellation) => reader.Read(stream, name, expected: 0, cancellation));

    private static long Size(IReadOnlyList<InputFile> files)
    {
        long bytes = 0;
        foreach (InputFile file in files)
        {
            // A pipe or device has no length, and a link only that of its target's name.
            if (file.IsStandardInput)
                return 0;
            var info = new FileInfo(file.Path);
            if ((info.ResolveLinkTarget(returnFinalTarget: true) ?? info) is not FileInfo { Exists: true, Length: > 0 and long length })
                return 0;
            bytes += length;
        }

        return bytes;
    }
}
