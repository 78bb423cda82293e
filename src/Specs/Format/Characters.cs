using System.Globalization;
using System.Text;

namespace ThpCheck.Specs.Format;

/// <summary>Which characters a scenario may hold, and how text from a file is shown in a one-line message.</summary>
internal static class Characters
{
    private const int LongestQuote = 60;

    /// <summary>
    /// The index of the first character that has no business in a scenario, or -1. Line feeds are welcome, with a
    /// carriage return before them or not.
    /// </summary>
    internal static int FirstRefused(ReadOnlySpan<char> text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
            {
                i += 2;
                continue;
            }

            if (Rune.DecodeFromUtf16(text[i..], out var rune, out var width) != System.Buffers.OperationStatus.Done
                || (rune.Value != '\n' && IsRefused(rune)))
                return i;
            i += width;
        }

        return -1;
    }

    /// <summary>Why the character at an index found by <see cref="FirstRefused"/> is refused, and what to do about it.</summary>
    internal static string WhyRefused(ReadOnlySpan<char> text, int index)
    {
        Rune.DecodeFromUtf16(text[index..], out var rune, out _);
        return text[index] switch
        {
            '\t' => "a tab; a scenario is indented and spaced with spaces.",
            '\0' => "a NUL character; this is a binary file, a scenario is UTF-8 text.",
            _ when char.IsSurrogate(text[index]) && rune == Rune.ReplacementChar => "half a surrogate pair, which is no character.",
            _ => $"the invisible character U+{rune.Value:X4}; remove it.",
        };
    }

    /// <summary>The text in quotes, cut where it gets long, with blanks for the characters a terminal would obey.</summary>
    internal static string Quote(string text)
    {
        if (text.Length > LongestQuote)
            text = text[..LongestQuote] + "...";
        return $"'{OneLine(text)}'";
    }

    /// <summary>The text with blanks for line ends and the characters a terminal would obey.</summary>
    internal static string OneLine(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            shown.Append(IsRefused(rune) ? " " : rune.ToString());
        return shown.ToString();
    }

    /// <summary>Control and format characters (these reorder or hide text) and the two exotic line ends.</summary>
    private static bool IsRefused(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
