using System.CommandLine;
using System.Globalization;
using CharRnn.Runs;
using CharRnn.Training;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>The optimizer's options, the same for texts and tables but for what holds where none is given.</summary>
internal sealed class OptimizerOptions
{
    private const string None = "none";
    private const string Float = "a number over 0, up to 3.4e38", Part = "a number from 0, below 1";

    private readonly Option<Choice<UpdateRule>> _rule;
    private readonly Option<double?> _learningRate, _momentum, _beta1, _beta2, _rmsDecay, _epsilon, _weightDecay;
    private readonly Option<Choice<double>> _clip, _clipNorm;

    // Options that only some rules have.
    private readonly (Option Option, UpdateRule[] Rules)[] _some;

    /// <param name="defaults">The values of options that are not given.</param>
    public OptimizerOptions(UpdateOptions defaults)
    {
        Choice<UpdateRule>[] rules = [.. Enum.GetValues<UpdateRule>().Select(rule => new Choice<UpdateRule>(WordOf(rule), rule))];
        _rule = SharedOptions.OneOf(
            "--optimizer", "The rule that updates the weights.", [.. rules.OrderBy(rule => rule.Value != defaults.Optimizer)]);
        _learningRate = Number(
            "--learning-rate", Float, IsFloat,
            "η, the step size [default: 0.1 for adagrad and sgd, 0.01 for rmsprop, 0.001 for adam and adamw].");
        _clip = NumberOrNone("--clip", defaults.Clip, "Limit each element of the gradient to ± this number; none switches it off.");
        _clipNorm = NumberOrNone(
            "--clip-norm", defaults.ClipNorm, "Scale a gradient with a larger norm down to this norm, before --clip; none switches it off.");
        _momentum = Number("--momentum", Part, Limits.IsPart, "μ, the momentum of sgd [default: 0].");
        _beta1 = Number("--beta1", Part, Limits.IsPart, "β₁ of adam and adamw [default: 0.9].");
        _beta2 = Number("--beta2", Part, Limits.IsPart, "β₂ of adam and adamw [default: 0.999].");
        _rmsDecay = Number("--rms-decay", Part, Limits.IsPart, "α of rmsprop [default: 0.99].");
        _epsilon = Number("--epsilon", Float, IsFloat, "ε, which keeps a divisor from being 0 [default: 1e-8]; sgd does not use it.");
        _weightDecay = Number(
            "--weight-decay", "a number from 0", Limits.IsNotNegative,
            "λ, which draws weights, but no biases, to 0 [default: 0.01 for adamw, otherwise 0].");
        _some =
        [
            (_momentum, [UpdateRule.Sgd]), (_beta1, [UpdateRule.Adam, UpdateRule.AdamW]), (_beta2, [UpdateRule.Adam, UpdateRule.AdamW]),
            (_rmsDecay, [UpdateRule.RmsProp]), (_epsilon, [UpdateRule.Adagrad, UpdateRule.RmsProp, UpdateRule.Adam, UpdateRule.AdamW]),
        ];
    }

    /// <summary>All options in the order of the help.</summary>
    public IReadOnlyList<Option> All =>
        [_rule, _learningRate, _clip, _clipNorm, _momentum, _beta1, _beta2, _rmsDecay, _epsilon, _weightDecay];

    /// <summary>The names of the options without dashes, as in config.json.</summary>
    public IEnumerable<string> Names => All.Select(option => option.Name[2..]);

    /// <summary>Reads the options; what is not given keeps its default.</summary>
    /// <exception cref="UsageException">An option is given that the optimizer does not have.</exception>
    public T Read<T>(ParseResult options, T defaults)
        where T : UpdateOptions
    {
        Choice<UpdateRule> rule = options.GetValue(_rule);
        foreach ((Option option, UpdateRule[] rules) in _some)
            if (options.GetResult(option) is { Implicit: false } && !rules.Contains(rule.Value))
                throw new UsageException($"{option.Name}: is not an option of --optimizer {rule}; leave it out");
        UpdateOptions read = defaults with
        {
            Optimizer = rule.Value,
            Clip = Finite(options.GetValue(_clip).Value),
            ClipNorm = Finite(options.GetValue(_clipNorm).Value),
        };
        if (options.GetValue(_learningRate) is { } learningRate)
            read = read with { LearningRate = learningRate };
        if (options.GetValue(_momentum) is { } momentum)
            read = read with { Momentum = momentum };
        if (options.GetValue(_beta1) is { } beta1)
            read = read with { Beta1 = beta1 };
        if (options.GetValue(_beta2) is { } beta2)
            read = read with { Beta2 = beta2 };
        if (options.GetValue(_rmsDecay) is { } rmsDecay)
            read = read with { RmsDecay = rmsDecay };
        if (options.GetValue(_epsilon) is { } epsilon)
            read = read with { Epsilon = epsilon };
        if (options.GetValue(_weightDecay) is { } weightDecay)
            read = read with { WeightDecay = weightDecay };
        return (T)read;
    }

    /// <summary>Records an optimizer with the numbers that its rule uses.</summary>
    public void Save(RunConfiguration configuration, UpdateOptions optimizer)
    {
        configuration.Set(_rule.Name[2..], WordOf(optimizer.Optimizer));
        configuration.Set(_learningRate.Name[2..], optimizer.LearningRate);
        foreach ((Option option, double? value) in ((Option, double?)[])[(_clip, optimizer.Clip), (_clipNorm, optimizer.ClipNorm)])
            if (value is { } number)
                configuration.Set(option.Name[2..], number);
            else
                configuration.Set(option.Name[2..], None);
        foreach ((Option option, double value) in ((Option, double)[])
            [(_momentum, optimizer.Momentum), (_beta1, optimizer.Beta1), (_beta2, optimizer.Beta2), (_rmsDecay, optimizer.RmsDecay), (_epsilon, optimizer.Epsilon)])
            if (_some.Single(one => one.Option == option).Rules.Contains(optimizer.Optimizer))
                configuration.Set(option.Name[2..], value);
        configuration.Set(_weightDecay.Name[2..], optimizer.WeightDecay);
    }

    // One word for one number, however it was given: a resume compares them.
    private static Choice<double> Limit(double value) =>
        new(double.IsFinite(value) ? value.ToString(CultureInfo.InvariantCulture) : None, value);

    private static string WordOf(UpdateRule rule) => rule.ToString().ToLowerInvariant();

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    // A device computes in float.
    private static bool IsFloat(double value) => Limits.IsPositive((float)value);

    private static Option<double?> Number(string name, string expected, Func<double, bool> isValid, string description) =>
        SharedOptions.Number(name, null, expected, isValid, description);

    /// <summary>A number over 0, or none, which is infinite.</summary>
    private static Option<Choice<double>> NumberOrNone(string name, double? defaultValue, string description) => new(name)
    {
        Description = description,
        HelpName = $"N|{None}",
        DefaultValueFactory = _ => Limit(defaultValue ?? double.PositiveInfinity),
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 0 ? "" : result.Tokens[^1].Value;
            if (text == None)
                return Limit(double.PositiveInfinity);
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && IsFloat(value))
                return Limit(value);
            result.AddError($"{name}: is '{text}'; give {Float}, or {None}");
            return default;
        },
    };
}
