using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Devices;
using CharRnn.Gpu.Verification;
using CharRnn.Model;
using CharRnn.Randomness;
using CharRnn.Reference;
using CharRnn.Sampling;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Execution;

[Collection(typeof(DeviceTests))]
public sealed class SamplerTests : IDisposable
{
    private const int V = 17, H = 33;
    private const ulong Seed = 3, Sequence = 1000;
    private static readonly ParameterSet<float> Weights = CaseData.TrainedWeights(new(V, H));

    private readonly List<IDisposable> _opened = [];

    public static MatrixTheoryData<DeviceKind, int, int> Lengths =>
        new(Enum.GetValues<DeviceKind>(), [1, 2, 128, 129, 130, 300], [0, 1, 127, 128, 129, 300]);

    /// <summary>The prime and the text together pass the 128 characters of a launch in every way.</summary>
    [Theory]
    [MemberData(nameof(Lengths))]
    public void Every_character_is_the_one_that_the_reference_draws_from_the_text_so_far(DeviceKind kind, int prime, int length) =>
        ExpectDrawsOfReference(kind, Weights, prime, length);

    public static MatrixTheoryData<DeviceKind, RecurrentCell, int> Cells =>
        new(Enum.GetValues<DeviceKind>(), Enum.GetValues<RecurrentCell>(), [1, 3]);

    /// <summary>All states of all layers go on from launch to launch.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void And_so_it_is_with_any_cell_and_several_layers(DeviceKind kind, RecurrentCell cell, int layers) =>
        ExpectDrawsOfReference(kind, CaseData.TrainedWeights(new(V, H, cell, layers)), prime: 130, length: 300);

