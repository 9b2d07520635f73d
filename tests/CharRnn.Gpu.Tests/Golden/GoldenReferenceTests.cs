using CharRnn.Model;
using CharRnn.Reference;

namespace CharRnn.Gpu.Tests.Golden;

/// <summary>Two programs in float64, written apart, that must find the same numbers.</summary>
public sealed class GoldenReferenceTests : IDisposable
{
    // Training amplifies rounding; in float64 another order of summation still agrees to 3e-10 after three iterations.
    private const double Tolerance = 3e-9;

    private readonly GoldenIterations _golden = new();

    [Theory]
    [MemberData(nameof(GoldenIterations.Cases), MemberType = typeof(GoldenIterations))]
    public void The_reference_computes_the_golden_numbers(string name)
    {
        var trainer = new ReferenceTrainer(_golden.InitialWeights(name), _golden.Text, _golden.Options(name));

        ReferencePass first = trainer.Step();
        Compare($"{name}.grad1", first.Gradient);
        Compare($"{name}.weights1", trainer.Weights);
        ReferencePass second = trainer.Step(), third = trainer.Step();
        Compare($"{name}.grad3", third.Gradient);
        Compare($"{name}.weights3", trainer.Weights);
        Compare($"{name}.memory3", trainer.Moments[0]);
        Agreement.Within(Tolerance, _golden.State(name), third.CarriedOut[0], $"{name}.state3");
        Agreement.Within(Tolerance, _golden.Losses(name), [first.Loss, second.Loss, third.Loss], $"{name}.losses");
    }

    public void Dispose() => _golden.Dispose();

    private void Compare(string prefix, ParameterSet<double> actual) => _golden.Compare(Tolerance, prefix, actual);
}
