using System.Runtime.CompilerServices;

namespace CharRnn.Networks;

/// <summary>
/// Rows that a network reads. Of a column of categories they keep the one input that is 1, so that their size does not depend on how many
/// categories there are. A number that is not finite ends a training with <see cref="Training.TrainingOutcome.Diverged"/>.
/// </summary>
public sealed class InputRows : IInputRows
{
    /// <summary>The code of a value that no input stands for: all inputs of its column are 0.</summary>
    public const int NoInput = -1;

    /// <param name="columns">What the inputs are.</param>
    /// <param name="numbers">The inputs that are numbers, <c>[n, Columns.Numbers]</c>.</param>
    /// <param name="codes">
    /// For each row and each column of categories the place of the input that is 1, or <see cref="NoInput"/>: <c>[n, columns]</c>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The arrays are not a whole number of rows, or not the same number of rows, or a code is not an input of its column.
    /// </exception>
    public InputRows(InputColumns columns, float[] numbers, int[] codes)
    {
        (Columns, Numbers, Codes) = (columns, numbers, codes);
        Count = columns.Numbers > 0 ? RowsOf(numbers, columns.Numbers) : RowsOf(codes, columns.Values.Count);
        if (numbers.Length != (long)Count * columns.Numbers || codes.Length != (long)Count * columns.Values.Count)
            throw new ArgumentException(
                $"{numbers.Length} numbers and {codes.Length} codes are not the same number of rows", nameof(codes));
        for (int i = 0; i < codes.Length; i++)
        {
            int column = i % columns.Values.Count, place = codes[i] - columns.Firsts[column];
            if (codes[i] != NoInput && (uint)place >= (uint)columns.Values[column])
                throw new ArgumentException(
                    $"row {i / columns.Values.Count} has the input {codes[i]}, which column {column} has not got", nameof(codes));
        }
    }

    /// <summary>Rows of numbers alone.</summary>
    /// <param name="inputs">Numbers in a row.</param>
    /// <param name="numbers">The rows, <c>[n, inputs]</c>.</param>
    /// <exception cref="ArgumentException">They are not a whole number of rows.</exception>
    public InputRows(int inputs, float[] numbers)
        : this(new InputColumns(inputs), numbers, [])
    {
    }

    /// <inheritdoc/>
    public InputColumns Columns { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>The inputs that are numbers, <c>[n, Columns.Numbers]</c>.</summary>
    public float[] Numbers { get; }

    /// <summary>The places of the inputs that are 1, <c>[n, columns of categories]</c>.</summary>
    public int[] Codes { get; }

    /// <summary>All inputs of a row.</summary>
    public double[] Row(int row)
    {
        var inputs = new double[Columns.Count];
        for (int i = 0; i < Columns.Numbers; i++)
            inputs[i] = Numbers[(row * Columns.Numbers) + i];
        foreach (int code in Codes.AsSpan(row * Columns.Values.Count, Columns.Values.Count))
            if (code != NoInput)
                inputs[code] = 1;
        return inputs;
    }

    /// <inheritdoc/>
    public InputRows Read(IReadOnlyList<int> rows) =>
        new(Columns, Picked(Numbers, Columns.Numbers, rows), Picked(Codes, Columns.Values.Count, rows));

    /// <summary>Some rows of an array, in the order given.</summary>
    internal static T[] Picked<T>(T[] from, int width, IReadOnlyList<int> rows)
    {
        var picked = new T[rows.Count * width];
        for (int i = 0; i < rows.Count; i++)
            from.AsSpan(rows[i] * width, width).CopyTo(picked.AsSpan(i * width));
        return picked;
    }

    /// <summary>The number of rows of an array.</summary>
    internal static int RowsOf<T>(T[] values, int width, [CallerArgumentExpression(nameof(values))] string? name = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        return values.Length % width == 0
            ? values.Length / width
            : throw new ArgumentException($"has {values.Length} values, not a whole number of rows of {width}", name);
    }
}
