using System.CommandLine;
using System.Globalization;
using CharRnn.Runs;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>How the learning rate changes, and when training ends early: the same for texts and tables.</summary>
internal sealed class ScheduleOptions
{
    private static readonly LearningRateSchedule Defaults = new();

    private readonly Option<Choice<LearningRateDecay>> _schedule;
    private readonly Option<long?> _warmup, _decayEvery, _decayPatience, _patience;
    private readonly Option<double?> _minLearningRate, _decay;

    /// <param name="verb">Gets the options.</param>
    /// <param name="otherwise">The schedule where none is given.</param>
    /// <param name="patience">What the help says of the patience where none is given; null where that is 0.</param>
    public ScheduleOptions(TrainingVerb verb, LearningRateDecay otherwise = LearningRateDecay.Constant, string? patience = null)
    {
        _schedule = verb.Add(
            SharedOptions.OneOf(
                "--schedule",
                "How the learning rate changes: cosine and linear reach the minimum at the last step, so their runs can only be resumed to "
                + "the same end; exponential and step multiply the rate by --decay in every --decay-every steps, gradually or at once; "
                + "plateau does so when the validation loss does not improve.",
                otherwise),
            OnResume.Kept);
        _warmup = verb.Add(
            SharedOptions.WholeNumber<long>(
                "--warmup", Defaults.Warmup, 0,
                "Number of steps at the start, counted as iterations, in which the learning rate rises from 0."),
            OnResume.Kept);
        _minLearningRate = verb.Add(
            SharedOptions.Number<double>(
                "--min-learning-rate", Defaults.MinLearningRate, "a number from 0", Limits.IsNotNegative,
                "The learning rate below which no schedule goes."),
            OnResume.Kept, _schedule, [.. Enum.GetValues<LearningRateDecay>().Where(decay => decay != LearningRateDecay.Constant)]);
        _decay = verb.Add(
            SharedOptions.Number<double>(
                "--decay", Defaults.Decay, "a number over 0, at most 1", Limits.IsProbability,
                "The factor by which exponential, step and plateau multiply the learning rate."),
            OnResume.Kept, _schedule, LearningRateDecay.Exponential, LearningRateDecay.Step, LearningRateDecay.Plateau);
        _decayEvery = verb.Add(
            SharedOptions.WholeNumber<long>(
                "--decay-every", null, 1, "Number of steps in which exponential and step multiply the learning rate by --decay once."),
            OnResume.Kept, _schedule, LearningRateDecay.Exponential, LearningRateDecay.Step);
        _decayPatience = verb.Add(
            SharedOptions.WholeNumber<long>(
                "--decay-patience", Defaults.DecayPatience, 1,
                "Number of measurements in a row without improvement after which plateau multiplies the learning rate by --decay."),
            OnResume.Kept, _schedule, LearningRateDecay.Plateau);
        _patience = verb.Add(
            SharedOptions.WholeNumber<long>(
                "--patience", patience is null ? 0 : null, 0,
                "End training after this many measurements in a row without a better validation loss; 0 never does"
                + (patience is null ? "." : $" [default: {patience}].")),
            OnResume.Taken);
    }

    /// <summary>Reads how the learning rate changes.</summary>
    public LearningRateSchedule Read(ParseResult options) => new()
    {
        Kind = options.GetValue(_schedule).Value,
        Warmup = options.GetValue(_warmup)!.Value,
        MinLearningRate = options.GetValue(_minLearningRate)!.Value,
        Decay = options.GetValue(_decay)!.Value,
        DecayEvery = options.GetValue(_decayEvery) ?? Defaults.DecayEvery,
        DecayPatience = options.GetValue(_decayPatience)!.Value,
    };

    /// <summary>Reads <see cref="TrainingSchedule.Patience"/>.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="otherwise">The patience where none is given.</param>
    public long ReadPatience(ParseResult options, long otherwise = 0) => options.GetValue(_patience) ?? otherwise;

