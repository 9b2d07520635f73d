using CharRnn.Gpu.Cli.Commands;
using CharRnn.Gpu.Devices;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class HelpTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("train", "--checkpoint-every <N>")]
    [InlineData("sample", "--temperature <N>")]
    [InlineData("eval", "--unknown <error|skip>")]
    [InlineData("devices", "--json")]
    [InlineData("verify", "--device <DEVICE>")]
    [InlineData("bench", "--seconds <N>")]
    public void Every_command_explains_itself_with_an_example(string command, string option)
    {
        CommandResult help = _shell.Succeeds(command, "--help");
        Assert.Contains($"Example: charrnn {command}", help.Text, StringComparison.Ordinal);
        foreach (string shown in new[] { option, "--verbose", "--quiet", "--json", "--help" })
            Assert.Contains($"  {shown}", help.Text.Replace("-?, -h, ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("CharRnn.", help.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(" { ", help.Text, StringComparison.Ordinal); // the default value of a type that does not print well
        Assert.Empty(help.Error);
    }

    [Fact]
    public void The_defaults_are_shown()
    {
        string help = _shell.Succeeds("train", "--help").Text;
        Assert.All(
            [
                ("preset", "small"), ("cell", "lstm"), ("layers", "1"), ("hidden-size", "128"), ("dropout", "0.1"), ("seq-length", "64"),
                ("batch-size", "that of the preset, and fewer for a short text"), ("schedule", "cosine"),
                (
                    "learning-rate",
                    "0.015; of an optimizer that is not the preset's, 0.1 for adagrad and sgd, 0.01 for rmsprop, 0.001 for adam and adamw"),
                ("clip", "none"), ("clip-norm", "5"), ("optimizer", "adam"),
                ("epochs", "set by the preset, 10 with classic"), ("seed", "1"), ("device", "auto"),
                ("encoding", "utf-8"), ("val-fraction", "0.1"), ("log-every", "100"),
                ("sample-every", "1000"), ("sample-length", "200"), ("eval-every", "1000"), ("checkpoint-every", "1000"),
                ("out", "runs/<time>"),
            ],
            ((string Option, string Value) expected) => Assert.Matches($@"--{expected.Option} .*\[default: {expected.Value}\]", help));
    }

    [Fact]
    public void Every_preset_is_listed_with_its_options_and_what_it_is_for()
    {
        string help = _shell.Succeeds("train", "--help").Text;
        foreach (Preset preset in Preset.All)
        {
            Assert.Matches($@"(?m)^ +{preset.Name} +{preset.Purpose}:", help);
            Assert.Contains(string.Join(' ', preset.Options.Select(one => $"{one.Option} {one.Value}")), help, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_program_lists_its_commands()
    {
        CommandResult help = _shell.Succeeds("--help");
        foreach (string command in new[] { "train <INPUT>", "sample <MODEL>", "eval <MODEL> <INPUT>", "devices", "verify", "bench" })
            Assert.Single(help.Lines, line => line.StartsWith($"  {command} ", StringComparison.Ordinal));
        Assert.DoesNotContain("Example", help.Text, StringComparison.Ordinal); // each stands in its command's own help
    }

    [Fact]
    public void The_version_names_the_commit_and_the_drivers_libraries()
    {
        string[] lines = _shell.Succeeds("--version").Lines;
        Assert.Equal(4, lines.Length);
        Assert.Matches(@"^charrnn \d+\.\d+\.\d+(\+[0-9a-f]{40})?$", lines[0]); // no commit, where the source is no clone
        Assert.Matches(@"^\.NET \d+\.\d+\.\d+, .+, ILGPU \d+\.\d+\.\d+$", lines[1]);
        Assert.All([("CUDA", DeviceKind.Cuda, lines[2]), ("OpenCL", DeviceKind.OpenCl, lines[3])], library =>
            Assert.StartsWith(
                $"{library.Item1}: {DriverLibrary.FileOf(library.Item2)} is "
                    + (DriverLibrary.IsPresent(library.Item2) ? "here" : "not here"),
                library.Item3, StringComparison.Ordinal));
    }

    [Fact]
    public void A_shell_is_told_how_a_line_may_go_on()
    {
        Assert.Equal(["--hidden-size"], _shell.Succeeds("[suggest:11]", "train --hid").Lines);
        Assert.Equal(["bytes", "utf-8"], _shell.Succeeds("[suggest:17]", "train --encoding ").Lines);
        Assert.Contains("inspect", _shell.Succeeds("[suggest:2]", "in").Lines);
    }
}
