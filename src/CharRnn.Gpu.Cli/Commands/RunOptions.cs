using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CharRnn.Gpu.Cli.Terminal;
using CharRnn.Gpu.Devices;
using CharRnn.Runs;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>The options of a run, whatever it trains on: where it is kept, how often something happens, what is shown.</summary>
internal sealed class RunOptions
{
    // A timer's limit is 49 days.
    private const int MostSeconds = 1000 * 3600;

    private readonly Option<string> _out;
    private readonly Option<bool> _overwrite, _tensorBoard, _json = SharedOptions.Json();
    private readonly Option<DeviceSelection> _device;
    private readonly Option<int?> _keepCheckpoints;
    private readonly Option<Choice<bool>> _onDivergence;
    private readonly Option<TimeSpan?> _maxTime;

    /// <param name="verb">Gets the options.</param>
    /// <param name="unit">What the cadences count.</param>
    /// <param name="log">Where none is given: how many lie between reports; or how that is worked out.</param>
    /// <param name="evaluate">The same of measurements.</param>
    /// <param name="checkpoint">The same of checkpoints.</param>
    public RunOptions(TrainingVerb verb, string unit, Default log, Default evaluate, Default checkpoint)
    {
        _out = verb.Add(
            new Option<string>("--out") { Description = "The run's directory [default: runs/<time>].", HelpName = "DIR" },
            OnResume.Forgotten);
        Resume = verb.Add(
            new Option<bool>("--resume") { Description = "Go on with the run in --out, exactly where it stopped." }, OnResume.Forgotten);
        _overwrite = verb.Add(new Option<bool>("--overwrite") { Description = "Replace the run that --out holds." }, OnResume.Forgotten);
        _device = verb.Add(SharedOptions.Device(), OnResume.Taken);
        LogEvery = Cadence("--log-every", log, "between reports; 0 reports only measurements and the end");
        EvalEvery = Cadence("--eval-every", evaluate, "between measurements on the validation part; 0 measures only at the end");
        CheckpointEvery = Cadence("--checkpoint-every", checkpoint, "between saves; 0 saves only at the end");
        _maxTime = verb.Add(
            new Option<TimeSpan?>("--max-time")
            {
                Description = "Stop after this time of training and save, as Ctrl-C does: a number with s, m or h behind it, such as 10m.",
                HelpName = "TIME",
                CustomParser = result =>
                {
                    string text = SharedOptions.Text(result);
                    double unit = text.Length < 2 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
                    if (unit > 0 && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                        && number > 0 && number * unit <= MostSeconds)
                        return TimeSpan.FromSeconds(number * unit);
                    result.AddError($"--max-time: is '{text}'; give a number over 0 with s, m or h behind it, up to {MostSeconds / 3600}h");
                    return null;
                },
            },
            OnResume.Forgotten);
        _keepCheckpoints = verb.Add(
            SharedOptions.WholeNumber<int>("--keep-checkpoints", 2, 1, "Number of checkpoints to keep, including the last one."),
            OnResume.Taken);
        _onDivergence = verb.Add(
            SharedOptions.OneOf<bool>(
                "--on-divergence",
                "What to do when the loss is not finite or absurdly high: stop, or go back to the last checkpoint with half the "
                + "learning rate.",
                new("stop", false), new("rollback", true)),
            OnResume.Taken);
        _tensorBoard = verb.Add(
            new Option<bool>("--tensorboard") { Description = "Also write the curves for TensorBoard, below the run's directory." },
            OnResume.Taken);
        verb.Add(
            new Option<string>("--config")
            {
                Description = "A JSON file of these options, named without dashes; - reads stdin. Options on the command line take "
                    + "precedence.",
                HelpName = "FILE",
            },
            OnResume.Forgotten);
        verb.Add(SharedOptions.Verbose(), OnResume.Forgotten);
        verb.Add(SharedOptions.Quiet(), OnResume.Forgotten);
        verb.Add(_json, OnResume.Forgotten);

        Option<long?> Cadence(string name, Default otherwise, string what)
        {
            string description = $"Number of {unit} {what}{(otherwise.Words is { } words ? $" [default: {words}]" : "")}.";
            return verb.Add(SharedOptions.WholeNumber<long>(name, otherwise.Number, 0, description), OnResume.Taken);
        }
    }

    /// <summary>Whether the run goes on with an earlier one.</summary>
    public Option<bool> Resume { get; }

    /// <summary>How many lie between reports.</summary>
    public Option<long?> LogEvery { get; }

    /// <summary>How many lie between measurements on the validation part.</summary>
    public Option<long?> EvalEvery { get; }

    /// <summary>How many lie between checkpoints.</summary>
    public Option<long?> CheckpointEvery { get; }

