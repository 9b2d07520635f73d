namespace CharRnn.Text;

/// <summary>What to do with a character that the vocabulary does not have.</summary>
public enum UnknownCharacters
{
    /// <summary>Refuse the text, naming its unknown characters.</summary>
    Error,

    /// <summary>Leave the character out.</summary>
    Skip,
}
