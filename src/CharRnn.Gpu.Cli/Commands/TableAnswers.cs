using System.Globalization;
using CharRnn.Gpu.Execution;
using CharRnn.Networks;
using CharRnn.Storage;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A network's outputs in the words of its table.</summary>
/// <param name="model">The network.</param>
/// <param name="outputs">The outputs for n rows, <c>[n, outputs]</c>.</param>
/// <param name="predicted">The predicted class of each row; null if the outputs say it.</param>
internal sealed class TableAnswers(NetworkModel model, float[] outputs, int[]? predicted = null)
{
    // Of more classes than this only the predicted one is measured: the probabilities of many rows may exceed memory.
    private const int MostScored = 2;

    // Nobody reads a larger matrix.
    private const int MostShown = 20, LeastCell = 6, MostCell = 12;

    // How the name begins of what the figure before it is compared with.
    private const string Beside = "by the ";

    private readonly NetworkShape _shape = model.Shape;
    private readonly IReadOnlyList<string>? _classes = model.Encoding.Label.Categories;

    /// <summary>J; NaN if it was not measured.</summary>
    public double Loss { get; private init; } = double.NaN;

    /// <summary>The first row of which the network computes a number that is not finite; -1 if there is none.</summary>
    public int FirstNotFinite { get; private init; } = -1;

    private int Count => predicted?.Length ?? outputs.Length / _shape.Outputs;

    /// <summary>The answers for rows that have labels, to be measured.</summary>
    /// <param name="model">The network.</param>
    /// <param name="predictor">Applies it.</param>
    /// <param name="data">The rows.</param>
    /// <param name="stop">Checked between launches.</param>
    /// <exception cref="OperationCanceledException">A stop was requested.</exception>
    public static TableAnswers Of(NetworkModel model, NetworkPredictor predictor, LabelledData data, CancellationToken stop)
    {
        int width = model.Shape.Outputs, bad = -1;
        int[]? predicted = width > MostScored ? new int[data.Count] : null;
        float[] outputs = predicted is null ? new float[(long)data.Count * width] : [];
        double loss = predictor.Apply(model.Parameters, data, Take, stop);
        return new TableAnswers(model, outputs, predicted) { Loss = loss, FirstNotFinite = bad };

        void Take(int first, float[] some)
        {
            if (bad < 0 && Array.FindIndex(some, output => !float.IsFinite(output)) is >= 0 and var place)
                bad = first + (place / width);
            var answers = new TableAnswers(model, some);
            if (predicted is null)
                some.CopyTo(outputs, first * width);
            else
                for (int row = 0; row < answers.Count; row++)
                    predicted[first + row] = answers.ClassOf(row);
        }
    }

    /// <summary>How good the predictions of classes are; null for a quantity.</summary>
    public ClassMeasures? Classes(LabelledData data) => _classes is null ? null : ClassMeasures.Of(
        _classes.Count, Enumerable.Range(0, Count).Select(r => Label(data, r)), Enumerable.Range(0, Count).Select(ClassOf));

    /// <summary>How good the predictions of a quantity are, in its own unit; null for classes.</summary>
    public QuantityMeasures? Quantities(LabelledData data) => _classes is not null ? null : QuantityMeasures.Of(
        [.. data.Targets.Select(y => (y * model.Encoding.Label.Deviation) + model.Encoding.Label.Mean)],
        [.. Enumerable.Range(0, Count).Select(Quantity)]);

    /// <summary>The names of what <see cref="Row"/> has.</summary>
    public IEnumerable<string> Header => [model.Encoding.Label.Name, .. (_classes ?? []).Select(name => $"p({name})")];

    /// <summary>Whether what the network computes of a row is finite.</summary>
    public bool IsFinite(int row) => Array.TrueForAll(outputs[(row * _shape.Outputs)..((row + 1) * _shape.Outputs)], float.IsFinite);

    /// <summary>The prediction for a row, then the classes' probabilities; empty texts where there is no row.</summary>
    public IEnumerable<string> Row(int? row) => row is not { } r ? Header.Select(_ => "")
        : _classes is null ? [Text(Quantity(r))]
        : [_classes[ClassOf(r)], .. _classes.Index().Select(one => Probability(r, one.Index).ToString("G4", CultureInfo.InvariantCulture))];

    /// <summary>The prediction for a row, for programs; null where there is no row.</summary>
    public object JsonRow(int? row, int line, IEnumerable<(string Name, string Text)> kept) => new
    {
        line,
        kept = kept.ToDictionary(one => one.Name, one => one.Text),
        prediction = row is not { } r ? null : _classes is null ? (object)Quantity(r) : _classes[ClassOf(r)],
        probabilities = row is not { } place ? null
            : _classes?.Index().ToDictionary(one => one.Item, one => Probability(place, one.Index)),
    };

    private double Quantity(int row) => (outputs[row] * model.Encoding.Label.Deviation) + model.Encoding.Label.Mean;

