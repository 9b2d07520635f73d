using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>A directory of its own, in which the command line runs as users run it: as a process, with streams and an exit code.</summary>
internal sealed class Shell : IDisposable
{
    // No command here works for more than five seconds; the rest is for machines with more to do, and for drivers that compile kernels.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // Published with .NET itself, for a machine that may have no other.
    private static readonly bool s_isSelfContained =
        typeof(object).Assembly.Location.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal);

    public string Root { get; } = Directory.CreateTempSubdirectory("charrnn-cli-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], bytes);
        return name;
    }

    /// <summary>Runs <c>charrnn</c> to its end.</summary>
    public CommandResult Run(params string[] args) => Run([], args);

    /// <summary>Runs <c>charrnn</c> to its end with these pieces on its stdin, one after the other.</summary>
    public CommandResult Run(
        byte[][] input, string[] args, Dictionary<string, string>? environment = null, params string[] launcher)
    {
        using Process process = Start(args, environment, launcher);
        using var output = new MemoryStream();
        long started = Stopwatch.GetTimestamp();
        Task copied = process.StandardOutput.BaseStream.CopyToAsync(output, CancellationToken.None);
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        foreach (byte[] piece in input)
        {
            process.StandardInput.BaseStream.Write(piece);
            process.StandardInput.BaseStream.Flush();
        }

        process.StandardInput.Close();
        int exitCode = End(process);
        copied.Wait(Patience, CancellationToken.None);
        return new CommandResult(exitCode, output.ToArray(), error.Result, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Starts <c>charrnn</c>, by a launcher if there is one; <see cref="End"/> ends it.</summary>
    public Process Start(string[] args, Dictionary<string, string>? environment = null, params string[] launcher)
    {
        string charrnn = Path.Combine(AppContext.BaseDirectory, "charrnn");
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        string[] command = [.. launcher, .. s_isSelfContained ? (string[])[charrnn] : [dotnet, $"{charrnn}.dll"], .. args];
        ProcessStartInfo start = new(command[0], command[1..])
        {
            WorkingDirectory = Root,
            CreateNoWindow = true, // on Windows a console of its own, to which a test can send what is pressed there
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach ((string name, string value) in environment ?? [])
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits for the end of a process, but not for ever.</summary>
    /// <returns>Its exit code.</returns>
    public static int End(Process process)
    {
        if (!process.WaitForExit(Patience))
        {
            process.Kill();
            Assert.Fail($"charrnn did not end: {string.Join(' ', process.StartInfo.ArgumentList.Skip(1))}");
        }

        return process.ExitCode;
    }

    /// <summary>Whether this process was started with SIGINT ignored, which its children inherit. Only Linux tells.</summary>
    public static bool IgnoresInterrupts => OperatingSystem.IsLinux() && File.ReadLines("/proc/self/status")
        .Any(line => line.StartsWith("SigIgn:", StringComparison.Ordinal) && (Convert.ToUInt64(line[7..].Trim(), 16) & 2) != 0);

    /// <summary>Presses Ctrl-C in the process's terminal.</summary>
    public static void PressCtrlC(Process process)
    {
        if (OperatingSystem.IsWindows())
            WindowsConsole.PressCtrlC(process);
        else
            Signal(process, "INT");
    }

    /// <summary>Sends a signal, as a terminal or a service manager does. Unix only.</summary>
    public static void Signal(Process process, string signal)
    {
        string command = string.Create(CultureInfo.InvariantCulture, $"kill -{signal} {process.Id}");
        using Process kill = Process.Start("sh", ["-c", command]); // which has it built in
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Runs <c>charrnn</c>, which must succeed.</summary>
    public CommandResult Succeeds(params string[] args)
    {
        CommandResult result = Run(args);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}: {result.Error}");
        return result;
    }

    /// <summary>
    /// Runs <c>charrnn</c>, which must fail as the catalogue says: one line <c>error: subject: found; what to do</c> last on
    /// stderr, nothing on stdout, no stack trace, soon.
    /// </summary>
    public void Fails(int exitCode, string subject, string found, params string[] args)
    {
        CommandResult result = Run(args);
        string line = Assert.Single(result.ErrorLines, l => l.StartsWith("error: ", StringComparison.Ordinal));
        Assert.Equal(result.ErrorLines[^1], line);
        Assert.StartsWith(Slashes($"error: {subject}: "), Slashes(line), StringComparison.Ordinal);
        string rest = line[$"error: {subject}: ".Length..];
        Assert.Contains(found, rest, StringComparison.Ordinal);
        Assert.Matches("^[^;]+; [^;]+", rest);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.InRange(result.Time, TimeSpan.Zero, TimeSpan.FromSeconds(20)); // 5 on a machine that does nothing else
    }

    // On Windows a path that the program composed has backslashes.
    private static string Slashes(string text) => text.Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>The lines of a run's metrics.jsonl without their times, which no two runs share.</summary>
    public string[] Metrics(string directory) => [.. File.ReadAllLines(this[$"{directory}/metrics.jsonl"]).Select(line =>
    {
        JsonObject metrics = JsonNode.Parse(line)!.AsObject();
        metrics.Remove("characters_per_second");
        metrics.Remove("seconds");
        return metrics.ToJsonString();
    })];

    /// <summary>The number of kills that a test tries; <c>CHARRNN_KILLS</c> in the environment may ask for more.</summary>
    public static int Kills(int few) => int.TryParse(
        Environment.GetEnvironmentVariable("CHARRNN_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out int kills) ? kills : few;

    /// <summary>Every file of a run that is there is whole, and the last checkpoint not older than it was.</summary>
    /// <returns>Its iteration.</returns>
    public long Whole(string directory, long atLeast)
    {
        if (!Directory.Exists(this[directory]))
            return atLeast;
        long last = 0;
        foreach (string path in Directory.EnumerateFiles(this[directory], "*.safetensors"))
            if (Path.GetFileName(path).StartsWith("checkpoint", StringComparison.Ordinal))
                last = Math.Max(last, CheckpointFile.Load(path).Snapshot.Iteration);
            else
                _ = ModelFile.Load(path);
        Assert.InRange(last, atLeast, long.MaxValue);
        return last;
    }

    /// <summary>A copy of a directory, under another name.</summary>
    public string Copy(string from, string to)
    {
        Directory.CreateDirectory(this[to]);
        foreach (string file in Directory.EnumerateFiles(this[from]))
            File.Copy(file, Path.Combine(this[to], Path.GetFileName(file)));
        return to;
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Root, recursive: true);
        }
        catch (Exception e) when (e is IOException or Win32Exception)
        {
            // A child that failed its test may still hold a file.
        }
    }
}

/// <summary>What a run of the command line left.</summary>
internal sealed record CommandResult(int ExitCode, byte[] Output, string Error, TimeSpan Time)
{
    public string Text => Encoding.UTF8.GetString(Output);

    public string[] Lines => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
