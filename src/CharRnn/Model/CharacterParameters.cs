namespace CharRnn.Model;

/// <summary>The parameters of a character model by their symbols in E1 and E2.</summary>
public static class CharacterParameters
{
    extension<T>(ParameterSet<T> set)
        where T : unmanaged
    {
        /// <summary>V and H.</summary>
        /// <exception cref="ArgumentException">The parameters are those of another kind of model.</exception>
        public ModelShape Sizes => set.Shape as ModelShape? ?? throw new ArgumentException("are not a character model's", nameof(set));

        /// <summary>Input to hidden, <c>[V, H]</c>.</summary>
        public T[] Wxh => set[ModelShape.Wxh];

        /// <summary>Hidden to hidden, <c>[H, H]</c>: <c>Whh[j, i]</c> is the weight from unit j to unit i.</summary>
        public T[] Whh => set[ModelShape.Whh];

        /// <summary>Hidden bias, <c>[H]</c>.</summary>
        public T[] Bh => set[ModelShape.Bh];

        /// <summary>Hidden to output, <c>[H, V]</c>.</summary>
        public T[] Why => set[ModelShape.Why];

        /// <summary>Output bias, <c>[V]</c>.</summary>
        public T[] By => set[ModelShape.By];
    }
}
