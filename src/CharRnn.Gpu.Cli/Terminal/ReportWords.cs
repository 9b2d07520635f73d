using System.Globalization;

namespace CharRnn.Gpu.Cli.Terminal;

/// <summary>How reports of a kind of training read.</summary>
/// <param name="Examples">What is trained on, in the plural.</param>
/// <param name="Loss">A loss with its unit.</param>
/// <param name="ShortLoss">The same without a unit.</param>
/// <param name="IsSmoothed">Whether the classic smoothed loss is shown, too.</param>
internal sealed record ReportWords(string Examples, Func<double, string> Loss, Func<double, string> ShortLoss, bool IsSmoothed)
{
    /// <summary>Of a text.</summary>
    /// <param name="batchSize">
    /// B. min-char-rnn has one stream, and its smoothed loss is there to be compared; with more it lags far behind training.
    /// </param>
    public static ReportWords OfText(int batchSize) => new(
        "characters",
        nats => string.Create(
            CultureInfo.InvariantCulture, $"{nats:F4} nats, {Training.Loss.BitsPerCharacter(nats):F4} bits per character"),
        nats => nats.ToString("F4", CultureInfo.InvariantCulture),
        batchSize == 1);

    /// <summary>Of a table.</summary>
    public static ReportWords OfTable { get; } = new("rows", Number, Number, false);

    private static string Number(double loss) => loss.ToString("G6", CultureInfo.InvariantCulture);
}
