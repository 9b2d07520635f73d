using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>What a user says about the columns of a table; what is not said is found out.</summary>
public sealed record TableOptions
{
    /// <summary>The column to learn.</summary>
    public required string Label { get; init; }

    /// <summary>Whether the label is a quantity, not classes; null to find out.</summary>
    public bool? IsQuantity { get; init; }

    /// <summary>Columns to leave out: names with commas between them.</summary>
    public string Ignored { get; init; } = "";

    /// <summary>Columns of numbers, in which everything else is a missing value: names with commas between them.</summary>
    public string Numeric { get; init; } = "";

    /// <summary>Columns of categories, such as numbers that are names: names with commas between them.</summary>
    public string Categorical { get; init; } = "";

    /// <summary>What is done with missing values.</summary>
    public MissingValues Missing { get; init; } = MissingValues.Fill;
}

/// <summary>What was decided about a column.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Role">What it is: <c>label</c>, <c>number</c>, <c>category</c>, <c>date</c> or <c>left out</c>.</param>
/// <param name="Values">The number of different values.</param>
/// <param name="Missing">The number of rows without a value.</param>
/// <param name="Note">Why, and what is done with it, for people; may be empty.</param>
public sealed record ColumnDecision(string Name, string Role, int Values, int Missing, string Note);
