using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary><c>dashboard</c> as a browser sees it; what the page does with it is tested in a browser, by tests/browser.</summary>
public sealed partial class DashboardTests : IClassFixture<TinyRun>, IAsyncLifetime
{
    private static readonly CancellationToken s_stop = TestContext.Current.CancellationToken;

    private readonly Shell _shell;
    private readonly HttpClient _client = new();
    private Process? _process;

    public DashboardTests(TinyRun run) => _shell = run.Shell;

    public async ValueTask InitializeAsync()
    {
        if (!Directory.Exists(_shell["runs"]))
            _shell.Copy("run", "runs/b/second");
        if (!Directory.Exists(_shell["runs/a"]))
            _shell.Copy("run", "runs/a");
        Directory.CreateDirectory(_shell["runs/neither"]);
        _shell.Write("runs/neither/config.json", "{}");
        _process = _shell.Start(["dashboard", "runs", "--port", "0", "--device", "cpu"]);
        string address = await _process.StandardOutput.ReadLineAsync(s_stop) ?? await _process.StandardError.ReadToEndAsync(s_stop);
        Assert.Matches("^http://127\\.0\\.0\\.1:[0-9]+/$", address);
        _client.BaseAddress = new Uri(address);
    }

    public ValueTask DisposeAsync()
    {
        _process!.Kill();
        _process.Dispose();
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task It_lists_the_runs_below_a_directory_and_sends_what_they_did()
    {
        var runs = JsonElement.Parse(await _client.GetStringAsync("runs", s_stop));
        Assert.Equal(["a", "b/second"], runs.EnumerateArray().Select(run => run.GetProperty("name").GetString()));
        Assert.All(runs.EnumerateArray(), run => Assert.False(run.GetProperty("training").GetBoolean()));

        var report = JsonElement.Parse(await _client.GetStringAsync("report?run=b/second&run=a", s_stop));
        Assert.Equal(["b/second", "a"], report.EnumerateArray().Select(run => run.GetProperty("name").GetString()));
        Assert.Equal([50, 75, 100, 150, 200, 225, 250, 300], report[1].GetProperty("iteration").EnumerateArray().Select(n => n.GetInt32()));
        Assert.Empty(JsonElement.Parse(await _client.GetStringAsync("report", s_stop)).EnumerateArray());
    }

    [Fact]
    public async Task A_report_is_sent_again_when_the_run_went_on()
    {
        _shell.Copy("run", "runs/b/growing");
        async Task<(HttpStatusCode, string)> Ask(string tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "report?run=b/growing");
            request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            using HttpResponseMessage response = await _client.SendAsync(request, s_stop);
            return (response.StatusCode, response.Headers.ETag?.Tag ?? "");
        }

        (HttpStatusCode status, string tag) = await Ask("");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(HttpStatusCode.NotModified, (await Ask(tag)).Item1);
        string metrics = _shell["runs/b/growing/metrics.jsonl"];
        File.AppendAllText(metrics, File.ReadLines(metrics).Last() + "\n");
        (status, string after) = await Ask(tag);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.NotEqual(tag, after);
        Directory.Delete(_shell["runs/b/growing"], recursive: true);
        Assert.NotEqual(after, (await Ask(after)).Item2);
    }

    [Fact]
    public async Task A_run_that_cannot_be_shown_leaves_the_others()
    {
        _shell.Copy("run", "runs/b/damaged");
        File.AppendAllText(_shell["runs/b/damaged/metrics.jsonl"], "garbage\n");
        var report = JsonElement.Parse(await _client.GetStringAsync("report?run=b/damaged&run=a&run=neither", s_stop));
        Assert.Contains("metrics.jsonl: line 9 is no report", report[0].GetProperty("error").GetString()!.Replace('\\', '/'), StringComparison.Ordinal);
        Assert.Equal(8, report[1].GetProperty("loss").GetArrayLength());
        Assert.Equal("neither: is no run here; choose one of those that are listed", report[2].GetProperty("error").GetString());
        Directory.Delete(_shell["runs/b/damaged"], recursive: true);
    }

