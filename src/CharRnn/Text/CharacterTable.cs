namespace CharRnn.Text;

/// <summary>
/// The id of every character, looked up by its code point in one flat table (4 MB; text touches a few pages of it).
/// Without a vocabulary, characters get ids in the order they are met; with one, ids are its tokens and other characters get none.
/// </summary>
internal sealed class CharacterTable
{
    // Per code point: its id + 1; 0 if never met; -1 if met and not in the given vocabulary.
    private readonly int[] _entries;
    private readonly int[] _idOfByte = new int[256];
    private readonly bool _isFixed;
    private readonly List<int> _characters = [];
    private readonly List<int> _unknown = [];

    /// <summary>A table that learns its characters.</summary>
    public CharacterTable(TextEncoding encoding)
    {
        Encoding = encoding;
        _entries = new int[encoding == TextEncoding.Bytes ? 0x100 : 0x110000];
        _idOfByte.AsSpan().Fill(-1);
    }

    /// <summary>A table of a vocabulary's characters and no others.</summary>
    public CharacterTable(Vocabulary vocabulary)
        : this(vocabulary.Encoding)
    {
        _isFixed = true;
        foreach (int character in vocabulary.CodePoints)
            Add(character);
    }

    /// <summary>What a character is.</summary>
    public TextEncoding Encoding { get; }

    /// <summary>For each code point its id + 1, or a value below 1 if <see cref="TryGetId"/> must be asked.</summary>
    public ReadOnlySpan<int> Entries => _entries;

    /// <summary>For each value of a byte, the id of the character that it is by itself; -1 if it is not one, or has no id yet.</summary>
    public ReadOnlySpan<int> IdOfByte => _idOfByte;

    /// <summary>The characters outside the given vocabulary, in the order they were met.</summary>
    public IReadOnlyList<int> Unknown => _unknown;

    /// <summary>How often any of <see cref="Unknown"/> was met.</summary>
    public long UnknownCount { get; private set; }

    /// <summary>Finds the id of a character, or gives it a new one.</summary>
    /// <returns>False if the character is not in the given vocabulary.</returns>
    public bool TryGetId(int character, out int id)
    {
        int entry = _entries[character];
        if (entry == 0 && !_isFixed)
        {
            Add(character);
            entry = _entries[character];
        }

        id = entry - 1;
        if (entry > 0)
            return true;

        if (entry == 0)
            _unknown.Add(character);
        _entries[character] = -1;
        UnknownCount++;
        return false;
    }

    /// <summary>The vocabulary of what was met, and the token of every id.</summary>
    public (Vocabulary Vocabulary, int[] TokenOfId) Finish()
    {
        int[] sorted = [.. _characters.Order()];
        int[] tokenOfId = new int[sorted.Length];
        for (int token = 0; token < sorted.Length; token++)
            tokenOfId[_entries[sorted[token]] - 1] = token;
        return (new Vocabulary(Encoding, sorted), tokenOfId);
    }

    private void Add(int character)
    {
        int id = _characters.Count;
        _characters.Add(character);
        _entries[character] = id + 1;
        if (character < (Encoding == TextEncoding.Bytes ? 0x100 : 0x80))
            _idOfByte[character] = id;
    }
}
