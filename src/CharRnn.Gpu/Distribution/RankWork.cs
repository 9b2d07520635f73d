using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>What ranks need to know to train a model together.</summary>
/// <param name="Device">The value of <c>--device</c>.</param>
/// <param name="Shape">The model.</param>
/// <param name="Step">The sizes of a step, with the streams of all ranks, and the optimizer.</param>
/// <param name="TextLength">The number of tokens of the training text.</param>
public sealed record RankSetup(DeviceSelection Device, ModelShape Shape, StepOptions Step, long TextLength);

/// <summary>The tasks as every rank does them. What only the first rank knows goes from there to the others.</summary>
internal static class RankWork
{
    // Steps between comparisons of the weights: so few that a broken rank is noticed soon, and so many that it costs next to nothing.
    private const int StepsBetweenChecks = 100;

    /// <summary>Makes a setup known.</summary>
    public static RankSetup Share(ICollective ranks, RankSetup? setup) =>
        JsonSerializer.Deserialize<RankSetup>(ranks.BroadcastArray(JsonSerializer.SerializeToUtf8Bytes(setup)))!;

    /// <summary>Copies parameters of the first rank to all.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="own">The parameters; of the other ranks what they hold is replaced.</param>
    public static ParameterSet<float> Share(ICollective ranks, ParameterSet<float> own)
    {
        foreach (ParameterTensor<float> tensor in own.Tensors)
            ranks.BroadcastValues(tensor.Values.AsSpan(), 0);
        return own;
    }

    /// <summary>Says whether every rank has done something, and how the first rank that has not failed.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="failure">What a user is told about this rank; null if it has done it.</param>
    /// <returns>The failure, with the rank and its machine; null if all have done it.</returns>
    public static string? FirstFailure(ICollective ranks, string? failure)
    {
        int failed = Array.IndexOf(ranks.GatherValues(failure is null ? (byte)0 : (byte)1), (byte)1);
        if (failed < 0)
            return null;
        byte[] text = failed == ranks.Rank ? Encoding.UTF8.GetBytes($"rank {failed} on {Environment.MachineName}: {failure}") : [];
        int length = text.Length;
        ranks.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref length)), failed);
        text = failed == ranks.Rank ? text : new byte[length];
        ranks.Broadcast(text, failed);
        return Encoding.UTF8.GetString(text);
    }

    /// <inheritdoc cref="TrainingEngine.RunShared"/>
    /// <exception cref="CharRnnException">The weights of the ranks are not the same any more; the first rank says so.</exception>
    public static (StepsResult Result, bool AnotherEnds) Steps(TrainingEngine engine, ICollective ranks, double[] rates, Func<bool> end)
    {
        long before = engine.Iteration;
        (StepsResult, bool) run = engine.RunShared(ranks.BroadcastArray(rates), end);
        if (engine.Iteration / StepsBetweenChecks > before / StepsBetweenChecks)
        {
            ulong[] hashes = ranks.GatherValues(engine.HashOfWeights());
            int other = Array.FindIndex(hashes, hash => hash != hashes[0]);
            if (other > 0 && ranks.Leads)
                throw new CharRnnException(
                    $"rank {other}",
                    string.Create(CultureInfo.InvariantCulture, $"has other weights than rank 0 before iteration {engine.Iteration + 1}"),
                    "give all ranks the same kind of processor, and go on with --resume");
        }

        return run;
    }

    /// <summary>The carried states of all streams, on every rank.</summary>
    public static float[][] States(TrainingEngine engine, ICollective ranks)
    {
        float[][] own = engine.ReadCarriedState();
        int units = engine.Model.Shape.HiddenSize, streams = engine.Streams.Streams;
        float[][] all = [.. own.Select(_ => new float[streams * units])];
        for (int rank = 0; rank < ranks.Size; rank++)
        {
            var share = StreamShare.Of(streams, rank, ranks.Size);
            foreach ((float[] state, float[] part) in all.Zip(own))
            {
                Span<float> values = state.AsSpan(share.First * units, share.Count * units);
                if (rank == ranks.Rank)
                    part.CopyTo(values);
                ranks.BroadcastValues(values, rank);
            }
        }

        return all;
    }

    /// <summary>Sets all ranks to a state, which only the first must have.</summary>
    public static TextState Restore(TrainingEngine engine, ICollective ranks, TextState? state)
    {
        StreamShare share = engine.Streams;
        ModelShape shape = engine.Model.Shape;
        ParameterSet<float> Blank() => new(shape);
        state ??= new TextState(
            Blank(), [.. engine.Moments.Select(name => new Moment(name, Blank()))], Iteration: 0,
            [.. shape.States.Select(_ => Array.Empty<float>())], Position: 0, Epoch: 0);
        long[] numbers = ranks.BroadcastArray([state.Iteration, state.Position, state.Epoch]);
        var shared = new TextState(
            Share(ranks, state.Weights), [.. state.Moments.Select(moment => moment with { Values = Share(ranks, moment.Values) })],
            numbers[0], [.. state.States.Select(ranks.BroadcastArray)], numbers[1], numbers[2]);
        int units = shape.HiddenSize;
        engine.Restore(shared with
        {
            States = [.. shared.States.Select(values => values[(share.First * units)..((share.First + share.Count) * units)])],
        });
        return shared;
    }

    /// <summary>Measures the model on a text, which only the first rank has.</summary>
    /// <returns>The loss, the same on every rank; null if the first rank has given it up.</returns>
    public static double? Evaluate(TrainingEngine engine, ICollective ranks, ITokenSource? text, CancellationToken cancellation)
    {
        long length = ranks.BroadcastArray([text?.Length ?? 0])[0];
        try
        {
            return engine.Evaluate(new SharedText(ranks, text, length), cancellation);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
