using System.Text.Json;
using System.Text.Json.Serialization;

namespace CharRnn.Networks;

/// <summary>What is done with a row that has no value in a column.</summary>
public enum MissingValues
{
    /// <summary>It is refused.</summary>
    Error,

    /// <summary>It is left out.</summary>
    Drop,

    /// <summary>
    /// The mean of the training rows takes the place of a number, and the most frequent category that of a category; another input says
    /// where that is so, if training had such rows.
    /// </summary>
    Fill,
}

/// <summary>
/// How rows of a table become the inputs of a network, and the label becomes its answer. The encoding is learned from the training part
/// and kept with the model.
/// </summary>
/// <param name="Inputs">The columns that the network reads.</param>
/// <param name="Label">The column that the network predicts; the numbers of a regression are standardised, too.</param>
public sealed record TableEncoding(IReadOnlyList<ColumnEncoding> Inputs, ColumnEncoding Label)
{
    private static readonly JsonSerializerOptions s_style = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>What is done with missing values.</summary>
    public MissingValues Missing { get; init; }

    /// <summary>Whether the network was trained so that all classes count alike, and is to be measured so.</summary>
    public bool IsBalanced { get; init; }

    /// <summary>
    /// Whether a network's inputs are in the order of the columns, as in the first version. Otherwise all numbers come first, and the
    /// categories of all columns behind them.
    /// </summary>
    public bool IsInterleaved { get; init; }

    /// <summary>The number of a network's inputs.</summary>
    [JsonIgnore]
    public int Width => Inputs.Sum(column => column.Width);

    /// <summary>What a network's inputs are: all of them numbers where they are in the order of the columns.</summary>
    [JsonIgnore]
    public InputColumns Columns => IsInterleaved
        ? new InputColumns(Width)
        : new InputColumns(
            Inputs.Sum(column => column.Numbers),
            [.. Inputs.Select(column => column.Categories).OfType<IReadOnlyList<string>>().Select(categories => categories.Count)]);

    /// <summary>Where the numbers of each column, and its categories, begin in a network's inputs.</summary>
    public IEnumerable<(ColumnEncoding Column, int Numbers, int Categories)> Places()
    {
        int number = 0, category = Inputs.Sum(column => column.Numbers);
        foreach (ColumnEncoding column in Inputs)
        {
            yield return (column, number, IsInterleaved ? number + column.Numbers : category);
            number += IsInterleaved ? column.Width : column.Numbers;
            category += column.Categories?.Count ?? 0;
        }
    }

    /// <summary>The encoding as text, which is kept with a model.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_style);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <param name="isFirst">Whether it is of the first version, which had numbers and categories and refused missing values.</param>
    /// <exception cref="JsonException">The text is not an encoding.</exception>
    public static TableEncoding FromJson(string json, bool isFirst = false)
    {
        TableEncoding encoding = JsonSerializer.Deserialize<TableEncoding>(json, s_style) ?? throw new JsonException("it is null");
        if (isFirst)
            encoding = encoding with { IsInterleaved = true, Missing = MissingValues.Error };
        if (encoding.Inputs is not { Count: > 0 } || encoding.Label is null || encoding.Inputs.Contains(null!))
            throw new JsonException("it has no inputs or no label");
        foreach (ColumnEncoding column in encoding.Inputs)
            column.RequireWhole(leastCategories: 1);
        encoding.Label.RequireWhole(leastCategories: 2);
        if (!Enum.IsDefined(encoding.Missing))
            throw new JsonException("it does not say what is done with missing values");
        return encoding.Inputs.DistinctBy(column => column.Name).Count() == encoding.Inputs.Count
            ? encoding
            : throw new JsonException("it has a column twice");
    }
}
