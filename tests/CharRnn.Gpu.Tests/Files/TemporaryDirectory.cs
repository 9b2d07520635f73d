namespace CharRnn.Gpu.Tests.Files;

/// <summary>An empty directory that goes with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("charrnn-files-").FullName;

    public string File(string name) => Path.Combine(Root, name.Replace('/', Path.DirectorySeparatorChar));

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public string Write(string name, string content)
    {
        System.IO.File.WriteAllText(File(name), content);
        return File(name);
    }

    /// <summary>The names in the directory, in ordinal order.</summary>
    public string[] Names() =>
        [.. Directory.EnumerateFileSystemEntries(Root).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
