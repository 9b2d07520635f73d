using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>E9 over a range of parameters.</summary>
public static unsafe class Adagrad
{
    private const float Epsilon = 1e-8f; // inside the root

    /// <summary><c>g = clip(g, ±c); m += g²; θ -= η g / √(m + ε)</c>. A NaN gradient stays NaN; padding (g = 0) stays 0.</summary>
    /// <param name="theta">θ, updated.</param>
    /// <param name="memory">m, updated.</param>
    /// <param name="gradient">g; left unclipped.</param>
    /// <param name="count">Number of parameters, a multiple of the row padding.</param>
    /// <param name="learningRate">η.</param>
    /// <param name="clip">c.</param>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Update(ArrayView<float> theta, ArrayView<float> memory, ArrayView<float> gradient, int count, float learningRate, float clip)
    {
        if (count == 0)
            return;
        float* t = Simd.Pointer(theta), m = Simd.Pointer(memory), g = Simd.Pointer(gradient);
        Vector<float> upper = new(clip), lower = new(-clip), rate = new(learningRate), epsilon = new(Epsilon);
        for (int i = 0; i < count; i += Vector<float>.Count)
        {
            Vector<float> clipped = *(Vector<float>*)(g + i);
            clipped = Vector.MinNative(upper, Vector.MaxNative(lower, clipped)); // of which NaN, as the second, returns
            Vector<float> sum = Simd.FusedMultiplyAdd(clipped, clipped, *(Vector<float>*)(m + i));
            *(Vector<float>*)(m + i) = sum;
            *(Vector<float>*)(t + i) -= rate * clipped * Simd.ReciprocalSqrt(sum + epsilon);
        }
    }

    internal static void UpdateOnGroup(ArrayView<float> theta, ArrayView<float> memory, ArrayView<float> gradient, int count, float learningRate, float clip)
    {
        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            float clipped = KernelMath.Clamp(gradient[i], -clip, clip);
            float sum = memory[i] + (clipped * clipped);
            memory[i] = sum;
            theta[i] -= learningRate * clipped / XMath.Sqrt(sum + Epsilon);
        }

        Team.Barrier();
    }
}
