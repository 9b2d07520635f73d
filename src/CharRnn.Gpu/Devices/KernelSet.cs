using CharRnn.Gpu.Kernels;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.Runtime;

namespace CharRnn.Gpu.Devices;

/// <summary>
/// Every kernel, loaded in this one place, once per device and when it is first launched: ILGPU takes up to 0.1 s and several megabytes
/// to translate one, and no command launches all of them.
/// </summary>
internal sealed class KernelSet
{
    /// <summary>
    /// The limits that CUDA's assembler must keep to: the threads of a group, and the groups that must fit on a multiprocessor at
    /// once, which are counted as teams. 65,536 registers for 2 × 256 threads are 128 for each thread. A kernel that is launched as one
    /// group has no other beside it, and one with as few groups as the streams of an evaluation has multiprocessors enough.
    /// </summary>
    public static KernelSpecialization CudaBudget(Type kernel) => new(
        DeviceCatalog.GpuGroupSize,
        kernel == typeof(TrainStepsKernel) || kernel == typeof(NetworkStepsKernel) || kernel == typeof(SampleKernel)
            || kernel == typeof(EvaluateKernel)
            ? 1 : DeviceCatalog.TeamsPerMultiprocessor);

    private readonly ComputeDevice _device;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, StepArguments, int, int, int, int, BlockGrid, int>> _hidden;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, StepArguments, int, int, BlockGrid>> _input;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, StepArguments>> _output;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, int, int, int, BlockGrid, int>> _chain;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, StepArguments, GradientTasks>> _gradient;
    private readonly Lazy<Action<KernelConfig, UpdateViews, int>> _norm;
    private readonly Lazy<Action<KernelConfig, UpdateViews, UpdateArguments, int, int>> _update;
    private readonly Lazy<Action<KernelConfig, TrainingViews, RnnDims, StepArguments, int>> _trainSteps;
    private readonly Lazy<Action<KernelConfig, ForwardViews, RnnDims, StepArguments>> _evaluate;
    private readonly Lazy<Action<KernelConfig, ForwardViews, ArrayView<float>, RnnDims, DrawArguments, int, int>> _sample;
    private readonly Lazy<Action<KernelConfig, NetworkViews, NetworkArguments, int>> _networkSteps;
    private readonly Lazy<Action<KernelConfig, NetworkViews, NetworkArguments>> _networkBegin;
    private readonly Lazy<Action<KernelConfig, NetworkViews, NetworkArguments, int, int, BlockGrid>> _networkLayer;
    private readonly Lazy<Action<KernelConfig, NetworkViews, NetworkArguments>> _networkGradient;
    private readonly Lazy<Action<KernelConfig, NetworkViews, NetworkArguments>> _networkEvaluate;

