using System.Diagnostics;
using CharRnn.Files;
using CharRnn.Runs;
using CharRnn.Storage;
using Microsoft.Win32.SafeHandles;

namespace CharRnn.Gpu.Tests.Files;

public class RegularFileTests
{
    [Fact]
    public void A_file_and_a_link_to_one_are_read_while_others_write_and_delete()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("file", "text");
        if (!OperatingSystem.IsWindows())
            File.CreateSymbolicLink(directory.File("link"), path);
        using FileStream writer = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        foreach (string name in (string[])["file", .. OperatingSystem.IsWindows() ? [] : (string[])["link"]])
        {
            using SafeFileHandle handle = RegularFile.OpenHandle(directory.File(name), FileOptions.SequentialScan);
            byte[] bytes = new byte[10];
            Assert.Equal(4, RandomAccess.Read(handle, bytes, 0));
            Assert.Equal("text"u8.ToArray(), bytes[..4]);
        }

        using SafeFileHandle last = RegularFile.OpenHandle(path);
        File.Delete(path);
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void What_is_no_regular_file_is_refused_without_waiting()
    {
        using var directory = new TemporaryDirectory();
        string pipe = NamedPipe.Make(directory.File("pipe"));
        File.CreateSymbolicLink(directory.File("link"), pipe);
        foreach (string path in (string[])
            [pipe, directory.File("link"), .. OperatingSystem.IsLinux() ? ["/dev/zero", "/dev/null"] : (string[])[]])
        {
            Assert.Throws<NotSupportedException>(() => RegularFile.OpenHandle(path));
            Assert.Throws<NotSupportedException>(() => RegularFile.OpenOwn(path, FileShare.Read));
            Errors.Expect(path, "is a pipe or device where a regular file was expected", () => SafetensorsFile.Open(path));
            Errors.Expect(path, "is a pipe or device where a regular file was expected", () => RunConfiguration.Read(path));
            Errors.Expect(path, "is a pipe or device where a regular file was expected", () => _ = MetricsLog.Read(path).ToList());
            Errors.Expect(path, "is a pipe or device where a regular file was expected", () => SamplesLog.Read(path));
        }
    }

    [Fact]
    public void The_errors_are_those_of_any_opening()
    {
        using var directory = new TemporaryDirectory();
        Assert.Throws<FileNotFoundException>(() => RegularFile.OpenHandle(directory.File("none")));
        Errors.Expect(directory.File("none"), "does not exist", () => SafetensorsFile.Open(directory.File("none")));
        Errors.Expect(directory.Root, "is a directory", () => SafetensorsFile.Open(directory.Root));
        Assert.Throws<DirectoryNotFoundException>(() => RegularFile.OpenOwn(directory.File("no/file"), FileShare.Read));
        Assert.Throws<ArgumentException>(() => RegularFile.OpenHandle("a\0b"));
    }

    [Fact(Skip = "named pipes are no files on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public async Task A_configuration_that_a_user_names_may_be_a_pipe()
    {
        using var directory = new TemporaryDirectory();
        string pipe = NamedPipe.Make(directory.File("pipe"));
        Task writer = Task.Run(() => File.WriteAllText(pipe, """{"seed": 7}"""), TestContext.Current.CancellationToken);
        Assert.Equal("7", RunConfiguration.Read(pipe, mayBePipe: true).GetOptionText("seed"));
        await writer;
    }

    [Fact(Skip = "links need a right there", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void Nothing_is_written_through_a_link()
    {
        using var directory = new TemporaryDirectory();
        string target = directory.Write("target", "mine");
        File.CreateSymbolicLink(directory.File("link"), target);
        File.CreateSymbolicLink(directory.File("dangling"), directory.File("nowhere"));
        foreach (string name in (string[])["link", "dangling"])
            foreach (FileShare share in (FileShare[])[FileShare.None, FileShare.Read])
                Assert.Throws<NotSupportedException>(() => RegularFile.OpenOwn(directory.File(name), share));
        Assert.Equal("mine", File.ReadAllText(target));
        Assert.Equal(["dangling", "link", "target"], directory.Names());
    }

    [Fact]
    public void A_file_of_ones_own_is_made_or_kept_and_locked_for_one()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("file");
        for (int round = 0; round < 2; round++)
        {
            SafeFileHandle handle = RegularFile.OpenOwn(path, FileShare.None);
            Assert.Equal(round, RandomAccess.GetLength(handle));
            RandomAccess.Write(handle, "x"u8, 0);
            Assert.True(FileErrors.IsInUse(Assert.ThrowsAny<IOException>(() => RegularFile.OpenOwn(path, FileShare.None))));
            RegularFile.CloseLocked(handle);
        }

        Assert.Equal("x", File.ReadAllText(path));
    }

    [Fact]
    public async Task A_lock_is_free_at_once_while_processes_are_being_started()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a process starts without its parent's handles there");
        using var directory = new TemporaryDirectory();
        string path = directory.Write("file", "");
        Task starting = Task.Run(
            () =>
            {
                for (int i = 0; i < 100; i++)
                {
                    using Process one = Process.Start("true");
                    one.WaitForExit();
                }
            },
            TestContext.Current.CancellationToken);
        while (!starting.IsCompleted)
            RegularFile.CloseLocked(RegularFile.OpenOwn(path, FileShare.None));
        await starting;
    }
}
