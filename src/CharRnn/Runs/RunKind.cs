namespace CharRnn.Runs;

/// <summary>What a run trains on.</summary>
public enum RunKind
{
    /// <summary>A text: a character model.</summary>
    Text,

    /// <summary>A table: a feed-forward network.</summary>
    Table,
}
