using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using CharRnn.Gpu.Devices;
using CharRnn.Training;

namespace CharRnn.Gpu.Benchmarks;

/// <summary>
/// Whole training steps and sampling on the CPU beside what people use today, the contestants in turn in one run, as
/// Markdown and JSON.
/// </summary>
internal static class TableCommand
{
    public const int VocabularySize = 65; // tiny Shakespeare's

    // A peer's threads may spin on for a while after its turn.
    private const int RestMilliseconds = 200;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private static readonly Option<double> Seconds = new("--seconds")
    {
        Description = "Of each measurement.",
        DefaultValueFactory = _ => 1,
    };
    private static readonly Option<int> Rounds = new("--rounds")
    {
        Description = "Measurements of each contestant; the medians count.",
        DefaultValueFactory = _ => 7,
    };
    private static readonly Option<string> Python = new("--python")
    {
        Description = "A Python with NumPy.",
        DefaultValueFactory = _ => "python3",
    };
    private static readonly Option<string> Within = new("--within")
    {
        Description = "A command to run TorchSharp's peer in, such as .ci/userland on an older distribution.",
        DefaultValueFactory = _ => "",
    };
    private static readonly Option<string> Output = new("--output")
    {
        Description = "Where to write table.md and table.json.",
        DefaultValueFactory = _ => "artifacts/benchmarks",
    };

    private static readonly Option<string> Part = new("--part")
    {
        Description = "training, cells, vocabulary, sampling or mlp, and not all of them.",
        DefaultValueFactory = _ => "",
    };

    // min-char-rnn's model and optimizer.
    private static readonly TrainingSizes[] Classic =
    [
        new(RecurrentCell.Rnn, 1, 100, 1, 25), new(RecurrentCell.Rnn, 1, 128, 50, 50), new(RecurrentCell.Rnn, 1, 256, 64, 50),
        new(RecurrentCell.Rnn, 1, 512, 64, 50), new(RecurrentCell.Rnn, 1, 1024, 64, 50),
    ];

    // Other cells and several layers, with Adam and a clip by norm.
    private static readonly TrainingSizes[] Cells =
    [
        new(RecurrentCell.Lstm, 1, 128, 50, 50), new(RecurrentCell.Lstm, 1, 256, 64, 50), new(RecurrentCell.Lstm, 1, 512, 64, 50),
        new(RecurrentCell.Lstm, 2, 128, 50, 50), new(RecurrentCell.Lstm, 2, 512, 64, 50), new(RecurrentCell.Gru, 1, 256, 64, 50),
        new(RecurrentCell.Gru, 2, 256, 64, 50), new(RecurrentCell.Rnn, 2, 256, 64, 50), new(RecurrentCell.Lstm, 1, 100, 1, 25),
    ];

    // A large vocabulary beside a small one, which comes first. Chinese has thousands of characters.
    private static readonly StepOptions VocabularyStep = new() { HiddenSize = 128, BatchSize = 50, SequenceLength = 50 };
    private static readonly int[] VocabularySizes = [VocabularySize, 2000, 5000];

    public static int Run(string[] args)
    {
        var command = new RootCommand("Measures training and sampling on the CPU beside TorchSharp and NumPy.")
        {
            Seconds, Rounds, Python, Within, Output, Part,
        };
        command.SetAction(Run);
        return command.Parse(args).Invoke();
    }

