namespace CharRnn.Gpu.Kernels.Arguments;

/// <summary>A grid that divides a matrix into blocks, by shares of its rows and shares of its columns.</summary>
public readonly struct BlockGrid(int rows, int columns)
{
    /// <summary>Number of shares of the rows.</summary>
    public readonly int Rows = rows;

    /// <summary>Number of shares of the columns, each of which is whole panels.</summary>
    public readonly int Columns = columns;

    /// <summary>Number of blocks.</summary>
    public int Count => Rows * Columns;
}

/// <summary>How the gradients are divided into tasks: a task computes a block.</summary>
public readonly struct GradientGrids(BlockGrid output, BlockGrid recurrent, BlockGrid input)
{
    /// <summary>The grid of dWhy.</summary>
    public readonly BlockGrid Output = output;

    /// <summary>The grid of dWhh of each layer, and of dWxh above the lowest.</summary>
    public readonly BlockGrid Recurrent = recurrent;

    /// <summary>The grid of the lowest dWxh; dbh follows its shares of the columns.</summary>
    public readonly BlockGrid Input = input;
}

/// <summary>The tasks of a launch that computes gradients.</summary>
public readonly struct GradientTasks(int outputs, int begin, int end)
{
    /// <summary>The number of those of the output: all, or 0.</summary>
    public readonly int Outputs = outputs;

    /// <summary>The first of those of the layers, which are counted from the lowest layer up.</summary>
    public readonly int Begin = begin;

    /// <summary>The task behind the last of them.</summary>
    public readonly int End = end;

    /// <summary>The number of all: more teams have nothing to do.</summary>
    public int Count => Outputs + End - Begin;
}
