using System.Runtime.CompilerServices;

namespace CharRnn.Training;

/// <summary>How a gradient changes the parameters.</summary>
public enum UpdateRule
{
    /// <summary>E9: <c>m += g²; θ -= η g / √(m + ε)</c>, min-char-rnn's.</summary>
    Adagrad,

    /// <summary>E14: <c>v = αv + (1-α)g²; θ -= η g / (√v + ε)</c>.</summary>
    RmsProp,

    /// <summary>E15: the gradient and its square in running means, corrected for their begin at 0.</summary>
    Adam,

    /// <summary>E15 with the weight decay apart from the gradient.</summary>
    AdamW,

    /// <summary>E16: <c>u = μu + g; θ -= ηu</c>; without momentum N6, <c>θ -= ηg</c>.</summary>
    Sgd,
}

/// <summary>
/// The optimizer: a rule and its numbers, with PyTorch's definitions and defaults; Adagrad's are min-char-rnn's. The gradient is
/// scaled by <see cref="ClipNorm"/> first, cut by <see cref="Clip"/> then, and then a weight decay is added.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its bounds.</exception>
public abstract record UpdateOptions
{
    private readonly double? _learningRate, _weightDecay;

    /// <param name="optimizer">The rule where none is set.</param>
    protected UpdateOptions(UpdateRule optimizer) => Optimizer = optimizer;

    /// <summary>The rule.</summary>
    public UpdateRule Optimizer
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(Optimizer), value, "must be a rule");
    }

    /// <summary>η. Where it is not set, the rule's own: 0.1 of Adagrad and SGD, 0.01 of RMSprop, 0.001 of Adam and AdamW.</summary>
    public double LearningRate
    {
        get => _learningRate ?? DefaultLearningRate(Optimizer);
        init => _learningRate = Single(value);
    }

    /// <summary>E9's c: each element of the gradient is cut to ±c; null cuts none.</summary>
    public double? Clip { get; init => field = value is { } number ? Single(number) : null; }

    /// <summary>E13's N: a gradient of a larger Euclidean norm, over all parameters, is scaled down to it; null scales none.</summary>
    public double? ClipNorm { get; init => field = value is { } number ? Single(number) : null; }

    /// <summary>μ of E16: from 0, below 1.</summary>
    public double Momentum { get; init => field = Limits.Part(value); }

    /// <summary>β₁ of E15: from 0, below 1.</summary>
    public double Beta1 { get; init => field = Limits.Part(value); } = 0.9;

    /// <summary>β₂ of E15: from 0, below 1.</summary>
    public double Beta2 { get; init => field = Limits.Part(value); } = 0.999;

    /// <summary>α of E14: from 0, below 1.</summary>
    public double RmsDecay { get; init => field = Limits.Part(value); } = 0.99;

    /// <summary>ε, which keeps a division from being one by 0: inside the root in E9, outside in E14 and E15.</summary>
    public double Epsilon { get; init => field = Single(value); } = 1e-8;

    /// <summary>
    /// λ, on every weight and no bias: of AdamW <c>θ ← θ(1 - ηλ)</c>, of the other rules <c>g ← g + λθ</c>. Where it is not set,
    /// 0.01 of AdamW, and else 0.
    /// </summary>
    public double WeightDecay
    {
        get => _weightDecay ?? (Optimizer == UpdateRule.AdamW ? 0.01 : 0);
        init => _weightDecay = Limits.NotNegative(value);
    }

    /// <summary>What the rule remembers of each parameter: the names under which checkpoints keep it.</summary>
    public IReadOnlyList<string> Moments => Optimizer switch
    {
        UpdateRule.Adagrad => ["adagrad"],
        UpdateRule.RmsProp => ["rmsprop"],
        UpdateRule.Adam or UpdateRule.AdamW => ["adam.m", "adam.v"],
        _ => Momentum > 0 ? ["momentum"] : [],
    };

    /// <summary>A number over 0 that is one for a device, too, which computes in float.</summary>
    private static double Single(double value, [CallerMemberName] string name = "")
    {
        Limits.Positive((float)value, name);
        return value;
    }

    /// <summary>Every list that <see cref="Moments"/> can be, the longest first.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> EveryMoments { get; } =
        [["adam.m", "adam.v"], ["adagrad"], ["rmsprop"], ["momentum"], []];

    /// <summary>Whether a moment holds sums or means of squares, which are never below 0.</summary>
    public static bool IsOfSquares(string moment) => moment is "adam.v" or "adagrad" or "rmsprop";

    /// <summary>The η that a rule has where none is set.</summary>
    public static double DefaultLearningRate(UpdateRule rule) => rule switch
    {
        UpdateRule.Adagrad or UpdateRule.Sgd => 0.1,
        UpdateRule.RmsProp => 0.01,
        _ => 0.001,
    };
}

/// <summary>What an optimizer remembers of each parameter.</summary>
/// <param name="Name">One of <see cref="UpdateOptions.Moments"/>.</param>
/// <param name="Values">The values; of some rules sums or means of squares, which are never below 0.</param>
public sealed record Moment(string Name, Model.ParameterSet<float> Values);