    private static int Run(ParseResult options)
    {
        string root = RepositoryRoot(), python = options.GetValue(Python)!;
        int threads = Environment.ProcessorCount;
        string[] torchSharp =
        [
            .. options.GetValue(Within)!.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            "dotnet", TorchSharpPeer(root), threads.ToString(CultureInfo.InvariantCulture),
        ];
        string[] numPy = [python, Path.Combine(root, "benchmarks", "peers", "min_char_rnn_peer.py")];
        using ComputeDevice device = DeviceCatalog.OpenCpu();
        using var ourProduct = new OurProduct(device);
        using PeerProcess? torchProduct = Peer("TorchSharp", [.. torchSharp, "matmul", "1024"]);

        var steps = new List<StepRow>();
        bool Has(string part) => options.GetValue(Part) is "" or null || options.GetValue(Part) == part;
        foreach ((bool isClassic, TrainingSizes[] all) in ((bool, TrainingSizes[])[])[(true, Classic), (false, Cells)])
            foreach (TrainingSizes sizes in Has(isClassic ? "training" : "cells") ? all : [])
            {
                using var ours = new OurTraining(device, sizes.Shape, isClassic ? sizes.Classic : sizes.Adam);
                string[] numbers =
                    [.. new[] { sizes.Hidden, sizes.Batch, sizes.Steps }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
                string[] model = isClassic ? [] : [sizes.Word, sizes.Layers.ToString(CultureInfo.InvariantCulture)];
                using PeerProcess? torch = Peer("TorchSharp", [.. torchSharp, .. model, .. numbers]);
                using PeerProcess? numpy =
                    isClassic && sizes.Batch == 1 ? Peer("NumPy", [.. numPy, "train", numbers[0], numbers[2]]) : null;
                double[][] rates = InTurn(options, ours, torch, numpy, ourProduct, torchProduct);
                steps.Add(new StepRow(sizes, ours.Plan.Reason, ours.GradientError, rates[0], rates[1], rates[2], rates[3], rates[4]));
                Console.Error.WriteLine(steps[^1].Markdown());
            }

        var vocabularies = new List<VocabularyRow>();
        if (Has("vocabulary"))
        {
            OurTraining[] ours =
            [
                .. VocabularySizes.Select(v => new OurTraining(device, new ModelShape(v, VocabularyStep.HiddenSize), VocabularyStep)),
            ];
            double[][] rates = InTurn(options, ours);
            vocabularies.AddRange(ours.Select((one, i) => new VocabularyRow(VocabularySizes[i], one.GradientError, rates[i], rates[0])));
            foreach (OurTraining one in ours)
                one.Dispose();
            Console.Error.WriteLine(string.Join('\n', vocabularies.Select(row => row.Markdown())));
        }

        var samples = new List<SampleRow>();
        foreach (int hiddenSize in Has("sampling") ? (int[])[100, 512] : [])
        {
            using var ours = new OurSampling(device, hiddenSize);
            using PeerProcess? numpy = Peer("NumPy", [.. numPy, "sample", hiddenSize.ToString(CultureInfo.InvariantCulture)]);
            double[][] rates = InTurn(options, ours, numpy);
            samples.Add(new SampleRow(hiddenSize, rates[0], rates[1]));
            Console.Error.WriteLine(samples[^1].Markdown());
        }

        var networks = new List<NetworkRow>();
        foreach ((int inputs, int hidden, int outputs, int rows) in Has("mlp") ? ((int, int, int, int)[])[(784, 256, 10, 128)] : [])
        {
            using var ours = new OurNetwork(device, inputs, hidden, outputs, rows);
            using PeerProcess? torch = Peer(
                "TorchSharp",
                [.. torchSharp, "mlp", .. new[] { inputs, hidden, outputs, rows }.Select(n => n.ToString(CultureInfo.InvariantCulture))]);
            double[][] rates = InTurn(options, ours, torch);
            networks.Add(new NetworkRow($"{inputs}-{hidden}-{outputs}, {rows}", ours.GradientError, rates[0], rates[1]));
            Console.Error.WriteLine(networks[^1].Markdown());
        }

        string machine = string.Create(
            CultureInfo.InvariantCulture,
            $"{Cpu()}, {threads} threads, {DeviceCatalog.CpuVectors}, .NET {Environment.Version}");
        string markdown = Markdown(machine, options.GetValue(Rounds), steps, vocabularies, samples, networks);
        Console.WriteLine(markdown);
        string output = options.GetValue(Output)!;
        Directory.CreateDirectory(output);
        File.WriteAllText(Path.Combine(output, "table.md"), markdown);
        File.WriteAllText(Path.Combine(output, "table.json"), JsonSerializer.Serialize(
            new
            {
                machine,
                rounds = options.GetValue(Rounds),
                training = steps.Select(row => row.Json()),
                vocabulary = vocabularies.Select(row => row.Json()),
                sampling = samples.Select(row => row.Json()),
                mlp = networks.Select(row => row.Json()),
            },
            s_indented));
        return 0;
    }

    /// <summary>Every contestant once per round, one after the other: what disturbs one round disturbs all of them.</summary>
    private static double[][] InTurn(ParseResult options, params IContestant?[] contestants)
    {
        var rates = contestants.Select(_ => new List<double>()).ToArray();
        for (int round = 0; round < options.GetValue(Rounds); round++)
            for (int i = 0; i < contestants.Length; i++)
                if (contestants[i] is { } contestant)
                {
                    Thread.Sleep(RestMilliseconds);
                    rates[i].Add(contestant.Measure(options.GetValue(Seconds)));
                }

        return [.. rates.Select(list => list.ToArray())];
    }

    private static PeerProcess? Peer(string name, string[] command)
    {
        PeerProcess? peer = PeerProcess.Start(command, out string reason);
        if (peer is null)
            Console.Error.WriteLine($"{name} does not run here and is left out: {string.Join(' ', command)}: {reason}");
        return peer;
    }

    private static string Markdown(
        string machine, int rounds, List<StepRow> steps, List<VocabularyRow> vocabularies,
        List<SampleRow> samples, List<NetworkRow> networks)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{machine}; medians of {rounds} rounds, contestants in turn; {VocabularySize} characters where nothing else is said.\n");
        void Section(string head, IEnumerable<string> rows)
        {
            string[] lines = [.. rows];
            if (lines.Length > 0)
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"\n{head}\n|{string.Concat(Enumerable.Repeat("---|", head.Count(c => c == '|') - 1))}\n"
                        + $"{string.Join('\n', lines)}\n");
        }

