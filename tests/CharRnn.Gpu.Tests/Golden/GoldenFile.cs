using System.Globalization;
using CharRnn.Files;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>
/// tests/golden: what a NumPy program that shares nothing with this one computes in float64. Its README names the
/// tensors. The file's matrices are [outputs, inputs], those here are turned over to [inputs, outputs].
/// </summary>
internal sealed class GoldenFile : IDisposable
{
    private readonly SafetensorsFile _file = SafetensorsFile.Open(PathOf("golden.safetensors"));

    public GoldenFile()
    {
        // Characters are Unicode scalar values: one of the text's takes two UTF-16 units.
        var tokens = _file.Metadata["vocabulary"].EnumerateRunes().Select((rune, index) => (rune, index)).ToDictionary();
        Text = new TokenArray([.. File.ReadAllText(PathOf("text.txt")).EnumerateRunes().Select(rune => tokens[rune])]);
        Shape = new ModelShape(tokens.Count, (int)Number("hidden_size"));
    }

    /// <summary>Where to start, how many streams, which clip.</summary>
    public static TheoryData<string> Cases =>
    [
        .. from start in (string[])["fresh", "trained"] from streams in (int[])[1, 4] from clip in (string[])["loose", "tight"]
           select $"{start}.b{streams}.{clip}",
    ];

    public TokenArray Text { get; }

    public ModelShape Shape { get; }

    public StepOptions Options(string name) => new()
    {
        HiddenSize = Shape.HiddenSize,
        SequenceLength = (int)Number("seq_length"),
        BatchSize = name.Contains(".b4.", StringComparison.Ordinal) ? 4 : 1,
        LearningRate = Number("learning_rate"),
        Clip = Number("clip." + name.Split('.')[2]),
    };

    public ParameterSet<float> InitialWeights(string name) => Parameters("initial." + name.Split('.')[0]).Convert(value => (float)value);

    public double[] Losses(string name) => _file.ReadDoubles(name + ".losses", 3);

    public double[] State(string name) => _file.ReadDoubles(name + ".state3", Options(name).BatchSize, Shape.HiddenSize);

    public ParameterSet<double> Parameters(string prefix)
    {
        var parameters = new ParameterSet<double>(Shape);
        foreach (ParameterTensor<double> tensor in parameters.Tensors)
        {
            bool bias = tensor.Spec.Role == TensorRole.Bias;
            double[] values = _file.ReadDoubles(
                $"{prefix}.{tensor.Name}", bias ? [tensor.Spec.Columns] : [tensor.Spec.Columns, tensor.Spec.Rows]);
            for (int i = 0; i < tensor.Spec.Rows; i++)
                for (int j = 0; j < tensor.Spec.Columns; j++)
                    tensor.Values[(i * tensor.Spec.Columns) + j] = values[(j * tensor.Spec.Rows) + i];
        }

        return parameters;
    }

    public void Dispose() => _file.Dispose();

    private double Number(string key) => double.Parse(_file.Metadata[key], CultureInfo.InvariantCulture);

    private static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "golden", name);
}
