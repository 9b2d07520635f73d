using CharRnn.Networks;

namespace CharRnn.Tables;

/// <summary>Turns rows of a table into the numbers that a network reads.</summary>
public static class TableNumbers
{
    /// <summary>Rows as numbers.</summary>
    /// <param name="encoding">How its cells become numbers.</param>
    /// <param name="table">The table; its columns may stand in another order.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="loss">What the answers are for.</param>
    /// <param name="withAnswers">Whether the label's column is read.</param>
    /// <exception cref="CharRnnException">
    /// A column is missing, or a cell is empty, not a number, or of a category that was not learned.
    /// </exception>
    public static LabelledData Encode(this TableEncoding encoding, Table table, IReadOnlyList<int> rows, NetworkLoss loss, bool withAnswers)
    {
        (IReadOnlyList<ColumnEncoding> inputs, ColumnEncoding answer) = encoding;
        int width = encoding.Width;
        int[] columns = [.. inputs.Select(column => table.ColumnOf(column.Name))];
        float[] x = new float[rows.Count * width];
        for (int i = 0; i < rows.Count; i++)
            for (int c = 0, place = i * width; c < inputs.Count; place += inputs[c++].Width)
                if (inputs[c].Categories is null)
                    x[place] = Number(table, rows[i], columns[c], inputs[c]);
                else
                    x[place + Category(table, rows[i], columns[c], inputs[c])] = 1;

        if (!withAnswers)
            return new LabelledData(width, x);
        int label = table.ColumnOf(answer.Name);
        if (answer.Categories is null)
            return new LabelledData(width, x, 1, [.. rows.Select(r => Number(table, r, label, answer))]);
        int[] classes = [.. rows.Select(r => Category(table, r, label, answer))];
        return loss == NetworkLoss.CrossEntropy
            ? new LabelledData(width, x, classes)
            : new LabelledData(width, x, 1, [.. classes.Select(y => (float)y)]);
    }

    private static float Number(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        if (Cell.IsMissing(text))
            throw Cell.Missing(table, row, how.Name);
        if (!Cell.IsNumber(text))
            throw table.Wrong(row, how.Name, $"'{text}' is not a number", "the column had only numbers in training: correct the value");
        float value = (float)((Cell.Parse(text) - how.Mean) / how.Deviation);
        return float.IsFinite(value)
            ? value
            : throw table.Wrong(row, how.Name, $"{text} is too large", "give a number like those that were learned");
    }

    private static int Category(Table table, int row, int column, ColumnEncoding how)
    {
        string text = table.Rows[row][column];
        string other = Cell.IsNumber(text) ? Cell.Text(Cell.Parse(text)) : text;
        for (int i = 0; i < how.Categories!.Count; i++)
            if (how.Categories[i] == text || how.Categories[i] == other)
                return i;
        if (Cell.IsMissing(text))
            throw Cell.Missing(table, row, how.Name);
        string known = how.Categories.Count <= 10
            ? string.Join(", ", how.Categories)
            : $"{string.Join(", ", how.Categories.Take(10))}, ...";
        throw table.Wrong(row, how.Name, $"'{text}' is not a value that was learned", $"the column was learned with {known}");
    }
}
