using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Options and surroundings that must be refused, 39–49 of the catalogue.</summary>
public sealed class BadOptionTests : IDisposable
{
    private readonly Shell _shell = new();

    public BadOptionTests() => _shell.Write("lines.txt", TinyRun.Text);

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("train", "--hidden-size", "0", "a whole number from 1 to 2147483647")]
    [InlineData("train", "--hidden-size", "99999999999", "a whole number from 1 to 2147483647")]
    [InlineData("train", "--batch-size", "-1", "a whole number from 1 to 2147483647")]
    [InlineData("train", "--seq-length", "1.5", "a whole number from 1 to 2147483647")]
    [InlineData("train", "--iterations", "many", "a whole number from 1 to 9223372036854775807")]
    [InlineData("train", "--log-every", "-1", "a whole number from 0 to 9223372036854775807")]
    [InlineData("train", "--learning-rate", "0", "a number over 0, up to 3.4e38")]
    [InlineData("train", "--learning-rate", "-1", "a number over 0, up to 3.4e38")]
    [InlineData("train", "--learning-rate", "NaN", "a number over 0, up to 3.4e38")]
    [InlineData("train", "--clip", "1e400", "a number over 0, up to 3.4e38")]
    [InlineData("train", "--schedule", "cosinus", "constant or cosine or linear or exponential or step or plateau")]
    [InlineData("train", "--warmup", "-1", "a whole number from 0 to 9223372036854775807")]
    [InlineData("train", "--min-learning-rate", "-0.1", "a number from 0")]
    [InlineData("train", "--decay", "1.5", "a number over 0, at most 1")]
    [InlineData("train", "--decay-every", "0", "a whole number from 1 to 9223372036854775807")]
    [InlineData("train", "--decay-patience", "0", "a whole number from 1 to 9223372036854775807")]
    [InlineData("train", "--patience", "-1", "a whole number from 0 to 9223372036854775807")]
    [InlineData("train", "--val-fraction", "1", "a number from 0, below 1")]
    [InlineData("train", "--optimizer", "lion", "adagrad or rmsprop or adam or adamw or sgd")]
    [InlineData("train", "--encoding", "latin1", "utf-8 or bytes")]
    [InlineData("train", "--device", "gpu", "auto, cpu, cuda, cuda:1, opencl or opencl:1 (charrnn devices lists what is here)")]
    [InlineData("train", "--device", "cuda:-1", "auto, cpu, cuda, cuda:1, opencl or opencl:1 (charrnn devices lists what is here)")]
    [InlineData("sample", "--temperature", "-0.1", "a number from 0")]
    [InlineData("sample", "--temperature", "NaN", "a number from 0 to 3.4e38")]
    [InlineData("sample", "--top-p", "0", "a number over 0, at most 1")]
    [InlineData("sample", "--top-p", "1.01", "a number over 0, at most 1")]
    [InlineData("sample", "--top-p", "NaN", "a number over 0, at most 1")]
    [InlineData("sample", "--seed", "", "a whole number from 0 to 18446744073709551615")]
    [InlineData("sample", "--count", "1,000", "a whole number from 1 to 2147483647")]
    public void A_value_out_of_its_range(string command, string option, string value, string expected) =>
        _shell.Fails(2, option, $"is '{value}'; give {expected}", command, "run", option, value);

    [Theory]
    [InlineData("--tolerance", "1e50")]
    [InlineData("--tolerance", "1e-50")]
    [InlineData("--change-tolerance", "1e50")]
    [InlineData("--change-tolerance", "1e-50")]
    [InlineData("--change-tolerance", "-1")]
    public void A_tolerance_that_no_float_is(string option, string value) =>
        _shell.Fails(
            2, option, $"is '{value}'; give 0, or a number from 1e-45 to 3.4e38",
            "mlp", "train", "table.csv", "--label", "y", option, value);

    [Theory]
    [InlineData("--momentum", "0.9", "adam", "sgd")]
    [InlineData("--beta1", "0.5", "adagrad", "adam or adamw")]
    [InlineData("--rms-decay", "0.5", "sgd", "rmsprop")]
    [InlineData("--epsilon", "1e-6", "sgd", "adagrad or rmsprop or adam or adamw")]
    public void An_option_that_the_optimizer_does_not_have(string option, string value, string optimizer, string others)
    {
        string found = $"is not used by --optimizer {optimizer}; leave it out, or give --optimizer {others}";
        _shell.Fails(2, option, found, "train", "--optimizer", optimizer, option, value);
        _shell.Write("table.csv", "a,b\n1,2\n2,3\n3,4\n");
        _shell.Fails(2, option, found, "mlp", "train", "table.csv", "--label", "b", "--optimizer", optimizer, option, value);
    }

    [Fact]
    public void What_the_command_line_lacks_or_has_too_much_of()
    {
        _shell.Fails(
            2, "charrnn",
            "no command is given; "
                + "give one of train, sample, eval, report, dashboard, inspect, export, import, mlp, devices, verify, bench");
        _shell.Fails(2, "charrnn mlp", "no command is given; give one of train, predict, eval, inspect, or see charrnn mlp --help", "mlp");
        _shell.Fails(2, "tarin", "is not a command; did you mean train?", "mlp", "tarin");
        _shell.Fails(2, "--label", "is missing; give --label COLUMN", "mlp", "train", "table.csv");
        _shell.Fails(
            2, "--layres", "is not an option of charrnn mlp train; did you mean --layers?",
            "mlp", "train", "table.csv", "--layres", "3");
        _shell.Fails(
            2, "--layers", "is '4,0'; give whole numbers from 1, with commas between them, or none",
            "mlp", "train", "table.csv", "--label", "y", "--layers", "4,0");
        _shell.Fails(2, "trian", "is not a command; did you mean train?", "trian", "lines.txt");
        _shell.Fails(2, "MODEL", "is missing; see charrnn sample --help", "sample");
        _shell.Fails(2, "INPUT", "is missing; see charrnn eval --help", "eval", "run");
        _shell.Fails(2, "more", "is one argument too many; see charrnn devices --help", "devices", "more");
        _shell.Fails(2, "--seed", "has no value; give N behind it", "train", "lines.txt", "--seed");
        _shell.Fails(2, "--seed", "is given 2 times; give it once", "train", "--seed", "1", "lines.txt", "--seed=2");
        _shell.Fails(2, "--epochs", "is given with --iterations", "train", "--iterations", "1", "--epochs", "1");
        _shell.Fails(2, "--prime-file", "is given with --prime", "sample", "run", "--prime", "a", "--prime-file", "b");
        _shell.Fails(2, "--overwrite", "is given with --resume", "train", "--resume", "--overwrite", "--out", "run");
        _shell.Fails(2, "--verbose", "stands before the command; put it behind: charrnn train --verbose", "--verbose", "train");
    }

    [Fact]
    public void Options_that_the_schedule_does_not_use_or_lacks()
    {
        _shell.Fails(
            2, "--min-learning-rate",
            "is not used by --schedule constant; "
                + "leave it out, or give --schedule cosine or linear or exponential or step or plateau",
            "train", "--schedule", "constant", "--min-learning-rate", "0.01");
        _shell.Fails(
            2, "--decay", "is not used by --schedule cosine; leave it out, or give --schedule exponential or step or plateau",
            "train", "--schedule", "cosine", "--decay", "0.5");
        _shell.Fails(
            2, "--decay-every", "is not used by --schedule plateau; leave it out, or give --schedule exponential or step",
            "train", "--schedule", "plateau", "--decay-every", "5");
        _shell.Fails(
            2, "--decay-patience", "is not used by --schedule step; leave it out, or give --schedule plateau",
            "train", "--schedule", "step", "--decay-every", "5", "--decay-patience", "3");
        _shell.Fails(2, "--decay-every", "is missing, and --schedule exponential needs it", "train", "--schedule", "exponential");
        _shell.Fails(
            2, "--min-learning-rate", "is 0.2, above the --learning-rate of 0.1; give a smaller one",
            "train", "--preset", "classic", "--schedule", "linear", "--min-learning-rate", "0.2");
        _shell.Fails(
            2, "--schedule plateau", "needs a validation part to measure on; give a --val-fraction over 0",
            "train", "--schedule", "plateau", "--val-fraction", "0");
        _shell.Fails(
            2, "--patience", "needs measurements on the way; give an --eval-every over 0",
            "train", "--patience", "3", "--eval-every", "0");
        _shell.Fails(
            1, "--patience", "needs a validation part of at least 32 characters, and there are 4",
            "train", "lines.txt", "--val-fraction", "0.01", "--patience", "3", "--device", "cpu", "--out", "run");
        Assert.False(Directory.Exists(_shell["run"]));
    }

    [Fact]
    public void An_option_or_key_that_there_is_not()
    {
        _shell.Fails(
            2, "--hiden-size", "is not an option of charrnn train; did you mean --hidden-size?",
            "train", "lines.txt", "--hiden-size", "3");
        _shell.Fails(2, "--hiden-size", "did you mean --hidden-size?", "train", "--hiden-size=3");
        _shell.Fails(2, "-out", "did you mean --out?", "train", "-out", "run");
        _shell.Write("-notes.txt", "a text");
        _shell.Fails(
            2, "-notes.txt", "is not an option of charrnn eval; write ./-notes.txt for the file of that name",
            "eval", "run", "-notes.txt");
        _shell.Fails(1, "./-notes.txt", "needs at least 66 characters", "train", "./-notes.txt", "--device", "cpu");
        _shell.Fails(
            2, "--frobnicate", "is not an option of charrnn eval; see charrnn eval --help",
            "eval", "run", "lines.txt", "--frobnicate");

        _shell.Write("typo.json", """{"hiden-size": 3}""");
        _shell.Fails(
            2, "typo.json", "hiden-size: is not an option of charrnn train; did you mean hidden-size?",
            "train", "lines.txt", "--config", "typo.json");
        _shell.Write("zero.json", """{"hidden-size": 0}""");
        _shell.Fails(2, "zero.json", "hidden-size: is '0'; give a whole number from 1", "train", "lines.txt", "--config", "zero.json");
        _shell.Write("flag.json", """{"quiet": 3}""");
        _shell.Fails(2, "flag.json", "quiet: is '3'; give true or false", "train", "lines.txt", "--config", "flag.json");
        _shell.Write("no-flag.json", """{"hidden-size": true}""");
        _shell.Fails(
            2, "no-flag.json", "hidden-size: is 'true'; give a whole number from 1",
            "train", "lines.txt", "--config", "no-flag.json");
        _shell.Write("config.json", """{"config": "other.json"}""");
        _shell.Fails(2, "config.json", "config: is not an option of charrnn train; see", "train", "lines.txt", "--config", "config.json");
        _shell.Write("torn.json", """{"hidden-size": """);
        _shell.Fails(1, "torn.json", "is not valid JSON", "train", "lines.txt", "--config", "torn.json");
        _shell.Fails(1, "none.json", "does not exist", "train", "lines.txt", "--config", "none.json");
    }

    [Fact]
    public void Sizes_that_no_machine_holds_are_refused_before_anything_is_made()
    {
        _shell.Fails(
            1, "--hidden-size 10000000 --batch-size 1 --seq-length 25", "needs 1.6 PB, CPU has ",
            "train", "lines.txt", "--preset", "classic", "--hidden-size", "10000000", "--out", "huge", "--device", "cpu");
        _shell.Fails(
            1, "lines.txt", "needs at least 270000000 characters",
            "train", "lines.txt", "--preset", "classic", "--batch-size", "10000000", "--out", "huge", "--device", "cpu");
        Assert.False(Directory.Exists(_shell["huge"]));
        _shell.Fails(
            1, "--hidden-size 10000000 --batch-size 1 --seq-length 25", "needs 1.6 PB, CPU has ",
            "bench", "--hidden-size", "10000000", "--device", "cpu");
    }

    [Fact]
    public void A_cache_that_is_no_path_gives_up_no_run()
    {
        _shell.Succeeds("train", "lines.txt", "--out", "run", "--iterations", "1", "--hidden-size", "16", "--device", "cpu");
        byte[] model = File.ReadAllBytes(_shell["run/model.safetensors"]);
        _shell.Fails(
            1, "--cache", "is not a path; give a directory, or none",
            "train", "lines.txt", "--out", "run", "--overwrite", "--cache", "", "--device", "cpu");
        Assert.Equal(model, File.ReadAllBytes(_shell["run/model.safetensors"]));
    }

    [Fact]
    public void A_device_that_is_not_here()
    {
        _shell.Fails(
            1, "cuda:99", "no such device; use one of those here: ",
            "train", "lines.txt", "--device", "cuda:99", "--out", "absent");
        _shell.Fails(1, "opencl:99", "cpu (`charrnn devices` says more)", "train", "lines.txt", "--device", "opencl:99", "--out", "absent");
        Assert.False(Directory.Exists(_shell["absent"]));
    }

    [Fact(
        Skip = "a directory that not even root may write: Linux has one",
        SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsLinux))]
    public void A_directory_that_cannot_be_written()
    {
        _shell.Fails(
            1, "lines.txt", "is a file where a directory was expected",
            "train", "lines.txt", "--device", "cpu", "--out", "lines.txt");
        _shell.Fails(1, "lines.txt/run", "which is a file", "train", "lines.txt", "--device", "cpu", "--out", "lines.txt/run");
        _shell.Fails(1, "/proc/run", "could not be written", "train", "lines.txt", "--device", "cpu", "--out", "/proc/run");
    }

    [Theory]
    [InlineData("1e30")] // saturates every hidden unit: losses stay finite, and absurd
    [InlineData("1e38")] // overflows
    public void A_rate_that_ruins_the_model_ends_the_run_and_keeps_the_last_checkpoint(string rate)
    {
        // One step at that rate leaves finite weights, which are saved; the next must not touch them.
        _shell.Succeeds(
            "train", "lines.txt", "--out", "run", "--preset", "classic", "--iterations", "1", "--hidden-size", "16", "--seq-length", "8",
            "--device", "cpu", "--learning-rate", rate);
        byte[] model = File.ReadAllBytes(_shell["run/model.safetensors"]);
        _shell.Fails(
            1, "run", "so the last checkpoint and model are kept; start anew with --overwrite and a lower --learning-rate",
            "train", "--resume", "--out", "run", "--iterations", "100", "--quiet");
        Assert.Equal(model, File.ReadAllBytes(_shell["run/model.safetensors"]));
        Assert.Equal(1, CheckpointFile.Load(_shell["run/checkpoint.safetensors"]).Snapshot.Iteration);
    }

    [Fact]
    public void A_run_that_diverges_before_its_first_checkpoint_says_so() =>
        _shell.Fails(
            1, "run", "training diverged: a loss or gradient is not finite, before the first checkpoint",
            "train", "lines.txt", "--out", "run", "--quiet", "--device", "cpu", "--learning-rate", "3e38");
}
