using System.Text;
using System.Text.Json;
using CharRnn.Reports;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Reports;

public class ReportPageTests
{
    private static readonly TrainingReport s_report = new(10, 1, 1000, 2.123456789, 50, 2.5, double.NaN, 123456, 1, 0.1f);

    [Fact]
    public void A_page_is_one_file_whose_texts_are_only_data()
    {
        const string hostile = "</script><script>alert(1)</script> {{style}} <!-- ]]> \u2028 \"";
        string page = Page(Run("run <b> {{script}}", [s_report], [new Sample(5, hostile)]));
        Assert.DoesNotContain("alert(1)</script>", page, StringComparison.Ordinal);
        Assert.Contains("<title>run &lt;b> ", page, StringComparison.Ordinal);
        Assert.Equal(2, page.Split("</script>").Length - 1);
        foreach (string outside in (string[])["src=", "href=\"h", "https:", "@import", "url(", "fetch("])
            Assert.DoesNotContain(outside, page, StringComparison.Ordinal);
        Assert.Equal(hostile, PageData.Of(page)[0].GetProperty("samples")[0].GetProperty("text").GetString());

        string[] marks = ["{{data}}", "{{style}}", "{{title}}", "{{script}}{{body}}", "{{{{data}}}}"];
        Assert.All(marks, mark => Assert.Contains($"<title>{mark}</title>", Page(Run(mark, [s_report], [])), StringComparison.Ordinal));
    }

    [Fact]
    public void Its_data_are_what_the_run_wrote()
    {
        TrainingReport[] reports =
        [
            s_report,
            s_report with { Iteration = 20, Seconds = 3, ValidationLoss = 2 },
            s_report with { Iteration = 30, Seconds = 0.5, Loss = double.NaN },
        ];
        JsonElement run = PageData.Of(Page(Run("run", reports, [])))[0];
        Assert.Equal([10, 20, 30], run.GetProperty("iteration").EnumerateArray().Select(n => n.GetInt32()));
        Assert.Equal([1, 3, 3.5], run.GetProperty("seconds").EnumerateArray().Select(n => n.GetDouble())); // resumed after 3
        Assert.Equal(["2.1235", "2.1235", "null"], run.GetProperty("loss").EnumerateArray().Select(n => n.GetRawText()));
        Assert.Equal(["null", "2", "null"], run.GetProperty("validation").EnumerateArray().Select(n => n.GetRawText()));
        Assert.Equal(
            [("any character", Math.Log(65)), ("unigram entropy", 3.25)],
            run.GetProperty("baselines").EnumerateArray()
                .Select(b => (b.GetProperty("name").GetString(), b.GetProperty("nats").GetDouble())));
        Assert.Empty(run.GetProperty("smooth").EnumerateArray()); // it is not known to have one stream only
        Assert.Equal("a, b", run.GetProperty("configuration").GetProperty("input").GetString());
    }

    [Theory]
    [InlineData("constant-loss")]
    [InlineData("label-entropy")]
    public void The_loss_of_a_constant_answer_is_found_under_its_name_and_that_of_earlier_programs(string name)
    {
        RunRecord run = Run("run", [s_report], []);
        run.Configuration.Set(name, 0.75);
        Assert.Contains(new Baseline("constant answer", 0.75), run.Baselines);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(50, 0)]
    public void The_smoothed_loss_is_shown_of_one_stream(int streams, int expected)
    {
        RunRecord run = Run("run", [s_report, s_report with { Iteration = 20 }], []);
        run.Configuration.Set("batch-size", streams);
        Assert.Equal(expected, PageData.Of(Page(run))[0].GetProperty("smooth").GetArrayLength());
    }

    [Fact]
    public void A_long_run_is_thinned_and_keeps_its_end()
    {
        IEnumerable<TrainingReport> reports = Enumerable.Range(1, 45_001)
            .Select(i => s_report with { Iteration = i, ValidationLoss = i % 1000 == 1 ? i : double.NaN });
        Sample[] samples = [.. Enumerable.Range(1, 1000).Select(i => new Sample(i, "text"))];
        JsonElement run = PageData.Of(Page(Run("run", reports, samples)))[0];
        int[] iterations = [.. run.GetProperty("iteration").EnumerateArray().Select(n => n.GetInt32())];
        Assert.InRange(iterations.Length, 10_000, 20_000);
        Assert.Equal(46, run.GetProperty("validation").EnumerateArray().Count(value => value.ValueKind == JsonValueKind.Number));
        Assert.Equal(45_001, iterations[^1]);
        Assert.InRange(run.GetProperty("samples").GetArrayLength(), 30, 61);
    }

    [Fact]
    public void A_curve_is_bounded_whatever_was_reported()
    {
        // A validation each time, the best of them where nothing else would keep it, and a start anew every 1000 reports.
        const int count = 300_001;
        IEnumerable<TrainingReport> reports = Enumerable.Range(0, count).Select(i =>
            s_report with { Iteration = i, Seconds = i % 1000, ValidationLoss = i == 77_777 ? 1 : 2 });
        TrainingReport[] curve = RunRecord.Curve(reports, TestContext.Current.CancellationToken);
        Assert.InRange(curve.Length, 10_000, 40_000);
        Assert.Equal([0, count - 1], [curve[0].Iteration, curve[^1].Iteration]);
        Assert.Equal(77_777, curve.MinBy(report => report.ValidationLoss).Iteration);
        Assert.Equal(curve.Select(report => report.Iteration).Distinct().Order(), curve.Select(report => report.Iteration));
        Assert.All(curve, report => Assert.Equal((report.Iteration / 1000 * 999) + (report.Iteration % 1000), report.Seconds));
        Assert.Equal(20_000, RunRecord.Curve(reports.Take(20_000), TestContext.Current.CancellationToken).Length);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => RunRecord.Curve(reports, stopped.Token));
    }

    [Fact]
    public void The_largest_and_least_numbers_are_numbers()
    {
        double[] values = [double.MaxValue, -double.MaxValue, double.Epsilon, 1e-308, double.PositiveInfinity, double.NaN];
        JsonElement run = PageData.Of(Page(Run("run", [.. values.Select(value => s_report with { Loss = value })], [])))[0];
        Assert.Equal(
            [double.MaxValue, -double.MaxValue, double.Epsilon, 1e-308, null, null],
            run.GetProperty("loss").EnumerateArray()
                .Select(value => value.ValueKind == JsonValueKind.Null ? (double?)null : value.GetDouble()));
    }

    private static RunRecord Run(string name, IEnumerable<TrainingReport> reports, Sample[] samples)
    {
        var configuration = new RunConfiguration();
        configuration.Set("vocabulary-size", 65);
        configuration.Set("unigram-entropy", 3.25);
        configuration.Set("input", ["a", "b"]);
        return new RunRecord(name, configuration, RunRecord.Curve(reports), samples);
    }

    private static string Page(params RunRecord[] runs) => Encoding.UTF8.GetString(ReportPage.Build(runs));
}
