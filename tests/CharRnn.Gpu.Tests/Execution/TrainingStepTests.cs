using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Execution;

/// <summary>Whole training steps on every device against the reference in double.</summary>
[Collection(typeof(DeviceTests))]
public class TrainingStepTests
{
    public static TheoryData<DeviceKind, int, int, int, int> Sizes
    {
        get
        {
            var data = new TheoryData<DeviceKind, int, int, int, int>();
            foreach (DeviceKind kind in Enum.GetValues<DeviceKind>())
            {
                data.Add(kind, 33, 65, 1, 7);
                data.Add(kind, 17, 33, 5, 9);
                data.Add(kind, 65, 100, 3, 25);
                data.Add(kind, 130, 47, 7, 3);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_intermediate_result_of_a_step_equals_the_reference(DeviceKind kind, int v, int h, int b, int t)
    {
        var options = new StepOptions { HiddenSize = h, BatchSize = b, SequenceLength = t };
        foreach (ParameterSet<float> weights in (ParameterSet<float>[])
            [InitialWeights.Create(new(v, h), 1), CaseData.TrainedWeights(new(v, h))])
        {
            var text = new SyntheticText(v, b * ((3 * t) + 5));
            var reference = new ReferenceTrainer(weights, text, options);
            ReferencePass expected = reference.Step();

            using var model = new DeviceModel(TestDevices.Get(kind), weights);
            using var engine = new TrainingEngine(model, text, options);
            StepTrace actual = engine.Trace();

            Agreement.Within(2e-6, expected.States[0], actual.States[0], "h (E1)");
            Agreement.Within(1e-6, expected.Loss, actual.Loss, "loss (E3)");
            Agreement.Within(2e-6, expected.Dz, actual.Dz, "dz (E4)");
            Agreement.Within(5e-6, expected.Da[0], actual.Da[0], "da (E7)");
            foreach (var (e, a) in expected.Gradient.Tensors.Zip(actual.Gradient.Tensors))
                Agreement.Within(5e-6, e.Values, a.Values, $"d{e.Name} (E5, E8)");
        }
    }
}
