using System.Text;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

/// <summary>A directory of test texts, gone with its test, and short ways to read them.</summary>
internal sealed class TextFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("charrnn-text-").FullName;

    public string this[string name] => Path.Combine(Root, name.Replace('/', Path.DirectorySeparatorChar));

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        string path = this[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>A named pipe; Unix only.</summary>
    public string MakePipe(string name) => NamedPipe.Make(this[name]);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    public static Corpus Read(string input, CorpusOptions? options = null) =>
        Corpus.Read([input], options, TestContext.Current.CancellationToken);

    public static Corpus Read(byte[] text, CorpusOptions? options = null) =>
        Corpus.Read(new MemoryStream(text), "text", options, TestContext.Current.CancellationToken);

    /// <summary>All tokens.</summary>
    public static int[] Tokens(ITokenSource source)
    {
        int[] tokens = new int[source.Length];
        source.Read(0, tokens);
        return tokens;
    }

    /// <summary>The bytes that a corpus' tokens stand for.</summary>
    public static byte[] Bytes(Corpus corpus) => corpus.Vocabulary.Decode(Tokens(corpus.Tokens));

    public static string Text(Corpus corpus) => Encoding.UTF8.GetString(Bytes(corpus));

    /// <summary>The message of the error that reading ends with.</summary>
    public static string Error(Func<Corpus> read) => Assert.Throws<CharRnnException>(() => read().Dispose()).Message;
}

/// <summary>Calls back at once, on the reader's thread.</summary>
internal sealed class Callback(Action<long> report) : IProgress<ReadingProgress>
{
    public void Report(ReadingProgress value) => report(value.Bytes);
}
