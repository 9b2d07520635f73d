using ILGPU;

namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A matrix of an arena whose transpose is kept for the way back.</summary>
public readonly struct TransposedMatrix(int begin, int rows, int columns, int transposed)
{
    /// <summary>Where the matrix begins in the arena, <c>[rows, columns]</c> in panels.</summary>
    public readonly int Begin = begin;

    /// <summary>Its numbers of rows and columns.</summary>
    public readonly int Rows = rows, Columns = columns;

    /// <summary>Where its transpose begins, <c>[columns, rows]</c> in panels, in <see cref="UpdateViews.Transposed"/>.</summary>
    public readonly int Transposed = transposed;
}

/// <summary>
/// What an update reads and writes. The arenas hold one value for each parameter, all in the same places: first the weights, then the
/// biases. Their padding is zero.
/// </summary>
public readonly struct UpdateViews(
    ArrayView<float> theta, ArrayView<float> gradient, ArrayView<float> first, ArrayView<float> second, ArrayView<float> transposed,
    ArrayView<TransposedMatrix> matrices, ArrayView<float> squares, ArrayView<float> rates, ArrayView<int> status)
{
    /// <summary>θ, an arena.</summary>
    public readonly ArrayView<float> Theta = theta;

    /// <summary>The gradient as back-propagation computes it, an arena.</summary>
    public readonly ArrayView<float> Gradient = gradient;

    /// <summary>The rule's first moment, an arena; only a line where it has none.</summary>
    public readonly ArrayView<float> First = first;

    /// <summary>The rule's second moment, an arena; only a line where it has none.</summary>
    public readonly ArrayView<float> Second = second;

    /// <summary>The transposes that the way back reads, in panels; the update writes them.</summary>
    public readonly ArrayView<float> Transposed = transposed;

    /// <summary>The matrices whose transposes are kept.</summary>
    public readonly ArrayView<TransposedMatrix> Matrices = matrices;

    /// <summary>The sum of the squares of the gradient over each segment of the arena.</summary>
    public readonly ArrayView<float> Squares = squares;

    /// <summary>The <see cref="StepRates"/> of each slot, field by field.</summary>
    public readonly ArrayView<float> Rates = rates;

    /// <summary>The words of <see cref="StepStatus"/>.</summary>
    public readonly ArrayView<int> Status = status;

    /// <summary>The rates of the step in a slot.</summary>
    public StepRates RatesOf(int slot)
    {
        int first = slot * StepRates.Count;
        return new StepRates(Rates[first], Rates[first + 1], Rates[first + 2]);
    }
}

/// <summary>The numbers of an update that depend on its step. The host computes them in double precision.</summary>
public readonly struct StepRates(float rate, float rootCorrection, float keep)
{
    /// <summary>Number of fields.</summary>
    public const int Count = 3;

    /// <summary>η; in E15 it is divided by 1 - β₁ᵗ.</summary>
    public readonly float Rate = rate;

    /// <summary>1 / √(1 - β₂ᵗ) of E15; 1 in the other rules.</summary>
    public readonly float RootCorrection = rootCorrection;

    /// <summary>The factor 1 - ηλ by which AdamW shrinks weights; 1 in the other rules.</summary>
    public readonly float Keep = keep;
}

/// <summary>An optimizer: its rule, and those of its numbers that are the same at every step.</summary>
public readonly struct UpdateArguments(
    int rule, float clip, float clipNorm, float first, float firstRest, float second, float secondRest, float epsilon, float decay,
    int decayed, int isMeasured)
{
    /// <summary>The rule, a number of <see cref="Primitives.ParameterUpdate"/>.</summary>
    public readonly int Rule = rule;

    /// <summary>c of E9; infinite where nothing is clipped.</summary>
    public readonly float Clip = clip;

    /// <summary>N of E13; 0 where the norm is not clipped.</summary>
    public readonly float ClipNorm = clipNorm;

    /// <summary>β₁ of E15 or μ of E16, and 1 minus it.</summary>
    public readonly float First = first, FirstRest = firstRest;

    /// <summary>β₂ of E15 or α of E14, and 1 minus it.</summary>
    public readonly float Second = second, SecondRest = secondRest;

    /// <summary>ε of the rule.</summary>
    public readonly float Epsilon = epsilon;

    /// <summary>λ where the decay is added to the gradient; 0 in AdamW.</summary>
    public readonly float Decay = decay;

    /// <summary>The number of values at the begin of the arena that decay: all weights, or none.</summary>
    public readonly int Decayed = decayed;

    /// <summary>1 if the host or a later step asks for the norm of the gradient.</summary>
    public readonly int IsMeasured = isMeasured;

    /// <summary>Whether the update needs the norm of the gradient, so that all teams must have computed it before.</summary>
    public bool NeedsNorm => ClipNorm > 0f;

    /// <summary>Whether the update sums the squares of the gradient: somebody asks for them, and no kernel before it has.</summary>
    public bool SumsSquares => IsMeasured != 0 && !NeedsNorm;
}
