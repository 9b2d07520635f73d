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
        Assert.Equal(["name", "size", "note"], table.Columns);
        Assert.Equal([["a, b", "1", "say \"so\""], ["c", "2", "two\nlines"], ["d", "3", "x"]], table.Rows);
        Assert.Equal([2, 4, 6], table.Lines);
    }

    [Fact]
    public void Another_delimiter_may_separate() =>
        Assert.Equal([["1,5", "2"]], CsvTable.Read(_directory.Write("data.csv", "a;b\n1,5;2\n"), ";").Rows);

    [Theory]
    [InlineData("", "is empty; give a CSV file of a header and rows")]
    [InlineData("\n\n", "is empty; give a CSV file of a header and rows")]
    [InlineData("a,b\n", "has a header and no rows; give a CSV file of a header and rows")]
    [InlineData(
        "a,b\n1,2\n3\n",
        "line 3 has 1 fields, the header has 2; give each row a field for every column; a field with a comma is put in quotes")]
    [InlineData(
        "a,b\n1,2,3\n",
        "line 2 has 3 fields, the header has 2; give each row a field for every column; a field with a comma is put in quotes")]
    [InlineData("a,,c\n1,2,3\n", "column 2 has no name; give each column one in the first line")]
    [InlineData("a,b,a\n1,2,3\n", "has several columns 'a'; give each column a name of its own")]
    [InlineData("a;b\n1;2\n", "has one column, 'a;b'; give --delimiter ';' if that is what separates its fields")]
    [InlineData("a\tb\n1\t2\n", "has one column, 'a\tb'; give --delimiter tab if that is what separates its fields")]
    [InlineData(
        "a,b\n1,\"2\n3,4\n",
        "line 2 has a quote where none belongs, or one that is not closed; put fields with quotes in quotes, and double those inside")]
    [InlineData(
        "a,b\n1,2\" inch\n",
        "line 2 has a quote where none belongs, or one that is not closed; put fields with quotes in quotes, and double those inside")]
    public void A_damaged_table_is_refused_with_its_line(string text, string reason)
    {
        string path = _directory.Write("bad.csv", text);
        Assert.Equal($"{path}: {reason}", Assert.Throws<CharRnnException>(() => CsvTable.Read(path)).Message);
    }

    [Fact]
    public void What_is_no_text_file_is_refused()
    {
        string bytes = _directory.Write("bytes.csv", "");
        File.WriteAllBytes(bytes, [.. "a,b\n1,"u8, 0xFF, 0xFE, .. "\n"u8]);
        Assert.Contains(
            "is not UTF-8 text; save",
            Assert.Throws<CharRnnException>(() => CsvTable.Read(bytes)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "is a directory where a table was expected",
            Assert.Throws<CharRnnException>(() => CsvTable.Read(Path.GetDirectoryName(bytes)!)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "does not exist",
            Assert.Throws<CharRnnException>(() => CsvTable.Read(bytes + "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        string[][] rows = [["a", "b, c"], ["1", "say \"so\""], ["2", "two\nlines"]];
        var text = new StringWriter();
        CsvTable.Write(text, rows);
        Table table = Read(text.ToString());
        Assert.Equal(rows[0], table.Columns);
        Assert.Equal(rows[1..], table.Rows);
    }

    private Table Read(string text)
    {
        string path = _directory.Write("data.csv", "");
        File.WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
        return CsvTable.Read(path);
    }
}
