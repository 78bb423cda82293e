using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>
/// A kernel's source with diffs put on it, in memory. Where the tree has a diff already, it is taken off instead. Nothing is written.
/// </summary>
internal sealed class KernelTree(string folder)
{
    private const int MostBytes = 16 << 20;

    private static readonly CToken Open = new(CTokenKind.Punctuation, "{", 0, 0);
    private static readonly CToken Close = new(CTokenKind.Punctuation, "}", 0, 0);

    private readonly Dictionary<string, Changed> _files = new(StringComparer.Ordinal);

    /// <summary>Takes the next diff of a file. Whether it fits is told by <see cref="Touched"/>.</summary>
    public void Add(DiffFile file)
    {
        // A file that is renamed goes on under its new name.
        var key = file.Before is { } before && _files.ContainsKey(before) ? before : file.Name;
        if (!_files.TryGetValue(key, out var changed))
        {
            _files.Add(key, changed = new Changed { First = file.Before ?? file.Name });
        }

        changed.Last = file.Name;
        changed.Diffs.Add(file);
        if (key != file.Name)
        {
            _files.Remove(key);
            _files[file.Name] = changed;
        }
    }

    /// <summary>What was changed, function by function, over all diffs of each file; where they do not fit the tree, what their hunks alone show.</summary>
    public IEnumerable<TouchedCode> Touched()
    {
        foreach (var (_, file) in _files)
        {
            var (before, after) = BothSides(file);
            if (before is null || after is null)
            {
                foreach (var touched in file.Diffs.SelectMany(HunkSplitter.Split))
                {
                    yield return touched;
                }

                continue;
            }

            foreach (var touched in Compare(file.Last, before, after))
            {
                yield return touched;
            }
        }
    }

    /// <summary>The files that the tree has otherwise than the diffs have them.</summary>
    public IEnumerable<string> Unfit() => _files.Values.Where(f => BothSides(f) is (null, _) or (_, null)).Select(f => f.Last);

    private (string[]? Before, string[]? After) BothSides(Changed file)
    {
        if (file.Sides is { } known)
        {
            return known;
        }

        var isNew = file.Diffs[0].Before is null;
        var there = Read(file.First) ?? Read(file.Last);
        if (isNew && there is null && DiffApplication.Apply([], file.Diffs) is { } made)
        {
            return (file.Sides = ([], made)).Value;
        }

        if (there is null)
        {
            return (file.Sides = (null, null)).Value;
        }

        if (DiffApplication.Apply(there, file.Diffs) is { } after)
        {
            return (file.Sides = (there, after)).Value;
        }

        return (file.Sides = (DiffApplication.TakeOff(there, file.Diffs), there)).Value;
    }

    private string[]? Read(string name)
    {
        var path = Path.Combine(folder, name);
        try
        {
            return File.Exists(path) && new FileInfo(path).Length <= MostBytes ? File.ReadAllText(path).ReplaceLineEndings("\n").Split('\n') : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IEnumerable<TouchedCode> Compare(string name, string[] before, string[] after)
    {
        var (one, other) = (FunctionsIn(before), FunctionsIn(after));
        var names = one.Keys.Union(other.Keys).ToHashSet(StringComparer.Ordinal);
        var callers = one.Concat(other)
            .SelectMany(f => f.Value.SelectMany(v => v.Body).Where(t => t.Kind == CTokenKind.Name && t.Text != f.Key && names.Contains(t.Text)).Select(t => (Called: t.Text, By: f.Key)))
            .Distinct().ToLookup(c => c.Called, c => c.By, StringComparer.Ordinal);
        foreach (var function in one.Keys.Union(other.Keys))
        {
            var (old, @new) = (one.GetValueOrDefault(function) ?? [], other.GetValueOrDefault(function) ?? []);
            var (was, @is) = (CodeOf(old), CodeOf(@new));
            var lines = old.Concat(@new).ToArray();
            var isSame = was.Select(t => t.Text).SequenceEqual(@is.Select(t => t.Text));
            if (!isSame || !TextOf(before, old).SequenceEqual(TextOf(after, @new)))
            {
                yield return new TouchedCode(name, function, FirstDifference(before, old, after, @new), was, @is)
                {
                    IsWhole = true,
                    Callers = callers,
                    Unknown = lines.Any(f => !f.IsWhole) ? "its end cannot be found"
                        : isSame && !ResultOf(old).SequenceEqual(ResultOf(@new)) ? "what it returns, or who sees it, changes"
                        : null,
                };
            }
        }

        if (Outside(before, one).ToArray() is var rest && Outside(after, other).ToArray() is var now && !rest.SequenceEqual(now))
        {
            var line = now.Zip(rest).TakeWhile(p => p.First == p.Second).Count();
            yield return new TouchedCode(name, null, line < now.Length ? Array.IndexOf(after, now[line]) + 1 : after.Length, CTokens.In(string.Join('\n', rest)), CTokens.In(string.Join('\n', now)));
        }
    }

    private static Dictionary<string, List<CFunction>> FunctionsIn(string[] lines) =>
        CFunctions.In(CTokens.In(string.Join('\n', lines))).GroupBy(f => f.Name).ToDictionary(g => g.Key, g => g.ToList(), StringComparer.Ordinal);

    private static CToken[] CodeOf(IEnumerable<CFunction> functions) => [.. functions.SelectMany(f => f.Parameters.Append(Open).Concat(f.Body).Append(Close))];

    private static IEnumerable<string> ResultOf(IEnumerable<CFunction> functions) => functions.SelectMany(f => f.Result).Select(t => t.Text);

    private static IEnumerable<string> TextOf(string[] lines, IEnumerable<CFunction> functions) => functions.SelectMany(f => lines[(f.FirstLine - 1)..Math.Min(f.LastLine, lines.Length)]);

    private static int FirstDifference(string[] before, List<CFunction> old, string[] after, List<CFunction> @new)
    {
        var (was, @is) = (TextOf(before, old).ToArray(), TextOf(after, @new).ToArray());
        var same = was.Zip(@is).TakeWhile(p => p.First == p.Second).Count();
        return @new is [var first, ..] ? Math.Min(first.FirstLine + same, @new[^1].LastLine) : Math.Max(1, old[0].FirstLine);
    }

    // The lines that are in no function.
    private static IEnumerable<string> Outside(string[] lines, Dictionary<string, List<CFunction>> functions)
    {
        var inside = new bool[lines.Length + 1];
        foreach (var function in functions.Values.SelectMany(f => f))
        {
            Array.Fill(inside, true, function.FirstLine - 1, Math.Min(function.LastLine, lines.Length) - function.FirstLine + 1);
        }

        return lines.Where((_, i) => !inside[i]);
    }

    private sealed class Changed
    {
        public required string First { get; init; }

        public string Last { get; set; } = "";

        public List<DiffFile> Diffs { get; } = [];

        public (string[]? Before, string[]? After)? Sides { get; set; }
    }
}
