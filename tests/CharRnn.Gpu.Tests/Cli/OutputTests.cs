using System.Diagnostics;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>
/// What becomes of results that nobody reads, or that find no room (52 of the catalogue), and what <c>--verbose</c> adds to an error.
/// </summary>
public sealed class OutputTests : IDisposable
{
    private const string NeedsLinux = "streams that are closed or always full, and limits: as Linux has them";

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
            "train", "lines.txt", "--out", "run", "--iterations", "1000000000",
            "--log-every", "100", "--checkpoint-every", "0", "--hidden-size", "16", "--device", "cpu");
        Assert.Equal(0, exitCode);
        Assert.EndsWith("stopped and saved; go on with: charrnn train --resume --out run\n", error, StringComparison.Ordinal);
        Assert.True(CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration > 0);

        Assert.Equal((0, ""), ReadOnlyTheBegin("sample", "run", "--length", "1000000000000", "--seed", "1", "--device", "cpu"));
    }

    [Fact(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Results_that_find_no_room_are_an_error()
    {
        Assert.Equal(
            (1, "error: stdout: could not be written (No space left on device); free space where it goes, or send it elsewhere\n"),
            InShell("charrnn devices >/dev/full"));
        Assert.Equal((0, ""), InShell("charrnn train --help >/dev/full"));
    }

    [Theory(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    [InlineData("charrnn train none.txt 2>/dev/full", 1)]
    [InlineData("charrnn sample none 2>&-", 1)]
    [InlineData("charrnn train lines.txt --hidden-size 0 2>/dev/full", 2)]
    [InlineData("charrnn eval none none.txt <&- >&- 2>&-", 1)]
    public void An_error_that_cannot_be_written_keeps_its_exit_code(string command, int exitCode) =>
        Assert.Equal(exitCode, InShell(command).ExitCode);

    [Theory(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    [InlineData("<&- >&- 2>&-", "")]
    [InlineData(">/dev/full 2>/dev/full", "")]
    [InlineData(
        ">/dev/full",
        "warning: stdout: could not be written (No space left on device); "
            + "free space where it goes, or send it elsewhere; the work goes on")]
    public void Training_goes_on_where_nothing_can_be_shown(string streams, string warnings)
    {
        _shell.Write("lines.txt", TinyRun.Text);
        (int exitCode, string error) = InShell(
            $"charrnn train lines.txt --out run --iterations 20 --log-every 5 --hidden-size 16 --device cpu {streams}");
        Assert.Equal(0, exitCode);
        Assert.Equal(warnings, string.Join('\n', error.Split('\n').Where(line => line.StartsWith("warning: ", StringComparison.Ordinal))));
        Assert.Equal(20, CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration);
    }

    [Fact(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Stdin_that_is_closed_is_no_text() =>
        Assert.Equal(
            (1, "error: standard input: is closed; give a file, or send something to it\n"),
            InShell("charrnn train - --out run --device cpu <&-"));

    [Fact(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Too_few_open_files_or_no_current_directory_are_an_error()
    {
        Assert.Equal(
            (1, "error: charrnn: may have only 40 files open, and needs 128; raise the limit: ulimit -n 1024\n"),
            InShell("ulimit -n 40; charrnn devices"));
        Assert.Equal((1, ""), InShell("ulimit -n 40; charrnn devices 2>&-"));
        Directory.CreateDirectory(_shell["gone"]);
        Assert.Equal(
            (1, "error: charrnn: the current directory does not exist any more, or cannot be reached; change to another directory first\n"),
            InShell("cd gone; rmdir ../gone; charrnn devices"));
    }

    [Fact(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_file_that_may_not_grow_is_an_error_that_leaves_what_was_saved()
    {
        // Without the variable .NET itself, which maps its own code through a file, would not even start under such a limit.
        const string limited = "export DOTNET_EnableWriteXorExecute=0; ulimit -f 200; ";
        _shell.Write("lines.txt", TinyRun.Text);
        (int exitCode, string error) = InShell(
            $"{limited}charrnn train lines.txt --out run --preset classic --hidden-size 200 --iterations 4 --checkpoint-every 1 --quiet "
                + "--device cpu");
        Assert.Equal(1, exitCode);
        Assert.EndsWith(
            "error: run/checkpoint.safetensors: could not be written because it would be larger than a file may be; "
                + "raise the limit (ulimit -f); what was saved before is whole\n",
            error, StringComparison.Ordinal);

        _shell.Succeeds("train", "lines.txt", "--out", "small", "--iterations", "4", "--hidden-size", "8", "--device", "cpu");
        (exitCode, error) = InShell($"{limited}charrnn sample small --length 1000000 --seed 1 --device cpu >long.txt");
        Assert.Equal(
            (1, "error: stdout: could not be written (File too large); free space where it goes, or send it elsewhere\n"),
            (exitCode, error));
    }

    [Fact]
    public void An_error_line_stays_short_however_long_the_value_is()
    {
        foreach (string[] args in (string[][])
            [["sample", "run", "--temperature", new('x', 20_000)], ["train", new('y', 20_000)], ["train", "--config", new('z', 3000)]])
        {
            string line = Assert.Single(_shell.Run(args).ErrorLines);
            Assert.InRange(line.Length, 50, 520);
            Assert.Matches("^error: .+; [a-z ]+", line);
        }
    }

    [Fact(Skip = NeedsLinux, SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Names_from_files_cannot_command_a_terminal()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script, which runs a command on a terminal, is not here");
        const string hostile = "\e]0;owned\a\u202E";
        IEnumerable<string> rows = Enumerable.Range(0, 12).Select(i => $"{i},{i % 3},{(i % 2 == 0 ? hostile : "plain")}\n");
        _shell.Write("table.csv", $"a,b,{hostile}\n" + string.Concat(rows));
        (int exitCode, _) = InShell(
            $"script -qec \"$(command -v env) -u CI dotnet '{Charrnn}' mlp train table.csv --label '{hostile}' "
                + "--epochs 2 --out run --device cpu\" shown </dev/null >/dev/null");
        Assert.Equal(0, exitCode);
        string shown = File.ReadAllText(_shell["shown"]);
        shown = shown[shown.IndexOf("epoch ", StringComparison.Ordinal)..]; // script's own first line holds the command
        Assert.Contains("\\x1B]0;owned\\x07\\x202E", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("\e]", shown, StringComparison.Ordinal);
    }

    [Fact(Skip = "<(...) is a shell's of Unix", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_shells_pipes_are_files()
    {
        _shell.Write("lines.txt", TinyRun.Text);
        (int exitCode, string error) = InShell(
            "charrnn train <(cat lines.txt) --config <(echo '{\"hidden-size\": 16, \"preset\": \"classic\"}') "
                + "--out 'my run' --iterations 5 --device cpu");
        Assert.True(exitCode == 0, error);
        Assert.EndsWith("done; write text with: charrnn sample 'my run'\n", error, StringComparison.Ordinal);
        (exitCode, error) = InShell("charrnn train --resume --out 'my run' --iterations 6");
        Assert.Equal(1, exitCode);
        Assert.Contains(
            "give the same text again: a file, or PROGRAM | charrnn train - --resume --out 'my run'\n", error, StringComparison.Ordinal);
        Assert.Equal(0, InShell("cat lines.txt | charrnn train - --resume --out 'my run' --iterations 6").ExitCode);
        foreach (string command in (string[])
            ["train /dev/zero --encoding bytes", "mlp train /dev/zero --label a", "train --config /dev/zero"])
            Assert.Equal(
                (1, "error: /dev/zero: is a device, which may never end; give a file or a pipe\n"),
                InShell($"charrnn {command} --out other"));
        Assert.Equal(
            (2, "error: --config: is -, and so is another input; give one of them as a file\n"),
            InShell("charrnn train - --config - --out other"));
    }

    private static string Charrnn => Path.Combine(AppContext.BaseDirectory, "charrnn.dll");

    // What a POSIX shell makes of a command line in which charrnn stands for the command.
    private (int ExitCode, string Error) InShell(string command)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"charrnn() {{ dotnet '{Charrnn}' \"$@\"; }}; {command}"])
        {
            RedirectStandardError = true,
            WorkingDirectory = _shell.Root,
        };
        using Process shell = Process.Start(start)!;
        Task<string> error = shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        return (Shell.End(shell), error.Result);
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
