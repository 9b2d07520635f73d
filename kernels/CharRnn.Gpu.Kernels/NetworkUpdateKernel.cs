using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>A step down (N6), the gradient's norm, and the transposes that the next step's way back reads.</summary>
/// <remarks>
/// <code>θ -= η g   (N6);   Σ g²</code>
/// Shapes:    θ, g: every parameter.
/// Launch:    one group per team, a step's last launch; a team owns a share of the parameters' memory.
/// Writes:    its share of θ, of W[l] and of the sums of squares; nothing if any team saw a value that is not finite.
/// Reference: ReferenceNetwork.Descend.
/// </remarks>
public static class NetworkUpdateKernel
{
    /// <summary>The kernel.</summary>
    public static void Run(NetworkViews v, NetworkArguments step) => RunTeam(Team.Index(), Team.Scratch(), v, step);

    internal static void RunTeam(int team, ArrayView<float> scratch, NetworkViews v, NetworkArguments step)
    {
        if (NetworkSteps.Ended(v))
            return;
        int diverged = 0;
        for (int other = 0; other < step.Teams; other++)
            diverged |= v.Status[NetworkStatus.TeamFlags + other];
        if (diverged != 0)
        {
            Team.SetOnce(v.Status, NetworkStatus.Diverged, step.Slot + 1); // every team comes to the same conclusion
            return;
        }

        // The parts do not depend on the teams, and so neither does their sum.
        int parts = v.Squares.IntLength, lines = v.Theta.IntLength / Layout.PanelWidth;
        int firstPart = Share.Begin(parts, team, step.Teams), endPart = Share.Begin(parts, team + 1, step.Teams);
        for (int part = firstPart; part < endPart; part++)
        {
            int first = Share.Begin(lines, part, parts) * Layout.PanelWidth, count = (Share.Begin(lines, part + 1, parts) * Layout.PanelWidth) - first;
            if (count > 0)
                DescentStep.Update(scratch, v.Theta.SubView(first, count), v.Gradient.SubView(first, count), count, step.LearningRate, v.Squares, part);
        }

        for (int l = 1; l < v.Layers.IntLength; l++)
            Turn(v, v.Layers[l], Share.Begin(lines, firstPart, parts), Share.Begin(lines, endPart, parts));
    }

    /// <summary>W[l] of those lines of W[l]ᵀ that lie between two of θ's.</summary>
    private static void Turn(NetworkViews v, NetworkLayer layer, int first, int after)
    {
        int begin = layer.Weights / Layout.PanelWidth, end = begin + (Layout.PanelCount(layer.Outputs) * layer.Inputs);
        UpdateKernel.Turn(
            v.Transposed.SubView(layer.Transposed, v.Transposed.IntLength - layer.Transposed), v.Theta.SubView(layer.Weights, v.Theta.IntLength - layer.Weights),
            layer.Inputs, layer.Outputs, (first > begin ? first : begin) - begin, (after < end ? after : end) - begin);
    }
}
