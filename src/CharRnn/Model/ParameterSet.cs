namespace CharRnn.Model;

/// <summary>
/// One value per parameter of a model: its weights, their gradients, or what an optimizer remembers of them.
/// Matrices are row-major in the row-vector convention of E1 and E2, so that a row belongs to an input;
/// model files hold their transposes.
/// </summary>
/// <typeparam name="T"><see cref="float"/> on devices and in files, <see cref="double"/> in the reference.</typeparam>
public sealed class ParameterSet<T>
    where T : unmanaged
{
    private readonly ParameterTensor<T>[] _tensors;

    /// <summary>A set of zeros.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A tensor would have no values, or more than an array may.</exception>
    public ParameterSet(IModelShape shape)
    {
        foreach (TensorSpec spec in shape.Tensors)
            if (spec.Count < 1 || spec.Count > Array.MaxLength)
                throw new ArgumentOutOfRangeException(
                    nameof(shape), spec.Count, $"tensor {spec.Name} must have 1 to {Array.MaxLength} values");
        Shape = shape;
        _tensors = [.. shape.Tensors.Select(spec => new ParameterTensor<T>(spec, new T[spec.Count]))];
    }

    /// <summary>The model's sizes.</summary>
    public IModelShape Shape { get; }

    /// <summary>The tensors in the order of the shape's list.</summary>
    public IReadOnlyList<ParameterTensor<T>> Tensors => _tensors;

    /// <summary>The values of the tensor at a place of the shape's list: the set's own array, not a copy.</summary>
    public T[] this[int index] => _tensors[index].Values;

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
/// <param name="Spec">The description of the tensor.</param>
/// <param name="Values">The values, row-major; the set's own array, not a copy.</param>
public readonly record struct ParameterTensor<T>(TensorSpec Spec, T[] Values)
    where T : unmanaged
{
    /// <summary>Its symbol in the mathematics.</summary>
    public string Name => Spec.Symbol;
}
