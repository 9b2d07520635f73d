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
