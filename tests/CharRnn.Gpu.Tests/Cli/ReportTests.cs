using System.Buffers.Binary;
using System.Text.RegularExpressions;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary><c>report</c>, and the page that training leaves.</summary>
public sealed partial class ReportTests(TinyRun run) : IClassFixture<TinyRun>
{
    private readonly Shell _shell = run.Shell;

    [Fact]
    public void A_runs_page_is_complete_at_its_end_and_can_be_made_again()
    {
        string page = File.ReadAllText(_shell["run/report.html"]);
        Assert.Contains("\"iteration\":[50,75,100,150,200,225,250,300]", page, StringComparison.Ordinal);
        Assert.Contains("\"bigram entropy\"", page, StringComparison.Ordinal);
        File.Delete(_shell["run/report.html"]);
        Assert.Equal("run/report.html", Assert.Single(_shell.Succeeds("report", "run").Lines));
        Assert.Equal(page, File.ReadAllText(_shell["run/report.html"]));
    }

    [Fact]
    public void Several_runs_are_on_one_page()
    {
        Assert.Equal(
            "both.html",
            Assert.Single(_shell.Succeeds("report", "run", _shell.Copy("run", "second"), "--out", "both.html").Lines));
        Assert.Contains("<title>run, second</title>", File.ReadAllText(_shell["both.html"]), StringComparison.Ordinal);
        Assert.Equal("report.html", Assert.Single(_shell.Succeeds("report", "run", "second").Lines));
    }

    [Fact]
    public void A_picture_of_the_losses_can_be_had()
    {
        Assert.Equal(["run/report.html", "loss.png"], _shell.Succeeds("report", "run", "--png", "loss.png").Lines);
        byte[] one = File.ReadAllBytes(_shell["loss.png"]);
        Assert.Equal("PNG\r\n\u001A\n"u8, one.AsSpan(1, 7));
        Assert.Equal(
            (1200, 700),
            (BinaryPrimitives.ReadInt32BigEndian(one.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(one.AsSpan(20))));
        _shell.Succeeds("report", "run", _shell.Copy("run", "other"), "--png", "loss.png", "--out", "both.html");
        Assert.NotEqual(one, File.ReadAllBytes(_shell["loss.png"]));

        string metrics = _shell["other/metrics.jsonl"], report = File.ReadLines(metrics).First();
        File.WriteAllLines(metrics, ((string[])["1.7e308", "-1.7e308"]).Select(loss => Loss().Replace(report, $"\"loss\":{loss}")));
        Assert.Equal(["other/report.html", "largest.png"], _shell.Succeeds("report", "other", "--png", "largest.png").Lines);
        _shell.Fails(1, "run/metrics.jsonl", "is a run's own file", "report", "run", "--png", "run/metrics.jsonl", "--quiet");
        _shell.Fails(
            1, "both.html", "is also read or written by this command",
            "report", "run", "--png", "both.html", "--out", "both.html", "--quiet");
    }

    [Fact]
    public void What_is_no_run_is_refused()
    {
        _shell.Fails(1, "none", "does not exist", "report", "none");
        _shell.Fails(1, "lines.txt", "is a file where a run's directory was expected", "report", "lines.txt");
        Directory.CreateDirectory(_shell["empty"]);
        _shell.Fails(1, "empty", "is not a run's directory", "report", "run", "empty");
        File.AppendAllText(_shell[$"{_shell.Copy("run", "damaged")}/metrics.jsonl"], "{}\n");
        _shell.Fails(1, "damaged/metrics.jsonl", "line 9 is not a report", "report", "damaged");
    }

    [GeneratedRegex("\"loss\":[0-9.]+")]
    private static partial Regex Loss();
}
