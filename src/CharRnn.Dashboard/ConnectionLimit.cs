using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace CharRnn.Dashboard;

/// <summary>
/// Few connections at a time: the next is accepted when one has ended, and waits with the operating system until then.
/// Kestrel's own limit accepts every connection before it closes those that are too many; by then they may have taken the
/// last file descriptor, without which .NET aborts the process.
/// </summary>
internal sealed class ConnectionLimit : IDisposable
{
    // A browser opens six at most.
    private const int Most = 16, Least = 2;

    // Left for what is opened later: a hundred assemblies, a device's driver and a run's files each take descriptors.
    private const int StillToOpen = 120;

    private readonly SemaphoreSlim _room = new(Math.Clamp(FreeDescriptors() - StillToOpen, Least, Most));

    /// <summary>A transport that accepts a connection when there is room for it.</summary>
    public IConnectionListenerFactory Of(IConnectionListenerFactory transport) => new Transport(transport, _room);

    /// <summary>Makes room at a connection's end.</summary>
    public ConnectionDelegate Around(ConnectionDelegate serve) => async connection =>
    {
        try
        {
            await serve(connection);
        }
        finally
        {
            _room.Release();
        }
    };

    /// <summary>Call it when no connection is left.</summary>
    public void Dispose() => _room.Dispose();

    /// <summary>How many more the process may have; elsewhere than on Linux .NET raises the limit to thousands.</summary>
    private static int FreeDescriptors()
    {
        const string limits = "/proc/self/limits", open = "/proc/self/fd", title = "Max open files";
        string? line = File.Exists(limits)
            ? File.ReadLines(limits).FirstOrDefault(line => line.StartsWith(title, StringComparison.Ordinal))
            : null;
        string? limit = line?[title.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out int most)
            ? most - Directory.EnumerateFileSystemEntries(open).Count()
            : int.MaxValue;
    }

    private sealed class Transport(IConnectionListenerFactory transport, SemaphoreSlim room) : IConnectionListenerFactory
    {
        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await transport.BindAsync(endpoint, cancellationToken), room);
    }

    private sealed class Listener(IConnectionListener listener, SemaphoreSlim room) : IConnectionListener
    {
        private readonly CancellationTokenSource _unbound = new();

        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                await room.WaitAsync(_unbound.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }

            ConnectionContext? accepted = null;
            try
            {
                return accepted = await listener.AcceptAsync(cancellationToken);
            }
            finally
            {
                if (accepted is null)
                    room.Release();
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _unbound.Cancel();
            return listener.UnbindAsync(cancellationToken);
        }

        public ValueTask DisposeAsync()
        {
            _unbound.Dispose();
            return listener.DisposeAsync();
        }
    }
}
