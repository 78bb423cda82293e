using System.Globalization;

namespace ThpCheck.Checker.Reports;

/// <summary>Numbers, counts and lines as all reports write them.</summary>
internal static class Prose
{
    /// <summary>A number with its thousands apart.</summary>
    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary><c>1 step</c>, <c>2 steps</c>, <c>no step</c>.</summary>
    public static string Count(long count, string one) => count switch
    {
        0 => $"no {one}",
        1 => $"1 {one}",
        _ => $"{Number(count)} {one}{(one.EndsWith("ch", StringComparison.Ordinal) ? "es" : "s")}",
    };

    /// <summary>A time in seconds.</summary>
    public static string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString(time.TotalSeconds < 100 ? "F2" : "N0", CultureInfo.InvariantCulture)} s";

    /// <summary>A number of bytes in the unit that suits it.</summary>
    public static string Bytes(long bytes) => bytes >= 10L << 30 ? $"{Number(bytes >> 30)} GiB" : $"{Number(bytes >> 20)} MiB";

    /// <summary>The power of ten that a small chance is below, such as <c>1e-27</c>.</summary>
    public static string Below(double odds) =>
        odds <= 0 ? "0" : string.Create(CultureInfo.InvariantCulture, $"1e{(int)Math.Floor(Math.Log10(odds)) + 1}");

    /// <summary>A chance in two digits, rounded down: it is at least that.</summary>
    public static string Chance(double chance)
    {
        if (chance <= 0 || chance >= 1)
        {
            return chance <= 0 ? "0" : "0.99";
        }

        var unit = Math.Pow(10, Math.Floor(Math.Log10(chance)) - 1);
        return (Math.Floor(chance / unit) * unit).ToString("G2", CultureInfo.InvariantCulture);
    }

    /// <summary><c>a</c>, <c>a and b</c>, <c>a, b and c</c>.</summary>
    public static string List(IReadOnlyList<string> items) => items.Count switch
    {
        0 => "",
        1 => items[0],
        _ => $"{string.Join(", ", items.Take(items.Count - 1))} and {items[^1]}",
    };

    /// <summary>The text up to the end of its first sentence.</summary>
    public static string FirstSentence(string text)
    {
        var end = text.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? text : text[..(end + 1)];
    }

    /// <summary>
    /// Breaks a line at blanks so that no part is wider than it may be; a word that is, is broken anywhere. A blank that a
    /// line is broken at is dropped.
    /// </summary>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        width = Math.Max(width, 1);
        while (text.Length > width)
        {
            var at = text.LastIndexOf(' ', width);
            var (end, next) = at > 0 ? (at, at + 1) : (width, width);
            yield return text[..end].TrimEnd();
            text = text[next..].TrimStart();
        }

        yield return text;
    }

    /// <summary>A word as a POSIX shell reads it back.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "_./:@%+=,-".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
