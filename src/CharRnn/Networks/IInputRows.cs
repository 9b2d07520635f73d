namespace CharRnn.Networks;

/// <summary>Rows that a network reads, which need not all be in memory.</summary>
public interface IInputRows
{
    /// <summary>What the inputs are.</summary>
    InputColumns Columns { get; }

    /// <summary>n.</summary>
    int Count { get; }

    /// <summary>Some of the rows, in the order given; rows that are not in memory are read fast where it ascends.</summary>
    /// <param name="rows">Their places.</param>
    /// <exception cref="CharRnnException">They cannot be read.</exception>
    InputRows Read(IReadOnlyList<int> rows);
}
