using System.Numerics;
using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Computes E9, E13–E16 and N6 for a range of parameters.</summary>
public static unsafe class ParameterUpdate
{
    /// <summary>The numbers by which kernels name a rule. Adam and AdamW are one rule: they differ in their weight decay alone.</summary>
    public const int Adagrad = 0, RmsProp = 1, Adam = 2, Momentum = 3, Descent = 4;

    /// <summary>A rule as a CPU worker computes it, for a vector of parameters.</summary>
    private interface IRule
    {
        /// <summary>The number of moments of each parameter.</summary>
        static abstract int Moments { get; }

        /// <summary>Computes the new values of the parameters and their moments.</summary>
        static abstract void Update(
            ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n);
    }

    /// <summary>
    /// Computes <c>g = clip(g·scale, ±c) + λθ</c> and then the rule. A gradient that is NaN stays NaN; padding, which is 0, stays 0.
    /// </summary>
    /// <param name="scratch">See <see cref="Team.Scratch"/>.</param>
    /// <param name="theta">θ, which is updated.</param>
    /// <param name="first">The rule's first moment, which is updated: m of E9 and E15, v of E14, u of E16.</param>
    /// <param name="second">The rule's second moment, which is updated: v of E15.</param>
    /// <param name="gradient">g, which is left as it is.</param>
    /// <param name="begin">The first parameter, a multiple of <see cref="Layout.PanelWidth"/>.</param>
    /// <param name="count">Number of parameters, also such a multiple.</param>
    /// <param name="update">The rule and its numbers.</param>
    /// <param name="rates">The numbers of this step.</param>
    /// <param name="scale">The factor of E13.</param>
    /// <param name="squares">Where the sum of the squares of g goes, before scale and clip.</param>
    /// <param name="segment">The index of that sum; below 0 if nobody asks for it.</param>
    [IntrinsicImplementation]
    public static void Run(
        ArrayView<float> scratch, ArrayView<float> theta, ArrayView<float> first, ArrayView<float> second, ArrayView<float> gradient,
        int begin, int count, UpdateArguments update, StepRates rates, float scale, ArrayView<float> squares, int segment)
    {
        Vector<float> sum = update.Rule switch
        {
            Adagrad => Ranges<AdagradRule>(theta, first, second, gradient, begin, count, update, rates, scale),
            RmsProp => Ranges<RmsPropRule>(theta, first, second, gradient, begin, count, update, rates, scale),
            Adam => Ranges<AdamRule>(theta, first, second, gradient, begin, count, update, rates, scale),
            Momentum => Ranges<MomentumRule>(theta, first, second, gradient, begin, count, update, rates, scale),
            _ => Ranges<DescentRule>(theta, first, second, gradient, begin, count, update, rates, scale),
        };
        if (segment >= 0)
            squares[segment] = Vector.Sum(sum);
    }

    internal static void RunOnGroup(
        ArrayView<float> scratch, ArrayView<float> theta, ArrayView<float> first, ArrayView<float> second, ArrayView<float> gradient,
        int begin, int count, UpdateArguments update, StepRates rates, float scale, ArrayView<float> squares, int segment)
    {
        float sum = 0f;
        for (int i = begin + Group.IdxX; i < begin + count; i += Group.DimX)
        {
            float slope = gradient[i], weight = theta[i], g = KernelMath.Clamp(slope * scale, -update.Clip, update.Clip);
            sum += slope * slope;
            if (i < update.Decayed)
            {
                g += update.Decay * weight;
                weight *= rates.Keep;
            }

            if (update.Rule == Adagrad)
            {
                float squared = first[i] + (g * g);
                first[i] = squared;
                weight -= rates.Rate * g / XMath.Sqrt(squared + update.Epsilon);
            }
            else if (update.Rule == RmsProp)
            {
                float mean = (update.Second * first[i]) + (update.SecondRest * g * g);
                first[i] = mean;
                weight -= rates.Rate * g / (XMath.Sqrt(mean) + update.Epsilon);
            }
            else if (update.Rule == Adam)
            {
                float m = (update.First * first[i]) + (update.FirstRest * g), v = (update.Second * second[i]) + (update.SecondRest * g * g);
                (first[i], second[i]) = (m, v);
                weight -= rates.Rate * m / ((XMath.Sqrt(v) * rates.RootCorrection) + update.Epsilon);
            }
            else if (update.Rule == Momentum)
            {
                float velocity = (update.First * first[i]) + g;
                first[i] = velocity;
                weight -= rates.Rate * velocity;
            }
            else
            {
                weight -= rates.Rate * g;
            }

            theta[i] = weight;
        }

        if (segment >= 0)
            Reduction.Put(scratch, squares, segment, sum, 1f);
        else
            Team.Barrier();
    }

