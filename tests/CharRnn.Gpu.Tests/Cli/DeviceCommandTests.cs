using System.Text.Json;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary><c>devices</c>, <c>verify</c> and <c>bench</c>.</summary>
public sealed class DeviceCommandTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void Devices_lists_what_is_here_and_what_auto_chooses()
    {
        CommandResult devices = _shell.Succeeds("devices");
        Assert.All(
            ["cuda", "opencl", "cpu"],
            kind => Assert.Contains(devices.Lines, line => line[2..].StartsWith(kind, StringComparison.Ordinal)));
        Assert.Single(devices.Lines, line => line.StartsWith('*') && line.EndsWith("<- auto chooses this", StringComparison.Ordinal));

        JsonElement[] json = [.. _shell.Succeeds("devices", "--json").Lines.Select(line => JsonElement.Parse(line))];
        Assert.Equal(devices.Lines.Length, json.Length);
        Assert.Single(json, device => device.GetProperty("auto").GetBoolean());
        Assert.True(json[^1] is var cpu && cpu.GetProperty("id").GetString() == "cpu" && cpu.GetProperty("usable").GetBoolean());
    }

    [Fact]
    public void Verify_checks_every_kernel_of_the_cpu()
    {
        CommandResult verify = _shell.Succeeds("verify", "--device", "cpu");
        Assert.EndsWith(" checks, 0 failed", verify.Lines[^1], StringComparison.Ordinal);
        string[] kernels =
            ["Hidden", "Output", "Chain", "TimeSteps", "Persistent", "Gradient", "Update", "TrainSteps", "Evaluate", "Sample"];
        Assert.All(kernels, kernel =>
            Assert.Contains(verify.Lines, line => line.StartsWith($"ok   {kernel} ", StringComparison.Ordinal)));
        Assert.Matches(@"error \d\.\de[+-]\d+, tolerance \de-\d ", verify.Text);
    }

    [Fact]
    public void Verify_fails_where_the_device_is_absent() =>
        _shell.Fails(1, "cuda:99", "no such device; use one of those here: ", "verify", "--device", "cuda:99");

    [Fact(Skip = "finds its drivers where LD_LIBRARY_PATH says", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void Drivers_that_do_not_load_keep_nobody_from_the_cpu()
    {
        foreach (string library in (string[])["libcuda.so", "libcuda.so.1", "libOpenCL.so", "libOpenCL.so.1"])
            _shell.Write($"drivers/{library}", "no library");
        Dictionary<string, string> broken = new() { ["LD_LIBRARY_PATH"] = _shell["drivers"] };
        foreach (string device in (string[])["cpu", "auto"])
        {
            CommandResult train = _shell.Run(
                [], ["train", "--iterations", "2", "--hidden-size", "8", "--device", device, "--out", device], broken);
            Assert.True(train.ExitCode == 0, train.Error);
            Assert.Contains("device: CPU (cpu); ", train.Error, StringComparison.Ordinal);
        }

        Assert.Equal(0, _shell.Run([], ["devices"], broken).ExitCode);
        Assert.Matches(
            "^error: cuda:0: no such device; use one of those here: cpu",
            _shell.Run([], ["verify", "--device", "cuda"], broken).Error);
    }

    [Fact]
    public void Bench_measures_each_configuration()
    {
        JsonElement[] json =
            [.. _shell.Succeeds("bench", "--device", "cpu", "--seconds", "0.1", "--json").Lines.Select(line => JsonElement.Parse(line))];
        Assert.NotEmpty(json);
        Assert.All(json, line =>
        {
            Assert.True(
                line.GetProperty("characters_per_second").GetDouble() > line.GetProperty("reference_characters_per_second").GetDouble());
            Assert.True(line.GetProperty("gflop_per_second").GetDouble() > 0);
            Assert.True(line.GetProperty("sampled_characters_per_second").GetDouble() > 0);
            Assert.InRange(line.GetProperty("gradient_error").GetDouble(), 1e-9, 1e-5);
        });
    }

    [Fact]
    public void Bench_measures_the_configuration_and_the_plan_that_it_is_told()
    {
        JsonElement line = JsonElement.Parse(_shell.Succeeds(
            "bench", "--device", "cpu", "--seconds", "0.1", "--json",
            "--hidden-size", "33", "--batch-size", "3", "--seq-length", "7", "--plan", "phases").Lines.Single());
        string[] names = ["hidden_size", "batch_size", "seq_length"];
        Assert.Equal([33, 3, 7], names.Select(name => line.GetProperty(name).GetInt32()));
        Assert.Equal(5, line.GetProperty("launches_per_step").GetDouble());

        // The parts of a step add up to the step.
        line = JsonElement.Parse(_shell.Succeeds(
            "bench", "--device", "cpu", "--seconds", "0.1", "--json", "--cell", "gru", "--layers", "2", "--profile",
            "--hidden-size", "33", "--batch-size", "3", "--seq-length", "7", "--plan", "phases").Lines.Single());
        Assert.Equal(("gru", 2), (line.GetProperty("cell").GetString(), line.GetProperty("layers").GetInt32()));
        double gflop = line.GetProperty("kernels").EnumerateArray()
            .Where(kernel => kernel.GetProperty("gflop_per_second").ValueKind == JsonValueKind.Number)
            .Sum(kernel => kernel.GetProperty("gflop_per_second").GetDouble() * kernel.GetProperty("seconds_per_step").GetDouble());
        Assert.Equal(new ModelShape(65, 33, RecurrentCell.Gru, 2).TrainingFlops * 3 * 7 / 1e9, gflop, 1e-9);
    }
}