    /// <summary>Adds the checks of options that contradict each other.</summary>
    public void AddChecks(Command command) => command.Validators.Add(result =>
    {
        if (result.GetValue(Resume) && result.GetResult(_out) is null)
            result.AddError("--resume: does not say which run to go on with; give its directory as --out");
        if (result.GetValue(Resume) && result.GetValue(_overwrite))
            result.AddError("--overwrite: is given with --resume; give one of them");
    });

    /// <summary>Whether the command line asks for results as JSON.</summary>
    public bool IsJson(ParseResult options) => options.GetValue(_json);

    /// <summary>Whether TensorBoard gets a log.</summary>
    public bool HasTensorBoard(ParseResult options) => options.GetValue(_tensorBoard);

    /// <summary>Whether a run that diverges goes back to its last checkpoint.</summary>
    public bool RollsBack(ParseResult options) => options.GetValue(_onDivergence).Value;

    /// <summary>Ends training after the time that is given, or when another token says so.</summary>
    public CancellationTokenSource Stop(ParseResult options, CancellationToken stop)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (options.GetValue(_maxTime) is { } time)
            source.CancelAfter(time);
        return source;
    }

    /// <summary>Checkpoints to keep.</summary>
    public int KeepCheckpoints(ParseResult options) => options.GetValue(_keepCheckpoints)!.Value;

    /// <summary>Opens the run to go on with; null for a new one.</summary>
    /// <exception cref="CharRnnException">See <see cref="RunDirectory.Resume"/>.</exception>
    public RunDirectory? OpenEarlier(ParseResult options) => options.GetValue(Resume) ? RunDirectory.Resume(options.GetValue(_out)!) : null;

    /// <summary>Says that the run to go on with has nothing left to do.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="run">The run.</param>
    /// <param name="finish">What a user is told behind its name: how it is finished, and what would make it go on.</param>
    public void SayFinished(ParseResult options, EarlierRun run, string finish)
    {
        if (!Output.IsQuiet)
            Output.Note($"{run.Directory}: is finished{finish}");
        if (IsJson(options))
            Output.Line(JsonSerializer.Serialize(new { finished = true, iteration = run.Snapshot.Iteration }));
    }

    /// <summary>
    /// Makes the directory of a new run. Everything that may fail comes before, because --overwrite removes an older run.
    /// </summary>
    /// <exception cref="CharRnnException">See <see cref="RunDirectory.Create"/>.</exception>
    public RunDirectory Create(ParseResult options) => RunDirectory.Create(NewDirectory(options), options.GetValue(_overwrite));

    /// <summary>The same, but an older run is there until <see cref="RunDirectory.Clear"/>.</summary>
    /// <exception cref="CharRnnException">See <see cref="RunDirectory.Create"/>.</exception>
    public RunDirectory Reserve(ParseResult options) => RunDirectory.Reserve(NewDirectory(options), options.GetValue(_overwrite));

    private string NewDirectory(ParseResult options) => options.GetValue(_out) ?? SharedOptions.NewRunDirectory();

    /// <summary>The device that is asked for.</summary>
    public DeviceSelection DeviceOf(ParseResult options) => options.GetValue(_device);

    /// <summary>Opens the device; says so if the run that is resumed was on another one.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="check">Says what is wrong with an open device; null if nothing is.</param>
    /// <param name="directory">The run that is resumed.</param>
    /// <param name="saved">Its configuration; null of a new run.</param>
    /// <param name="selection">The device; that of <c>--device</c> if it is left out.</param>
    /// <param name="workers">The number of workers of the CPU; that of its cores if it is left out.</param>
    /// <param name="profiling">Whether launches can be marked, as ranks need it.</param>
    public ComputeDevice OpenDevice(
        ParseResult options, Func<ComputeDevice, string?> check, string? directory, RunConfiguration? saved,
        DeviceSelection? selection = null, int? workers = null, bool profiling = false)
    {
        ComputeDevice device = SharedOptions.Open(selection ?? DeviceOf(options), check, profiling, workers);
        if (!Output.IsQuiet && saved?.Has("device-name") == true && saved.GetText("device-name") is var before && before != device.Name)
            Output.Note($"{directory}: was trained on {before} and goes on with {device.Name}, whose results differ in the last digits");
        return device;
    }

    /// <summary>What holds where an option is not given.</summary>
    /// <param name="Number">The number; null if it depends on others.</param>
    /// <param name="Words">How it is worked out then, for the help.</param>
    public readonly record struct Default(long? Number, string? Words)
    {
        public static implicit operator Default(long number) => new(number, null);

        public static implicit operator Default(string words) => new(null, words);
    }
}
