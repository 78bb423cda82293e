using System.Text;
using System.Text.RegularExpressions;

namespace ThpCheck.Checker.Gate;

/// <summary>Words of a mail's header that are not ASCII (RFC 2047), as <c>=?UTF-8?q?=5BPATCH=5D?=</c>.</summary>
internal static partial class EncodedWords
{
    /// <summary>The text with those decoded that can be.</summary>
    public static string Decode(string text) => !text.Contains("=?", StringComparison.Ordinal) ? text
        : Word().Replace(Between().Replace(text, "?==?"), static word => Decoded(word) ?? word.Value);

    private static string? Decoded(Match word)
    {
        var bytes = new List<byte>();
        try
        {
            if (word.Groups[2].Value is "b" or "B")
            {
                bytes.AddRange(Convert.FromBase64String(word.Groups[3].Value));
            }
            else if (!QuotedPrintableText.AddTo(bytes, word.Groups[3].Value.Replace('_', ' ')))
            {
                return null;
            }

            var text = Encoding.GetEncoding(word.Groups[1].Value).GetString([.. bytes]);
            return text.Any(char.IsControl) ? null : text;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"=\?([A-Za-z0-9-]+)\?([bBqQ])\?([^?\s]*)\?=")]
    private static partial Regex Word();

    [GeneratedRegex(@"\?=\s+=\?(?=[A-Za-z0-9-]+\?[bBqQ]\?)")]
    private static partial Regex Between();
}