    [Fact]
    public async Task A_run_whose_process_is_gone_is_not_at_work()
    {
        _shell.Copy("run", "runs/b/killed");
        string processId = _shell["runs/b/killed/run.pid"];
        File.WriteAllText(processId, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        async Task<bool> IsTraining() => JsonElement.Parse(await _client.GetStringAsync("runs", s_stop)).EnumerateArray()
            .Single(run => run.GetProperty("name").GetString() == "b/killed").GetProperty("training").GetBoolean();
        Assert.True(await IsTraining());
        File.SetLastWriteTimeUtc(processId, DateTime.UtcNow.AddYears(-1)); // this process has its number by now
        Assert.False(await IsTraining());
        Directory.Delete(_shell["runs/b/killed"], recursive: true);
    }

    [Fact]
    public async Task It_writes_what_sample_writes()
    {
        string expected = _shell.Succeeds("sample", "run", "--length", "300", "--seed", "5", "--temperature", "0.9", "--top-k", "7", "--top-p", "0.95", "--prime", "ab 😀", "--device", "cpu").Text;
        using HttpResponseMessage response = await _client.GetAsync("sample?run=a&length=300&seed=5&temperature=0.9&topK=7&topP=0.95&prime=ab%20%F0%9F%98%80", s_stop);
        Assert.Equal(expected, "ab 😀" + await response.Content.ReadAsStringAsync(s_stop));
        Assert.Equal("5", Assert.Single(response.Headers.GetValues("X-Seed")));

        // A beginning of as many characters as may be, each nine in an address.
        string beginning = string.Concat(Enumerable.Repeat("é😀", 3300));
        Assert.Equal(50, (await _client.GetStringAsync($"sample?run=a&length=50&prime={Uri.EscapeDataString(beginning)}", s_stop)).EnumerateRunes().Count());

        // Side by side, each from its own seed, and without one from one that it tells.
        string[] texts = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => _client.GetStringAsync($"sample?run=a&best=true&length=1000&seed={i % 2}", s_stop)));
        Assert.Equal(2, texts.Distinct().Count());
        using HttpResponseMessage random = await _client.GetAsync("sample?run=a&length=50", s_stop);
        string seed = Assert.Single(random.Headers.GetValues("X-Seed"));
        Assert.Equal(await random.Content.ReadAsStringAsync(s_stop), await _client.GetStringAsync($"sample?run=a&length=50&seed={seed}", s_stop));
    }

    [Theory]
    [InlineData("sample?run=none", "none: is no run here; choose one of those that are listed")]
    [InlineData("sample", "run: is no run here; choose one of those that are listed")]
    [InlineData("sample?run=../run", "../run: is no run here; choose one of those that are listed")]
    [InlineData("sample?run=%2Fetc", "/etc: is no run here; choose one of those that are listed")]
    [InlineData("sample?run=neither", "neither: is no run here; choose one of those that are listed")]
    [InlineData("sample?run=a&length=0", "length: is '0'; give a whole number from 1 to 100000")]
    [InlineData("sample?run=a&length=1e99", "length: is '1e99'; give a whole number from 1 to 100000")]
    [InlineData("sample?run=a&temperature=NaN", "temperature: is 'NaN'; give a number from 0")]
    [InlineData("sample?run=a&topK=-1", "topK: is '-1'; give a whole number from 0")]
    [InlineData("sample?run=a&topP=0", "topP: is '0'; give a number over 0, at most 1")]
    [InlineData("sample?run=a&seed=x", "seed: is 'x'; give a whole number from 0 to 18446744073709551615")]
    [InlineData("sample?run=a&prime=Q", "the beginning: has characters that the model's vocabulary does not: 'Q' (U+0051); leave them out or use --unknown skip")]
    public async Task A_wrong_request_gets_one_line(string request, string line)
    {
        using HttpResponseMessage response = await _client.GetAsync(request, s_stop);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(line, await response.Content.ReadAsStringAsync(s_stop));
        Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType?.ToString());
    }

    [Fact]
    public async Task Only_its_own_page_may_ask_and_nothing_may_be_changed()
    {
        foreach ((string header, string value, bool isAllowed) in ((string, string, bool)[])[
            ("Host", "evil.example", false), ("Host", "localhost", true), ("Sec-Fetch-Site", "cross-site", false), ("Sec-Fetch-Site", "same-site", false), ("Sec-Fetch-Site", "same-origin", true)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "runs");
            request.Headers.TryAddWithoutValidation(header, value);
            using HttpResponseMessage response = await _client.SendAsync(request, s_stop);
            Assert.Equal(isAllowed ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
        }

        foreach (HttpMethod method in (HttpMethod[])[HttpMethod.Post, HttpMethod.Put, HttpMethod.Delete])
        {
            using HttpResponseMessage response = await _client.SendAsync(new HttpRequestMessage(method, "sample?run=a"), s_stop);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        }

        using HttpResponseMessage page = await _client.GetAsync("", s_stop);
        Assert.Contains("default-src 'none'", Assert.Single(page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.DoesNotMatch(Outside(), await page.Content.ReadAsStringAsync(s_stop));
    }

    [Fact]
    public void A_port_or_directory_that_cannot_be_had_is_refused()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        string port = ((IPEndPoint)taken.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        _shell.Fails(1, "--port", $"{port} is in use", "dashboard", "runs", "--port", port);
        _shell.Fails(2, "--port", "is '65536'", "dashboard", "runs", "--port", "65536");
        _shell.Fails(1, "none", "does not exist", "dashboard", "none");
        _shell.Fails(1, "lines.txt", "is a file where a directory was expected", "dashboard", "lines.txt");
    }

    [Fact]
    public async Task It_answers_to_this_machine_alone_and_ends_in_order()
    {
        Assert.SkipWhen(Shell.IgnoresInterrupts, "SIGINT is ignored here, as in a script's background jobs, and so it is by what this starts");
        using Process process = _shell.Start(["dashboard", "run", "--port", "0"], new() { ["ASPNETCORE_URLS"] = "http://0.0.0.0:0", ["URLS"] = "http://0.0.0.0:0" });
        Assert.StartsWith("http://127.0.0.1:", await process.StandardOutput.ReadLineAsync(s_stop), StringComparison.Ordinal);
        Shell.PressCtrlC(process);
        Assert.Equal(0, Shell.End(process));
        Assert.Equal("", await process.StandardError.ReadToEndAsync(s_stop));
    }

    [GeneratedRegex("""(src|href)="(?!data:)|https?://(?!www\.w3\.org/2000/svg)""")]
    private static partial Regex Outside();
}
