using CharRnn.Files;
using CharRnn.Model;

namespace CharRnn.Storage;

/// <summary>
/// A <see cref="ParameterSet{T}"/> in a file: an F32 tensor for each tensor of the shape, under its name. In files a row belongs
/// to an output, as in min-char-rnn and PyTorch, so every matrix is the transpose of the one in memory: a file's
/// <c>Whh[i,j]</c> is <c>Whh[j,i]</c> of E1. A bias has one dimension.
/// </summary>
internal static class WeightTensors
{
    /// <summary>The tensors to write.</summary>
    /// <param name="prefix">The text before each name.</param>
    /// <param name="parameters">The set; biases are used in place, matrices are copied.</param>
    public static IEnumerable<SafetensorsTensor> Create(string prefix, ParameterSet<float> parameters)
        => parameters.Tensors.Select(tensor => new SafetensorsTensor(
            prefix + tensor.Spec.Name, FileShape(tensor.Spec),
            IsBias(tensor.Spec) ? tensor.Values : Transpose(tensor.Values, tensor.Spec.Rows, tensor.Spec.Columns)));

    /// <summary>
    /// Reads the sizes of a file's character model from the shapes of its biases; checks no other tensor and reads no values.
    /// </summary>
    /// <param name="file">A file with a model's tensors, without a prefix.</param>
    /// <param name="vocabularySize">V, the size of the file's vocabulary.</param>
    /// <param name="cell">The cell of its layers.</param>
    /// <param name="layers">N.</param>
    /// <exception cref="CharRnnException">A bias is missing, or its shape disagrees with the vocabulary or the cell.</exception>
    public static ModelShape ReadShape(SafetensorsFile file, int vocabularySize, RecurrentCell cell, int layers)
    {
        var smallest = new ModelShape(vocabularySize, 1, cell, layers); // the names of tensors do not depend on their sizes
        IReadOnlyList<TensorSpec> tensors = smallest.Tensors;
        SafetensorsEntry by = file.Entry(tensors[smallest.By].Name), bh = file.Entry(tensors[smallest.BhOf(0)].Name);
        if (by.Shape is [var size] && size != vocabularySize)
            throw FileErrors.Damaged(
                file.Path,
                $"its vocabulary has {vocabularySize} characters, but tensor {by.Name} has shape {SafetensorsEntry.ShapeText(by.Shape)}");
        string expected = smallest.Gates == 1 ? "[hidden size]" : $"[{smallest.Gates} x hidden size]";
        return bh.Shape is [>= 1 and <= int.MaxValue and var columns] && columns % smallest.Gates == 0
            ? new ModelShape(vocabularySize, (int)(columns / smallest.Gates), cell, layers)
            : throw FileErrors.Damaged(file.Path, $"tensor {bh.Name} has shape {SafetensorsEntry.ShapeText(bh.Shape)}, not {expected}");
    }

    /// <summary>Checks the dtype and the shape of every tensor of a set; reads no values.</summary>
    /// <exception cref="CharRnnException">A tensor is missing, has another dtype or shape, or is too large.</exception>
    public static void Check(SafetensorsFile file, string prefix, IModelShape shape)
    {
        foreach (TensorSpec spec in shape.Tensors)
            if (file.Require(prefix + spec.Name, SafetensorsDtype.F32, FileShape(spec)).Count > Array.MaxLength)
                throw new CharRnnException(
                    file.Path, $"tensor {prefix}{spec.Name} has more than {Array.MaxLength} values", "give a smaller model");
    }

    /// <summary>Reads a set whose shapes were checked.</summary>
    /// <exception cref="CharRnnException">A value is NaN or infinite, or the file cannot be read.</exception>
    public static ParameterSet<float> Read(SafetensorsFile file, string prefix, IModelShape shape)
    {
        var parameters = new ParameterSet<float>(shape);
        foreach ((TensorSpec spec, float[] to) in parameters.Tensors)
        {
            float[] values = file.ReadFloats(prefix + spec.Name, FileShape(spec));
            RequireFinite(file.Path, prefix + spec.Name, FileShape(spec), values, "give a file with finite values");
            (IsBias(spec) ? values : Transpose(values, spec.Columns, spec.Rows)).CopyTo(to, 0);
        }

        return parameters;
    }

    /// <summary>Refuses to save a set with a value that is not finite.</summary>
    /// <exception cref="CharRnnException">It has one; the message names the tensor and the element, by its indices in the file.</exception>
    public static void RequireFinite(string path, string prefix, ParameterSet<float> parameters, string remedy)
    {
        foreach ((TensorSpec spec, float[] values) in parameters.Tensors)
        {
            int bad = Array.FindIndex(values, value => !float.IsFinite(value));
            if (bad < 0)
                continue;
            (int row, int column) = (bad / spec.Columns, bad % spec.Columns);
            throw NotFinite(path, prefix + spec.Name, IsBias(spec) ? [column] : [column, row], values[bad], remedy);
        }
    }

    /// <summary>Refuses a tensor with a value that is not finite.</summary>
    /// <exception cref="CharRnnException">It has one; the message names the tensor and the element.</exception>
    public static void RequireFinite(string path, string name, IReadOnlyList<long> shape, float[] values, string remedy)
    {
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        if (bad >= 0)
            throw NotFinite(path, name, shape.Count == 1 ? [bad] : [bad / shape[^1], bad % shape[^1]], values[bad], remedy);
    }

    private static CharRnnException NotFinite(string path, string name, long[] index, float value, string remedy)
        => new(path, $"tensor {name} is {(float.IsNaN(value) ? "NaN" : "infinite")} at {SafetensorsEntry.ShapeText(index)}", remedy);

    private static bool IsBias(TensorSpec spec) => spec.Role == TensorRole.Bias;

    private static long[] FileShape(TensorSpec spec) => IsBias(spec) ? [spec.Columns] : [spec.Columns, spec.Rows];

    /// <summary>Transposes <c>[rows, columns]</c> to <c>[columns, rows]</c>, in tiles that stay in the cache.</summary>
    internal static float[] Transpose(float[] source, int rows, int columns)
    {
        const int tile = 32;
        float[] result = new float[source.Length];
        for (int topRow = 0; topRow < rows; topRow += tile)
            for (int leftColumn = 0; leftColumn < columns; leftColumn += tile)
                for (int row = topRow; row < Math.Min(topRow + tile, rows); row++)
                    for (int column = leftColumn; column < Math.Min(leftColumn + tile, columns); column++)
                        result[(column * rows) + row] = source[(row * columns) + column];
        return result;
    }
}