        Section(
            "| cell, N × H, B, T | characters/s | GFLOP/s | share of the machine's product rate | "
                + "TorchSharp, characters/s | ratio | NumPy, characters/s | ratio | gradients' error |",
            steps.Select(row => row.Markdown()));
        Section(
            string.Create(
                CultureInfo.InvariantCulture,
                $"| H, B, T and characters of the vocabulary | characters/s | GFLOP/s | "
                    + $"share of the rate at {VocabularySize} | gradients' error |"),
            vocabularies.Select(row => row.Markdown()));
        Section("| Sampling, H | characters/s | NumPy, characters/s | ratio |", samples.Select(row => row.Markdown()));
        Section(
            "| Feed-forward, rows a step | rows/s | TorchSharp, rows/s | ratio | gradients' error |",
            networks.Select(row => row.Markdown()));
        return text.ToString().ReplaceLineEndings("\n");
    }

    private static string TorchSharpPeer(string root)
    {
        string folder = Path.Combine(root, "benchmarks", "peers", "TorchSharp", "bin", "Release");
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "TorchSharpPeer.dll", SearchOption.AllDirectories).FirstOrDefault() ?? "TorchSharpPeer.dll"
            : "TorchSharpPeer.dll";
    }

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "CharRnn.Gpu.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? Environment.CurrentDirectory;
    }

    private static string Cpu()
    {
        const string info = "/proc/cpuinfo";
        string? name = File.Exists(info)
            ? File.ReadLines(info).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return name?.Split(':')[1].Trim() ?? System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The median of the rounds' ratios: both figures of a round saw the same machine.</summary>
    private static double MedianRatio(double[] ours, double[] theirs) => Median([.. ours.Zip(theirs, (a, b) => a / b)]);

    private static string Cell(double value, string format, string unit = "") =>
        double.IsNaN(value) ? "–" : value.ToString(format, CultureInfo.InvariantCulture) + unit;

    /// <summary>A model and a step.</summary>
    private sealed record TrainingSizes(RecurrentCell Cell, int Layers, int Hidden, int Batch, int Steps)
    {
        public string Word => Cell.ToString().ToLowerInvariant();

        public ModelShape Shape => new(VocabularySize, Hidden, Cell, Layers);

        public StepOptions Classic => new() { HiddenSize = Hidden, BatchSize = Batch, SequenceLength = Steps };

        public StepOptions Adam => Classic with { Optimizer = UpdateRule.Adam, Clip = null, ClipNorm = 5 };
    }

    private sealed record StepRow(
        TrainingSizes Sizes, string Plan, double GradientError, double[] Ours, double[] TorchSharp, double[] NumPy,
        double[] OurProduct, double[] TorchProduct)
    {
        private double Flops => Sizes.Shape.TrainingFlops;

        /// <summary>The better of the two products, each round.</summary>
        private double[] Limit => TorchProduct.Length == 0 ? OurProduct : [.. OurProduct.Zip(TorchProduct, Math.Max)];

        private double Share => MedianRatio([.. Ours.Select(rate => rate * Flops)], Limit);

        public string Markdown() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {Sizes.Word}, {Sizes.Layers} × {Sizes.Hidden}, {Sizes.Batch}, {Sizes.Steps} | "
                + $"{Median(Ours):N0} | {Median(Ours) * Flops / 1e9:F0} | "
                + $"{Cell(Share, "P0")} of {Median(Limit) / 1e9:F0} | "
                + $"{Cell(Median(TorchSharp), "N0")} | {Cell(MedianRatio(Ours, TorchSharp), "F2")} | "
                + $"{Cell(Median(NumPy), "N0")} | {Cell(MedianRatio(Ours, NumPy), "F1")} | {GradientError:0.0E+0} |");

        public object Json() => new
        {
            cell = Sizes.Word,
            layers = Sizes.Layers,
            hidden_size = Sizes.Hidden,
            batch_size = Sizes.Batch,
            seq_length = Sizes.Steps,
            plan = Plan,
            gradient_error = GradientError,
            characters_per_second = Ours,
            torchsharp_characters_per_second = TorchSharp,
            numpy_characters_per_second = NumPy,
            our_product_flop_per_second = OurProduct,
            torchsharp_product_flop_per_second = TorchProduct,
        };
    }

    private sealed record VocabularyRow(int Vocabulary, double GradientError, double[] Ours, double[] Small)
    {
        private static double Flops(int vocabulary) => new ModelShape(vocabulary, VocabularyStep.HiddenSize).TrainingFlops;

        public string Markdown() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {VocabularyStep.HiddenSize}, {VocabularyStep.BatchSize}, {VocabularyStep.SequenceLength}, {Vocabulary} | "
                + $"{Median(Ours):N0} | {Median(Ours) * Flops(Vocabulary) / 1e9:F0} | "
                + $"{MedianRatio(Ours, Small) * Flops(Vocabulary) / Flops(VocabularySize):P0} | {GradientError:0.0E+0} |");

        public object Json() => new { vocabulary_size = Vocabulary, gradient_error = GradientError, characters_per_second = Ours };
    }

    private sealed record SampleRow(int HiddenSize, double[] Ours, double[] NumPy)
    {
        public string Markdown() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {HiddenSize} | {Median(Ours):N0} | {Cell(Median(NumPy), "N0")} | {Cell(MedianRatio(Ours, NumPy), "F1")} |");

        public object Json() => new { hidden_size = HiddenSize, characters_per_second = Ours, numpy_characters_per_second = NumPy };
    }

    private sealed record NetworkRow(string Sizes, double GradientError, double[] Ours, double[] TorchSharp)
    {
        public string Markdown() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {Sizes} | {Median(Ours):N0} | {Cell(Median(TorchSharp), "N0")} | "
                + $"{Cell(MedianRatio(Ours, TorchSharp), "F2")} | {GradientError:0.0E+0} |");

        public object Json() => new
        {
            sizes = Sizes,
            gradient_error = GradientError,
            rows_per_second = Ours,
            torchsharp_rows_per_second = TorchSharp,
        };
    }
}
