namespace CharRnn.Networks;

/// <summary>
/// What the inputs of a network are: first numbers, and behind them for each column of categories one input for each of its values, of
/// which at most one is 1 in a row and the others are 0.
/// </summary>
public sealed class InputColumns : IEquatable<InputColumns>
{
    /// <param name="numbers">The number of inputs that are numbers.</param>
    /// <param name="values">The number of values of each column of categories.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// There is no input, a column has no value, or there are more inputs than an <see cref="int"/> counts.
    /// </exception>
    public InputColumns(int numbers, params IReadOnlyList<int> values)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(numbers);
        long count = numbers;
        var firsts = new int[values.Count];
        foreach ((int column, int inputs) in values.Index())
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1, nameof(values));
            firsts[column] = (int)count;
            count += inputs;
            ArgumentOutOfRangeException.ThrowIfGreaterThan(count, int.MaxValue, nameof(values));
        }

        ArgumentOutOfRangeException.ThrowIfZero(count, nameof(numbers));
        (Numbers, Values, Firsts, Count) = (numbers, [.. values], firsts, (int)count);
    }

    /// <summary>The number of inputs that are numbers.</summary>
    public int Numbers { get; }

    /// <summary>The number of values of each column of categories.</summary>
    public IReadOnlyList<int> Values { get; }

    /// <summary>The place of the input of each such column's first value.</summary>
    public IReadOnlyList<int> Firsts { get; }

    /// <summary>The number of all inputs.</summary>
    public int Count { get; }

    /// <summary>Whether both have the same numbers and categories.</summary>
    public bool Equals(InputColumns? other) => other is not null && Numbers == other.Numbers && Values.SequenceEqual(other.Values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as InputColumns);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Numbers, Count);
}
