using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Text;

public sealed class InputFilesTests : IDisposable
{
    private readonly TextFolder _folder = new();
    private readonly List<string> _notes = [];

    public InputFilesTests()
    {
        foreach (string name in (string[])
            ["b.txt", "a.txt", "C.txt", "a/z.txt", "a/y.md", "a/b/c.txt", "a/b/d/e.txt", "ab.txt", ".hidden.txt", ".git/x.txt", "a/.h.txt"])
            _folder.Write(name, name);
        _folder.Write("a/empty.txt", "");
    }

    public void Dispose() => _folder.Dispose();

    // The files found, relative to the folder, with forward slashes.
    private string[] Find(params string[] inputs) =>
        [
            .. InputFiles.Find(inputs.Select(i => _folder[i]), _notes)
                .Select(f => Path.GetRelativePath(_folder.Root, f.Path).Replace('\\', '/')),
        ];

    [Fact]
    public void A_directory_is_all_its_text_in_ordinal_order() =>
        Assert.Equal(["C.txt", "a.txt", "a/b/c.txt", "a/b/d/e.txt", "a/y.md", "a/z.txt", "ab.txt", "b.txt"], Find(""));

    [Theory]
    [InlineData("*.txt", "C.txt", "a.txt", "ab.txt", "b.txt")]
    [InlineData("?.txt", "C.txt", "a.txt", "b.txt")]
    [InlineData("a?.txt", "ab.txt")]
    [InlineData("a*.txt", "a.txt", "ab.txt")]
    [InlineData("*/*.txt", "a/empty.txt", "a/z.txt")]
    [InlineData("a/**/*.txt", "a/b/c.txt", "a/b/d/e.txt", "a/empty.txt", "a/z.txt")]
    [InlineData("**/*.txt", "C.txt", "a.txt", "a/b/c.txt", "a/b/d/e.txt", "a/empty.txt", "a/z.txt", "ab.txt", "b.txt")]
    [InlineData("**/**/e.txt", "a/b/d/e.txt")]
    [InlineData("**/**/a.txt", "a.txt")]
    [InlineData("**/b/**/e.*", "a/b/d/e.txt")]
    [InlineData("**/d/*", "a/b/d/e.txt")]
    [InlineData("a/**", "a/b/c.txt", "a/b/d/e.txt", "a/y.md", "a/z.txt")]
    [InlineData("*/b", "a/b/c.txt", "a/b/d/e.txt")]
    [InlineData("*/z.txt", "a/z.txt")]
    [InlineData(".*.txt", ".hidden.txt")]
    [InlineData("a/../?.txt", "C.txt", "a.txt", "b.txt")]
    public void A_glob_matches_as_in_a_shell(string pattern, params string[] expected) => Assert.Equal(expected, Find(pattern));

    [Fact]
    public void Inputs_are_joined_in_ordinal_order_over_all_and_each_file_once() =>
        Assert.Equal(["C.txt", "a.txt", "a/b/c.txt", "a/b/d/e.txt", "b.txt"], Find("b.txt", "a/b", "?.txt", "a/../b.txt", "a/b/c.txt"));

    [Fact]
    public void Names_that_differ_in_case_only_are_as_many_files_as_the_disk_has()
    {
        _folder.Write("A.TXT", "a.txt again, or another");
        IEnumerable<string> names = Directory.EnumerateFiles(_folder.Root)
            .Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
        Assert.Equal(names.Where(name => name.Equals("a.txt", StringComparison.OrdinalIgnoreCase)), Find("a.txt", "A.TXT", "a.txt"));
    }

