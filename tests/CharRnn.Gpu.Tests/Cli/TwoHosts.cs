using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>
/// Two hosts on one machine, joined by a cable: network namespaces in which processes have a host name of their own. Root makes them on
/// Linux.
/// </summary>
internal sealed class TwoHosts : IDisposable
{
    private const string Network = "10.77.0", Cable = "eth0";

    private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"charrnn-{Environment.ProcessId}-");
    private readonly string _agent;

    /// <param name="shell">Gets the script by which Open MPI reaches the other host.</param>
    public TwoHosts(Shell shell)
    {
        Remove(); // what a process of the same number may have left
        Assert.SkipUnless(TryIp(out _, "netns", "add", Name(1)), "the system lets nobody make network namespaces here");
        Ip("netns", "add", Name(2));
        Ip("link", "add", Cable, "netns", Name(1), "type", "veth", "peer", "name", Cable, "netns", Name(2));
        foreach (int host in (int[])[1, 2])
        {
            Ip("-n", Name(host), "address", "add", $"{Network}.{host}/24", "dev", Cable);
            Ip("-n", Name(host), "link", "set", "lo", "up");
            Ip("-n", Name(host), "link", "set", Cable, "up");
        }

        shell.Write(
            "agent.sh",
            $$"""
            while [ "${1#-}" != "$1" ]; do shift; done
            host=${1##*.}
            shift
            exec ip netns exec {{_prefix}}$host unshare --uts sh -c "hostname host$host; $*"
            """);
        _agent = $"sh {shell["agent.sh"]}";
    }

    /// <summary>The launcher of a rank on each host.</summary>
    /// <param name="launcher">Open MPI's launcher.</param>
    public string[] Launcher(string launcher) =>
    [
        "ip", "netns", "exec", Name(1), "unshare", "--uts", "sh", "-c", "hostname host1; exec \"$@\"", "sh", launcher,
        "--host", $"{Network}.1:1,{Network}.2:1", "--mca", "plm_rsh_agent", _agent, "--mca", "pml", "ob1", "--mca", "btl", "self,tcp",
        "--mca", "btl_tcp_if_include", $"{Network}.0/24", "--mca", "oob_tcp_if_include", $"{Network}.0/24",
    ];

    /// <summary>Pulls the cable.</summary>
    public void Part() => Ip("-n", Name(1), "link", "set", Cable, "down");

    /// <summary>Plugs the cable in again.</summary>
    public void Join() => Ip("-n", Name(1), "link", "set", Cable, "up");

    /// <summary>The processes of both hosts.</summary>
    public Process[] Processes()
    {
        string[] ids = [.. ((int[])[1, 2]).SelectMany(host => Ip("netns", "pids", Name(host)).Split('\n'))];
        return [.. Process.GetProcesses().Where(process => ids.Contains(process.Id.ToString(CultureInfo.InvariantCulture)))];
    }

    public void Dispose()
    {
        try
        {
            foreach (Process process in Processes())
                process.Kill();
        }
        finally
        {
            Remove();
        }
    }

    private void Remove()
    {
        foreach (int host in (int[])[1, 2])
            _ = TryIp(out _, "netns", "delete", Name(host)); // and the cable with it
    }

    private string Name(int host) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{host}");

    private static string Ip(params string[] args)
    {
        Assert.True(TryIp(out string output, args), $"ip {string.Join(' ', args)}");
        return output;
    }

    private static bool TryIp(out string output, params string[] args)
    {
        output = "";
        try
        {
            using Process process = Process.Start(
                new ProcessStartInfo("ip", args) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false; // there is no such command
        }
    }
}
