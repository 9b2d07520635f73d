using System.Globalization;
using System.Text;

namespace CharRnn.Text;

/// <summary>Names characters in messages: <c>'x' (U+0078)</c>, <c>'\n' (U+000A)</c>, and <c>0x78</c> for a byte.</summary>
internal static class CharacterNames
{
    private const int Shown = 10;

    /// <summary>One character's name, free of anything that a terminal would act on.</summary>
    public static string Of(TextEncoding encoding, int character) => encoding == TextEncoding.Bytes
        ? $"0x{character:X2}"
        : $"'{Glyph(new Rune(character))}' (U+{character:X4})";

    /// <summary>The first ten names and how many more there are.</summary>
    public static string List(TextEncoding encoding, IReadOnlyCollection<int> characters)
    {
        string names = string.Join(", ", characters.Take(Shown).Select(c => Of(encoding, c)));
        return characters.Count > Shown ? $"{names} and {characters.Count - Shown} more" : names;
    }

    private static string Glyph(Rune rune) => rune.Value switch
    {
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        ' ' => " ",
        _ => IsVisible(Rune.GetUnicodeCategory(rune)) ? rune.ToString() : $@"\u{{{rune.Value:X}}}",
    };

    // A combining mark would land on the quote; a format character (a direction override) would reorder the line.
    private static bool IsVisible(UnicodeCategory category) => category is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        or UnicodeCategory.EnclosingMark);
}
