using System.Globalization;
using System.Text.RegularExpressions;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Tables of other programs are trained on as they are, with no option but the label's.</summary>
public sealed partial class ForeignTableTests : IDisposable
{
    private readonly Shell _shell = new();

    public static TheoryData<string> Names => [.. ForeignTables.All.Keys];

    public void Dispose() => _shell.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_table_as_R_and_pandas_write_it_is_understood(string name)
    {
        (string text, string[] decisions) = ForeignTables.All[name];
        _shell.Write("table.csv", text);
        CommandResult trained = _shell.Succeeds(
            "mlp", "train", "table.csv", "--label", "kind", "--epochs", "2", "--out", "run", "--device", "cpu");
        Assert.Equal(
            ["column is values missing", .. decisions],
            trained.ErrorLines.Take(decisions.Length + 1).Select(line => Blanks().Replace(line, " ")));
        Assert.StartsWith(
            string.Create(CultureInfo.InvariantCulture, $"table: table.csv, {ForeignTables.Rows} rows; "),
            trained.ErrorLines[decisions.Length + 1], StringComparison.Ordinal);

        CommandResult predicted = _shell.Succeeds("mlp", "predict", "run", "table.csv", "--device", "cpu");
        Assert.Empty(predicted.Error);
        Assert.Equal("kind,\"p(one, left)\",\"p(two, right)\"", predicted.Lines[0]);
        Assert.Equal(ForeignTables.Rows, predicted.Lines.Count(line => Prediction().IsMatch(line)));
        CommandResult measured = _shell.Succeeds("mlp", "eval", "run", "table.csv", "--device", "cpu");
        Assert.Empty(measured.Error);
        Assert.StartsWith(
            string.Create(CultureInfo.InvariantCulture, $"{ForeignTables.Rows} rows, loss "), measured.Lines[0], StringComparison.Ordinal);
    }

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();

    [GeneratedRegex("^\"(one, left|two, right)\",[0-9.E-]+,[0-9.E-]+$")]
    private static partial Regex Prediction();
}
