using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>N6 over a range of parameters.</summary>
public static unsafe class DescentStep
{
    /// <summary><c>θ -= η g</c>, and <c>squares[index] = Σ g²</c>. Padding (g = 0) stays as it is.</summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="theta">θ, updated.</param>
    /// <param name="gradient">g.</param>
    /// <param name="count">Number of parameters, a multiple of the row padding.</param>
    /// <param name="learningRate">η.</param>
    /// <param name="squares">Where the sum of squares goes.</param>
    /// <param name="index">Its place there.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Update(
        ArrayView<float> scratch, ArrayView<float> theta, ArrayView<float> gradient, int count, float learningRate, ArrayView<float> squares, int index)
    {
        float* t = Simd.Pointer(theta), g = Simd.Pointer(gradient);
        Vector<float> rate = new(learningRate), sum = Vector<float>.Zero;
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> slope = *(Vector<float>*)(g + i);
            *(Vector<float>*)(t + i) -= rate * slope;
            sum = Simd.FusedMultiplyAdd(slope, slope, sum);
        }

        squares[index] = Vector.Sum(sum);
    }

    internal static void UpdateOnGroup(
        ArrayView<float> scratch, ArrayView<float> theta, ArrayView<float> gradient, int count, float learningRate, ArrayView<float> squares, int index)
    {
        float sum = 0f;
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            float slope = gradient[i];
            theta[i] -= learningRate * slope;
            sum += slope * slope;
        }

        Reduction.Total(scratch, squares, index, sum, 1f);
    }
}
