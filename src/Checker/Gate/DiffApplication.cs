namespace ThpCheck.Checker.Gate;

/// <summary>Puts a diff of a file on its text, or takes it off.</summary>
internal static class DiffApplication
{
    /// <summary>The lines with the diffs put on them; null where they do not fit.</summary>
    public static string[]? Apply(IReadOnlyList<string> lines, IEnumerable<DiffFile> diffs)
    {
        var at = lines;
        foreach (var diff in diffs)
        {
            if (diff.IsTooLarge || diff.IsBinary)
            {
                return null;
            }

            var result = new List<string>(at.Count);
            var (from, drift) = (0, 0);
            foreach (var hunk in diff.Hunks)
            {
                string[] old = [.. hunk.Lines.Where(l => l.Sign != '+').Select(l => l.Text)];
                var meant = Math.Max(0, hunk.OldStart - (old.Length == 0 ? 0 : 1)) + drift;

                // Lines that come without any beside them fit everywhere.
                if ((old.Length == 0 && at.Count > 0) || Find(at, old, meant, from) is not { } place)
                {
                    return null;
                }

                drift += place - meant;
                for (; from < place; from++)
                {
                    result.Add(at[from]);
                }

                result.AddRange(hunk.Lines.Where(l => l.Sign != '-').Select(l => l.Text));
                from += old.Length;
            }

            for (; from < at.Count; from++)
            {
                result.Add(at[from]);
            }

            at = result;
        }

        return [.. at];
    }

    /// <summary>The lines without the diffs; null where they are not on them.</summary>
    public static string[]? TakeOff(IReadOnlyList<string> lines, IEnumerable<DiffFile> diffs) => Apply(lines, diffs.Reverse().Select(Reversed));

    // Where the lines are, nearest to where they are meant to be: a tree may be some commits away.
    private static int? Find(IReadOnlyList<string> lines, string[] old, int meant, int from)
    {
        const int Furthest = 2000;
        for (var away = 0; away <= Furthest; away++)
        {
            foreach (var place in away == 0 ? [meant] : new[] { meant - away, meant + away })
            {
                if (place >= from && place + old.Length <= lines.Count && Matches(lines, old, place))
                {
                    return place;
                }
            }
        }

        return null;
    }

    private static bool Matches(IReadOnlyList<string> lines, string[] old, int place)
    {
        for (var i = 0; i < old.Length; i++)
        {
            if (lines[place + i] != old[i])
            {
                return false;
            }
        }

        return true;
    }

    private static DiffFile Reversed(DiffFile file)
    {
        var reversed = new DiffFile(file.After, file.Before, file.Number) { IsBinary = file.IsBinary, IsTooLarge = file.IsTooLarge };
        reversed.Hunks.AddRange(file.Hunks.Select(h => h with
        {
            OldStart = h.NewStart,
            NewStart = h.OldStart,
            Lines = [.. h.Lines.Select(l => l with { Sign = l.Sign == '+' ? '-' : l.Sign == '-' ? '+' : ' ' })],
        }));
        return reversed;
    }
}
