using System.Globalization;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A named set of options of <c>charrnn train</c>. An option that is given beside it wins.</summary>
/// <param name="Name">The word on the command line.</param>
/// <param name="Purpose">What it is for, as a part of a sentence.</param>
/// <param name="Step">The step; its batch size is the largest number of streams.</param>
internal sealed record Preset(string Name, string Purpose, StepOptions Step)
{
    // With fewer steps in a pass, a model overfits a short text before it has had enough updates.
    private const int LeastSteps = 256;

    // A model that reads a text more often overfits.
    private const int MostPasses = 12;

    // The number of characters is that for vocabularies of up to this size. With larger ones each takes longer, and fewer are read.
    private const int UsualVocabulary = 256;

    /// <summary>Every preset.</summary>
    public static readonly IReadOnlyList<Preset> All =
    [
        new("small", "a text of any size, in about a minute on two cores", Adam(128, 64, 32, 0.015, dropout: 0.1))
        {
            Cell = RecurrentCell.Lstm,
            Schedule = LearningRateDecay.Cosine,
            Characters = 10_000_000,
        },
        new("medium", "a text of a megabyte or more, in about a quarter of an hour on two cores", Adam(256, 64, 64, 0.004, dropout: 0.2))
        {
            Cell = RecurrentCell.Lstm,
            Layers = 2,
            Schedule = LearningRateDecay.Cosine,
            Characters = 30_000_000,
        },
        new("large", "a text of many megabytes, on a GPU or overnight", Adam(512, 100, 64, 0.002, dropout: 0.3))
        {
            Cell = RecurrentCell.Lstm,
            Layers = 3,
            Schedule = LearningRateDecay.Cosine,
            Characters = 200_000_000,
        },
        new("classic", "min-char-rnn's model, step and optimizer", new StepOptions()),
    ];

    /// <summary>The preset where none is given.</summary>
    public static Preset Default => All[0];

    /// <summary>The preset of runs that name none: they are older than presets.</summary>
    public static Preset Classic => All[^1];

    /// <summary>The cell of the layers.</summary>
    public RecurrentCell Cell { get; private init; }

    /// <summary>The number of layers.</summary>
    public int Layers { get; private init; } = 1;

    /// <summary>How the learning rate changes.</summary>
    public LearningRateDecay Schedule { get; private init; }

    /// <summary>The number of characters to train on, over all passes; null for as many passes as the options say.</summary>
    public long? Characters { get; private init; }

    /// <summary>Options with their values, as the command line has them.</summary>
    public IReadOnlyList<(string Option, string Value)> Options =>
    [
        ("--cell", SharedOptions.WordOf(Cell)), ("--layers", Text(Layers)), ("--hidden-size", Text(Step.HiddenSize)),
        ("--dropout", Text(Step.Dropout)), ("--seq-length", Text(Step.SequenceLength)),
        ("--optimizer", SharedOptions.WordOf(Step.Optimizer)), ("--learning-rate", Text(Step.LearningRate)),
        ("--clip", OptimizerOptions.LimitText(Step.Clip)), ("--clip-norm", OptimizerOptions.LimitText(Step.ClipNorm)),
        ("--schedule", SharedOptions.WordOf(Schedule)),
    ];

    /// <summary>The arguments that the preset adds to those that are given.</summary>
    /// <param name="has">Whether an option is given, with a value or without.</param>
    /// <param name="value">The value that is given for an option; null where none is.</param>
    /// <param name="hiddenSize">The hidden size, if it is not the preset's.</param>
    public IEnumerable<string> Arguments(Func<string, bool> has, Func<string, string?> value, string? hiddenSize) =>
        from one in Options
        where !has(one.Option) && !IsLeftOpen(one.Option, has, value)
        select $"{one.Option}={(one.Option == "--learning-rate" ? RateFor(hiddenSize) : one.Value)}";

    /// <summary>B for a text: fewer streams where they would be too short.</summary>
    /// <param name="length">The number of characters to train on.</param>
    /// <param name="sequenceLength">T.</param>
    public int StreamsFor(long length, int sequenceLength) =>
        (int)Math.Clamp(length / (LeastSteps * (sequenceLength + 2L)), 1, Step.BatchSize);

    /// <summary>The number of steps for a text; null where passes are counted instead.</summary>
    /// <param name="length">The number of characters to train on.</param>
    /// <param name="shape">The sizes of the model.</param>
    /// <param name="batchSize">B.</param>
    /// <param name="sequenceLength">T.</param>
    public long? StepsFor(long length, ModelShape shape, int batchSize, int sequenceLength)
    {
        if (Characters is not { } characters)
            return null;
        var usual = new ModelShape(UsualVocabulary, shape.HiddenSize, shape.Cell, shape.Layers);
        double part = Math.Min(1, usual.TrainingFlops / shape.TrainingFlops);
        long steps = (long)(characters * part) / ((long)batchSize * sequenceLength);
        long pass = new StreamCursor(length / batchSize, sequenceLength).StepsPerEpoch;
        return Math.Clamp(steps, 1, MostPasses * pass);
    }

    /// <summary>
    /// Whether an option has no value of the preset because another one is given: a rate belongs to its optimizer, and the sizes of a model
    /// that training starts from to that model.
    /// </summary>
    private bool IsLeftOpen(string option, Func<string, bool> has, Func<string, string?> value) => option switch
    {
        "--learning-rate" => value("--optimizer") is { } rule && !Options.Contains(("--optimizer", rule)),
        "--cell" or "--layers" or "--hidden-size" => has("--init-from"),
        _ => false,
    };

    /// <summary>The learning rate: Adam's has to fall as the layers get wider. Narrower ones keep the preset's.</summary>
    private string RateFor(string? hiddenSize) =>
        Step.Optimizer == UpdateRule.Adam && int.TryParse(hiddenSize, NumberStyles.None, CultureInfo.InvariantCulture, out int units)
        && units > Step.HiddenSize ? Text(Step.LearningRate * Step.HiddenSize / units) : Text(Step.LearningRate);

    private static StepOptions Adam(int hiddenSize, int sequenceLength, int batchSize, double learningRate, double dropout) => new()
    {
        HiddenSize = hiddenSize,
        SequenceLength = sequenceLength,
        BatchSize = batchSize,
        Optimizer = UpdateRule.Adam,
        LearningRate = learningRate,
        Clip = null,
        ClipNorm = 5,
        Dropout = dropout,
    };

    /// <summary>The preset, as the help lists it.</summary>
    public override string ToString() =>
        $"  {Name,-8} {Purpose}:\n           {string.Join(' ', Options.Select(one => $"{one.Option} {one.Value}"))}\n           "
        + (Characters is { } characters
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"up to {Step.BatchSize} streams, {characters / 1e6:N0} million characters, at most {MostPasses} passes")
            : "1 stream, as many passes as --epochs says");

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
