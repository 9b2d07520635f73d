using System.Reflection;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>The text that <c>train</c> reads when it gets none: the sources of this program, which SampleCorpus.targets embeds.</summary>
internal static class SampleCorpus
{
    /// <summary>The name of the text in messages.</summary>
    public const string Name = "the sample corpus";

    private const string Prefix = "corpus/";

    /// <summary>The files' paths from the repository's root, with forward slashes, in ordinal order.</summary>
    public static IReadOnlyList<string> Files { get; } =
    [
        .. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>All files joined, as UTF-8 with LF line ends and no byte order mark: the same bytes from every checkout.</summary>
    public static Stream Open()
    {
        var text = new MemoryStream();
        foreach (string file in Files)
        {
            using Stream source = Assembly.GetExecutingAssembly().GetManifestResourceStream(Prefix + file)!;
            byte[] bytes = new byte[source.Length];
            source.ReadExactly(bytes);
            Append(bytes, text);
        }

        text.Position = 0;
        return text;
    }

    /// <summary>Appends a file without its byte order mark, each CR LF as LF.</summary>
    internal static void Append(ReadOnlySpan<byte> file, MemoryStream text)
    {
        if (file.StartsWith("\uFEFF"u8))
            file = file["\uFEFF"u8.Length..];

        while (file.IndexOf("\r\n"u8) is >= 0 and int at)
        {
            text.Write(file[..at]);
            text.WriteByte((byte)'\n');
            file = file[(at + 2)..];
        }

        text.Write(file);
    }
}