    /// <summary>Updates the parameters that decay, which are before the others, and then those that do not.</summary>
    /// <returns>The sums of the squares of the gradient, one in each lane.</returns>
    private static Vector<float> Ranges<T>(
        ArrayView<float> theta, ArrayView<float> first, ArrayView<float> second, ArrayView<float> gradient, int begin, int count,
        UpdateArguments update, StepRates rates, float scale)
        where T : struct, IRule
    {
        float* t = Simd.Pointer(theta), m = Simd.Pointer(first), v = Simd.Pointer(second), g = Simd.Pointer(gradient);
        var numbers = new Numbers(update, rates, scale);
        int middle = Math.Clamp(update.Decayed, begin, begin + count);
        Vector<float> sum = Each<Decaying<T>>(t, m, v, g, begin, middle, numbers, Vector<float>.Zero);
        return Each<T>(t, m, v, g, middle, begin + count, numbers, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Vector<float> Each<T>(
        float* theta, float* first, float* second, float* gradient, int begin, int end, in Numbers numbers, Vector<float> sum)
        where T : struct, IRule
    {
        Numbers n = numbers;
        for (int i = begin; i < end; i += Vector<float>.Count)
        {
            Vector<float> slope = *(Vector<float>*)(gradient + i), weight = *(Vector<float>*)(theta + i);
            Vector<float> m = T.Moments > 0 ? *(Vector<float>*)(first + i) : default;
            Vector<float> v = T.Moments > 1 ? *(Vector<float>*)(second + i) : default;
            sum = Simd.FusedMultiplyAdd(slope, slope, sum);

            // Minimum and maximum return their second operand where it is NaN.
            Vector<float> clipped = Vector.MinNative(n.Clip, Vector.MaxNative(n.NegativeClip, slope * n.Scale));
            T.Update(ref weight, ref m, ref v, clipped, n);
            *(Vector<float>*)(theta + i) = weight;
            if (T.Moments > 0)
                *(Vector<float>*)(first + i) = m;
            if (T.Moments > 1)
                *(Vector<float>*)(second + i) = v;
        }

        return sum;
    }

    /// <summary>The numbers of an update, each of them in every lane.</summary>
    private readonly struct Numbers(UpdateArguments update, StepRates rates, float scale)
    {
        public readonly Vector<float> Clip = new(update.Clip), NegativeClip = new(-update.Clip), Scale = new(scale);
        public readonly Vector<float> Decay = new(update.Decay), Keep = new(rates.Keep);
        public readonly Vector<float> Rate = new(rates.Rate), RootCorrection = new(rates.RootCorrection), Epsilon = new(update.Epsilon);
        public readonly Vector<float> First = new(update.First), FirstRest = new(update.FirstRest);
        public readonly Vector<float> Second = new(update.Second), SecondRest = new(update.SecondRest);
    }

    private readonly struct Decaying<T> : IRule
        where T : struct, IRule
    {
        public static int Moments => T.Moments;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n)
        {
            g = Simd.FusedMultiplyAdd(n.Decay, theta, g);
            theta *= n.Keep;
            T.Update(ref theta, ref first, ref second, g, n);
        }
    }

    private readonly struct AdagradRule : IRule
    {
        public static int Moments => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n)
        {
            first = Simd.FusedMultiplyAdd(g, g, first);
            theta -= n.Rate * g * Simd.ReciprocalSqrt(first + n.Epsilon);
        }
    }

    private readonly struct RmsPropRule : IRule
    {
        public static int Moments => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n)
        {
            first = Simd.FusedMultiplyAdd(n.Second, first, n.SecondRest * g * g);
            theta -= n.Rate * g / (Vector.SquareRoot(first) + n.Epsilon);
        }
    }

    private readonly struct AdamRule : IRule
    {
        public static int Moments => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n)
        {
            first = Simd.FusedMultiplyAdd(n.First, first, n.FirstRest * g);
            second = Simd.FusedMultiplyAdd(n.Second, second, n.SecondRest * g * g);
            theta -= n.Rate * first / Simd.FusedMultiplyAdd(Vector.SquareRoot(second), n.RootCorrection, n.Epsilon);
        }
    }

    private readonly struct MomentumRule : IRule
    {
        public static int Moments => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n)
        {
            first = Simd.FusedMultiplyAdd(n.First, first, g);
            theta -= n.Rate * first;
        }
    }

    private readonly struct DescentRule : IRule
    {
        public static int Moments => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Update(
            ref Vector<float> theta, ref Vector<float> first, ref Vector<float> second, Vector<float> g, in Numbers n) =>
            theta -= n.Rate * g;
    }
}
