using System.Globalization;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Networks;

namespace CharRnn.Gpu.Execution;

/// <summary>
/// How steps of a feed-forward network are run on a device. This is the one place that chooses. A plan changes no result
/// on a CPU, and on a GPU only the rounding.
/// </summary>
/// <param name="ManySteps">
/// Whether a launch runs many steps: on the CPU by all teams, which meet between phases, on a GPU by one team, which is never chosen. If
/// not, each layer is a launch.
/// </param>
/// <param name="Teams">The number of teams per launch.</param>
/// <param name="Reason">Why the plan was chosen, for people.</param>
internal sealed record NetworkPlan(bool ManySteps, int Teams, string Reason)
{
    /// <summary>The plans that a device can run.</summary>
    public static IReadOnlyList<NetworkPlan> All(DeviceTraits device) =>
        [new(false, device.Teams, "a launch a layer"), new(true, device.Kind == DeviceKind.Cpu ? device.Teams : 1, "many steps a launch")];

    public static NetworkPlan Choose(NetworkShape shape, int batch, DeviceTraits device)
    {
        double flops = shape.TrainingFlops * batch;
        string figures = string.Create(CultureInfo.InvariantCulture, $"{flops / 1e6:0.###} MFLOP a step");
        if (device.Kind == DeviceKind.Cpu)
            return new NetworkPlan(true, device.Teams, $"{figures}: many steps a launch, workers meet between phases");

        // On an H200, one group that runs many steps a launch was faster only for the smallest networks: 23 us a step against 29 for 4-8-3
        // with 32 rows, but 52 against 40 with 150, and 64 against 40 for 20-16-16-2 with 128.
        return new NetworkPlan(false, device.Teams, $"{figures}: a launch for each layer forward and back, the gradients and the update");
    }

    /// <summary>How the gradient of a layer is divided into tasks; of no inputs there are none.</summary>
    public static BlockGrid GradientGrid(int inputs, int outputs, int batch, DeviceTraits device) => inputs == 0 ? default
        : device.Kind != DeviceKind.Cpu
        ? ExecutionPlan.GroupGrid(inputs, outputs, device.Teams)
        : ExecutionPlan.WorkerGrid(inputs, outputs, ExecutionPlan.CpuTasks(device.Teams, batch));

    /// <summary>
    /// How the gradient of the weights of inputs that are categories is divided into tasks: on a GPU into blocks like those of a product,
    /// on a CPU into panels, whose work depends on the rows and not on how many categories a column has.
    /// </summary>
    /// <returns>The blocks; one of no inputs where there are no categories.</returns>
    public static CategoryBlock[] CategoryBlocks(InputColumns columns, int outputs, DeviceTraits device)
    {
        CategoryBlock[] blocks =
        [
            .. from column in Enumerable.Range(0, columns.Values.Count)
               let values = columns.Values[column]
               let grid = device.Kind == DeviceKind.Cpu
                   ? new BlockGrid(1, Layout.PanelCount(outputs))
                   : ExecutionPlan.GroupGrid(values, outputs, device.Teams)
               from block in Enumerable.Range(0, grid.Count)
               let first = Share.FourBegin(values, block / grid.Columns, grid.Rows)
               let left = Share.PanelBegin(outputs, block % grid.Columns, grid.Columns)
               select new CategoryBlock(
                   column, columns.Firsts[column] + first, Share.FourBegin(values, (block / grid.Columns) + 1, grid.Rows) - first, left,
                   Share.PanelBegin(outputs, (block % grid.Columns) + 1, grid.Columns) - left),
        ];
        return blocks.Length > 0 ? blocks : [default];
    }

    /// <summary>How a launch of a layer divides its outputs: shares of the rows by shares of the neurons.</summary>
    public BlockGrid LayerGrid(int rows, int neurons) => ExecutionPlan.GroupGrid(rows, neurons, Teams);
}