    private void ExpectDrawsOfReference(DeviceKind kind, ParameterSet<float> weights, int prime, int length)
    {
        var options = new SamplingOptions { Temperature = 0.8f, TopK = 9, TopP = 0.95f };
        int[] inputs = Prime(prime), drawn = Write(Open(kind, weights), inputs, length, options);
        Assert.Equal(length, drawn.Length);
        int n = 0;
        foreach (double[] p in Distributions(weights, inputs, drawn, options))
        {
            double u = Philox.Uniform(Seed, Sequence, (ulong)n), begin = p.Take(drawn[n]).Sum();
            Assert.InRange(u, begin - 1e-5, begin + p[drawn[n]] + 1e-5);
            n++;
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_longer_text_begins_with_the_shorter(DeviceKind kind)
    {
        Sampler sampler = Open(kind);
        int[] text = Write(sampler, Prime(5), 700, new());
        foreach (int length in (int[])[1, 123, 124, 125, 251, 252, 253, 699])
            Assert.Equal(text[..length], Write(sampler, Prime(5), length, new()));
        Assert.All(sampler.Write(Prime(5), 700, new(), Seed, Sequence), chunk => Assert.InRange(chunk.Length, 1, 128));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void The_text_is_a_function_of_the_seed_and_the_sequence(DeviceKind kind)
    {
        int[] Text(ulong seed, ulong sequence) => [.. Open(kind).Write(Prime(2), 100, new(), seed, sequence).SelectMany(chunk => chunk)];
        Assert.Equal(Text(1, 2), Text(1, 2));
        Assert.NotEqual(Text(1, 2), Text(1, 3));
        Assert.NotEqual(Text(1, 2), Text(2, 2));
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void At_temperature_zero_the_seed_does_not_matter(DeviceKind kind)
    {
        Sampler sampler = Open(kind);
        var greedy = new SamplingOptions { Temperature = 0 };
        int[] text = Write(sampler, Prime(3), 200, greedy);
        Assert.Equal(text, sampler.Write(Prime(3), 200, greedy, Seed + 1, 5).SelectMany(chunk => chunk));
        Assert.Equal(Distributions(Weights, Prime(3), text, greedy).Select(p => Array.IndexOf(p, 1)), text);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Many_draws_are_distributed_as_the_model_says(DeviceKind kind)
    {
        const int Draws = 20_000;
        int[] drawn = Write(Open(kind), [0], Draws, new());
        var expected = new double[V];
        foreach (double[] p in Distributions(Weights, [0], drawn, new()))
            for (int k = 0; k < V; k++)
                expected[k] += p[k];

        Assert.All(expected, count => Assert.InRange(count, 50, Draws / 2)); // nothing is too rare to count
        double chiSquared = Enumerable.Range(0, V).Sum(k => Math.Pow(drawn.Count(token => token == k) - expected[k], 2) / expected[k]);
        Assert.InRange(chiSquared, 3.9, 39); // all but 0.2 % for 16 degrees of freedom, and the seed is fixed
    }

    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void A_prime_is_needed(DeviceKind kind) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Write(Open(kind), [], 5, new()));

    /// <summary>
    /// Each of several texts that one sampler is at work on is the one that it would be alone, and so is one after a text that
    /// was given up.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Kinds), MemberType = typeof(TestDevices))]
    public void Texts_at_once_do_not_mix(DeviceKind kind)
    {
        Sampler sampler = Open(kind);
        IEnumerable<int[]>[] texts =
            [.. Enumerable.Range(0, 3).Select(i => sampler.Write(Prime(1 + (140 * i)), 500, new(), Seed, (ulong)i))];
        int[][] alone = [.. texts.Select(text => text.SelectMany(piece => piece).ToArray())];

        IEnumerator<int[]>[] begun = [.. texts.Select(text => text.GetEnumerator())];
        List<int>[] together = [[], [], []];
        foreach (int i in (int[])[0, 1, 0, 2, 2, 1, 0, 0, 0, 2, 1, 1, 1, 2, 2, 0, 1, 2])
            if (begun[i].MoveNext())
                together[i].AddRange(begun[i].Current);
        Assert.Equal(alone, together.Select(text => text.ToArray()));

        Assert.Equal(alone[0][..5], texts[0].First()[..5]); // and the rest of it is never asked for
        Assert.Equal(alone[1], texts[1].SelectMany(piece => piece));
    }

    [Fact]
    public void A_length_that_nobody_waits_for_begins_like_any_other()
    {
        Sampler sampler = Open(DeviceKind.Cpu);
        int[] begin = sampler.Write(Prime(3), long.MaxValue, new(), Seed, Sequence).First();
        Assert.Equal(Write(sampler, Prime(3), begin.Length, new()), begin);
    }

    public void Dispose()
    {
        for (int i = _opened.Count - 1; i >= 0; i--)
            _opened[i].Dispose();
    }

    private static int[] Prime(int length)
    {
        var tokens = new int[length];
        new SyntheticText(V, length).Read(0, tokens);
        return tokens;
    }

    private static int[] Write(Sampler sampler, int[] inputs, int length, SamplingOptions options) =>
        [.. sampler.Write(inputs, length, options, Seed, Sequence).SelectMany(chunk => chunk)];

    /// <summary>What the reference says about each drawn character, given those before it.</summary>
    private static IEnumerable<double[]> Distributions(
        ParameterSet<float> weights, int[] inputs, int[] drawn, SamplingOptions options)
    {
        ParameterSet<double> w = weights.Convert(value => (double)value);
        double[][] state = ReferenceRnn.ZeroState(w.Sizes);
        foreach (int x in inputs)
            state = ReferenceRnn.Step(w, x, state);
        foreach (int token in drawn)
        {
            yield return ReferenceSampler.Probabilities(ReferenceRnn.Logits(w, state), options);
            state = ReferenceRnn.Step(w, token, state);
        }
    }

    private Sampler Open(DeviceKind kind) => Open(kind, Weights);

    private Sampler Open(DeviceKind kind, ParameterSet<float> weights)
    {
        var model = new DeviceModel(TestDevices.Get(kind), weights);
        var sampler = new Sampler(model);
        _opened.AddRange([model, sampler]);
        return sampler;
    }
}
