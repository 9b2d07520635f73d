using System.Globalization;
using System.Text.Json;

namespace CharRnn.Networks;

/// <summary>How a column's cells become numbers.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Categories">
/// The values of the column, each of which becomes a number of its own, 1 or 0; null for a column of numbers.
/// </param>
/// <param name="Mean">The mean of a column of numbers, which is subtracted from each.</param>
/// <param name="Deviation">The standard deviation of a column of numbers, by which the differences are divided.</param>
public sealed record ColumnEncoding(string Name, IReadOnlyList<string>? Categories, double Mean, double Deviation)
{
    /// <summary>The most values that a column may have: a column with more has names or texts, from which nothing can be learned.</summary>
    public const int MostCategories = 1000;

    /// <summary>How many numbers a cell becomes.</summary>
    public int Width => Categories?.Count ?? 1;
}

/// <summary>
/// How rows of a table become the inputs of a network, and the label becomes its answer. The encoding is learned from the training part
/// and kept with the model.
/// </summary>
/// <param name="Inputs">The columns that the network reads, in its order.</param>
/// <param name="Label">The column that the network predicts; the numbers of a regression are standardised, too.</param>
public sealed record TableEncoding(IReadOnlyList<ColumnEncoding> Inputs, ColumnEncoding Label)
{
    /// <summary>How many numbers a row becomes.</summary>
    public int Width => Inputs.Sum(column => column.Width);

    /// <summary>The encoding as text, which is kept with a model.</summary>
    public string ToJson() => JsonSerializer.Serialize(this);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">The text is not an encoding.</exception>
    public static TableEncoding FromJson(string json)
    {
        TableEncoding encoding = JsonSerializer.Deserialize<TableEncoding>(json) ?? throw new JsonException("it is null");
        if (encoding.Inputs is not { Count: > 0 } || encoding.Label is null)
            throw new JsonException("it has no inputs or no label");
        foreach (ColumnEncoding column in encoding.Inputs)
            RequireWhole(column, leastCategories: 1);
        RequireWhole(encoding.Label, leastCategories: 2);
        return encoding.Inputs.DistinctBy(column => column.Name).Count() == encoding.Inputs.Count
            ? encoding
            : throw new JsonException("it has a column twice");
    }

    private static void RequireWhole(ColumnEncoding? column, int leastCategories)
    {
        if (column?.Name is null)
            throw new JsonException("a column has no name");
        if (column.Categories is not { } categories)
        {
            if (!(column.Deviation > 0 && double.IsFinite(column.Deviation) && double.IsFinite(column.Mean)))
                throw new JsonException($"column '{column.Name}' has no mean and deviation");
        }
        else if (categories.Count < leastCategories || categories.Count > ColumnEncoding.MostCategories)
            throw new JsonException(string.Create(
                CultureInfo.InvariantCulture,
                $"column '{column.Name}' has {categories.Count} categories, "
                    + $"not {leastCategories} to {ColumnEncoding.MostCategories}"));
        else if (categories.Contains(null!) || categories.Distinct().Count() < categories.Count)
            throw new JsonException($"column '{column.Name}' has a category twice, or one that is null");
    }
}
