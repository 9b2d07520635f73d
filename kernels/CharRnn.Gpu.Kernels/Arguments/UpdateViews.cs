using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A matrix of the arena whose transpose is kept for the way back.</summary>
public readonly struct TransposedMatrix(int begin, int rows, int columns, int transposed)
{
    /// <summary>Where it begins in the arena, <c>[rows, columns]</c> in panels.</summary>
    public readonly int Begin = begin;

    /// <summary>Its sizes.</summary>
    public readonly int Rows = rows, Columns = columns;

    /// <summary>Where its transpose begins, <c>[columns, rows]</c> in panels, in <see cref="UpdateViews.Transposed"/>.</summary>
    public readonly int Transposed = transposed;
}

/// <summary>
/// What an update reads and writes: the arenas, which hold one value per parameter in the same places: weights first, then
/// biases. The padding is zero.
/// </summary>
public readonly struct UpdateViews(
    ArrayView<float> theta, ArrayView<float> gradient, ArrayView<float> first, ArrayView<float> second, ArrayView<float> transposed,
    ArrayView<TransposedMatrix> matrices, ArrayView<float> squares, ArrayView<float> rates, ArrayView<int> status)
{
    /// <summary>θ.</summary>
    public readonly ArrayView<float> Theta = theta;

    /// <summary>The gradient, as back-propagation computes it.</summary>
    public readonly ArrayView<float> Gradient = gradient;

    /// <summary>The rule's first moment; a line where it has none.</summary>
    public readonly ArrayView<float> First = first;

    /// <summary>The rule's second moment; a line where it has none.</summary>
    public readonly ArrayView<float> Second = second;

    /// <summary>Transposes of matrices, in panels, kept for the way back; written by the update.</summary>
    public readonly ArrayView<float> Transposed = transposed;

    /// <summary>Which matrices these are.</summary>
    public readonly ArrayView<TransposedMatrix> Matrices = matrices;

    /// <summary>The sum of the gradient's squares over each segment of the arena. The segments depend on the arena's length alone.</summary>
    public readonly ArrayView<float> Squares = squares;

    /// <summary><see cref="StepRates"/> of each step since the host last looked, field by field.</summary>
    public readonly ArrayView<float> Rates = rates;

    /// <summary>See <see cref="StepStatus"/>.</summary>
    public readonly ArrayView<int> Status = status;

    /// <summary>The rates of a step.</summary>
    public StepRates RatesOf(int slot)
    {
        int first = slot * StepRates.Count;
        return new StepRates(Rates[first], Rates[first + 1], Rates[first + 2]);
    }
}

/// <summary>The numbers of an update that hang on its step, which the host computes in double.</summary>
public readonly struct StepRates(float rate, float rootCorrection, float keep)
{
    /// <summary>Fields.</summary>
    public const int Count = 3;

    /// <summary>η; of E15 over 1 - β₁ᵗ.</summary>
    public readonly float Rate = rate;

    /// <summary>Of E15, 1 / √(1 - β₂ᵗ).</summary>
    public readonly float RootCorrection = rootCorrection;

    /// <summary>What a decay that is apart from the gradient leaves of a weight, 1 - ηλ.</summary>
    public readonly float Keep = keep;
}

/// <summary>An optimizer: a rule, and its numbers that are the same at every step.</summary>
public readonly struct UpdateArguments(
    int rule, float clip, float clipNorm, float first, float firstRest, float second, float secondRest, float epsilon, float decay,
    int decayed, int isMeasured)
{
    /// <summary>A <see cref="Primitives.ParameterUpdate"/>.</summary>
    public readonly int Rule = rule;

    /// <summary>c of E9; infinite for none.</summary>
    public readonly float Clip = clip;

    /// <summary>N of E13; 0 for none.</summary>
    public readonly float ClipNorm = clipNorm;

    /// <summary>β₁ of E15 or μ of E16, and what is left to 1.</summary>
    public readonly float First = first, FirstRest = firstRest;

    /// <summary>β₂ of E15 or α of E14, and what is left to 1.</summary>
    public readonly float Second = second, SecondRest = secondRest;

    /// <summary>ε.</summary>
    public readonly float Epsilon = epsilon;

    /// <summary>λ of a decay that is added to the gradient.</summary>
    public readonly float Decay = decay;

    /// <summary>So many of the arena's values decay in either way: its weights, or none.</summary>
    public readonly int Decayed = decayed;

    /// <summary>1 if the host or a later step asks for the gradient's norm.</summary>
    public readonly int IsMeasured = isMeasured;

    /// <summary>Whether an update asks for the gradient's norm first, which all teams must have computed.</summary>
    public bool NeedsNorm => ClipNorm > 0f;
}
