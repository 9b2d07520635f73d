using System.Globalization;
using System.Text.RegularExpressions;

namespace CharRnn.Runs;

/// <summary>The paths of a run's files, and which names belong to a run.</summary>
public partial class RunPaths
{
    internal const string ConfigurationName = "config.json";
    internal const string ModelName = "model.safetensors";
    internal const string BestModelName = "best.safetensors";
    internal const string CheckpointName = "checkpoint.safetensors";
    private const string MetricsName = "metrics.jsonl";
    private const string SamplesName = "samples.txt";
    internal const string ReportName = "report.html";
    private const string TensorBoardName = "tensorboard";

    // The earlier best model of a run of an earlier program.
    private const string BestBeforeEndName = "best-before-end.safetensors";

    /// <summary>Files that hold weights, the run's and others.</summary>
    internal const string WeightsPattern = "*.safetensors";

    // The most gaps that kills may have left among the ages of checkpoints.
    private const int MostGaps = 3;

    /// <param name="root">The directory.</param>
    internal RunPaths(string root) => Root = root;

    /// <summary>
    /// The names of all files but older checkpoints and earlier best models, in the order of removal: config.json keeps the directory
    /// recognisable as a run to the end, so a kill in between does no harm.
    /// </summary>
    internal static IReadOnlyList<string> Names { get; } =
        [CheckpointName, ModelName, BestModelName, BestBeforeEndName, MetricsName, SamplesName, ReportName, ConfigurationName];

    /// <summary>The directory, as it was given.</summary>
    public string Root { get; }

    /// <summary>config.json: <see cref="RunConfiguration"/>.</summary>
    public string ConfigurationPath => Path.Combine(Root, ConfigurationName);

    /// <summary>model.safetensors: the weights now, a <see cref="Storage.ModelFile"/>.</summary>
    public string ModelPath => Path.Combine(Root, ModelName);

    /// <summary>best.safetensors: the weights at the best validation loss, a <see cref="Storage.ModelFile"/>.</summary>
    public string BestModelPath => Path.Combine(Root, BestModelName);

    /// <summary>
    /// best-of-iteration-200.safetensors: what <see cref="BestModelPath"/> was before a better model than that of iteration 200 was found.
    /// A checkpoint whose best model is that of iteration 200 needs it.
    /// </summary>
    public string EarlierBestPath(long iteration) =>
        Path.Combine(Root, string.Create(CultureInfo.InvariantCulture, $"best-of-iteration-{iteration}.safetensors"));

    /// <summary>The iterations of the earlier best models that there are.</summary>
    public IReadOnlyList<long> EarlierBestIterations =>
    [
        .. Directory.GetFiles(Root, WeightsPattern)
            .Select(path => EarlierBestName().Match(Path.GetFileName(path)))
            .Where(match => match.Success)
            .Select(match => long.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture)),
    ];

    /// <summary>What a run of an earlier program, which kept at most one earlier best model, has in its place.</summary>
    internal string BestBeforeEndPath => Path.Combine(Root, BestBeforeEndName);

    /// <summary>checkpoint.safetensors: <see cref="Storage.CheckpointFile"/>.</summary>
    public string CheckpointPath => Path.Combine(Root, CheckpointName);

    /// <summary>checkpoint-1.safetensors is the checkpoint before the last, and so on.</summary>
    public string OlderCheckpointPath(int age) =>
        Path.Combine(Root, string.Create(CultureInfo.InvariantCulture, $"checkpoint-{age}.safetensors"));

    /// <summary>metrics.jsonl: <see cref="Storage.MetricsLog"/>.</summary>
    public string MetricsPath => Path.Combine(Root, MetricsName);

    /// <summary>samples.txt: <see cref="Storage.SamplesLog"/>.</summary>
    public string SamplesPath => Path.Combine(Root, SamplesName);

    /// <summary>tensorboard: <see cref="Storage.TensorBoardLog"/>'s files.</summary>
    public string TensorBoardPath => Path.Combine(Root, TensorBoardName);

    /// <summary>report.html: what the run did, for people.</summary>
    public string ReportPath => Path.Combine(Root, ReportName);

    /// <summary>A name for a checkpoint that was found damaged, which no other file has.</summary>
    internal string NewDamagedPath
    {
        get
        {
            string path = Path.Combine(Root, "checkpoint-damaged.safetensors");
            for (int count = 2; Path.Exists(path); count++)
                path = Path.Combine(Root, string.Create(CultureInfo.InvariantCulture, $"checkpoint-damaged-{count}.safetensors"));
            return path;
        }
    }

    /// <summary>Checkpoints that were found damaged.</summary>
    internal IEnumerable<string> DamagedPaths =>
        Directory.GetFiles(Root, WeightsPattern).Where(file => DamagedName().IsMatch(Path.GetFileName(file)));

    /// <summary>
    /// The ages of the checkpoints before the last, ascending from 1; kills may have left gaps. What lies far beyond is not the
    /// program's: a user's checkpoint-5000.safetensors, say.
    /// </summary>
    public IReadOnlyList<int> OlderCheckpointAges
    {
        get
        {
            IEnumerable<int> all = Directory.GetFiles(Root, WeightsPattern)
                .Select(path => OlderName().Match(Path.GetFileName(path)))
                .Select(match =>
                    int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int age) ? age : 0)
                .Where(age => age > 0);
            return [.. all.Order().TakeWhile((age, i) => age - (i + 1) <= MostGaps)];
        }
    }

    /// <summary>The checkpoints that there are, the last one first.</summary>
    internal IEnumerable<string> Checkpoints =>
        OlderCheckpointAges.Select(OlderCheckpointPath).Prepend(CheckpointPath).Where(File.Exists);

    /// <summary>The last checkpoint that there is, under whatever name a kill left it.</summary>
    internal string? LastCheckpoint => Checkpoints.FirstOrDefault();

    /// <summary>Whether a run writes files of this name: the only ones that are ever removed.</summary>
    internal static bool IsOwn(string name) =>
        Names.Contains(name) || OlderName().IsMatch(name) || DamagedName().IsMatch(name) || EarlierBestName().IsMatch(name);

    [GeneratedRegex(@"^checkpoint-([1-9][0-9]{0,9})\.safetensors\z")]
    private static partial Regex OlderName();

    [GeneratedRegex(@"^checkpoint-damaged(-[1-9][0-9]*)?\.safetensors\z")]
    private static partial Regex DamagedName();

    [GeneratedRegex(@"^best-of-iteration-(0|[1-9][0-9]{0,17})\.safetensors\z")]
    private static partial Regex EarlierBestName();
}
