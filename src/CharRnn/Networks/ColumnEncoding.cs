using System.Text.Json;
using System.Text.Json.Serialization;

namespace CharRnn.Networks;

/// <summary>How numbers are written in a column.</summary>
/// <param name="DecimalMark">What stands before the decimals; a colon if they are times, which become hours.</param>
/// <param name="GroupMark">What may stand between groups of three digits; <c>\0</c> for nothing.</param>
public sealed record NumberNotation(char DecimalMark, char GroupMark)
{
    /// <summary>1234.5</summary>
    public static NumberNotation Plain { get; } = new('.', '\0');
}

/// <summary>The order of the parts of a date.</summary>
public enum DateOrder
{
    /// <summary>2024-01-31</summary>
    YearMonthDay,

    /// <summary>01/31/2024</summary>
    MonthDayYear,

    /// <summary>31.01.2024</summary>
    DayMonthYear,
}

/// <summary>How a number is standardised: <c>(x - Mean) / Deviation</c>.</summary>
/// <param name="Mean">The mean of the training rows.</param>
/// <param name="Deviation">Their standard deviation, over 0.</param>
public readonly record struct Standard(double Mean, double Deviation)
{
    /// <summary>Leaves a number as it is.</summary>
    public static Standard None { get; } = new(0, 1);
}

/// <summary>How a column's cells become numbers.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Categories">
/// The values of the column, as they stand in the table, each of which becomes a number of its own, 1 or 0; null for a column of numbers
/// or dates.
/// </param>
/// <param name="Mean">The mean of a column of numbers, which is subtracted from each.</param>
/// <param name="Deviation">The standard deviation of a column of numbers, by which the differences are divided.</param>
public sealed record ColumnEncoding(string Name, IReadOnlyList<string>? Categories, double Mean, double Deviation)
{
    /// <summary>The most values that a column may have: a column with more has names or texts, from which nothing can be learned.</summary>
    public const int MostCategories = 1000;

    /// <summary>How the numbers of the column are written.</summary>
    public NumberNotation Notation { get; init; } = NumberNotation.Plain;

    /// <summary>The order of the parts of a date; null for a column that has none.</summary>
    public DateOrder? Dates { get; init; }

    /// <summary>How the parts of a date are standardised: year, month, day, weekday, and the hour where there are times.</summary>
    public IReadOnlyList<Standard> DateParts { get; init; } = [];

    /// <summary>Texts that stand for a missing value in this column, besides those that do so in every column.</summary>
    public IReadOnlyList<string> MissingTexts { get; init; } = [];

    /// <summary>Whether every text that is not a number stands for a missing value.</summary>
    public bool OthersAreMissing { get; init; }

    /// <summary>Whether another number, 1 or 0, says if the value is missing.</summary>
    public bool HasIndicator { get; init; }

    /// <summary>The place, in <see cref="Categories"/>, of the one that takes the place of a missing value.</summary>
    public int Usual { get; init; }

    /// <summary>The number of numbers that a cell becomes, besides those of its categories.</summary>
    [JsonIgnore]
    public int Numbers => (Categories is not null ? 0 : Dates is null ? 1 : DateParts.Count) + (HasIndicator ? 1 : 0);

    /// <summary>How many numbers a cell becomes.</summary>
    [JsonIgnore]
    public int Width => Numbers + (Categories?.Count ?? 0);

    internal void RequireWhole(int leastCategories)
    {
        if (Name is null)
            throw new JsonException("a column has no name");
        if (Notation is null || MissingTexts is null || DateParts is null || MissingTexts.Contains(null!))
            throw new JsonException($"column '{Name}' has a property that is null");
        if (Categories is not { } categories)
        {
            if (Dates is { } order ? DateParts.Count is not (4 or 5) || !Enum.IsDefined(order) : DateParts.Count > 0)
                throw new JsonException($"column '{Name}' has {DateParts.Count} parts of dates");
            if (!DateParts.Append(new(Mean, Deviation)).All(one =>
                one.Deviation > 0 && double.IsFinite(one.Deviation) && double.IsFinite(one.Mean)))
                throw new JsonException($"column '{Name}' has no mean and deviation");
        }
        else if (categories.Count < leastCategories || categories.Count > MostCategories)
            throw new JsonException(FormattableString.Invariant(
                $"column '{Name}' has {categories.Count} categories, not {leastCategories} to {MostCategories}"));
        else if (categories.Contains(null!) || categories.Distinct().Count() < categories.Count)
            throw new JsonException($"column '{Name}' has a category twice, or one that is null");
        else if (Usual < 0 || Usual >= categories.Count)
            throw new JsonException(FormattableString.Invariant($"column '{Name}' has no category {Usual}"));
    }
}
