using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>
/// Computes the losses of outputs that are numbers, and δ[L] (N2, N3). <see cref="Primitives.SoftmaxCrossEntropy"/> does so for classes.
/// </summary>
public static unsafe class OutputLoss
{
    /// <summary>
    /// The numbers by which kernels name a layer's loss. A hidden layer has none. The cross-entropy of a softmax is computed by
    /// <see cref="Primitives.SoftmaxCrossEntropy"/>.
    /// </summary>
    public const int None = 0, SquaredError = 1, BinaryCrossEntropy = 2, SoftmaxCrossEntropy = 3;

    /// <summary>
    /// Computes the loss of each row, and δ of each of its columns. For the binary cross-entropy they are
    /// <c>losses[r] = Σ max(z, 0) - y z + ln(1 + e^-|z|)</c> and <c>δ = (σ(z) - y)·scale</c>; for the squared error, with h = σ(z),
    /// <c>losses[r] = mean (h - y)²</c> and <c>δ = 2 (h - y) σ′(z)·scale / columns</c>. The padding of δ becomes zero.
    /// </summary>
    /// <param name="z">Logits <c>[rows, row]</c>, which δ replaces.</param>
    /// <param name="targets">y, <c>[rows, row]</c>.</param>
    /// <param name="losses">The loss of each row, <c>[rows]</c>.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="row">Padded row length.</param>
    /// <param name="columns">Number of outputs in a row.</param>
    /// <param name="scale">1/n of N2.</param>
    /// <param name="kind"><see cref="SquaredError"/> or <see cref="BinaryCrossEntropy"/>.</param>
    /// <param name="activation">σ of the squared error, an <see cref="Activation"/>; the binary cross-entropy has the sigmoid.</param>
    [IntrinsicImplementation]
    public static void Run(
        ArrayView<float> z, ArrayView<float> targets, ArrayView<float> losses, int rows, int row, int columns, float scale, int kind,
        int activation)
    {
        if (kind == BinaryCrossEntropy)
            Each<Logistic>(z, targets, losses, rows, row, columns, scale);
        else if (activation == Activation.Identity)
            Each<Squared<Activation.IdentityFunction>>(z, targets, losses, rows, row, columns, scale);
        else if (activation == Activation.Sigmoid)
            Each<Squared<Activation.SigmoidFunction>>(z, targets, losses, rows, row, columns, scale);
        else if (activation == Activation.Hyperbolic)
            Each<Squared<Activation.TanhFunction>>(z, targets, losses, rows, row, columns, scale);
        else
            Each<Squared<Activation.RectifierFunction>>(z, targets, losses, rows, row, columns, scale);
    }

    internal static void RunOnGroup(
        ArrayView<float> z, ArrayView<float> targets, ArrayView<float> losses, int rows, int row, int columns, float scale, int kind,
        int activation)
    {
        for (int r = Group.IdxX; r < rows; r += Group.DimX)
        {
            float loss = 0f;
            for (int i = r * row; i < (r * row) + row; i++)
            {
                float y = targets[i], logit = z[i], magnitude = logit < 0f ? -logit : logit;
                if (i >= (r * row) + columns)
                    z[i] = 0f;
                else if (kind == BinaryCrossEntropy)
                {
                    loss += (logit > 0f ? logit : 0f) - (y * logit) + KernelMath.Log(1f + KernelMath.Exp(-magnitude));
                    z[i] = (KernelMath.Sigmoid(logit) - y) * scale;
                }
                else
                {
                    float h = Activation.Of(logit, activation), difference = h - y;
                    loss += difference * difference / columns;
                    z[i] = 2f * difference * Activation.Slope(h, activation) * scale / columns;
                }
            }

            losses[r] = loss;
        }

        Team.Barrier();
    }

    /// <summary>The losses of some outputs, and their derivatives with respect to the logits, before the scale.</summary>
    private interface ILoss
    {
        static abstract Vector<float> Of(Vector<float> z, Vector<float> y, int columns, out Vector<float> slope);
    }

    private readonly struct Logistic : ILoss
    {
        public static Vector<float> Of(Vector<float> z, Vector<float> y, int columns, out Vector<float> slope)
        {
            slope = Simd.Sigmoid(z) - y;
            Vector<float> tail = Simd.Log(Vector<float>.One + Simd.Exp(-Vector.Abs(z)));
            return Vector.MaxNative(Vector<float>.Zero, z) - (y * z) + tail;
        }
    }

    private readonly struct Squared<T> : ILoss
        where T : struct, Activation.IFunction
    {
        public static Vector<float> Of(Vector<float> z, Vector<float> y, int columns, out Vector<float> slope)
        {
            Vector<float> h = T.Of(z), difference = h - y, reciprocal = new(1f / columns);
            slope = (difference + difference) * T.Slope(h) * reciprocal;
            return difference * difference * reciprocal;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<T>(
        ArrayView<float> z, ArrayView<float> targets, ArrayView<float> losses, int rows, int row, int columns, float scale)
        where T : struct, ILoss
    {
        if (rows == 0)
            return;
        float* p = Simd.Pointer(z), y = Simd.Pointer(targets), loss = Simd.Pointer(losses);
        int last = Simd.WholeVectors(columns) - Vector<float>.Count;
        Vector<int> present = Vector.LessThan(Vector<int>.Indices, new Vector<int>(columns - last));
        var factor = new Vector<float>(scale);
        for (int r = 0; r < rows; r++, p += row, y += row)
        {
            Vector<float> sum = Vector<float>.Zero;
            for (int i = 0; i <= last; i += Vector<float>.Count)
            {
                Vector<float> value = T.Of(*(Vector<float>*)(p + i), *(Vector<float>*)(y + i), columns, out Vector<float> slope);
                slope *= factor;
                if (i == last)
                    (value, slope) = (
                        Vector.ConditionalSelect(present, value, Vector<float>.Zero),
                        Vector.ConditionalSelect(present, slope, Vector<float>.Zero));
                *(Vector<float>*)(p + i) = slope;
                sum += value;
            }

            loss[r] = Vector.Sum(sum);
        }
    }
}