    /// <summary>Whether an option needs measurements on a validation part.</summary>
    public bool NeedsMeasuring(ParseResult options) => Measuring(options) is not null;

    /// <summary>The values of options that a rollback changes, or that depend on the data.</summary>
    /// <param name="rates">The rates.</param>
    /// <param name="patience">See <see cref="TrainingSchedule.Patience"/>.</param>
    public IReadOnlyList<(Option Option, object? Value)> Resolved(LearningRateSchedule rates, long patience) =>
        [(_minLearningRate, rates.MinLearningRate), (_patience, patience)];

    /// <summary>Checks options that depend on each other.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="learningRate">η.</param>
    /// <param name="fraction">The option for the share of the data to measure on.</param>
    /// <param name="every">The option for how often.</param>
    /// <exception cref="UsageException">They contradict each other.</exception>
    public void Require(ParseResult options, double learningRate, Option<double?> fraction, Option<long?> every)
    {
        Choice<LearningRateDecay> schedule = options.GetValue(_schedule);
        if (schedule.Value is LearningRateDecay.Exponential or LearningRateDecay.Step && options.GetResult(_decayEvery) is null)
            throw new UsageException(
                $"{_decayEvery.Name}: is missing, and --schedule {schedule} needs it; "
                + "give the steps in which the rate is multiplied by --decay");
        if (options.GetValue(_minLearningRate) is { } least && least > learningRate)
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture,
                $"{_minLearningRate.Name}: is {least}, above the --learning-rate of {learningRate}; give a smaller one"));
        if (Measuring(options) is not { } measuring)
            return;
        if (options.GetValue(fraction) == 0)
            throw new UsageException($"{measuring}: needs a validation part to measure on; give a {fraction.Name} over 0");
        if (options.GetValue(every) == 0)
            throw new UsageException($"{measuring}: needs measurements on the way; give an {every.Name} over 0");
    }

    /// <summary>Refuses a validation part that is too short to be measured on, if that is needed.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="length">The length of the validation part.</param>
    /// <param name="least">The least that can be measured on.</param>
    /// <param name="unit">The unit of both.</param>
    /// <exception cref="CharRnnException">It is too short.</exception>
    public void RequireValidation(ParseResult options, long length, long least, string unit)
    {
        if (Measuring(options) is { } measuring && length < least)
            throw new CharRnnException(
                measuring, $"needs a validation part of at least {least} {unit}, and there are {length}",
                "give more data or a larger --val-fraction");
    }

    /// <summary>
    /// Refuses another number of steps if the learning rates depend on it: the first half of such a run would be different.
    /// </summary>
    /// <param name="directory">The run to resume.</param>
    /// <param name="saved">Its configuration.</param>
    /// <param name="schedule">The schedule now.</param>
    /// <param name="stepsPerEpoch">Steps in an epoch.</param>
    /// <param name="remedy">How a run gets the number that it had, or a new one is started.</param>
    /// <exception cref="CharRnnException">The number of steps differs.</exception>
    public static void RequireSameTotal(
        string directory, RunConfiguration saved, TrainingSchedule schedule, long stepsPerEpoch, string remedy)
    {
        if (!schedule.LearningRates.DependsOnTotal)
            return;
        TrainingSchedule begun = schedule with { Iterations = Number("iterations"), Epochs = Number("epochs") ?? schedule.Epochs };
        (long before, long now) = (begun.TotalIterations(stepsPerEpoch), schedule.TotalIterations(stepsPerEpoch));
        if (before != now)
            throw new CharRnnException(
                directory,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"has a {saved.GetText("schedule")} schedule over {before} iterations, which cannot become {now}"),
                remedy);

        long? Number(string name) => saved.Has(name)
            && long.TryParse(saved.GetOptionText(name), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
    }

    /// <summary>The option that needs measurements; null if there is none.</summary>
    private string? Measuring(ParseResult options) =>
        options.GetValue(_schedule).Value == LearningRateDecay.Plateau ? "--schedule plateau"
        : options.GetValue(_patience) > 0 ? "--patience"
        : null;
}
