using System.Globalization;
using System.IO.Hashing;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Reports;
using CharRnn.Sampling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace CharRnn.Dashboard;

/// <summary>
/// Shows the runs of a directory to a browser on this machine and writes with their models. It changes no file, and
/// answers only to pages of its own: another site that a browser has open cannot use it.
/// </summary>
public sealed class DashboardServer : IAsyncDisposable
{
    private const int MostCharacters = 100_000, MostPrime = 10_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

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
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.MaxRequestLineSize = MostPrime * 9 * 2; // %XX for each byte, and room for the rest
        });
        builder.Services.AddRoutingCore();
        _application = builder.Build();
        _application.Use(Guard);
        _application.MapGet("/", SendPage);
        _application.MapGet("/runs", SendRuns);
        _application.MapGet("/report", SendReport);
        _application.MapGet("/sample", SendSample);
    }

    /// <summary>Where it answers.</summary>
    public Uri Address => new(_application.Urls.First());

    /// <summary>Starts to listen on the loopback address.</summary>
    /// <param name="root">A run's directory, or one that has some below it.</param>
    /// <param name="port">The port; 0 for any.</param>
    /// <param name="open">Opens the device that writes, when the first text is asked for.</param>
    /// <param name="describe">Words a failure on one line.</param>
    /// <exception cref="CharRnnException">The directory does not exist, or the port cannot be had.</exception>
    public static async Task<DashboardServer> StartAsync(string root, int port, Func<ComputeDevice> open, Func<Exception, string> describe)
    {
        RunDirectory.Find(root);
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
            throw new CharRnnException("--port", $"{port} {(isTaken ? "is in use" : "may not be used")}", "give another, or 0 for any that is free", e);
        }
    }

    /// <summary>Stops; whoever still listens to a text is cut off.</summary>
    public async ValueTask DisposeAsync()
    {
        using var enough = new CancellationTokenSource(Patience);
        await _application.StopAsync(enough.Token);
        await _application.DisposeAsync();
        _writer.Dispose();
    }

    /// <summary>Refuses whoever is no page of ours, and words failures.</summary>
    private async Task Guard(HttpContext context, RequestDelegate next)
    {
        // A name that its owner points at this machine is no name of ours, and its pages may ask for nothing.
        if (context.Request.Host.Host is not ("localhost" or "127.0.0.1"))
            await Refuse(context, StatusCodes.Status403Forbidden, $"{context.Request.Host}: is not this dashboard; open {Address}");
        else if (context.Request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none"))
            await Refuse(context, StatusCodes.Status403Forbidden, $"{context.Request.Path}: is asked for by another site; open {Address}");
        else
        {
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers.XContentTypeOptions = "nosniff";
            try
            {
                await next(context);
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                // Nobody waits for it any more.
            }
            catch (Exception e) when (!context.Response.HasStarted)
            {
                await Refuse(context, e is CharRnnException ? StatusCodes.Status400BadRequest : StatusCodes.Status500InternalServerError, _describe(e));
            }
        }
    }

    private Task SendPage(HttpContext context)
    {
        context.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return Send(context, "text/html", _page);
    }

    private Task SendRuns(HttpContext context)
    {
        var runs = new JsonArray();
        foreach ((string name, string directory) in Runs())
            if (Files(directory) is { Length: > 0 } files)
                runs.Add(new JsonObject
                {
                    ["name"] = name,
                    ["training"] = RunDirectory.IsAtWork(directory),
                    ["age"] = (DateTime.UtcNow - files.Max(file => file.LastWriteTimeUtc)).TotalSeconds,
                });
        return Send(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(runs));
    }

    private Task SendReport(HttpContext context)
    {
        Dictionary<string, string> runs = Runs();
        (string Name, string? Directory)[] asked = [.. context.Request.Query["run"].Select(name => (name!, runs.GetValueOrDefault(name!)))];

        // Taken before the files are read: what is written in between is sent again.
        var stamp = new StringBuilder();
        foreach ((string name, string? directory) in asked)
        {
            stamp.Append(CultureInfo.InvariantCulture, $"{name}\n");
            foreach (FileInfo file in directory is null ? [] : Files(directory))
                stamp.Append(CultureInfo.InvariantCulture, $"{file.Name} {(file.Exists ? file.Length : 0)} {file.LastWriteTimeUtc.Ticks}\n");
        }

        string tag = $"\"{XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(stamp.ToString())):x16}\"";
        if (context.Request.Headers.IfNoneMatch == tag)
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        context.Response.Headers.ETag = tag;
        return Send(context, "application/json", JsonSerializer.SerializeToUtf8Bytes(new JsonArray([.. asked.Select(run => Report(run.Name, run.Directory))])));
    }

    /// <summary>A run for the page; of one that cannot be read, why: the others are shown all the same.</summary>
    private static JsonObject Report(string name, string? directory)
    {
        try
        {
            return ReportPage.Data((directory is null ? throw NoRun(name) : RunRecord.Read(directory)) with { Name = name });
        }
        catch (CharRnnException e)
        {
            return new JsonObject { ["name"] = name, ["error"] = e.Message };
        }
    }

    private async Task SendSample(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        string directory = Directory(Runs(), query["run"]), prime = query["prime"].ToString();
        if (prime.Length > MostPrime)
            throw new CharRnnException("the beginning", $"has {prime.Length} characters", $"give at most {MostPrime}");
        ulong seed = Number(query, "seed", (ulong)Random.Shared.NextInt64(), _ => true, $"a whole number from 0 to {ulong.MaxValue}");
        var order = new WritingOrder(
            RunDirectory.FindModel(directory, query["best"] == "true"), prime,
            Number(query, "length", 500, n => n is >= 1 and <= MostCharacters, $"a whole number from 1 to {MostCharacters}"),
            new SamplingOptions
            {
                Temperature = Number(query, "temperature", 1f, t => t >= 0 && float.IsFinite(t), "a number from 0"),
                TopK = Number(query, "topK", 0, k => k >= 0, "a whole number from 0"),
                TopP = Number(query, "topP", 1f, p => p is > 0 and <= 1, "a number over 0, at most 1"),
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
        if (query[name] is not [{ } text])
            return otherwise;
        return T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T? value) && isValid(value)
            ? value
            : throw new CharRnnException(name, $"is '{text}'", $"give {expected}");
    }

    /// <summary>The directories of the runs there are by now, by the names that the page knows: a request names no path.</summary>
    private Dictionary<string, string> Runs()
    {
        IReadOnlyList<string> runs = RunDirectory.Find(_root);
        string above = runs.Contains(_root) ? Path.GetDirectoryName(Path.GetFullPath(_root)) ?? _root : _root;
        return runs.ToDictionary(directory => Path.GetRelativePath(above, directory).Replace(Path.DirectorySeparatorChar, '/'));
    }

    private static string Directory(Dictionary<string, string> runs, string? name) =>
        runs.TryGetValue(name ?? "", out string? directory) ? directory : throw NoRun(name is { Length: > 0 } ? name : "run");

    private static CharRnnException NoRun(string name) => new(name, "is no run here", "choose one of those that are listed");

    /// <summary>What a run writes down; nothing if it is gone by now.</summary>
    private static FileInfo[] Files(string directory)
    {
        try
        {
            RunFiles files = RunDirectory.FilesOf(directory);
            return [new(files.Configuration), new(files.Metrics), new(files.Samples)];
        }
        catch (CharRnnException)
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
        context.Response.ContentType = new MediaTypeHeaderValue(type) { Charset = "utf-8" }.ToString();
        return context.Response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }
}
