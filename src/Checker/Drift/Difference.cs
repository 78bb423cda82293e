namespace ThpCheck.Checker.Drift;

/// <summary>What of one sequence is not in another, by a longest common subsequence of both.</summary>
internal static class Difference
{
    private const long MostCells = 16_000_000;

    /// <summary>The places of those that are in one sequence only; null where both are too long and too different to tell.</summary>
    public static (IReadOnlyList<int> Gone, IReadOnlyList<int> New)? Of(IReadOnlyList<string> one, IReadOnlyList<string> other)
    {
        var start = 0;
        while (start < one.Count && start < other.Count && one[start] == other[start])
        {
            start++;
        }

        var end = 0;
        while (end < one.Count - start && end < other.Count - start && one[^(end + 1)] == other[^(end + 1)])
        {
            end++;
        }

        var (n, m) = (one.Count - start - end, other.Count - start - end);
        if ((long)(n + 1) * (m + 1) > MostCells)
        {
            return null;
        }

        // common[i, j]: how many of those from i and from j on are in both.
        var common = new int[n + 1, m + 1];
        for (var i = n - 1; i >= 0; i--)
        {
            for (var j = m - 1; j >= 0; j--)
            {
                common[i, j] = one[start + i] == other[start + j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        var (gone, @new) = (new List<int>(), new List<int>());
        for (var (i, j) = (0, 0); i < n || j < m;)
        {
            if (i < n && j < m && one[start + i] == other[start + j])
            {
                (i, j) = (i + 1, j + 1);
            }
            else if (j == m || (i < n && common[i + 1, j] >= common[i, j + 1]))
            {
                gone.Add(start + i++);
            }
            else
            {
                @new.Add(start + j++);
            }
        }

        return (gone, @new);
    }
}
