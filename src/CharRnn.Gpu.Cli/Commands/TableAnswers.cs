using System.Globalization;
using CharRnn.Networks;
using CharRnn.Storage;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A network's outputs in the words of its table.</summary>
/// <param name="model">The network.</param>
/// <param name="outputs">The outputs for n rows, <c>[n, outputs]</c>.</param>
internal sealed class TableAnswers(NetworkModel model, float[] outputs)
{
    // Nobody reads a larger matrix.
    private const int MostShown = 20;

    private readonly NetworkShape _shape = model.Shape;
    private readonly IReadOnlyList<string>? _classes = model.Encoding.Label.Categories;

    private int Count => outputs.Length / _shape.Outputs;

    /// <summary>The share of rows whose class was predicted correctly; null for a quantity.</summary>
    public double? Accuracy(LabelledData data) =>
        _classes is null ? null : Enumerable.Range(0, Count).Count(r => ClassOf(r) == Label(data, r)) / (double)Count;

    /// <summary>The root of the mean squared error in the label's own unit; null for classes.</summary>
    public double? RootMeanSquare(LabelledData data) => _classes is not null ? null
        : model.Encoding.Label.Deviation * Math.Sqrt(Enumerable.Range(0, Count).Average(r => Math.Pow(outputs[r] - data.Targets[r], 2)));

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
    /// Loss, accuracy and which class was taken for which, for programs; the confusion matrix has a row for each true class.
    /// </summary>
    public object Json(double loss, LabelledData data) => new
    {
        rows = Count,
        loss = double.IsFinite(loss) ? loss : (double?)null,
        accuracy = Accuracy(data),
        rmse = RootMeanSquare(data),
        classes = _classes,
        confusion = _classes is null ? null : Confusion(data),
    };

    /// <summary>Loss, accuracy and which class was taken for which, for people.</summary>
    public IEnumerable<string> Describe(double loss, LabelledData data)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        string measure = Accuracy(data) is { } accuracy
            ? string.Create(invariant, $"accuracy {accuracy:P2}")
            : string.Create(invariant, $"root mean square error {RootMeanSquare(data):G6}");
        yield return string.Create(invariant, $"{Count:N0} rows, loss {loss:F4}, {measure}");
        if (_classes is null || _classes.Count > MostShown)
            yield break;

        int[][] confusion = Confusion(data);
        int name = Math.Max(_classes.Max(one => one.Length), 4), cell = Math.Max(6, Math.Min(name, 12));
        string Cell(string text) => text.Length > cell ? text[..cell] : text.PadLeft(cell);
        yield return $"{"true".PadRight(name)} | {string.Join(' ', _classes.Select(Cell))}   <- predicted";
        for (int y = 0; y < _classes.Count; y++)
            yield return $"{_classes[y].PadRight(name)} | "
                + string.Join(' ', Enumerable.Range(0, _classes.Count).Select(p => Cell(confusion[y][p].ToString(invariant))));
    }

    private int[][] Confusion(LabelledData data)
    {
        int[][] confusion = [.. _classes!.Select(_ => new int[_classes!.Count])];
        for (int r = 0; r < Count; r++)
            confusion[Label(data, r)][ClassOf(r)]++;
        return confusion;
    }

    private int ClassOf(int row)
    {
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
