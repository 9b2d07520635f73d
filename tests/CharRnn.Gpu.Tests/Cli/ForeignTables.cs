using System.Globalization;
using System.Text;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Tables of the same kind of rows, byte for byte as R and pandas write them.</summary>
internal static class ForeignTables
{
    public const int Rows = 60;

    private static readonly string[] s_colours = ["red", "dark blue", "green"];

    /// <summary>Each table with the decisions about its columns, a line each.</summary>
    public static readonly IReadOnlyDictionary<string, (string Text, string[] Decisions)> All =
        new Dictionary<string, (string, string[])>
        {
            ["R's write.csv"] = (
                Table("\"\",\"size\",\"colour\",\"bought\",\"heavy\",\"seen\",\"took\",\"note\",\"kind\"", i =>
                    $"\"{i + 1}\",{Size(i) ?? "NA"},{Quoted(Colour(i)) ?? "NA"},{Bought(i)},{Heavy(i)?.ToUpperInvariant() ?? "NA"},"
                    + $"{Seen(i)},{Number((i % 5) + 0.5)},\"said \"\"{i}\"\"\",\"{Kind(i)}\""),
                [
                    "column 1 left out 60 row numbers without a name", "size number 7 6 missing: the mean",
                    "colour category 3 5 missing: the most frequent", "bought date 9 as year, month, day, weekday",
                    "heavy category 2 5 missing: the most frequent", "seen date 60 as year, month, day, weekday, hour", "took number 5",
                    "note left out 60 texts that hardly occur twice", "kind label 2 2 classes",
                ]),
            ["R's write.csv2"] = (
                Table("\"\";\"size\";\"colour\";\"bought\";\"heavy\";\"note\";\"kind\"", i =>
                    $"\"{i + 1}\";{Comma(Size(i)) ?? "NA"};{Quoted(Colour(i)) ?? "NA"};{Bought(i)};{Heavy(i)?.ToUpperInvariant() ?? "NA"};"
                    + $"\"said \"\"{i}\"\"\";\"{Kind(i)}\""),
                [
                    "column 1 left out 60 row numbers without a name", "size number 7 6 decimal commas; missing: the mean",
                    "colour category 3 5 missing: the most frequent", "bought date 9 as year, month, day, weekday",
                    "heavy category 2 5 missing: the most frequent", "note left out 60 texts that hardly occur twice",
                    "kind label 2 2 classes",
                ]),
            ["R's write.table"] = (
                Table("\"size\" \"colour\" \"bought\" \"heavy\" \"note\" \"kind\"", i =>
                    $"\"row {i}\" {Size(i) ?? "NA"} {Quoted(Colour(i)) ?? "NA"} {Bought(i)} {Heavy(i)?.ToUpperInvariant() ?? "NA"} "
                    + $"\"said \\\"{i}\\\"\" \"{Kind(i)}\""),
                [
                    "column 1 left out 60 row names without a name", "size number 7 6 missing: the mean",
                    "colour category 3 5 missing: the most frequent", "bought date 9 as year, month, day, weekday",
                    "heavy category 2 5 missing: the most frequent", "note left out 60 texts that hardly occur twice",
                    "kind label 2 2 classes",
                ]),
            ["R's write.table with tabs, col.names = NA and quote = FALSE"] = (
                Table("\tsize\tcolour\tbought\theavy\tkind", i =>
                    $"{i + 1}\t{Size(i) ?? "NA"}\t{Colour(i) ?? "NA"}\t{Bought(i)}\t{Heavy(i)?.ToUpperInvariant() ?? "NA"}\t{Kind(i)}"),
                [
                    "column 1 left out 60 row numbers without a name", "size number 7 6 missing: the mean",
                    "colour category 3 5 missing: the most frequent", "bought date 9 as year, month, day, weekday",
                    "heavy category 2 5 missing: the most frequent", "kind label 2 2 classes",
                ]),
            ["R's write.csv with row.names = FALSE and na = \"\""] = (
                Table("\"size\",\"colour\",\"bought\",\"heavy\",\"kind\"", i =>
                    $"{Size(i)},{Quoted(Colour(i))},{Bought(i)},{Heavy(i)?.ToUpperInvariant()},\"{Kind(i)}\""),
                [
                    "size number 7 6 missing: the mean", "colour category 3 5 missing: the most frequent",
                    "bought date 9 as year, month, day, weekday", "heavy category 2 5 missing: the most frequent", "kind label 2 2 classes",
                ]),
            ["pandas' to_csv"] = (
                Table(",size,count,colour,heavy,seen,took,note,kind", i =>
                    $"{i},{Size(i)},{Count(i)},{Colour(i)},{Bool(i)},{Gap(i, 5) ?? Seen(i)},{Gap(i, 6) ?? Took(i)},"
                    + $"\"said \"\"{i}\"\"\",\"{Kind(i)}\""),
                [
                    "column 1 left out 60 row numbers without a name", "size number 7 6 missing: the mean",
                    "count number 6 6 missing: the mean", "colour category 3 5 missing: the most frequent", "heavy category 2",
                    "seen date 53 7 as year, month, day, weekday, hour; missing: the mean",
                    "took number 5 6 times, as hours; missing: the mean", "note left out 60 texts that hardly occur twice",
                    "kind label 2 2 classes",
                ]),
            ["pandas' to_csv with sep=';' and decimal=','"] = (
                Table("size;count;colour;heavy;seen;took;kind", i =>
                    $"{Comma(Size(i))};{Comma(Count(i))};{Colour(i)};{Bool(i)};{Gap(i, 5) ?? Seen(i)};{Gap(i, 6) ?? Took(i)};{Kind(i)}"),
                [
                    "size number 7 6 decimal commas; missing: the mean", "count number 6 6 decimal commas; missing: the mean",
                    "colour category 3 5 missing: the most frequent", "heavy category 2",
                    "seen date 53 7 as year, month, day, weekday, hour; missing: the mean",
                    "took number 5 6 times, as hours; missing: the mean", "kind label 2 2 classes",
                ]),
            ["pandas' to_csv of a MultiIndex"] = (
                Table("region,site,size,colour,kind", i =>
                    $"{(i % 2 == 0 ? "north" : "south")},{i / 2},{Size(i)},{Colour(i)},\"{Kind(i)}\""),
                [
                    "region category 2", "site number 30", "size number 7 6 missing: the mean",
                    "colour category 3 5 missing: the most frequent", "kind label 2 2 classes",
                ]),
            ["pandas' to_csv of what its read_csv read twice"] = (
                Table(",Unnamed: 0.1,Unnamed: 0,size,heavy,kind", i => $"{i},{i},{i},{Size(i)},{Bool(i)},\"{Kind(i)}\""),
                [
                    "column 1 left out 60 row numbers without a name", "Unnamed: 0.1 left out 60 row numbers without a name",
                    "Unnamed: 0 left out 60 row numbers without a name", "size number 7 6 missing: the mean", "heavy category 2",
                    "kind label 2 2 classes",
                ]),
            ["pandas' to_csv with sep='\\t', quoting=csv.QUOTE_NONNUMERIC and index_label='id'"] = (
                Table("\"id\"\t\"size\"\t\"month\"\t\"time\"\t\"zoned\"\t\"slept\"\t\"heavy\"\t\"kind\"", i =>
                    $"{i}\t{Size(i) ?? "\"\""}\t\"2024-{1 + (i % 12):D2}\"\t\"{Seen(i)[11..]}\"\t\"{Seen(i)}+01:00\"\t"
                    + $"\"{Slept(i)}\"\t{Bool(i)}\t\"{Kind(i)}\""),
                [
                    "id left out 60 row numbers", "size number 7 6 missing: the mean", "month category 12",
                    "time number 60 times, as hours", "zoned date 60 as year, month, day, weekday, hour",
                    "slept number 4 times, as hours", "heavy category 2", "kind label 2 2 classes",
                ]),
        };

    private static string Table(string header, Func<int, string> row)
    {
        var text = new StringBuilder($"{header}\n");
        for (int i = 0; i < Rows; i++)
            text.Append(row(i)).Append('\n');
        return text.ToString();
    }

    private static string Number(double number) => number.ToString(CultureInfo.InvariantCulture);

    private static string? Size(int i) => i % 10 == 3 ? null : Number((i % 7) + 0.5);

    // Whole numbers, which pandas writes as others where one is missing.
    private static string? Count(int i) => i % 10 == 4 ? null : $"{i % 6}.0";

    private static string? Colour(int i) => i % 11 == 5 ? null : s_colours[i % 3];

    private static string? Heavy(int i) => i % 13 == 2 ? null : Bool(i);

    private static string Bool(int i) => i % 4 == 1 ? "True" : "False";

    private static string Bought(int i) => $"2024-{(i % 9 < 4 ? 1 : 2):D2}-{(i % 9 < 4 ? 28 + (i % 9) : (i % 9) - 3):D2}";

    private static string Seen(int i) => new DateTime(2024, 1, 31, 7, 15, 0)
        .AddMinutes(37 * i).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    // Of pandas' own durations.
    private static string Took(int i) => $"0 days {TimeSpan.FromSeconds((i % 5 * 1800) + 15):hh\\:mm\\:ss}";

    // Of Python's.
    private static string Slept(int i) =>
        (i % 4) switch { 0 => "0:30:00", 1 => "1 day, 0:00:00", 2 => "-1 day, 23:59:55", _ => "0:00:01.500000" };

    private static string Kind(int i) => i / 5 % 2 == 0 ? "one, left" : "two, right";

    private static string? Gap(int i, int at) => i % 9 == at ? "" : null;

    private static string? Quoted(string? text) => text is null ? null : $"\"{text}\"";

    private static string? Comma(string? number) => number?.Replace('.', ',');
}
