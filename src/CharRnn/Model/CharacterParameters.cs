namespace CharRnn.Model;

/// <summary>The parameters of a character model by their symbols in E1, E2, E10 and E11.</summary>
public static class CharacterParameters
{
    extension<T>(ParameterSet<T> set)
        where T : unmanaged
    {
        /// <summary>The model's sizes.</summary>
        /// <exception cref="ArgumentException">The parameters are those of another kind of model.</exception>
        public ModelShape Sizes => set.Shape as ModelShape? ?? throw new ArgumentException("are not a character model's", nameof(set));

        /// <summary>The parameters of a recurrent layer; 0 is the lowest.</summary>
        public LayerParameters<T> Layer(int layer) => new(set, layer);

        /// <summary>Hidden to output, <c>[H, V]</c>.</summary>
        public T[] Why => set[set.Sizes.Why];

        /// <summary>Output bias, <c>[V]</c>.</summary>
        public T[] By => set[set.Sizes.By];
    }
}

/// <summary>The parameters of a recurrent layer. The columns of matrices are gate after gate, in the order of files.</summary>
/// <param name="set">The parameters of the model.</param>
/// <param name="layer">The layer.</param>
public readonly struct LayerParameters<T>(ParameterSet<T> set, int layer)
    where T : unmanaged
{
    /// <summary>Input to hidden, <c>[V, G·H]</c> at the lowest layer and <c>[H, G·H]</c> above.</summary>
    public T[] Wxh => set[set.Sizes.WxhOf(layer)];

    /// <summary>Hidden to hidden, <c>[H, G·H]</c>: <c>Whh[j, i]</c> is the weight from unit j to unit i of the first gate.</summary>
    public T[] Whh => set[set.Sizes.WhhOf(layer)];

    /// <summary>Hidden bias, <c>[G·H]</c>.</summary>
    public T[] Bh => set[set.Sizes.BhOf(layer)];

    /// <summary>The bias inside the product with r of a GRU, <c>[H]</c>.</summary>
    public T[] Bhn => set[set.Sizes.BhnOf(layer)];
}
