using System.CommandLine;
using CharRnn.Gpu.Cli;

namespace CharRnn.Gpu.Tests.Cli;

public sealed class CommandLineTests
{
    private static readonly RootCommand Root = CommandLine.Build();

    private static IEnumerable<string> Options(string command) => CommandLine.OptionNames(Root.Subcommands.Single(c => c.Name == command));

    [Theory]
    [InlineData("train", "--hiden-size", "--hidden-size")]
    [InlineData("train", "--hidden_size", "--hidden-size")]
    [InlineData("train", "--hidden", "--hidden-size")]
    [InlineData("train", "--learningrate", "--learning-rate")]
    [InlineData("train", "--eval-evry", "--eval-every")]
    [InlineData("train", "--iteration", "--iterations")]
    [InlineData("train", "-out", "--out")]
    [InlineData("sample", "--temp", "--temperature")]
    [InlineData("sample", "--topk", "--top-k")]
    [InlineData("sample", "--prime-fil", "--prime-file")]
    public void A_mistyped_option_is_answered_with_the_nearest(string command, string given, string meant) =>
        Assert.Equal(
            $"{given}: is not an option; did you mean {meant}?",
            CommandLine.UnknownName(given, "an option", Options(command), "see help"));

    [Theory]
    [InlineData("--lr")]
    [InlineData("--attention")]
    [InlineData("--frobnicate")]
    [InlineData("-x")]
    public void What_is_near_to_nothing_is_answered_with_the_help(string given) =>
        Assert.Equal($"{given}: is not an option; see help", CommandLine.UnknownName(given, "an option", Options("train"), "see help"));

    [Fact]
    public void Every_command_and_option_says_what_it_is()
    {
        Assert.All(Root.Subcommands, command =>
        {
            Assert.Contains($"Example: charrnn {command.Name}", command.Description, StringComparison.Ordinal);
            Assert.All(
                command.Options, option => Assert.False(string.IsNullOrWhiteSpace(option.Description), $"{command.Name} {option.Name}"));
            Assert.All(command.Options, option => Assert.Matches("^--[a-z]+[0-9]?(-[a-z]+)*$", option.Name));
        });
    }
}