    [Fact(Skip = "drives and backslashes", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsWindows))]
    public void A_file_of_Windows_is_one_however_it_is_spelt()
    {
        string path = _folder["a.txt"];
        string lowerDrive = char.ToLowerInvariant(path[0]) + path[1..];
        string[] spelt = [path, path.ToUpperInvariant(), path.Replace('\\', '/'), lowerDrive, _folder[@"a\..\A.txt"]];
        Assert.Equal([path], InputFiles.Find(spelt, _notes).Select(file => file.Path));
    }

    [Fact]
    public void A_relative_input_keeps_its_relative_name()
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, _folder.Root);
        string[] files =
            [.. InputFiles.Find([Path.Combine(relative, "a?.txt"), Path.Combine(relative, "a", "b")], _notes).Select(f => f.Path)];
        Assert.Equal(
            [Path.Combine(relative, "a", "b", "c.txt"), Path.Combine(relative, "a", "b", "d", "e.txt"), Path.Combine(relative, "ab.txt")],
            files);
    }

    [Fact(Skip = "no such names on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_file_named_like_a_glob_is_that_file()
    {
        _folder.Write("?.txt", "question");
        Assert.Equal(["?.txt"], Find("?.txt"));
    }

    [Fact(Skip = "links need privileges on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void Links_are_followed_once_and_those_that_lead_nowhere_are_named()
    {
        Directory.CreateDirectory(_folder["links"]);
        File.CreateSymbolicLink(_folder["links/file"], _folder["a.txt"]);
        File.CreateSymbolicLink(_folder["links/broken"], _folder["none.txt"]);
        Directory.CreateSymbolicLink(_folder["links/circle"], _folder["links"]);
        File.CreateSymbolicLink(_folder["links/itself"], _folder["links/itself"]);
        Assert.Equal(["links/file"], Find("links"));
        Assert.Equal(
            [
                $"{_folder["links/broken"]}: a link that leads nowhere, left out",
                $"{_folder["links/itself"]}: a link that leads nowhere, left out",
            ],
            _notes);
        Assert.Equal(["links/file"], Find("links/**"));
        Assert.Equal(["links/file"], Find("links/f*"));
        foreach (string link in (string[])["links/broken", "links/itself"])
            Assert.Equal(
                $"{_folder[link]}: is a link that leads nowhere; check what it points to",
                Assert.Throws<CharRnnException>(() => Find(link)).Message);
        Assert.Equal(["links/file"], Find("links/**/f*"));
    }

    [Fact(Skip = "links need privileges on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void Text_behind_a_linked_directory_is_text_of_the_directory()
    {
        using var other = new TextFolder();
        other.Write("more/m.txt", "more");
        other.Write("n.txt", "n");
        Directory.CreateSymbolicLink(other["back"], _folder.Root);
        Directory.CreateSymbolicLink(_folder["a/b/linked"], other.Root);
        Directory.CreateSymbolicLink(_folder["a/b/again"], other["more"]);
        string[] text = ["a/b/again/m.txt", "a/b/c.txt", "a/b/d/e.txt", "a/b/linked/n.txt"];

        // The directory a itself, where the link came from, is not among them.
        string[] back = [.. ((string[])["C.txt", "a.txt", "ab.txt", "b.txt"]).Select(name => $"a/b/linked/back/{name}")];
        Assert.Equal([.. text[..3], .. back, text[3], "a/y.md", "a/z.txt"], Find("a"));
        Assert.Equal(Find("a"), Find("a/**"));
        Assert.Equal(text, Find("a/b/**/*.txt").Where(file => !file.Contains("back", StringComparison.Ordinal)));
        Assert.Empty(_notes);
    }

    [Fact(Skip = "links need privileges on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_files_own_name_goes_before_those_that_links_give_it()
    {
        string[] before = Find("");
        Directory.CreateSymbolicLink(_folder["0"], _folder["a/b"]);
        File.CreateSymbolicLink(_folder["0.txt"], _folder["b.txt"]);
        Assert.Equal(before, Find(""));
        Assert.Equal(before, Find("**"));
        Assert.Equal(["a/b/c.txt", "a/b/d/e.txt", "b.txt"], Find("0", "0.txt", "b.txt", "a/b"));
        Assert.Equal(["0.txt"], Find("0.txt"));
        Assert.Equal(["0/c.txt", "0/d/e.txt"], Find("0"));
    }

    [Fact(Skip = "named pipes lie in no directory on Windows", SkipType = typeof(Systems), SkipUnless = nameof(Systems.IsUnix))]
    public void A_directory_leaves_pipes_out()
    {
        _folder.MakePipe("a/b/pipe");
        Assert.Equal(["a/b/c.txt", "a/b/d/e.txt"], Find("a/b"));
    }

    [Fact]
    public void Standard_input_comes_first()
    {
        IReadOnlyList<InputFile> files = InputFiles.Find([_folder["a.txt"], "-"], _notes);
        Assert.Equal(["-", _folder["a.txt"]], files.Select(f => f.Path));
        Assert.True(files[0].IsStandardInput);
    }
}
