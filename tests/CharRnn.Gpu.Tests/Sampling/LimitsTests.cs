using System.Globalization;
using System.Reflection;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Networks;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Sampling;

/// <summary>Settings are checked where they are set.</summary>
public class LimitsTests
{
    public static TheoryData<Action, string> Wrong => new()
    {
        { () => _ = new SamplingOptions { Temperature = -1 }, "Temperature" },
        { () => _ = new SamplingOptions { Temperature = float.NaN }, "Temperature" },
        { () => _ = new SamplingOptions { Temperature = float.PositiveInfinity }, "Temperature" },
        { () => _ = new SamplingOptions { TopK = -3 }, "TopK" },
        { () => _ = new SamplingOptions { TopP = 2 }, "TopP" },
        { () => _ = new SamplingOptions { TopP = 0 }, "TopP" },
        { () => _ = new SamplingOptions { TopP = float.NaN }, "TopP" },
        { () => _ = new StepOptions { HiddenSize = 0 }, "HiddenSize" },
        { () => _ = new StepOptions { BatchSize = 0 }, "BatchSize" },
        { () => _ = new StepOptions { SequenceLength = -1 }, "SequenceLength" },
        { () => _ = new StepOptions { LearningRate = 0 }, "LearningRate" },
        { () => _ = new StepOptions { LearningRate = float.NaN }, "LearningRate" },
        { () => _ = new StepOptions { LearningRate = 1e39 }, "LearningRate" },
        { () => _ = new StepOptions { LearningRate = 1e-46 }, "LearningRate" },
        { () => _ = new StepOptions { Optimizer = (UpdateRule)9 }, "Optimizer" },
        { () => _ = new StepOptions { Clip = double.PositiveInfinity }, "Clip" },
        { () => _ = new StepOptions { ClipNorm = 0 }, "ClipNorm" },
        { () => _ = new StepOptions { Momentum = 1 }, "Momentum" },
        { () => _ = new StepOptions { Beta1 = 1 }, "Beta1" },
        { () => _ = new StepOptions { Beta2 = 1 }, "Beta2" },
        { () => _ = new StepOptions { RmsDecay = 1 }, "RmsDecay" },
        { () => _ = new StepOptions { Epsilon = 1e-46 }, "Epsilon" },
        { () => _ = new StepOptions { WeightDecay = double.NaN }, "WeightDecay" },
        { () => _ = new TrainingSchedule { Iterations = -1 }, "Iterations" },
        { () => _ = new TrainingSchedule { Epochs = -1 }, "Epochs" },
        { () => _ = new TrainingSchedule { LogEvery = -1 }, "LogEvery" },
        { () => _ = new TrainingSchedule { SampleEvery = -1 }, "SampleEvery" },
        { () => _ = new TrainingSchedule { SampleLength = 0 }, "SampleLength" },
        { () => _ = new TrainingSchedule { EvalEvery = -1 }, "EvalEvery" },
        { () => _ = new TrainingSchedule { EvalLength = 0 }, "EvalLength" },
        { () => _ = new TrainingSchedule { CheckpointEvery = -1 }, "CheckpointEvery" },
        { () => _ = new TrainingSchedule { Patience = -1 }, "Patience" },
        { () => _ = new LearningRateSchedule { Warmup = -1 }, "Warmup" },
        { () => _ = new LearningRateSchedule { MinLearningRate = float.NaN }, "MinLearningRate" },
        { () => _ = new LearningRateSchedule { Decay = 1.1 }, "Decay" },
        { () => _ = new LearningRateSchedule { DecayEvery = 0 }, "DecayEvery" },
        { () => _ = new LearningRateSchedule { DecayPatience = 0 }, "DecayPatience" },
        { () => _ = new TrainingSchedule { ValidationFraction = 1 }, "ValidationFraction" },
        { () => _ = new TrainingSchedule { ValidationFraction = double.NaN }, "ValidationFraction" },
        { () => _ = new NetworkOptions { LearningRate = -1 }, "LearningRate" },
        { () => _ = new NetworkOptions { BatchSize = -1 }, "BatchSize" },
        { () => _ = new NetworkOptions { GradientTolerance = float.NaN }, "GradientTolerance" },
        { () => _ = new NetworkOptions { LossTolerance = -1 }, "LossTolerance" },
        { () => _ = new DescentOptions { LearningRate = 0 }, "LearningRate" },
        { () => _ = new DescentOptions { GradientTolerance = -1 }, "GradientTolerance" },
        { () => _ = new DescentOptions { ChangeTolerance = double.NaN }, "ChangeTolerance" },
        { () => _ = new DescentOptions { MaxSteps = -1 }, "MaxSteps" },
        { () => _ = new CorpusOptions { VocabularyLimit = 0 }, "VocabularyLimit" },
        { () => _ = new CorpusOptions { MemoryLimit = -1 }, "MemoryLimit" },
        { () => _ = new ModelShape(0, 1), "VocabularySize" },
        { () => _ = new ModelShape(1, 0), "HiddenSize" },
        { () => _ = new StreamCursor(10, 0), "SequenceLength" },
        { () => _ = new StreamCursor(-1, 1), "StreamLength" },
        { () => _ = new ParameterSet<float>(default(ModelShape)), "shape" },
        { () => _ = new ParameterSet<float>(new ModelShape(5, int.MaxValue)), "shape" },
        { () => _ = new ParameterSet<float>(new ModelShape(5, 46_341)), "shape" },
        { () => _ = new ParameterSet<float>(new ModelShape(int.MaxValue, 2)), "shape" },
        { () => _ = new SyntheticText(0, 1), "vocabularySize" },
        { () => _ = new SyntheticText(1, -1), "length" },
        { () => _ = new SyntheticText(1, 1, -1), "begin" },
        { () => new SyntheticText(5, 10).Slice(3, -1), "length" },
        { () => TextSplit.Of(new SyntheticText(5, 10), 1), "validationFraction" },
        { () => TextSplit.RequiredLength(0, 1), "batchSize" },
        { () => TextSplit.RequiredLength(1, 0), "sequenceLength" },
        { () => CorpusStatistics.Of(new SyntheticText(5, 10), 0), "vocabularySize" },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void A_setting_out_of_its_bounds_is_refused_by_its_name(Action set, string name) =>
        Assert.Equal(name, Assert.Throws<ArgumentOutOfRangeException>(set).ParamName);

    [Fact]
    public void Every_number_of_the_options_has_bounds()
    {
        Type[] options =
        [
            typeof(SamplingOptions), typeof(StepOptions), typeof(TrainingSchedule), typeof(LearningRateSchedule),
            typeof(NetworkOptions), typeof(DescentOptions), typeof(CorpusOptions),
        ];
        foreach (PropertyInfo property in options.SelectMany(type => type.GetProperties()))
        {
            Type type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (!type.IsPrimitive || type == typeof(ulong) || type == typeof(bool)) // any seed will do
                continue;
            object belowAll = Convert.ChangeType(-1, type, CultureInfo.InvariantCulture);
            Exception refused = Assert.Throws<TargetInvocationException>(
                () => property.SetValue(Activator.CreateInstance(property.ReflectedType!), belowAll)).InnerException!;
            Assert.Equal(property.Name, Assert.IsType<ArgumentOutOfRangeException>(refused).ParamName);
        }
    }

    [Fact]
    public void The_bounds_themselves_are_within()
    {
        _ = new SamplingOptions { Temperature = 0, TopK = 0, TopP = 1 };
        _ = new StepOptions { HiddenSize = 1, BatchSize = 1, SequenceLength = 1, LearningRate = float.Epsilon, Clip = float.MaxValue };
        _ = new TrainingSchedule
        {
            Iterations = 0,
            Epochs = 0,
            LogEvery = 0,
            SampleEvery = 0,
            SampleLength = 1,
            EvalEvery = 0,
            EvalLength = 1,
            CheckpointEvery = 0,
            ValidationFraction = 0,
            Patience = 0,
            LearningRates = new() { Warmup = 0, MinLearningRate = 0, Decay = 1, DecayEvery = 1, DecayPatience = 1 },
        };
        Assert.Null(new TrainingSchedule { Iterations = null }.Iterations);
        _ = new CorpusOptions { MemoryLimit = 0 };
    }

    [Fact]
    public void Parts_that_do_not_belong_together_are_refused()
    {
        var ab = new Vocabulary(TextEncoding.Utf8, ['a', 'b']);
        Assert.Throws<ArgumentException>(() => new CharacterModel(ab, new(new ModelShape(3, 2))));
        Assert.Throws<ArgumentException>(() => new Vocabulary(TextEncoding.Utf8, []));
        Assert.Throws<ArgumentNullException>(() => new TokenArray(null!));
        ParameterSet<double> w = new(new ModelShape(3, 2));
        foreach ((int[] tokens, double[] h) in ((int[], double[])[])[([0, 1], []), ([0, 1], [1]), ([], [1, 2]), ([0, 1, 2], [1, 2, 3, 4])])
            Assert.Throws<ArgumentException>(() => ReferenceRnn.Run(w, tokens, [h]));
        Assert.Throws<ArgumentException>(() => ReferenceRnn.Run(w, [0, 1], [[1, 2], [1, 2]]));
        Assert.Throws<ArgumentException>(() => GradientDescent.Minimise(x => x[0], _ => [], [1.0], new()));
    }
}
