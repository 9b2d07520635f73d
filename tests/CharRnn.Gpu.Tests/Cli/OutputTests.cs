using System.Diagnostics;
using CharRnn.Files;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>What becomes of results that nobody reads, or that find no room (52 of the catalogue), and what <c>--verbose</c> adds to an error.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    // As head does: reads the begin and goes.
    private (int ExitCode, string Error) ReadOnlyTheBegin(params string[] args)
    {
        using Process process = _shell.Start(args);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.NotEqual(-1, process.StandardOutput.Read());
        process.StandardOutput.Close();
        return (Shell.End(process), error.Result);
    }

    [Fact(Skip = ".NET does not tell of a closed pipe on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_command_whose_reader_has_had_enough_ends_quietly_and_training_saves_itself()
    {
        _shell.Write("lines.txt", TinyRun.Text);
        (int exitCode, string error) = ReadOnlyTheBegin(
            "train", "lines.txt", "--out", "run", "--iterations", "1000000000", "--log-every", "100", "--checkpoint-every", "0", "--hidden-size", "16", "--device", "cpu");
        Assert.Equal(0, exitCode);
        Assert.EndsWith("stopped and saved; go on with: charrnn train --resume --out run\n", error, StringComparison.Ordinal);
        Assert.True(CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration > 0);

        Assert.Equal((0, ""), ReadOnlyTheBegin("sample", "run", "--length", "1000000000000", "--seed", "1", "--device", "cpu"));
    }

    [Fact(Skip = "a device that is always full: Linux has one", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Results_that_find_no_room_are_an_error()
    {
        var start = new ProcessStartInfo("sh", ["-c", $"dotnet '{Path.Combine(AppContext.BaseDirectory, "charrnn.dll")}' devices >/dev/full"]) { RedirectStandardError = true };
        using Process shell = Process.Start(start)!;
        Assert.Equal("error: stdout: could not be written (No space left on device); free space where it goes, or send it elsewhere\n", shell.StandardError.ReadToEnd());
        Assert.Equal(1, Shell.End(shell));
    }

    [Fact]
    public void A_stack_trace_is_shown_where_it_is_asked_for()
    {
        CommandResult failed = _shell.Run("train", "none.txt", "--verbose");
        Assert.Equal(1, failed.ExitCode);
        Assert.StartsWith("error: none.txt: ", failed.Error, StringComparison.Ordinal);
        Assert.Contains("   at CharRnn.", failed.Error, StringComparison.Ordinal);
    }
}
