using CharRnn.Files;
using CharRnn.Model;

namespace CharRnn.Storage;

/// <summary>
/// A <see cref="ParameterSet{T}"/> as files hold it: F32 tensors <c>layers.0.Wxh [H,V]</c>, <c>layers.0.Whh [H,H]</c>,
/// <c>layers.0.bh [H]</c>, <c>Why [V,H]</c>, <c>by [V]</c>. A row belongs to an output there, as in min-char-rnn and
/// PyTorch, so every matrix is the transpose of the one in memory: file <c>Whh[i,j]</c> is <c>Whh[j,i]</c> of E1.
/// </summary>
internal static class WeightTensors
{
    /// <summary>The names of the five tensors, in the order in which they lie.</summary>
    public static IReadOnlyList<string> Names { get; } = ["layers.0.Wxh", "layers.0.Whh", "layers.0.bh", "Why", "by"];

    /// <summary>The tensors to write.</summary>
    /// <param name="prefix">Stands before each name.</param>
    /// <param name="parameters">The set; biases are used in place, matrices are copied.</param>
    public static IEnumerable<SafetensorsTensor> Create(string prefix, ParameterSet<float> parameters)
        => Names.Zip(parameters.Tensors, (name, tensor) => IsBias(tensor)
            ? new SafetensorsTensor(prefix + name, FileShape(tensor), tensor.Values)
            : new SafetensorsTensor(prefix + name, FileShape(tensor), Transpose(tensor.Values, tensor.Rows, tensor.Columns)));

    /// <summary>Finds V and H and checks dtype and shape of every weight tensor, reading no values.</summary>
    /// <param name="file">A file with the five tensors, without a prefix.</param>
    /// <param name="vocabularySize">V, as the file's vocabulary has it.</param>
    /// <exception cref="CharRnnException">A tensor is missing, or its shape disagrees with another's or with the vocabulary.</exception>
    public static ModelShape ReadShape(SafetensorsFile file, int vocabularySize)
    {
        IReadOnlyList<long> by = file.Entry("by").Shape, bh = file.Entry("layers.0.bh").Shape;
        if (by.Count == 1 && by[0] != vocabularySize)
            throw FileErrors.Damaged(file.Path, $"its vocabulary has {vocabularySize} characters, but tensor by has shape {SafetensorsEntry.ShapeText(by)}");
        if (bh.Count != 1 || bh[0] is < 1 or > int.MaxValue)
            throw FileErrors.Damaged(file.Path, $"tensor layers.0.bh has shape {SafetensorsEntry.ShapeText(bh)}, not [hidden size]");

        var shape = new ModelShape(vocabularySize, (int)bh[0]);
        Check(file, "", shape);
        return shape;
    }

    /// <summary>Checks dtype and shape of every tensor of a set, reading no values.</summary>
    /// <exception cref="CharRnnException">A tensor is missing, has another dtype or shape, or is too large.</exception>
    public static void Check(SafetensorsFile file, string prefix, ModelShape shape)
    {
        (long v, long h) = (shape.VocabularySize, shape.HiddenSize);
        foreach ((string name, long[] expected) in Names.Zip<string, long[]>([[h, v], [h, h], [h], [v, h], [v]]))
            if (file.Require(prefix + name, SafetensorsDtype.F32, expected).Count > Array.MaxLength)
                throw new CharRnnException(file.Path, $"tensor {prefix}{name} has more than {Array.MaxLength} values", "give a smaller model");
    }

    /// <summary>Reads a set whose shapes were checked.</summary>
    /// <exception cref="CharRnnException">A value is NaN or infinite, or the file cannot be read.</exception>
    public static ParameterSet<float> Read(SafetensorsFile file, string prefix, ModelShape shape)
    {
        var parameters = new ParameterSet<float>(shape);
        foreach ((string name, ParameterTensor<float> tensor) in Names.Zip(parameters.Tensors))
        {
            long[] fileShape = FileShape(tensor);
            float[] values = file.ReadFloats(prefix + name, fileShape);
            RequireFinite(file.Path, prefix + name, fileShape, values, "give a file with finite values");
            if (!IsBias(tensor))
                values = Transpose(values, tensor.Columns, tensor.Rows);
            values.CopyTo(tensor.Values, 0);
        }

        return parameters;
    }

    /// <summary>Refuses to save a set with a value that is not finite.</summary>
    /// <exception cref="CharRnnException">Names the tensor and the element, indices as in the file.</exception>
    public static void RequireFinite(string path, string prefix, ParameterSet<float> parameters, string remedy)
    {
        foreach ((string name, ParameterTensor<float> tensor) in Names.Zip(parameters.Tensors))
        {
            int bad = Array.FindIndex(tensor.Values, value => !float.IsFinite(value));
            if (bad < 0)
                continue;
            (int row, int column) = (bad / tensor.Columns, bad % tensor.Columns);
            throw NotFinite(path, prefix + name, IsBias(tensor) ? [column] : [column, row], tensor.Values[bad], remedy);
        }
    }

    /// <summary>Refuses a tensor with a value that is not finite.</summary>
    /// <exception cref="CharRnnException">Names the tensor and the element.</exception>
    public static void RequireFinite(string path, string name, IReadOnlyList<long> shape, float[] values, string remedy)
    {
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        if (bad >= 0)
            throw NotFinite(path, name, shape.Count == 1 ? [bad] : [bad / shape[^1], bad % shape[^1]], values[bad], remedy);
    }

    private static CharRnnException NotFinite(string path, string name, long[] index, float value, string remedy)
        => new(path, $"tensor {name} is {(float.IsNaN(value) ? "NaN" : "infinite")} at {SafetensorsEntry.ShapeText(index)}", remedy);

    // By name, not by the number of rows: a matrix of one row is no bias.
    private static bool IsBias(ParameterTensor<float> tensor) => tensor.Name is "bh" or "by";

    private static long[] FileShape(ParameterTensor<float> tensor)
        => IsBias(tensor) ? [tensor.Columns] : [tensor.Columns, tensor.Rows];

    /// <summary><c>[rows, columns]</c> to <c>[columns, rows]</c>, in tiles that stay in the cache.</summary>
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
