using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>The golden iterations of min-char-rnn: a text, where to start from, and what three iterations make of it.</summary>
internal sealed class GoldenIterations : IDisposable
{
    private readonly GoldenFile _file = new("golden");

    public GoldenIterations()
    {
        // Characters are Unicode scalar values: one of the text's takes two UTF-16 units.
        var tokens = _file.Text("vocabulary").EnumerateRunes().Select((rune, index) => (rune, index)).ToDictionary();
        Text = new TokenArray([.. File.ReadAllText(GoldenFile.PathOf("text.txt")).EnumerateRunes().Select(rune => tokens[rune])]);
        Shape = new ModelShape(tokens.Count, (int)_file.Number("hidden_size"));
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
        SequenceLength = (int)_file.Number("seq_length"),
        BatchSize = name.Contains(".b4.", StringComparison.Ordinal) ? 4 : 1,
        LearningRate = _file.Number("learning_rate"),
        Clip = _file.Number("clip." + name.Split('.')[2]),
    };

    public ParameterSet<float> InitialWeights(string name) => Parameters("initial." + name.Split('.')[0]).Convert(value => (float)value);

    public double[] Losses(string name) => _file.Values(name + ".losses", 3);

    public double[] State(string name) => _file.Values(name + ".state3", Options(name).BatchSize, Shape.HiddenSize);

    public ParameterSet<double> Parameters(string prefix) => _file.Parameters(Shape, prefix);

    public void Compare(double tolerance, string prefix, ParameterSet<double> actual) => _file.Compare(tolerance, prefix, actual);

    public void Dispose() => _file.Dispose();
}