    public KernelSet(ComputeDevice device)
    {
        _device = device;
        Accelerator accelerator = device.Accelerator;
        KernelSpecialization Budget(Type kernel) => device.Kind == DeviceKind.Cuda ? CudaBudget(kernel) : KernelSpecialization.Empty;
        _hidden = Load("Hidden", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, StepArguments, int, int, int, int, BlockGrid, int>(
                HiddenKernel.Run, Budget(typeof(HiddenKernel))));
        _input = Load("Input", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, StepArguments, int, int, BlockGrid>(
                InputKernel.Run, Budget(typeof(InputKernel))));
        _output = Load("Output", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, StepArguments>(OutputKernel.Run, Budget(typeof(OutputKernel))));
        _chain = Load("Chain", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, int, int, int, BlockGrid, int>(
                ChainKernel.Run, Budget(typeof(ChainKernel))));
        _gradient = Load("Gradient", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, StepArguments, GradientTasks>(
                GradientKernel.Run, Budget(typeof(GradientKernel))));
        _norm = Load("Norm", () =>
            accelerator.LoadStreamKernel<UpdateViews, int>(NormKernel.Run, Budget(typeof(NormKernel))));
        _update = Load("Update", () =>
            accelerator.LoadStreamKernel<UpdateViews, UpdateArguments, int, int>(UpdateKernel.Run, Budget(typeof(UpdateKernel))));
        _trainSteps = Load("TrainSteps", () =>
            accelerator.LoadStreamKernel<TrainingViews, RnnDims, StepArguments, int>(
                TrainStepsKernel.Run, Budget(typeof(TrainStepsKernel))));
        _evaluate = Load("Evaluate", () =>
            accelerator.LoadStreamKernel<ForwardViews, RnnDims, StepArguments>(EvaluateKernel.Run, Budget(typeof(EvaluateKernel))));
        _sample = Load("Sample", () =>
            accelerator.LoadStreamKernel<ForwardViews, ArrayView<float>, RnnDims, DrawArguments, int, int>(
                SampleKernel.Run, Budget(typeof(SampleKernel))));
        _networkSteps = Load("NetworkSteps", () =>
            accelerator.LoadStreamKernel<NetworkViews, NetworkArguments, int>(NetworkStepsKernel.Run, Budget(typeof(NetworkStepsKernel))));
        _networkBegin = Load("NetworkBegin", () =>
            accelerator.LoadStreamKernel<NetworkViews, NetworkArguments>(NetworkBeginKernel.Run, Budget(typeof(NetworkBeginKernel))));
        _networkLayer = Load("NetworkLayer", () =>
            accelerator.LoadStreamKernel<NetworkViews, NetworkArguments, int, int, BlockGrid>(
                NetworkLayerKernel.Run, Budget(typeof(NetworkLayerKernel))));
        _networkGradient = Load("NetworkGradient", () =>
            accelerator.LoadStreamKernel<NetworkViews, NetworkArguments>(NetworkGradientKernel.Run, Budget(typeof(NetworkGradientKernel))));
        _networkEvaluate = Load("NetworkEvaluate", () =>
            accelerator.LoadStreamKernel<NetworkViews, NetworkArguments>(NetworkEvaluateKernel.Run, Budget(typeof(NetworkEvaluateKernel))));
    }

    /// <summary>Launches so far: what a training step costs in overhead.</summary>
    public long Launches { get; private set; }

    /// <summary>Takes the device's time of every launch; usually null.</summary>
    public KernelProfile? Profile { get; set; }

    public void Hidden(TrainingViews v, RnnDims d, StepArguments step, int layer, bool fetch, int begin, int end, BlockGrid grid, int met)
    {
        using KernelProfile.Launch launch = Launch("Hidden");
        _hidden.Value(Teams(grid.Count), v, d, step, layer, fetch ? 1 : 0, begin, end, grid, met);
    }

    /// <summary>The products between a layer and the one below: the upper one's input, or what it sends back.</summary>
    public void Input(TrainingViews v, RnnDims d, StepArguments step, int layer, bool back, BlockGrid grid)
    {
        using KernelProfile.Launch launch = Launch(back ? "Input back" : "Input");
        _input.Value(Teams(grid.Count), v, d, step, layer, back ? 1 : 0, grid);
    }

    public void Output(TrainingViews v, RnnDims d, StepArguments step)
    {
        using KernelProfile.Launch launch = Launch("Output");
        int teams = AtWork(step.Teams, d.T * d.B);
        _output.Value(Teams(teams), v, d, step.On(teams));
    }

    public void Chain(TrainingViews v, RnnDims d, StepArguments step, int layer, int begin, int end, BlockGrid grid, int met)
    {
        using KernelProfile.Launch launch = Launch("Chain");

        // CPU workers without a block arrive, too: the gradients wait for all of them.
        _chain.Value(Teams(_device.Kind == DeviceKind.Cpu ? step.Teams : grid.Count), v, d, layer, begin, end, grid, met);
    }

    /// <summary>The gradients of some parts: of the layers with these numbers, and, as the part above them, of the output.</summary>
    public void Gradient(TrainingViews v, RnnDims d, StepArguments step, int begin, int end)
    {
        using KernelProfile.Launch launch = Launch("Gradient");
        GradientTasks tasks = GradientKernel.Tasks(d, step.GradientGrids, begin, end);
        int teams = AtWork(step.Teams, tasks.Count);
        _gradient.Value(Teams(teams), v, d, step.On(teams), tasks);
    }

