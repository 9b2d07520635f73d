using System.Security.Cryptography;
using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Storage;

public class CheckpointFileTests
{
    private static readonly long[] s_scalar = [];

    // Files of earlier programs do without.
    private static readonly string[] s_later =
    [
        "state.ended", "state.loss_sum", "state.loss_count", "state.best_iteration", "state.evaluations_since_best",
        "state.plateau_best", "state.plateau_waited", "state.plateau_decays",
    ];

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(1.2345678901234567)]
    public void A_state_returns_bit_for_bit(double bestValidationLoss)
    {
        using var directory = new TemporaryDirectory();
        TextState state = Samples.State() with { Position = -1 };
        TrainingSnapshot saved = Samples.Snapshot(state) with { BestValidationLoss = bestValidationLoss };
        CheckpointFile.Save(directory.File("c"), Samples.Description, saved);
        Checkpoint loaded = CheckpointFile.Load(directory.File("c"));

        Assert.True(Samples.Vocabulary().Matches(loaded.Model.Vocabulary));
        Samples.AssertEqual(saved.Weights, loaded.Snapshot.Weights);
        TextState actual = Assert.IsType<TextState>(loaded.Snapshot.Engine);
        Samples.AssertEqual(state.Moments[0].Values, actual.Moments[0].Values);
        Assert.Equal(state.States, actual.States);
        Assert.Equal(
            BitConverter.DoubleToInt64Bits(bestValidationLoss),
            BitConverter.DoubleToInt64Bits(loaded.Snapshot.BestValidationLoss));

        // The rest are values: records compare them.
        Assert.Equal(state, actual with { Weights = state.Weights, Moments = state.Moments, States = state.States });
        Assert.Equal(saved, loaded.Snapshot with { Engine = state, BestValidationLoss = saved.BestValidationLoss });
        Assert.Same(loaded.Snapshot.Weights, loaded.Model.Weights);
    }

    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void A_state_of_any_cell_and_several_layers_returns_bit_for_bit(RecurrentCell cell, int layers)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        TextState state = Samples.State(new ModelShape(5, 3, cell, layers));
        CheckpointFile.Save(path, Samples.Description, Samples.Snapshot(state));
        TextState actual = Assert.IsType<TextState>(CheckpointFile.Load(path).Snapshot.Engine);
        Samples.AssertEqual(state.Weights, actual.Weights);
        Samples.AssertEqual(state.Moments[0].Values, actual.Moments[0].Values);
        Assert.Equal(state.States, actual.States);
        Samples.AssertEqual(state.Weights, ModelFile.Load(path).Weights);

        string[] names =
        [
            "state.hidden", .. Enumerable.Range(1, layers - 1).Select(l => $"state.hidden.{l}"),
            .. Enumerable.Range(0, cell == RecurrentCell.Lstm ? layers : 0).Select(l => $"state.cell.{l}"),
        ];
        using var file = SafetensorsFile.Open(path);
        foreach ((string name, float[] values) in names.Zip(state.States))
            Assert.Equal(values, file.ReadFloats(name, 2, 3));
    }

    [Fact]
    public void A_single_vanilla_layer_has_the_bytes_that_it_always_had()
    {
        using var directory = new TemporaryDirectory();
        CheckpointFile.Save(directory.File("c"), Samples.Description, Samples.Snapshot());
        Assert.Equal(
            "fb0b1e7d84eaa46fe55785dca729704f1ec7b338e39fa2fb8fd5cf3e939a91f6",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(directory.File("c")))));
    }

    [Fact]
    public void A_state_on_a_table_returns_bit_for_bit_and_is_a_network()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        TrainingSnapshot saved = Samples.TableSnapshot();
        TableState state = Assert.IsType<TableState>(saved.Engine);
        CheckpointFile.Save(path, Samples.Network, saved);
        Checkpoint loaded = CheckpointFile.Load(path);
        TableState actual = Assert.IsType<TableState>(loaded.Snapshot.Engine);
        Samples.AssertEqual(state.Weights, actual.Weights);
        foreach ((Moment e, Moment a) in state.Moments.Zip(actual.Moments))
            Samples.AssertEqual(e.Values, a.Values);
        Assert.Equal(state, actual with { Weights = state.Weights, Moments = state.Moments });
        Assert.Equal(saved, loaded.Snapshot with { Engine = state });
        NetworkDescription description = Assert.IsType<NetworkDescription>(loaded.Description);
        Assert.Equal((Samples.Network.Shape, Samples.Network.Encoding.ToJson()), (description.Shape, description.Encoding.ToJson()));
        Assert.Throws<InvalidOperationException>(() => loaded.Model);

        NetworkModel network = NetworkFile.Load(path);
        Samples.AssertEqual(state.Weights, network.Parameters);
        Errors.Expect(path, "metadata key cell is \"mlp\", not rnn", () => ModelFile.Load(path));
        NetworkFile.Save(path, network);
        Errors.Expect(path, "it is a model, not a checkpoint", () => CheckpointFile.Load(path));

        // The first epoch has none before it.
        CheckpointFile.Save(path, Samples.Network, Samples.Snapshot(state with { Progress = EpochProgress.Start }));
        Assert.Equal(EpochProgress.Start, ((TableState)CheckpointFile.Load(path).Snapshot.Engine).Progress);
        foreach (EpochProgress bad in (EpochProgress[])
        [
            state.Progress with { LossSum = double.NaN }, state.Progress with { NormSum = double.PositiveInfinity },
            state.Progress with { Rows = -1 },
        ])
        {
            TrainingSnapshot snapshot = Samples.Snapshot(state with { Progress = bad });
            Assert.Throws<CharRnnException>(() => CheckpointFile.Save(path, Samples.Network, snapshot));
        }
    }

    [Theory]
    [InlineData("adagrad")]
    [InlineData("rmsprop")]
    [InlineData("adam.m", "adam.v")]
    [InlineData("momentum")]
    [InlineData]
    public void Whatever_an_optimizer_remembers_returns(params string[] names)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        Moment[] moments = [.. names.Select((name, i) => new Moment(name, Samples.Weights(5, 3, 100 * (i + 1))))];
        TrainingSnapshot saved = Samples.Snapshot(Samples.State() with { Moments = moments });
        CheckpointFile.Save(path, Samples.Description, saved);
        EngineState loaded = CheckpointFile.Load(path).Snapshot.Engine;
        Assert.Equal(names, loaded.Moments.Select(moment => moment.Name));
        foreach ((Moment expected, Moment actual) in moments.Zip(loaded.Moments))
            Samples.AssertEqual(expected.Values, actual.Values);
        Samples.AssertEqual(saved.Weights, ModelFile.Load(path).Weights);

        foreach (Moment moment in moments)
        {
            moment.Values.Why[1] = -1e-9f;
            void Save() => CheckpointFile.Save(path, Samples.Description, saved);
            if (moment.Name is "adam.m" or "momentum")
                Save();
            else
                Errors.Expect(path, $"tensor {moment.Name}.Why has a value below 0", Save);
            moment.Values.Why[1] = 1;
        }
    }

    [Fact]
    public void Equal_states_give_equal_bytes()
    {
        using var directory = new TemporaryDirectory();
        CheckpointFile.Save(directory.File("first"), Samples.Description, Samples.Snapshot());
        CheckpointFile.Save(directory.File("second"), Samples.Description, Samples.Snapshot());
        Assert.Equal(File.ReadAllBytes(directory.File("first")), File.ReadAllBytes(directory.File("second")));
    }

    [Fact]
    public void Tensors_are_named_shaped_and_aligned()
    {
        using var directory = new TemporaryDirectory();
        CheckpointFile.Save(directory.File("c"), Samples.Description, Samples.Snapshot());
        using var file = SafetensorsFile.Open(directory.File("c"));

        Assert.Equal(28, file.Tensors.Count);
        Assert.Equal([3L, 5L], file.Entry("adagrad.layers.0.Wxh").Shape);
        Assert.Equal([5L, 3L], file.Entry("adagrad.Why").Shape);
        Assert.Equal([2L, 3L], file.Entry("state.hidden").Shape);
        Assert.Equal([75L], file.ReadIntegers("state.position", s_scalar));
        Assert.Equal([1L], file.ReadIntegers("state.events_due", s_scalar));
        Assert.Equal([70.5], file.ReadDoubles("state.last_loss", s_scalar));
        Assert.Equal([0.1 + 0.2], file.ReadDoubles("state.smooth_loss", s_scalar));
        Assert.Equal([1.1 + 2.2], file.ReadDoubles("state.loss_sum", s_scalar));
        Assert.Equal([5_000_000_002], file.ReadIntegers("state.loss_count", s_scalar));
        Assert.Equal([1L], file.ReadIntegers("state.ended", s_scalar));
        Assert.All(file.Tensors, tensor => Assert.Equal(0, tensor.Begin % tensor.Dtype.Size()));
    }

    public static TheoryData<string, string> NotFinite => new()
    {
        { "weights", "tensor layers.0.Whh is NaN at [2, 1]" },
        { "memory", "tensor adagrad.layers.0.bh is infinite at [1]" },
        { "negative memory", "tensor adagrad.Why has a value below 0" },
        { "hidden", "tensor state.hidden is NaN at [1, 0]" },
        { "last loss", "tensor state.last_loss is infinite" },
        { "smooth loss", "tensor state.smooth_loss is not finite" },
        { "loss sum", "tensor state.loss_sum is not finite" },
        { "best loss", "tensor state.best_validation_loss is infinite" },
    };

    [Theory]
    [MemberData(nameof(NotFinite))]
    public void A_state_that_is_not_finite_is_not_saved(string what, string found)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("c", "old");
        TextState state = Samples.State();
        TrainingSnapshot bad = Samples.Snapshot(state);
        switch (what)
        {
            case "weights":
                bad.Weights.Layer(0).Whh[(1 * 3) + 2] = float.NaN;
                break;
            case "memory":
                state.Moments[0].Values.Layer(0).Bh[1] = float.PositiveInfinity;
                break;
            case "negative memory":
                state.Moments[0].Values.Why[1] = -1e-9f;
                break;
            case "hidden":
                state.States[0][3] = float.NaN;
                break;
            case "last loss":
                bad = bad with { LastLoss = double.NegativeInfinity };
                break;
            case "smooth loss":
                bad = bad with { SmoothLoss = double.NaN };
                break;
            case "loss sum":
                bad = bad with { LossSum = double.NaN };
                break;
            default:
                bad = bad with { BestValidationLoss = double.PositiveInfinity };
                break;
        }

        Errors.Expect(path, found, () => CheckpointFile.Save(path, Samples.Description, bad));
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Fact]
    public void A_model_is_no_checkpoint()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m");
        ModelFile.Save(path, Samples.Model());
        Errors.Expect(path, "it is a model, not a checkpoint", () => CheckpointFile.Load(path));
    }

    public static TheoryData<string> AllTensors
    {
        get
        {
            using var directory = new TemporaryDirectory();
            return [.. Parts(directory).Tensors.Keys.Except(s_later)];
        }
    }

    [Fact]
    public void A_checkpoint_of_an_earlier_program_has_no_sums_and_counts_and_loads()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) = Parts(directory);
        SafetensorsFile.Write(path, metadata, [.. tensors.Values.Where(tensor => !s_later.Contains(tensor.Name))]);
        TrainingSnapshot loaded = CheckpointFile.Load(path).Snapshot;
        Assert.Equal(
            (null, 0, 0, 0, 0),
            ((object?)loaded.EndedBy, loaded.LossSum, loaded.LossCount, loaded.BestIteration, loaded.EvaluationsSinceBest));
        Assert.Equal(PlateauState.Start, loaded.Plateau);
        Assert.Equal(Samples.Snapshot().SmoothLoss, loaded.SmoothLoss);
    }

    [Theory]
    [MemberData(nameof(AllTensors))]
    public void A_missing_tensor_is_named(string name)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) = Parts(directory);
        tensors.Remove(name);
        SafetensorsFile.Write(path, metadata, [.. tensors.Values]);
        Errors.Expect(path, $"tensor {name} is missing", () => CheckpointFile.Load(path));
    }

    public static TheoryData<string, string> Replacements => new()
    {
        { "state.iteration", "tensor state.iteration is -1, not at least 0" },
        { "state.position", "tensor state.position is -2, not at least -1" },
        { "state.epoch", "tensor state.epoch has shape [1], not []" },
        { "state.metrics_length", "tensor state.metrics_length is F64, not I64" },
        { "state.samples_length", "tensor state.samples_length is -5" },
        { "state.smooth_loss", "tensor state.smooth_loss is not finite" },
        { "state.best_validation_loss", "tensor state.best_validation_loss is infinite" },
        { "state.ended", "tensor state.ended is 7, not 0 to 4" },
        { "state.loss_sum", "tensor state.loss_sum is not finite" },
        { "state.loss_count", "tensor state.loss_count is F64, not I64" },
        { "state.plateau_best", "tensor state.plateau_best is infinite" },
        { "state.plateau_decays", "tensor state.plateau_decays is -1, not at least 0" },
        { "state.hidden", "tensor state.hidden has shape [3, 2], not [3, 3]" },
        { "adagrad.layers.0.bh", "tensor adagrad.layers.0.bh is NaN at [2]" },
        { "adagrad.by", "tensor adagrad.by has a value below 0" },
        { "adagrad.Why", "tensor adagrad.Why has shape [3, 5], not [5, 3]" },
        { "state.more", "tensor \"state.more\" belongs to no model" },
        { "adagrad.layers.1.bh", "tensor \"adagrad.layers.1.bh\" belongs to no model" },
    };

    [Theory]
    [MemberData(nameof(Replacements))]
    public void A_wrong_tensor_is_named(string name, string found)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) = Parts(directory);
        tensors[name] = name switch
        {
            "state.iteration" => new(name, [], [-1L]),
            "state.position" => new(name, [], [-2L]),
            "state.epoch" => new(name, [1], [1L]),
            "state.metrics_length" => new(name, [], [1.0]),
            "state.samples_length" => new(name, [], [-5L]),
            "state.smooth_loss" => new(name, [], [double.NaN]),
            "state.best_validation_loss" => new(name, [], [double.NegativeInfinity]),
            "state.ended" => new(name, [], [7L]),
            "state.loss_sum" => new(name, [], [double.PositiveInfinity]),
            "state.loss_count" => new(name, [], [1.0]),
            "state.plateau_best" => new(name, [], [double.PositiveInfinity]),
            "state.plateau_decays" => new(name, [], [-1L]),
            "state.hidden" => new(name, [3, 2], new float[6]),
            "adagrad.layers.0.bh" => new(name, [3], [1f, 2f, float.NaN]),
            "adagrad.by" => new(name, [5], [1f, 2f, 3f, 4f, -5f]),
            "adagrad.Why" => new(name, [3, 5], new float[15]),
            _ => new(name, [], [1L]),
        };
        SafetensorsFile.Write(path, metadata, [.. tensors.Values]);
        Errors.Expect(path, found, () => CheckpointFile.Load(path));
    }

    [Theory]
    [InlineData("state.cell.0", "tensor state.cell.0 is missing")]
    [InlineData("state.hidden.1", "tensor state.hidden.1 is missing")]
    [InlineData("state.cell.1", "tensor state.cell.1 has shape [3, 3], not [2, 3]", 3L, 3L)]
    [InlineData("state.hidden.2", "tensor \"state.hidden.2\" belongs to no model of this kind", 2L, 3L)]
    [InlineData("adagrad.layers.1.Whh", "tensor adagrad.layers.1.Whh has shape [3, 3], not [12, 3]", 3L, 3L)]
    [InlineData("adagrad.layers.1.bh", "tensor adagrad.layers.1.bh is missing")]
    public void A_wrong_tensor_of_a_state_of_layers_is_named(string name, string found, params long[] size)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("c");
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) =
            Parts(directory, Samples.State(new ModelShape(5, 3, RecurrentCell.Lstm, 2)));
        tensors.Remove(name);
        if (size.Length > 0)
            tensors.Add(name, new(name, size, new float[size.Aggregate((a, b) => a * b)]));
        SafetensorsFile.Write(path, metadata, [.. tensors.Values]);
        Errors.Expect(path, found, () => CheckpointFile.Load(path));
    }

    private static (Dictionary<string, string> Metadata, Dictionary<string, SafetensorsTensor> Tensors) Parts(
        TemporaryDirectory directory, TextState? state = null)
    {
        CheckpointFile.Save(directory.File("whole"), Samples.Description, Samples.Snapshot(state));
        return Samples.TakeApart(directory.File("whole"));
    }
}