    /// <summary>A number with the digits that a float has, and without an exponent unless it is very large or small.</summary>
    private static string Text(double number)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        string digits = number.ToString("G9", invariant);
        return digits.Contains('E', StringComparison.Ordinal) && Math.Abs(number) is > 1e-9 and < 1e18
            ? decimal.Parse(digits, NumberStyles.Float, invariant).ToString("0.##################", invariant)
            : digits;
    }

    /// <summary>
    /// What was measured, for programs; the confusion matrix has a row for each true class. A number that is not finite is null.
    /// </summary>
    public object Json(LabelledData data)
    {
        (ClassMeasures? classes, QuantityMeasures? quantities) = (Classes(data), Quantities(data));
        return new
        {
            rows = Count,
            loss = Finite(Loss),
            accuracy = classes?.Accuracy,
            base_rate = classes?.BaseRate,
            balanced_accuracy = classes?.BalancedAccuracy,
            auc = _classes?.Count == 2 ? Finite(AreaUnderCurve(data)) : null,
            f1 = classes is null ? null : Enumerable.Range(0, _classes!.Count).Select(classes.F1),
            rmse = Finite(quantities?.RootMeanSquare),
            mae = Finite(quantities?.MeanAbsolute),
            r2 = Finite(quantities?.RSquared),
            deviation = Finite(quantities?.Deviation),
            classes = _classes,
            confusion = classes?.Confusion,
        };
    }

    /// <summary>What was measured, for people.</summary>
    public IEnumerable<string> Describe(LabelledData data)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        IReadOnlyList<(string Name, string Value)> figures = Figures(data);
        yield return string.Create(invariant, $"{Count:N0} rows, loss {figures[^1].Value}") + string.Concat(figures.SkipLast(1).Select(
            one => one.Name.StartsWith(Beside, StringComparison.Ordinal) ? $" ({one.Value} {one.Name})" : $", {one.Name} {one.Value}"));
        if (_classes is null || _classes.Count > MostShown)
            yield break;

        ClassMeasures measures = Classes(data)!;

        // Names that are cut to the same one would tell nothing: then the classes are numbered.
        int cell = Math.Clamp(_classes.Max(one => one.Length), LeastCell, MostCell);
        bool isNumbered = _classes.Select(one => Cut(one, cell)).Distinct().Count() < _classes.Count;
        string[] columns =
            [.. _classes.Select((one, y) => isNumbered ? string.Create(invariant, $"({y + 1})") : Cut(one, cell))];
        string[] names = [.. _classes.Select((one, y) => isNumbered ? $"{columns[y]} {one}" : one)];
        int name = Math.Max(names.Max(one => one.Length), 4);
        yield return $"{"true".PadRight(name)} | {string.Join(' ', columns.Select(one => one.PadLeft(cell)))}      F1   <- predicted";
        for (int y = 0; y < _classes.Count; y++)
            yield return $"{names[y].PadRight(name)} | "
                + string.Join(' ', measures.Confusion[y].Select(count => count.ToString(invariant).PadLeft(cell)))
                + string.Create(invariant, $"  {measures.F1(y):F4}");
    }

    /// <summary>What was measured, in words, and its value; the loss is the last.</summary>
    public IReadOnlyList<(string Name, string Value)> Figures(LabelledData data)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        string Percent(double share) => string.Create(invariant, $"{100 * share:F2} %");
        string Number(double number) => string.Create(invariant, $"{number:G6}");
        (string, string) losses = ("loss", string.Create(invariant, $"{Loss:F4}"));
        if (Quantities(data) is { } quantities)
            return
            [
                ("R²", string.Create(invariant, $"{quantities.RSquared:F4}")),
                ("root mean square error", Number(quantities.RootMeanSquare)),
                ($"{Beside}mean", Number(quantities.Deviation)), ("mean absolute error", Number(quantities.MeanAbsolute)), losses,
            ];
        ClassMeasures measures = Classes(data)!;
        return
        [
            ("accuracy", Percent(measures.Accuracy)), ($"{Beside}most frequent class", Percent(measures.BaseRate)),
            ("balanced accuracy", Percent(measures.BalancedAccuracy)),
            .. _classes!.Count == 2
                ? [("area under the ROC curve", string.Create(invariant, $"{AreaUnderCurve(data):F4}"))]
                : (IEnumerable<(string, string)>)[],
            losses,
        ];
    }

    /// <summary>Of a quantity what is true of each row, and the prediction, in its own unit; none of classes.</summary>
    public IReadOnlyList<(double Truth, double Answer)> Pairs(LabelledData data) => _classes is not null ? [] :
    [
        .. data.Targets.Select((y, row) => ((y * model.Encoding.Label.Deviation) + model.Encoding.Label.Mean, Quantity(row))),
    ];

    private static string Cut(string text, int length) => text.Length > length ? text[..length] : text;

    private static double? Finite(double? value) => value is { } number && double.IsFinite(number) ? number : null;

    private double AreaUnderCurve(LabelledData data) => ClassMeasures.AreaUnderCurve(
        [.. Enumerable.Range(0, Count).Select(r => Probability(r, 1))], [.. Enumerable.Range(0, Count).Select(r => Label(data, r) == 1)]);

    private int ClassOf(int row)
    {
        if (predicted is not null)
            return predicted[row];
        if (_shape.Outputs == 1)
            return outputs[row] > 0.5f ? 1 : 0;
        int best = 0;
        for (int c = 1; c < _shape.Outputs; c++)
            if (outputs[(row * _shape.Outputs) + c] > outputs[(row * _shape.Outputs) + best])
                best = c;
        return best;
    }

    private float Probability(int row, int one) =>
        _shape.Outputs > 1 ? outputs[(row * _shape.Outputs) + one] : one == 1 ? outputs[row] : 1 - outputs[row];

    private static int Label(LabelledData data, int row) => data.Classes.Length > 0 ? data.Classes[row] : (int)data.Targets[row];
}