    /// <summary>The update, after the norm of the gradient if the update needs it.</summary>
    public void Update(UpdateViews v, UpdateArguments update, int slot, int teams)
    {
        if (update.NeedsNorm)
        {
            using KernelProfile.Launch norm = Launch("Norm");
            int summing = AtWork(teams, v.Squares.IntLength);
            _norm.Value(Teams(summing), v, summing);
        }

        // Each thread of a group has a parameter, unless there are too many.
        using KernelProfile.Launch launch = Launch("Update");
        int updating = AtWork(teams, update.SumsSquares ? v.Squares.IntLength : (v.Theta.IntLength / _device.GroupSize) + 1);
        _update.Value(Teams(updating), v, update, slot, updating);
    }

    public void TrainSteps(TrainingViews v, RnnDims d, StepArguments first, int steps)
    {
        using KernelProfile.Launch launch = Launch("TrainSteps");
        _trainSteps.Value(Teams(first.Teams), v, d, first, steps);
    }

    public void Evaluate(ForwardViews v, RnnDims d, StepArguments step)
    {
        using KernelProfile.Launch launch = Launch("Evaluate");
        _evaluate.Value(Teams(step.Teams), v, d, step);
    }

    public void Sample(ForwardViews v, ArrayView<float> uniforms, RnnDims d, DrawArguments draw, int given, int steps)
    {
        using KernelProfile.Launch launch = Launch("Sample");
        _sample.Value(Teams(1), v, uniforms, d, draw, given, steps);
    }

    public void NetworkSteps(NetworkViews v, NetworkArguments first, int steps)
    {
        using KernelProfile.Launch launch = Launch("NetworkSteps");
        _networkSteps.Value(Teams(first.Teams), v, first, steps);
    }

    public void NetworkBegin(NetworkViews v, NetworkArguments step)
    {
        using KernelProfile.Launch launch = Launch("NetworkBegin");
        _networkBegin.Value(Teams(step.Teams), v, step);
    }

    public void NetworkLayer(NetworkViews v, NetworkArguments step, int layer, bool back, BlockGrid grid)
    {
        using KernelProfile.Launch launch = Launch(back ? "NetworkLayer back" : "NetworkLayer");
        _networkLayer.Value(Teams(grid.Count), v, step, layer, back ? 1 : 0, grid);
    }

    public void NetworkGradient(NetworkViews v, NetworkArguments step)
    {
        using KernelProfile.Launch launch = Launch("NetworkGradient");
        _networkGradient.Value(Teams(step.Teams), v, step);
    }

    public void NetworkEvaluate(NetworkViews v, NetworkArguments step)
    {
        using KernelProfile.Launch launch = Launch("NetworkEvaluate");
        _networkEvaluate.Value(Teams(step.Teams), v, step);
    }

    private Lazy<T> Load<T>(string kernel, Func<T> load) => new(() =>
    {
        using var trace = new TracedText();
        try
        {
            return load();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // What a driver that cannot compile throws differs from one to the next.
            throw new CharRnnException(
                $"{DeviceCatalog.IdOf(_device.Kind)} ({_device.Name})",
                $"cannot load the kernel {kernel}: {DriverErrors.Reason(e)}{trace.OfCompiler}",
                "use another --device, or update its driver", e);
        }
    });

    private KernelProfile.Launch Launch(string kernel)
    {
        Launches++;
        return Profile?.Begin(kernel) ?? default;
    }

    // The groups of a GPU that have a part of the work; others would only start and end. On the CPU all teams are counted where they meet.
    private int AtWork(int teams, int parts) => _device.Kind == DeviceKind.Cpu ? teams : Math.Min(teams, parts);

    // On the CPU the teams are the threads of one group, which run side by side; groups run one after the other.
    private KernelConfig Teams(int teams) =>
        _device.Kind == DeviceKind.Cpu ? new KernelConfig(1, teams) : new KernelConfig(teams, _device.GroupSize);
}
