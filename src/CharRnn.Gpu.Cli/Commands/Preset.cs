using CharRnn.Text;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A named set of options of <c>charrnn train</c>. An option that is given beside it wins.</summary>
/// <param name="Name">The word on the command line.</param>
/// <param name="Purpose">What it is for, as a part of a sentence.</param>
/// <param name="Options">Options with their values, as the command line has them.</param>
internal sealed record Preset(string Name, string Purpose, IReadOnlyList<(string Option, string Value)> Options)
{
    // A stream of so many steps is long enough to learn from; shorter texts get fewer streams.
    private const int LeastSteps = 4;

    // Whoever reads a text so often knows it by heart.
    private const int MostPasses = 200;

    /// <summary>Every preset. The first holds where none is given: its options are the defaults.</summary>
    public static readonly IReadOnlyList<Preset> All =
    [
        new("classic", "min-char-rnn's sizes and optimizer", []),
        new("small", "a text of any size, in about a minute on two cores",
        [
            ("--cell", "lstm"), ("--layers", "1"), ("--hidden-size", "128"), ("--dropout", "0"), ("--seq-length", "64"),
            ("--optimizer", "adam"), ("--learning-rate", "0.01"), ("--clip", "none"), ("--clip-norm", "5"), ("--schedule", "cosine"),
        ])
        {
            MostStreams = 32,
            Characters = 10_000_000,
        },
        new("medium", "a text of a megabyte or more, in about a quarter of an hour on two cores",
        [
            ("--cell", "lstm"), ("--layers", "2"), ("--hidden-size", "256"), ("--dropout", "0.2"), ("--seq-length", "64"),
            ("--optimizer", "adam"), ("--learning-rate", "0.004"), ("--clip", "none"), ("--clip-norm", "5"), ("--schedule", "cosine"),
        ])
        {
            MostStreams = 64,
            Characters = 30_000_000,
        },
        new("large", "a text of many megabytes, on a GPU or over night",
        [
            ("--cell", "lstm"), ("--layers", "3"), ("--hidden-size", "512"), ("--dropout", "0.3"), ("--seq-length", "100"),
            ("--optimizer", "adam"), ("--learning-rate", "0.002"), ("--clip", "none"), ("--clip-norm", "5"), ("--schedule", "cosine"),
        ])
        {
            MostStreams = 64,
            Characters = 200_000_000,
        },
    ];

    /// <summary>The most streams of the text that are trained at once.</summary>
    public int MostStreams { get; private init; } = 1;

    /// <summary>The number of characters to train on, over all passes; null for ten passes.</summary>
    public long? Characters { get; private init; }

    /// <summary>The arguments that the preset adds to those that are given.</summary>
    /// <param name="value">The value that is given for an option; null where none is.</param>
    public IEnumerable<string> Arguments(Func<string, string?> value) =>
        from one in Options
        where value(one.Option) is null && !IsLeftOpen(one.Option, value)
        select $"{one.Option}={one.Value}";

    /// <summary>
    /// Whether an option has no value of the preset because another one is given: a rate belongs to its optimizer, and the sizes of a model
    /// that training starts from to that model.
    /// </summary>
    private bool IsLeftOpen(string option, Func<string, string?> value) => option switch
    {
        "--learning-rate" => value("--optimizer") is { } rule && !Options.Contains(("--optimizer", rule)),
        "--cell" or "--layers" or "--hidden-size" => value("--init-from") is not null,
        _ => false,
    };

    /// <summary>B for a text: fewer streams where they would be too short.</summary>
    /// <param name="length">The number of characters to train on.</param>
    /// <param name="sequenceLength">T.</param>
    public int StreamsFor(long length, int sequenceLength) =>
        (int)Math.Clamp(length / (LeastSteps * (sequenceLength + 2L)), 1, MostStreams);

    /// <summary>The number of steps for a text; null where passes are counted instead.</summary>
    /// <param name="length">The number of characters to train on.</param>
    /// <param name="batchSize">B.</param>
    /// <param name="sequenceLength">T.</param>
    public long? StepsFor(long length, int batchSize, int sequenceLength)
    {
        if (Characters is not { } characters)
            return null;
        long steps = characters / ((long)batchSize * sequenceLength);
        long pass = new StreamCursor(length / batchSize, sequenceLength).StepsPerEpoch;
        return Math.Clamp(steps, 1, MostPasses * pass);
    }
}
