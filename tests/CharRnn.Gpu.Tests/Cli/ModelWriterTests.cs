using CharRnn.Dashboard;
using CharRnn.Gpu.Devices;
using CharRnn.Sampling;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>What the dashboard does when the thread that writes hangs: in a driver, or on a disk that does not answer.</summary>
public sealed class ModelWriterTests : IDisposable
{
    private static readonly WritingOrder s_order = new("none", "", 1, [], new SamplingOptions(), 1);

    private readonly ManualResetEventSlim _end = new();
    private volatile bool _hangs;

    public void Dispose() => _end.Set();

    [Fact]
    public void It_takes_no_more_orders_than_it_can_keep_and_ends()
    {
        var writer = new ModelWriter(Hang);
        int taken = 0;
        CharRnnException refused = Assert.Throws<CharRnnException>(() =>
        {
            for (; taken < 1000; taken++)
                writer.Write(s_order, TestContext.Current.CancellationToken);
        });
        Assert.Equal("the dashboard: has 100 texts to write before this one; try again when some are done", refused.Message);
        Assert.InRange(taken, 100, 101);
        EndsSoon(Task.Run(writer.Dispose, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_server_ends_all_the_same()
    {
        string root = Directory.CreateTempSubdirectory("charrnn-hang-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(root, "run"));
            foreach ((string name, string text) in ((string, string)[])
                [("config.json", """{"hidden-size": 1}"""), ("model.safetensors", "")])
                await File.WriteAllTextAsync(Path.Combine(root, "run", name), text, TestContext.Current.CancellationToken);
            DashboardServer server = await DashboardServer.StartAsync(root, 0, Hang, e => e.Message);
            using var client = new HttpClient();
            Task<string> written = client.GetStringAsync(
                new Uri(server.Address, $"sample{server.Address.Query}&run=run"), TestContext.Current.CancellationToken);
            while (!_hangs)
                await Task.Delay(20, TestContext.Current.CancellationToken);
            EndsSoon(server.DisposeAsync().AsTask());
            await Assert.ThrowsAsync<HttpRequestException>(() => written);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private ComputeDevice Hang()
    {
        _hangs = true;
        _end.Wait(CancellationToken.None);
        throw new InvalidOperationException();
    }

    private static void EndsSoon(Task task) => Assert.True(task.Wait(TimeSpan.FromSeconds(60), CancellationToken.None));
}
