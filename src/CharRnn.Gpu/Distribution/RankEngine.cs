using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Distribution;

/// <summary>The device, the model and the engine of one rank.</summary>
public sealed class RankEngine : IDisposable
{
    // A driver's compiler may take a minute on one machine, and find its work done on another.
    private static readonly TimeSpan Opening = TimeSpan.FromMinutes(3);

    private RankEngine(ComputeDevice device, DeviceModel model, TrainingEngine engine) => (Device, Model, Engine) = (device, model, engine);

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The model on the device.</summary>
    public DeviceModel Model { get; }

    /// <summary>The engine, with this rank's streams.</summary>
    public TrainingEngine Engine { get; }

    /// <summary>Makes the engine of a process that trains alone.</summary>
    /// <param name="device">The device; owned.</param>
    /// <param name="weights">Makes the weights, once there is a device.</param>
    /// <param name="text">The training text.</param>
    /// <param name="step">The sizes of a step, and the optimizer.</param>
    /// <exception cref="CharRnnException">The device has no room for a step of these sizes.</exception>
    public static RankEngine Alone(ComputeDevice device, Func<ParameterSet<float>> weights, ITokenSource text, StepOptions step)
    {
        DeviceModel? model = null;
        try
        {
            model = new DeviceModel(device, weights());
            return new RankEngine(device, model, new TrainingEngine(model, text, step));
        }
        catch
        {
            model?.Dispose();
            device.Dispose();
            throw;
        }
    }

    /// <summary>Opens the engines of all ranks, on the first of them.</summary>
    /// <param name="channel">The ranks.</param>
    /// <param name="setup">What all need to know.</param>
    /// <param name="text">The training text.</param>
    /// <param name="weights">Makes the weights, once there is a device.</param>
    /// <param name="open">Opens and checks a device, with this number of workers if it is the CPU.</param>
    /// <exception cref="CharRnnException">A rank cannot train the model; says which, and why.</exception>
    public static RankEngine Lead(
        RankChannel channel, RankSetup setup, ITokenSource text, Func<ParameterSet<float>> weights,
        Func<DeviceSelection, int, ComputeDevice> open)
    {
        (RankEngine? rank, string? failure) = channel.Lead(
            RankTask.Open, () => Open(channel.Ranks, setup, text, weights, (_, selection, workers) => open(selection, workers)));
        if (rank is not null)
            return rank;
        string[] parts = failure!.Split(": ", 2), rest = parts[1].Split("; ", 2);
        throw new CharRnnException(parts[0], rest[0], rest[1]);
    }

    /// <summary>This rank's part of opening the engines of all. What only the first rank has is null on the others.</summary>
    /// <returns>The engine, or why a rank has none.</returns>
    internal static (RankEngine? Rank, string? Failure) Open(
        ICollective ranks, RankSetup? setup, ITokenSource? text, Func<ParameterSet<float>>? weights,
        Func<RankSetup, DeviceSelection, int, ComputeDevice> open)
    {
        TimeSpan patience = ranks.Patience;
        ranks.Patience = Opening;
        ComputeDevice? device = null;
        DeviceModel? model = null;
        try
        {
            setup = RankWork.Share(ranks, setup);
            RankPlace place = RankPlace.Find(ranks);
            string? failure = Failure(() =>
            {
                device = open(setup, place.DeviceOf(setup.Device), place.Cores);

                // Which ranks share a GPU is not known: a launcher may show each of them one of its own under the same number.
                int sharing = device.Kind == DeviceKind.Cpu ? place.LocalRanks : 1;
                MemoryNeed.Require(setup.Shape, setup.Step, setup.TextLength, device, ranks.Size, sharing);
            });
            failure = RankWork.FirstFailure(ranks, failure);
            failure ??= RankWork.FirstFailure(ranks, OtherKind(ranks, device!.Kind));
            if (failure is not null)
                return (null, failure);

            ParameterSet<float> shared = RankWork.Share(ranks, weights?.Invoke() ?? new ParameterSet<float>(setup.Shape));
            TrainingEngine? engine = null;
            failure = Failure(() =>
            {
                model = new DeviceModel(device!, shared);
                engine = new TrainingEngine(model, new SharedText(ranks, text, setup.TextLength), setup.Step, ranks);
            });
            failure = RankWork.FirstFailure(ranks, failure);
            if (failure is not null)
            {
                engine?.Dispose();
                return (null, failure);
            }

            var opened = new RankEngine(device!, model!, engine!);
            (device, model) = (null, null);
            return (opened, null);
        }
        finally
        {
            model?.Dispose();
            device?.Dispose();
            ranks.Patience = patience;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Engine.Dispose();
        Model.Dispose();
        Device.Dispose();
    }

    private static string? OtherKind(ICollective ranks, DeviceKind kind)
    {
        DeviceKind first = ranks.GatherValues(kind)[0];
        return kind == first ? null
            : $"trains on {DeviceCatalog.IdOf(kind)}, and rank 0 on {DeviceCatalog.IdOf(first)}; give a --device that all machines have";
    }

    private static string? Failure(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (CharRnnException e)
        {
            return e.Message;
        }
    }
}
