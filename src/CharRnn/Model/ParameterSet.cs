namespace CharRnn.Model;

/// <summary>
/// One value per parameter of a model: its weights, or as well their gradients or Adagrad memory.
/// Matrices are row-major in the row-vector convention of E1 and E2, so that a row belongs to an input;
/// model files hold their transposes.
/// </summary>
/// <typeparam name="T"><see cref="float"/> on devices and in files, <see cref="double"/> in the reference.</typeparam>
public sealed class ParameterSet<T>
    where T : unmanaged
{
    /// <summary>A set of zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A matrix would have more values than an array may.</exception>
    public ParameterSet(ModelShape shape)
    {
        (int v, int h) = (Limits.Size(shape.VocabularySize, nameof(shape)), Limits.Size(shape.HiddenSize, nameof(shape)));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)h * Math.Max(v, h), Array.MaxLength, nameof(shape));
        Shape = shape;
        Wxh = new T[v * h];
        Whh = new T[h * h];
        Bh = new T[h];
        Why = new T[h * v];
        By = new T[v];
    }

    /// <summary>V and H.</summary>
    public ModelShape Shape { get; }

    /// <summary>Input to hidden, <c>[V, H]</c>.</summary>
    public T[] Wxh { get; }

    /// <summary>Hidden to hidden, <c>[H, H]</c>: <c>Whh[j, i]</c> is the weight from unit j to unit i.</summary>
    public T[] Whh { get; }

    /// <summary>Hidden bias, <c>[H]</c>.</summary>
    public T[] Bh { get; }

    /// <summary>Hidden to output, <c>[H, V]</c>.</summary>
    public T[] Why { get; }

    /// <summary>Output bias, <c>[V]</c>.</summary>
    public T[] By { get; }

    /// <summary>The five tensors in their fixed order; a bias is a matrix of one row.</summary>
    public IReadOnlyList<ParameterTensor<T>> Tensors =>
    [
        new("Wxh", Shape.VocabularySize, Shape.HiddenSize, Wxh),
        new("Whh", Shape.HiddenSize, Shape.HiddenSize, Whh),
        new("bh", 1, Shape.HiddenSize, Bh),
        new("Why", Shape.HiddenSize, Shape.VocabularySize, Why),
        new("by", 1, Shape.VocabularySize, By),
    ];

    /// <summary>The same values in another precision.</summary>
    public ParameterSet<TOther> Convert<TOther>(Func<T, TOther> convert)
        where TOther : unmanaged
    {
        var result = new ParameterSet<TOther>(Shape);
        foreach ((ParameterTensor<T> from, ParameterTensor<TOther> to) in Tensors.Zip(result.Tensors))
            for (int i = 0; i < from.Values.Length; i++)
                to.Values[i] = convert(from.Values[i]);
        return result;
    }
}

/// <summary>One named tensor of a <see cref="ParameterSet{T}"/>.</summary>
/// <param name="Name">The name in the mathematics: Wxh, Whh, bh, Why or by.</param>
/// <param name="Rows">Number of rows; 1 for a bias.</param>
/// <param name="Columns">Number of columns.</param>
/// <param name="Values">The values, row-major; the set's own array, not a copy.</param>
public readonly record struct ParameterTensor<T>(string Name, int Rows, int Columns, T[] Values)
    where T : unmanaged;
