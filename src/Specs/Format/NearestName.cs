namespace ThpCheck.Specs.Format;

/// <summary>Finds what a mistyped name was meant to be.</summary>
public static class NearestName
{
    private const int LongestName = 100;    // nobody mistypes more, and the distance is quadratic
    private const int ShortestPrefix = 3;

    /// <summary>
    /// The candidate closest to the name, or null when none is close. Close is at most a third of the name's length (one
    /// for short names) in letters added, dropped, changed or swapped with a neighbour, whatever their case; failing that, one of the two
    /// begins with the other. Of equally close candidates the first in ordinal order.
    /// </summary>
    public static string? Suggest(string name, IEnumerable<string> candidates)
    {
        if (name.Length > LongestName)
            return null;
        var known = candidates.Where(c => c.Length is > 0 and <= LongestName).Order(StringComparer.Ordinal).ToList();

        var cutoff = Math.Max(1, name.Length / 3);
        var closest = known
            .Where(c => Math.Abs(c.Length - name.Length) <= cutoff)
            .Select(c => (Name: c, Distance: Distance(name, c)))
            .Where(c => c.Distance <= cutoff && c.Distance < c.Name.Length)
            .OrderBy(c => c.Distance)
            .Select(c => c.Name)
            .FirstOrDefault();

        return closest ?? known.Where(c => IsPrefix(name, c) || IsPrefix(c, name)).OrderBy(c => c.Length).FirstOrDefault();
    }

    /// <summary><c> Did you mean 'x'?</c> with a leading blank, or nothing when no candidate is close.</summary>
    public static string Hint(string name, IEnumerable<string> candidates) =>
        Suggest(name, candidates) is { } nearest ? $" Did you mean '{nearest}'?" : "";

    private static bool IsPrefix(string prefix, string name) =>
        prefix.Length >= ShortestPrefix && name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);

    // Optimal string alignment: Damerau-Levenshtein in which no letter is edited twice.
    private static int Distance(string a, string b)
    {
        var distance = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    distance[i, j] = i + j;
                    continue;
                }

                var least = Math.Min(distance[i - 1, j], distance[i, j - 1]) + 1;
                least = Math.Min(least, distance[i - 1, j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1));
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    least = Math.Min(least, distance[i - 2, j - 2] + 1);
                distance[i, j] = least;
            }
        }

        return distance[a.Length, b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
