using CharRnn.Gpu.Kernels.Arguments;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;

namespace CharRnn.Gpu.Kernels;

/// <summary>Propagates the gradient back through the time steps of a step, for some streams (E6, E7).</summary>
/// <remarks>
/// <code>
/// dh[t] = dz[t]·Whyᵀ + da[t+1]·Whhᵀ,  da[T] = 0   (E6)
/// da[t] = (1 - h[t]²) ⊙ dh[t]                      (E7)
/// </code>
/// Shapes:    dz [T,B,V]  h [T+1,B,H]  da [T,B,H]  Whyᵀ [V,H]  Whhᵀ [H,H].
/// Launch:    kernels call it; a team owns streams [first, first + count), which depend on no other team.
/// Writes:    da of the team's own streams; before it, dh in the same place.
/// Reference: ReferenceRnn.Backward.
/// </remarks>
public static class BackwardPass
{
    /// <summary>Computes what the outputs of all time steps send back, for the streams of a team.</summary>
    public static void OutputStreams(ArrayView<float> scratch, TrainingViews v, RnnDims d, int first, int count)
    {
        for (int t = 0, steps = OutputPass.StepsAtOnce(d, count); t < d.T; t += steps)
            Outputs(scratch, v, d, (t * d.B) + first, (t + steps < d.T ? steps : d.T - t) * count);
    }

    /// <summary>Computes what the outputs send back, <c>da = dz·Whyᵀ</c>, for rows (t, b), which may come in any order.</summary>
    public static void Outputs(ArrayView<float> scratch, TrainingViews v, RnnDims d, int row, int rows) => Product.Run(
        scratch, v.Da.SubView(row * d.HRow, rows * d.HRow), Layout.Rows(d.HRow),
        v.Forward.Z.SubView(row * d.VRow, rows * d.VRow), d.VRow, v.WhyTransposed, Layout.Panels(d.V), rows, d.H, d.V, 0, 0);

    /// <summary>Computes what each time step sends back to the one before it, from the last to the first.</summary>
    public static void Chain(ArrayView<float> scratch, TrainingViews v, RnnDims d, HiddenBlock block) =>
        Recurrence.Backward(scratch, v.Da, v.Forward.H, v.WhhTransposed, d, block);
}
