using System.Text;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Tables;

namespace CharRnn.Gpu.Tests.Tables;

public sealed class CsvTableTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Quoted_fields_may_hold_commas_quotes_and_line_ends()
    {
        Table table = Read("\uFEFFname,size, note \r\n\"a, b\",1,\"say \"\"so\"\"\"\r\n\r\nc,2,\"two\nlines\"\nd,3,x");
        Assert.Equal(["name", "size", "note"], Names(table));
        Assert.Equal([["a, b", "1", "say \"so\""], ["c", "2", "two\nlines"], ["d", "3", "x"]], Rows(table));
        Assert.Equal([2, 4, 6], Lines(table));
    }

    [Theory]
    [InlineData("a;b\n1,5;2\n", ";")]
    [InlineData("a\tb\n1,5\t2\n", "\t")]
    [InlineData("a|b\n1,5|2\n", "|")]
    [InlineData("\"a\" \"b\"\n1,5 2\n", " ")]
    [InlineData("  a     b\n\n 1,5     2  \n", " ")]
    [InlineData("sep=;\r\na;b\r\n1,5;2\r\n", ";")]
    [InlineData("sep=~\na~b\n1,5~2\n", "~")]
    [InlineData("# made by a program, on 1,5\n\n#\na;b\n1,5;2\n", ";")]
    [InlineData("\uFEFF#, by\r\na|b\r\n1,5|2\r\n", "|")]
    public void What_separates_the_fields_is_found_out(string text, string delimiter)
    {
        Table table = Read(text);
        Assert.Equal(delimiter, table.Delimiter);
        Assert.Equal(["a", "b"], Names(table));
        Assert.Equal([["1,5", "2"]], Rows(table));
        Assert.Equal(text.Count(c => c == '\n'), table.LineOf(0));
        if (!text.StartsWith("sep", StringComparison.Ordinal))
            Assert.Equal(Rows(table), Rows(Whole(_directory.Write("data.csv", text), delimiter)));
    }

    [Fact]
    public void Blanks_within_quotes_are_no_delimiters() =>
        Assert.Equal([["1", "two  words"], ["x y", "3"]], Rows(Read("\"a\" \"b\"\n1 \"two  words\"\n\"x y\"   3\n")));

    [Fact]
    public void A_backslash_may_come_through_a_pipe_before_the_quote()
    {
        using var reader = new EscapedQuoteReader(new HastyReader("""a,"5\" \\ \n"\"""));
        Assert.Equal("""a,"5"" \\ \n"\""", reader.ReadToEnd());
    }

    [Fact]
    public void R_puts_a_backslash_before_a_quote_within_quotes()
    {
        Table table = Read("\"a\" \"b c\"\n\"r 1\" \"say \\\"so\\\"\" 2\n\"r 2\" \"\\\" \\\"\" 3\n");
        Assert.Equal([["r 1", "say \"so\"", "2"], ["r 2", "\" \"", "3"]], Rows(table));
        table = Read("\"a\",\"b\"\n\"say \\\"so\\\", or\",2\n\"5\\\"\",1\n");
        Assert.Equal([["say \"so\", or", "2"], ["5\"", "1"]], Rows(table));

        // Where every quote has a place without that, it is a character.
        Assert.Equal([["\\", "x"], ["\\\"", "y\\"]], Rows(Read("a,b\n\"\\\",x\n\"\\\"\"\",\"y\\\"\n")));
    }

    [Fact]
    public void A_header_may_begin_with_the_sign_of_a_comment()
    {
        Table table = Read("# the first of two, and more, lines\n#id,a,b\n1,2,3\n");
        Assert.Equal(["#id", "a", "b"], Names(table));
        Assert.Equal([["1", "2", "3"]], Rows(table));
        Assert.Equal([3], Lines(table));
        Assert.Equal([["#1", "2"]], Rows(Read("a,b\n#1,2\n"))); // behind the header it is a row
    }

    [Fact]
    public void A_header_that_is_a_field_short_has_no_name_for_the_rows_and_a_delimiter_at_the_end_makes_no_column()
    {
        Table table = Read("\"a\" \"b\"\n\"r 1\" 1 2\n\"r 2\" 3 4\n");
        Assert.Equal(["column 1", "a", "b"], Names(table));
        Assert.Equal([true, false, false], table.Columns.Select(column => column.IsUnnamed));
        Assert.Equal([["r 1", "1", "2"], ["r 2", "3", "4"]], Rows(table));
        Assert.Equal([["r0", "u", ""], ["r1", "v", "1"]], Rows(Read("a,b\nr0,u,\nr1,v,1\n"))); // only one of the rows ends so
        Assert.True(Read("Unnamed: 0,a\n7,1\n").Columns[0].IsUnnamed); // by pandas
        table = Read("a,b\n1,2,\n3,4,\n");
        Assert.Equal(["a", "b", "column 3"], Names(table));
        Assert.Equal(["column 1", "x", "column 3'", "column 3"], Names(Read(",x,,column 3\n1,2,3,4\n")));
    }

    [Fact]
    public void UTF_16_is_read_with_a_mark_and_without()
    {
        const string text = "größe,日付\n1,二\n";
        foreach (Encoding encoding in (Encoding[])[Encoding.Unicode, Encoding.BigEndianUnicode])
            foreach (bool mark in (bool[])[true, false])
            {
                string path = _directory.Write("data.csv", "");
                File.WriteAllBytes(path, [.. mark ? encoding.Preamble : [], .. encoding.GetBytes(text)]);
                Table table = Whole(path);
                Assert.Equal(["größe", "日付"], Names(table));
                Assert.Equal([["1", "二"]], Rows(table));
            }
    }

    [Fact]
    public void A_lenient_reader_keeps_damaged_rows_without_their_cells()
    {
        string path = _directory.Write("data.csv", "a,b\n1,2\n3\n4,5\" inch\n6,\0\n7,8\n");
        using var reader = new TableReader(path, isLenient: true);
        Table table = reader.Read(100, Cancellation);
        Assert.Equal([["1", "2"], ["", ""], ["", ""], ["", ""], ["7", "8"]], Rows(table));
        Assert.Equal(
            [
                (1, "line 3 has 1 fields, the header has 2"), (2, "line 4 has a quote where none belongs, or one that is not closed"),
                (3, "line 5 has a NUL character"),
            ],
            table.Damaged.Select(row => (row.Key, row.Value)));
        using var empty = new TableReader(_directory.Write("empty.csv", "a,b\n"), isLenient: true);
        Assert.Equal(0, empty.Read(100, Cancellation).Count);
    }

    [Fact]
    public void Rows_are_read_some_at_a_time_and_the_hash_is_of_all_so_far()
    {
        string path = _directory.Write("data.csv", "a,b\n1,2\n3,4\n5,6\n");
        using var reader = new TableReader(path);
        Table first = reader.Read(2, Cancellation), second = reader.Read(2, Cancellation);
        Assert.Equal([["1", "2"], ["3", "4"]], Rows(first));
        Assert.Equal([["5", "6"]], Rows(second));
        Assert.Equal([4], Lines(second));
        Assert.Equal(0, reader.Read(2, Cancellation).Count);
        Assert.Equal(Whole(path).Hash, second.Hash);
        Assert.NotEqual(first.Hash, second.Hash);
        // What earlier programs computed of this table.
        Assert.Equal("4d1c3db08f33edca635dde9b782e5a33", second.Hash);
        Assert.ThrowsAny<OperationCanceledException>(() => CsvTable.Read(path, cancellation: new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData("", "is empty; give a CSV file of a header and rows")]
    [InlineData("\n\n", "is empty; give a CSV file of a header and rows")]
    [InlineData("a,b\n", "has a header and no rows; give a CSV file of a header and rows")]
    [InlineData("a,b", "has a header and no rows; give a CSV file of a header and rows")]
    [InlineData(
        "a,b\n1,2\n3\n",
        "line 3 has 1 fields, the header has 2; give each row a field for every column; a field with a comma is put in quotes")]
    [InlineData(
        "a,b\n1,2\n1,2,3\n",
        "line 3 has 3 fields, the header has 2; give each row a field for every column; a field with a comma is put in quotes")]
    [InlineData("a,b,a\n1,2,3\n", "has several columns 'a'; give each column a name of its own")]
    [InlineData("a,b\n1,2\n3,\0\n", "line 3 has a NUL character; give a table that is text, in UTF-8 or UTF-16")]
    [InlineData(
        "a,b\n1,\"2\n3,4\n",
        "line 2 has a quote where none belongs, or one that is not closed; put fields with quotes in quotes, and double those inside")]
    [InlineData(
        "a,b\n1,2\" inch\n",
        "line 2 has a quote where none belongs, or one that is not closed; put fields with quotes in quotes, and double those inside")]
    public void A_damaged_table_is_refused_with_its_line(string text, string reason)
    {
        string path = _directory.Write("bad.csv", text);
        Assert.Equal($"{path}: {reason}", Assert.Throws<CharRnnException>(() => Whole(path)).Message);
    }

    [Fact]
    public void What_is_no_text_file_is_refused()
    {
        string bytes = _directory.Write("bytes.csv", "");
        File.WriteAllBytes(bytes, [.. "a,b\n1,"u8, 0xFF, 0xFE, .. "\n"u8]);
        Assert.Contains(
            "is neither UTF-8 nor UTF-16 text; save",
            Assert.Throws<CharRnnException>(() => Whole(bytes)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(bytes, [0xEF, 0xBB, 0xBF, .. "a,b\n1,"u8, 0xFF, .. "\n"u8]);
        Assert.Contains(
            "is neither UTF-8 nor UTF-16 text",
            Assert.Throws<CharRnnException>(() => Whole(bytes)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "is a directory where a table was expected",
            Assert.Throws<CharRnnException>(() => Whole(Path.GetDirectoryName(bytes)!)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "does not exist",
            Assert.Throws<CharRnnException>(() => Whole(bytes + "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        string[][] rows = [["a", "b, c"], ["1", "say \"so\""], ["2", "two\nlines"]];
        var text = new StringWriter();
        CsvTable.Write(text, rows);
        Table table = Read(text.ToString());
        Assert.Equal(rows[0], Names(table));
        Assert.Equal(rows[1..], Rows(table));
    }

    [Fact]
    public void A_field_that_never_ends_is_refused_at_the_line_on_which_it_begins()
    {
        string open = string.Concat(Enumerable.Repeat("3,4\n", 300_000));
        string path = _directory.Write("long.csv", $"a,b\n1,2\n\"1,2\n{open}");
        Assert.Equal(
            $"{path}: line 3 has a field of more than 1048576 characters, or a quote that is not closed; "
                + "close the quote, or leave the column out of the table",
            Assert.Throws<CharRnnException>(() => Whole(path)).Message);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Table Whole(string path, string? delimiter = null) => CsvTable.Read(path, delimiter, cancellation: Cancellation);

    private static string[] Names(Table table) => [.. table.Columns.Select(column => column.Name)];

    private static int[] Lines(Table table) => [.. Enumerable.Range(0, table.Count).Select(table.LineOf)];

    private static string[][] Rows(Table table) =>
        [.. Enumerable.Range(0, table.Count).Select(row => table.Columns.Select(column => column.Text(row)).ToArray())];

    private Table Read(string text)
    {
        string path = _directory.Write("data.csv", "");
        File.WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
        return Whole(path);
    }

    /// <summary>A pipe that is always empty when somebody looks whether there is more.</summary>
    private sealed class HastyReader(string text) : StringReader(text)
    {
        public override int Peek() => -1;
    }
}
