using System.Globalization;
using System.IO.Hashing;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using CharRnn.Gpu.Devices;
using CharRnn.Reports;
using CharRnn.Runs;
using CharRnn.Sampling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;

namespace CharRnn.Dashboard;

/// <summary>
/// Shows the runs of a directory to a browser on this machine and writes with their models. It changes no file, and
/// answers only to pages of its own, opened by whoever knows its token: neither another site that a browser has open nor
/// another user of the machine can use it.
/// </summary>
public sealed class DashboardServer : IAsyncDisposable
{
    private const int MostCharacters = 100_000, MostPrime = 10_000, MostStops = 100, MostRuns = 100;
    private const string OpenPrinted = "open the address that charrnn dashboard printed", TokenName = "token";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1), Enough = TimeSpan.FromSeconds(20);

    private readonly string _token = RandomNumberGenerator.GetHexString(32, lowercase: true);

    private readonly SemaphoreSlim _reading = new(1);
    private readonly ConnectionLimit _connections = new();
    private readonly string _root;
    private readonly Func<Exception, string> _describe;
    private readonly ModelWriter _writer;
    private readonly WebApplication _application;
    private readonly byte[] _page = DashboardPage.Build();

    private DashboardServer(string root, int port, Func<ComputeDevice> open, Func<Exception, string> describe)
    {
        (_root, _describe, _writer) = (Path.TrimEndingDirectorySeparator(root), describe, new ModelWriter(open));

        // Empty: no settings from files or the environment, which could have it listen to more than this machine.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Use(_connections.Around));
            kestrel.Limits.MaxRequestLineSize = MostPrime * 9 * 2; // %XX for each byte, and room for the rest
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            // A page asks again after 15 at the latest, and who asks nothing holds up others.
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(20);
        });
        builder.Services.AddSingleton(services => _connections.Of(ActivatorUtilities.CreateInstance<SocketTransportFactory>(services)));
        builder.Services.AddRoutingCore();
        _application = builder.Build();
        _application.Use(Guard);
        _application.MapGet("/", SendPage);
        _application.MapGet("/runs", SendRuns);
        _application.MapGet("/report", SendReport);
        _application.MapGet("/sample", SendSample);
    }

    /// <summary>The address at which it answers, with its token.</summary>
    public Uri Address => new(new Uri(_application.Urls.First()), $"?{TokenName}={_token}");

    /// <summary>Starts to listen on the loopback address.</summary>
    /// <param name="root">A run's directory, or one that has some below it.</param>
    /// <param name="port">The port; 0 for any.</param>
    /// <param name="open">Opens the device that writes, when the first text is asked for.</param>
    /// <param name="describe">Words a failure on one line.</param>
    /// <exception cref="CharRnnException">The directory does not exist, or the port cannot be had.</exception>
    public static async Task<DashboardServer> StartAsync(string root, int port, Func<ComputeDevice> open, Func<Exception, string> describe)
    {
        RunSearch.Find(root);
        var server = new DashboardServer(root, port, open, describe);
        try
        {
            await server._application.StartAsync();
            return server;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await server.DisposeAsync();
            bool isTaken = e is AddressInUseException or { InnerException: AddressInUseException };
            throw new CharRnnException(
                "--port", $"{port} {(isTaken ? "is in use" : "may not be used")}", "give another, or 0 for any that is free", e);
        }
    }

    /// <summary>Stops the server, and cuts off texts that are still being written.</summary>
    public async ValueTask DisposeAsync()
    {
        using var enough = new CancellationTokenSource(Patience);
        await _application.StopAsync(enough.Token);
        await _application.DisposeAsync();
        _writer.Dispose();
        _reading.Dispose();
        _connections.Dispose();
    }

    /// <summary>Refuses requests that do not come from our pages, and puts failures into words.</summary>
    private async Task Guard(HttpContext context, RequestDelegate next)
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (Refusal(context.Request) is { } found)
            await Refuse(context, StatusCodes.Status403Forbidden, $"{found}; {OpenPrinted}");
        else
        {
            context.Response.Headers.CacheControl = "no-cache";
            try
            {
                await next(context);
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                // Nobody waits for the answer any more.
            }
            catch (Exception e) when (!context.Response.HasStarted)
            {
                int status = e is CharRnnException ? StatusCodes.Status400BadRequest : StatusCodes.Status500InternalServerError;
                await Refuse(context, status, _describe(e));
            }
        }
    }

    /// <summary>Why a request is not answered; null if it is.</summary>
    private string? Refusal(HttpRequest request)
    {
        // Another name that points at this machine belongs to another site, whose pages may ask for nothing.
        if (request.Host.Host is not ("localhost" or "127.0.0.1"))
            return $"{request.Host}: is not this dashboard";
        if (request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none")
            || (request.Headers.Origin.Count > 0 && request.Headers.Origin != $"{request.Scheme}://{request.Host}"))
            return $"{request.Path}: is asked for by another site";
        return IsToken(request.Cookies[CookieName(request)]) || IsToken(request.Query[TokenName])
            ? null
            : $"{request.Path}: is asked for without this dashboard's token, which is new at each start";
    }

    private bool IsToken(string? given) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given ?? ""), Encoding.UTF8.GetBytes(_token));

    /// <summary>A browser's cookies know no ports: the name tells this dashboard's from another's.</summary>
    private static string CookieName(HttpRequest request) =>
        string.Create(CultureInfo.InvariantCulture, $"charrnn-{request.Host.Port ?? 80}");

    private Task SendPage(HttpContext context)
    {
        if (context.Request.Query.ContainsKey(TokenName))
        {
            // Out of the address: it may be shown, sent on or kept as a bookmark.
            context.Response.Cookies.Append(
                CookieName(context.Request), _token, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Strict, Path = "/" });
            context.Response.Redirect("/");
            return Task.CompletedTask;
        }

        context.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
                + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return Send(context, "text/html", _page);
    }

    private async Task SendRuns(HttpContext context)
    {
        var runs = new JsonArray();
        foreach ((string name, string directory) in await InTurn(Runs, context.RequestAborted))
            if (Files(directory) is { Length: > 0 } files)
                runs.Add(new JsonObject
                {
                    ["name"] = name,
                    ["training"] = RunSearch.IsAtWork(directory),
                    ["age"] = (DateTime.UtcNow - files.Max(file => file.Changed)).TotalSeconds,
                });
        await Send(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(runs));
    }

    private async Task SendReport(HttpContext context)
    {
        string[] names = [.. context.Request.Query["run"].Select(name => name!).Distinct()];
        if (names.Length > MostRuns)
            throw new CharRnnException("run", $"names {names.Length} runs", $"choose at most {MostRuns}");
        Dictionary<string, string> runs = await InTurn(Runs, context.RequestAborted);

        // Taken before the files are read: what is written in between is sent again.
        var stamp = new StringBuilder();
        foreach (string name in names)
        {
            stamp.Append(CultureInfo.InvariantCulture, $"{name}\n");
            foreach ((string file, long length, DateTime changed) in runs.TryGetValue(name, out string? directory) ? Files(directory) : [])
                stamp.Append(CultureInfo.InvariantCulture, $"{file} {length} {changed.Ticks}\n");
        }

        string tag = $"\"{XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(stamp.ToString())):x16}\"";
        if (context.Request.Headers.IfNoneMatch == tag)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.Headers.ETag = tag;
        context.Response.ContentType = "application/json; charset=utf-8";

        // Each is sent before the next is read.
        await using var json = new Utf8JsonWriter(context.Response.Body);
        json.WriteStartArray();
        foreach (string name in names)
        {
            (await Report(name, runs.GetValueOrDefault(name), context.RequestAborted)).WriteTo(json);
            await json.FlushAsync(context.RequestAborted);
        }

        json.WriteEndArray();
    }

    /// <summary>A run for the page; of one that cannot be read, why: the others are shown all the same.</summary>
    private async Task<JsonObject> Report(string name, string? directory, CancellationToken stop)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop);
        string found;
        try
        {
            return directory is null ? throw NoRun(name) : await InTurn(() => Read(directory), stop);
            JsonObject Read(string directory)
            {
                enough.CancelAfter(Enough);
                return ReportPage.Data(RunRecord.Read(directory, enough.Token) with { Name = name });
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            found = $"{name}: is more than can be read in {Enough.TotalSeconds} s; have charrnn report write its page";
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            found = _describe(e);
        }

        return new JsonObject { ["name"] = name, ["error"] = found };
    }

    /// <summary>Reads something while no other request does, so that looking at runs takes little from training.</summary>
    /// <exception cref="CharRnnException">The other takes too long, on a disk that does not answer.</exception>
    private async Task<T> InTurn<T>(Func<T> read, CancellationToken stop)
    {
        if (!await _reading.WaitAsync(2 * Enough, stop))
            throw new CharRnnException(
                "the dashboard", "has been reading another run for too long",
                "see whether its disk answers, or start the dashboard anew");
        try
        {
            return read();
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task SendSample(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        string directory = Directory(await InTurn(Runs, context.RequestAborted), One(query, "run")), prime = One(query, "prime") ?? "";
        if (prime.Length > MostPrime)
            throw new CharRnnException("the beginning", $"has {prime.Length} characters", $"give at most {MostPrime}");
        string[] stops = [.. query["stop"].OfType<string>().Where(text => text.Length > 0)];
        if (stops.Length > MostStops)
            throw new CharRnnException("stop", $"is given {stops.Length} times", $"give at most {MostStops}");
        ulong seed = Number(query, "seed", (ulong)Random.Shared.NextInt64(), _ => true, $"a whole number from 0 to {ulong.MaxValue}");
        var order = new WritingOrder(
            RunSearch.FindModel(directory, One(query, "best") == "true"), prime,
            Number(query, "length", 500, n => n is >= 1 and <= MostCharacters, $"a whole number from 1 to {MostCharacters}"),
            stops,
            new SamplingOptions
            {
                Temperature = Number(query, "temperature", 1f, Limits.IsNotNegative, "a number from 0"),
                TopK = Number(query, "topK", 0, k => k >= 0, "a whole number from 0"),
                TopP = Number(query, "topP", 1f, Limits.IsProbability, "a number over 0, at most 1"),
            },
            seed);

        ChannelReader<byte[]> text = _writer.Write(order, context.RequestAborted);
        await text.WaitToReadAsync(context.RequestAborted); // what fails before the first character can still be said
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers["X-Seed"] = seed.ToString(CultureInfo.InvariantCulture);
        await foreach (byte[] piece in text.ReadAllAsync(context.RequestAborted))
        {
            await context.Response.Body.WriteAsync(piece, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static T Number<T>(IQueryCollection query, string name, T otherwise, Func<T, bool> isValid, string expected)
        where T : INumber<T>
    {
        if (One(query, name) is not { } text)
            return otherwise;
        return T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T? value) && isValid(value)
            ? value
            : throw new CharRnnException(name, $"is '{text}'", $"give {expected}");
    }

    /// <summary>A value of a request; null if it is not given.</summary>
    private static string? One(IQueryCollection query, string name) => query[name] is { Count: > 1 } values
        ? throw new CharRnnException(name, $"is given {values.Count} times", "give it once")
        : query[name];

    /// <summary>The directories of the current runs by the names that the page knows, because a request contains no path.</summary>
    private Dictionary<string, string> Runs()
    {
        IReadOnlyList<string> runs = RunSearch.Find(_root);
        string above = runs.Contains(_root) ? Path.GetDirectoryName(Path.GetFullPath(_root)) ?? _root : _root;
        return runs.ToDictionary(directory => Path.GetRelativePath(above, directory).Replace(Path.DirectorySeparatorChar, '/'));
    }

    private static string Directory(Dictionary<string, string> runs, string? name) =>
        runs.TryGetValue(name ?? "", out string? directory) ? directory : throw NoRun(name is { Length: > 0 } ? name : "run");

    private static CharRnnException NoRun(string name) => new(name, "is not a run here", "choose one of those that are listed");

    /// <summary>The files that a run writes; none if the run is gone by now.</summary>
    private static (string Name, long Length, DateTime Changed)[] Files(string directory)
    {
        try
        {
            RunPaths files = RunSearch.PathsOf(directory);
            return
            [
                .. ((string[])[files.ConfigurationPath, files.MetricsPath, files.SamplesPath]).Select(path => new FileInfo(path))
                    .Select(file => (file.Name, file.Exists ? file.Length : 0, file.LastWriteTimeUtc)),
            ];
        }
        catch (Exception e) when (e is CharRnnException or IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static Task Refuse(HttpContext context, int status, string line)
    {
        context.Response.StatusCode = status;
        return Send(context, "text/plain", Encoding.UTF8.GetBytes(line));
    }

    private static Task Send(HttpContext context, string type, byte[] body)
    {
        context.Response.ContentType = $"{type}; charset=utf-8";
        return context.Response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }
}
