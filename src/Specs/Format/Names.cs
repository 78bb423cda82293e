using System.Globalization;

namespace ThpCheck.Specs.Format;

/// <summary>Whether a text is an integer, and one that fits.</summary>
internal enum IntegerText
{
    NoInteger,
    TooLarge,
    Fits,
}

/// <summary>The spelling of names and integers, the same in calls and in values.</summary>
internal static class Names
{
    private static readonly string[] Constants = ["true", "false", "null"];

    internal static bool IsIdentifier(string text) =>
        text.Length > 0 && (char.IsAsciiLetter(text[0]) || text[0] == '_') && text.All(IsIdentifierPart);

    /// <summary>An identifier that a call can use as a name, not as a constant.</summary>
    internal static bool IsFree(string text) => IsIdentifier(text) && !Constants.Contains(text);

    internal static bool IsIdentifierPart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    internal static bool IsName(string text) =>
        text.Length > 0 && char.IsAsciiLetter(text[0]) && text.All(c => IsIdentifierPart(c) || c is '.' or '-');

    internal static bool IsLabel(string text) =>
        text.Length > 0 && char.IsAsciiLetterOrDigit(text[0]) && text.All(c => IsIdentifierPart(c) || c is '.' or '-' or '+' or '=');

    /// <summary>
    /// Decimal without leading zeros (which YAML 1.1 and C read as octal), or hexadecimal after <c>0x</c>, with a minus in front or
    /// not; what fits is what a signed 64-bit integer holds.
    /// </summary>
    internal static IntegerText TryInteger(string text, out long value)
    {
        value = 0;
        var negative = text.StartsWith('-');
        var digits = text.AsSpan(negative ? 1 : 0);
        var hex = digits.StartsWith("0x", StringComparison.Ordinal);
        digits = hex ? digits[2..] : digits;
        if (digits.IsEmpty || digits.ContainsAnyExcept(hex ? "0123456789abcdefABCDEF" : "0123456789"))
            return IntegerText.NoInteger;
        if (!hex && digits is ['0', _, ..])
            return IntegerText.NoInteger;

        const ulong Most = long.MaxValue;
        var style = hex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (!ulong.TryParse(digits, style, CultureInfo.InvariantCulture, out var magnitude)
            || magnitude > (negative ? Most + 1 : Most))
            return IntegerText.TooLarge;
        value = unchecked(negative ? -(long)magnitude : (long)magnitude);
        return IntegerText.Fits;
    }
}
