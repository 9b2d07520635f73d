using CharRnn.Gpu.Execution;
using CharRnn.Networks;
using CharRnn.Randomness;
using CharRnn.Tables;

namespace CharRnn.Gpu.Cli.Commands;

/// <summary>A table's rows as numbers, to train on and to measure on.</summary>
/// <param name="Encoding">How they became numbers.</param>
/// <param name="Training">The rows to train on.</param>
/// <param name="Validation">The rows to measure on; there may be none.</param>
internal sealed record TableParts(TableEncoding Encoding, LabelledData Training, LabelledData Validation);

/// <summary>A table whose rows are numbers, and the network for them.</summary>
internal sealed class LabelledTable : IDisposable
{
    private const ulong Stream = ulong.MaxValue - 2;

    private readonly int[] _rows;
    private readonly bool _isBalanced;
    private readonly int _batchSize;
    private readonly long _windowBytes;
    private readonly CancellationToken _stop;

    /// <param name="table">The table; owned.</param>
    /// <param name="rows">The rows to learn from, shuffled.</param>
    /// <param name="encoding">How they become numbers.</param>
    /// <param name="shape">The network.</param>
    /// <param name="fraction">The share of the rows to measure on.</param>
    /// <param name="isBalanced">Whether each class counts as much as any other in the loss.</param>
    /// <param name="isFitted">Whether the encoding has its means already.</param>
    /// <param name="batchSize">The number of rows of a step; with 0 a step has all rows.</param>
    /// <param name="stop">Checked while rows become numbers.</param>
    /// <param name="windowBytes">A part of more bytes becomes numbers when it is read.</param>
    public LabelledTable(
        Table table, IReadOnlyList<int> rows, TableEncoding encoding, NetworkShape shape, double fraction, bool isBalanced, bool isFitted,
        int batchSize, CancellationToken stop, long windowBytes = NetworkEngine.DefaultWindowBytes)
    {
        (Table, Shape, Fraction, _rows, _isBalanced) = (table, shape, fraction, [.. rows], isBalanced);
        (_batchSize, _windowBytes, _stop) = (batchSize, windowBytes, stop);
        Parts = Encode(encoding, _rows, isFitted);
        ConstantLoss = Parts.Training.ConstantLoss(shape.Loss);
    }

    /// <summary>The table.</summary>
    public Table Table { get; }

    /// <summary>The network.</summary>
    public NetworkShape Shape { get; }

    /// <summary>The share of the rows to measure on.</summary>
    public double Fraction { get; }

    /// <summary>The rows as numbers.</summary>
    public TableParts Parts { get; }

    /// <summary>The number of rows to learn from.</summary>
    public int Count => _rows.Length;

    /// <summary>J of the best answer that looks at no input.</summary>
    public double ConstantLoss { get; }

    /// <summary>The decisions about the columns; none of a run that is resumed.</summary>
    public required IReadOnlyList<ColumnDecision> Decisions { get; init; }

    /// <summary>The same as config.json has them, a line each.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>The result of a cross-validation; null if there was none.</summary>
    public string? CrossValidation { get; set; }

    /// <summary>The rows of a table to learn from, shuffled.</summary>
    /// <exception cref="CharRnnException">There is none.</exception>
    /// <exception cref="OperationCanceledException">A stop was requested.</exception>
    public static IReadOnlyList<int> Rows(Table table, TableEncoding encoding, ulong seed, CancellationToken stop)
    {
        // The bits of numbers that are not negative are in the order of the numbers.
        ulong[] places =
        [
            .. encoding.UsableRows(table, stop)
                .Select(row => ((ulong)BitConverter.SingleToUInt32Bits(Philox.Uniform(seed, Stream, (ulong)row)) << 32) | (uint)row),
        ];
        Array.Sort(places);
        return places.Length > 0
            ? Array.ConvertAll(places, place => (int)(uint)place)
            : throw new CharRnnException(table.Name, "has no row without a missing value", "give --missing fill");
    }

    /// <summary>Deletes the table's temporary file, if it has one.</summary>
    public void Dispose() => Table.Dispose();

    /// <summary>The parts of a training without a fold, and the fold. Folds have the same share of each class.</summary>
    public (TableParts Parts, LabelledData Held) Fold(int fold, int folds)
    {
        TableEncoding whole = Parts.Encoding;
        int[] order = whole.ClassesOf(Table, _rows) is not { } classes ? _rows
            : [.. _rows.Zip(classes).OrderBy(row => row.Second).Select(row => row.First)]; // which keeps the order within a class
        HashSet<int> held = [.. order.Where((_, i) => i % folds == fold)];
        TableParts trained = Encode(whole, [.. _rows.Where(row => !held.Contains(row))]);

        int[] rows = [.. order.Where(held.Contains)];
        return (trained, Weighted(Read(trained.Encoding, rows, batchSize: 1).Data, trained.Training));
    }

    /// <summary>Splits rows, fits an encoding to those to train on, and encodes both parts.</summary>
    private TableParts Encode(TableEncoding encoding, int[] rows, bool isFitted = false)
    {
        (int[] training, int[] validation) = Split(encoding, rows);
        if (!isFitted)
            encoding = encoding.Fitted(Table, training, _stop);

        // A number that is too large beside those of the training is left out of what is measured.
        LabelledData trained = Read(encoding, training, _batchSize).RequireAll(Table.Name);
        LabelledData measured = Read(encoding, validation, batchSize: 1).Data;
        return new(encoding, Weighted(trained, trained), Weighted(measured, trained));
    }

    /// <summary>Rows as numbers: now, or where that are too many, each time that some are read, in the order of the table.</summary>
    private EncodedRows Read(TableEncoding encoding, int[] rows, int batchSize)
    {
        if (NetworkEngine.HoldsAll(Shape, encoding.Columns, rows.Length, _isBalanced, batchSize, _windowBytes))
            return encoding.Encode(Table, rows, Shape.Loss, withAnswers: true, cancellation: _stop);
        int[] ascending = [.. rows];
        Array.Sort(ascending);
        return encoding.EncodeLater(Table, ascending, Shape.Loss, cancellation: _stop);
    }

    /// <summary>Rows with the weights with which all classes of the training rows count alike, if they shall.</summary>
    private LabelledData Weighted(LabelledData data, LabelledData training) =>
        _isBalanced ? data.Weighted([.. data.WeightsOfClasses(training)]) : data;

    /// <summary>
    /// Cuts shuffled rows in two: of each class the same share, but for runs of earlier programs, and at least one row to train on.
    /// </summary>
    private (int[] Training, int[] Validation) Split(TableEncoding encoding, int[] rows)
    {
        if (encoding.IsInterleaved || encoding.ClassesOf(Table, rows) is not { } classes)
        {
            int held = Math.Min((int)(rows.Length * Fraction), rows.Length - 1);
            return (rows[held..], rows[..held]);
        }

        int[] left = new int[encoding.Label.Categories!.Count];
        foreach (int one in classes)
            left[one]++;
        for (int one = 0; one < left.Length; one++)
            left[one] = Math.Max(0, Math.Min((int)Math.Round(left[one] * Fraction), left[one] - 1));
        int[] validation = new int[left.Sum()], training = new int[rows.Length - validation.Length];
        int measured = 0, trained = 0;
        for (int i = 0; i < rows.Length; i++)
            if (left[classes[i]]-- > 0)
                validation[measured++] = rows[i];
            else
                training[trained++] = rows[i];
        return (training, validation);
    }
}
