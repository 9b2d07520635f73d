using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

/// <summary>What comes through a pipe is read once, as it comes.</summary>
public sealed class PipeTests : IDisposable
{
    private readonly TextFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public async Task A_pipe_that_delivers_byte_by_byte()
    {
        string pipe = _folder.MakePipe("pipe");
        byte[] text = [0xEF, 0xBB, 0xBF, .. "a😀\r\nb"u8];
        Task writer = Task.Run(() =>
        {
            using var stream = new FileStream(pipe, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            foreach (byte b in text)
            {
                stream.Write([b]);
                Thread.Sleep(2);
            }
        }, TestContext.Current.CancellationToken);

        using Corpus corpus = TextFolder.Read(pipe);
        await writer;
        Assert.Equal("a😀\r\nb", TextFolder.Text(corpus));
        Assert.Single(corpus.Notes);
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public async Task A_pipe_among_files()
    {
        string pipe = _folder.MakePipe("b.pipe");
        _folder.Write("a.txt", "first ");
        _folder.Write("c.txt", " last");
        byte[] text = new byte[300_000];
        text.AsSpan().Fill((byte)'x');
        Task writer = Task.Run(() => File.WriteAllBytes(pipe, text), TestContext.Current.CancellationToken);

        using Corpus corpus = TextFolder.Read(_folder["?.*"]);
        await writer;
        Assert.Equal("first " + new string('x', text.Length) + " last", TextFolder.Text(corpus));
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public async Task Cancellation_is_heard_while_a_pipe_is_silent()
    {
        string pipe = _folder.MakePipe("pipe");
        using var source = new CancellationTokenSource(50);
        Assert.ThrowsAny<OperationCanceledException>(() => Corpus.Read([pipe], null, source.Token));

        // The opening that was given up still waits, if it had begun at all; a writer that waits for no reader lets it go.
        await using var writer = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void Cancellation_is_heard_while_an_open_pipe_is_silent()
    {
        string pipe = _folder.MakePipe("pipe");
        using var keepOpen = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0);
        keepOpen.Write("some"u8);
        using var source = new CancellationTokenSource(50);
        Assert.ThrowsAny<OperationCanceledException>(() => Corpus.Read([pipe], null, source.Token));
    }
}
