using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>
/// Says what changes of C mean for the model. A model is out of date once a function's synchronisation changes, and may be once anything
/// changes that a model could have. What is left are comments, blanks, declarations and what only prints or counts.
/// </summary>
internal sealed class GateJudge(Modelled modelled)
{
    // Where the structures and flags are that the model has objects for; no path is of these.
    private static readonly string[] Structures = ["include/linux/mm_types.h", "include/linux/page-flags.h", "include/asm-generic/tlb.h"];

    /// <summary>Whether a file of this name may have functions that are modelled.</summary>
    public static bool IsCode(string name) => name.EndsWith(".c", StringComparison.Ordinal) || name.EndsWith(".h", StringComparison.Ordinal);

    /// <summary>What a diff of a file means where its hunks do not matter or cannot be looked at.</summary>
    public IEnumerable<GateFinding> OfFile(DiffFile file)
    {
        var known = new[] { file.Before, file.After }.OfType<string>().FirstOrDefault(modelled.Files.Contains);
        if (known is null)
        {
            yield break;
        }

        if (file.IsBinary || file.IsTooLarge)
        {
            yield return new(GateStatus.CannotTell, file.Name, 0, null, $"{known} has modelled functions, and its diff {(file.IsBinary ? "is binary" : "is too large to read")}");
        }

        if (file is { After: null, HasHunks: false, IsBinary: false })
        {
            yield return new(GateStatus.CannotTell, file.Name, 0, null, $"{known} has modelled functions and goes");
        }

        if (file is { Before: { } before, After: { } after } && before != after)
        {
            yield return new(GateStatus.CannotTell, file.Name, 0, null, $"{before} has modelled functions and becomes {after}; their paths name the old file");
        }
    }

    /// <summary>What a change of code means; null where it means nothing and is in no function.</summary>
    public GateFinding? Of(TouchedCode touched)
    {
        if (touched.Function is not { } function)
        {
            return Outside(touched);
        }

        var named = modelled.Named(function);
        if (named.Count == 0)
        {
            return OfUnnamed(touched, new(GateStatus.CannotTell, touched.File, touched.Line, function, ""), function);
        }

        var finding = new GateFinding(GateStatus.CannotTell, touched.File, touched.Line, function, "") { Paths = named };
        if (named.All(n => n.File != touched.File))
        {
            return finding with { Why = $"a function of this name is modelled as of {named[0].File}; is this another, or has it moved?" };
        }

        finding = finding with { Paths = [.. named.Where(n => n.File == touched.File)] };
        if (touched.Unknown is { } unknown)
        {
            return finding with { Why = unknown };
        }

        if (touched.After.Count == 0)
        {
            return finding with { Status = GateStatus.OutOfDate, Why = "it goes" };
        }

        var change = CodeChange.Of(touched.Before, touched.After, name => name == function ? null : modelled.CountsInC(name)); // its own head is no call
        return change.Verdict switch
        {
            ChangeVerdict.Changed => finding with { Status = GateStatus.OutOfDate, Why = change.Why, Gone = change.Gone, New = change.New, Sequence = change.Sequence, Declared = finding.Paths.SelectMany(modelled.DeclaredBy).Select(o => o.Name).ToHashSet(StringComparer.Ordinal) },
            ChangeVerdict.Stands when touched.IsWhole && NotThere(finding, touched) is { } missing => finding with { Why = $"{change.Why}, but its path declares {missing}, which it does not do; see 'thpcheck drift'" },
            ChangeVerdict.Stands => finding with { Status = GateStatus.Stands, Why = change.Why },
            _ => finding with { Why = change.Why },
        };
    }

    // Of what no path is named after: where a path may have it in it all the same, it cannot be told.
    private GateFinding OfUnnamed(TouchedCode touched, GateFinding finding, string function)
    {
        var isElsewhere = touched.File.StartsWith("tools/", StringComparison.Ordinal) || (touched.File.StartsWith("arch/", StringComparison.Ordinal) && !touched.File.StartsWith("arch/x86/", StringComparison.Ordinal));
        if (modelled.IsGiven(function) && !isElsewhere && !touched.Before.Select(t => t.Text).SequenceEqual(touched.After.Select(t => t.Text)))
        {
            return finding with { Why = "paths use it as an operation that does what it did; no path is compared with it" };
        }

        if (modelled.Files.Contains(touched.File))
        {
            // Lines of the preprocessor stand in the first column in functions, too.
            if (!touched.IsWhole && !Directives(touched.Before).SequenceEqual(Directives(touched.After)))
            {
                return finding with { Why = "a line of the preprocessor changes, and the diff does not show whether it is in this function, which is not modelled" };
            }

            // A path may do what its function calls without a name for it. One that comes or goes changes who calls it.
            if (touched.Before.Count == 0 || touched.After.Count == 0)
            {
                return finding with { Status = GateStatus.NotModelled, Why = "not modelled" };
            }

            var change = CodeChange.Of(touched.Before, touched.After, name => name == function ? null : modelled.CountsInC(name));
            var isHeader = touched.File.EndsWith(".h", StringComparison.Ordinal);
            if (change.Verdict == ChangeVerdict.Changed && touched.Callers is { } callers && ModelledCallers(function, touched.File, callers) is { Count: > 0 } by)
            {
                return finding with { Why = $"{change.Why}; no path is of its name, but {by[0].Function}(), which is modelled, comes to it", Gone = change.Gone, New = change.New, Paths = by, Declared = by.SelectMany(modelled.DeclaredBy).Select(o => o.Name).ToHashSet(StringComparer.Ordinal) };
            }

            if (change.Verdict == ChangeVerdict.Changed && (touched.Callers is null || isHeader))
            {
                return finding with { Why = $"{change.Why}; no path is of its name, but {(isHeader ? "paths may do what it does" : "a path of what calls it may do what it does, which --kernel tells")}", Gone = change.Gone, New = change.New };
            }
        }

        return finding with { Status = GateStatus.NotModelled, Why = "not modelled" };
    }

    // The nearest functions that are modelled and call a function, by themselves or by way of others that are not modelled.
    private List<ModelledFunction> ModelledCallers(string function, string file, ILookup<string, string> callers)
    {
        var found = new List<ModelledFunction>();
        var seen = new HashSet<string>(StringComparer.Ordinal) { function };
        var next = new Queue<string>(callers[function]);
        while (next.TryDequeue(out var caller))
        {
            if (!seen.Add(caller))
            {
                continue;
            }

            ModelledFunction[] paths = [.. modelled.Named(caller).Where(p => p.File == file)];
            found.AddRange(paths);
            foreach (var further in paths.Length == 0 ? callers[caller] : [])
            {
                next.Enqueue(further);
            }
        }

        return found;
    }

    private static IEnumerable<string> Directives(IEnumerable<CToken> code) =>
        code.Where(t => t.Kind == CTokenKind.Directive && !t.Text.StartsWith("#include", StringComparison.Ordinal)).Select(t => t.Text);

    // A lock, flush, reference or the like that every path of the function has and the function has not: the model was out of date before.
    private string? NotThere(GateFinding finding, TouchedCode touched)
    {
        var there = SyncSequence.Of(touched.After, modelled.Counts).Select(o => o.Name).ToHashSet();
        if (touched.After.Any(t => t.Kind == CTokenKind.Name && t.Text.Contains("lock", StringComparison.Ordinal) && modelled.Counts(t.Text) is null))
        {
            return null; // a helper that may do it
        }

        string?[] missing = [.. finding.Paths.Select(p => modelled.DeclaredBy(p).FirstOrDefault(o => o.Kind is SyncKind.Lock or SyncKind.Trylock or SyncKind.Flush && !there.Contains(o.Name)).Name)];
        return missing.All(m => m is not null) ? missing[0] : null;
    }

    private GateFinding? Outside(TouchedCode touched)
    {
        if (!modelled.Files.Contains(touched.File) && !Structures.Contains(touched.File))
        {
            return null;
        }

        var (before, after) = (Said(touched.Before), Said(touched.After));
        if (before.Select(t => t.Text).SequenceEqual(after.Select(t => t.Text)))
        {
            return null;
        }

        var at = before.Zip(after).TakeWhile(p => p.First.Text == p.Second.Text).Count();
        var shown = at < after.Length ? after : before;
        return new(GateStatus.CannotTell, touched.File, touched.Line, null, $"what changes is in no function that the diff shows: {SyncSequence.TextOf(shown, at, Math.Min(shown.Length - 1, at + 12))}");
    }

    // Without what declares a function and what includes a file. What is called looks like what is declared, but stands in a function and not
    // in the first column.
    private static CToken[] Said(IReadOnlyList<CToken> code)
    {
        var said = new List<CToken>();
        var statement = new List<CToken>();
        foreach (var token in code)
        {
            if (token.Kind == CTokenKind.Directive)
            {
                if (!token.Text.StartsWith("#include", StringComparison.Ordinal))
                {
                    said.Add(token);
                }

                continue;
            }

            statement.Add(token);
            if (token.Is(";") || token.Is("}"))
            {
                var declares = statement is [{ Column: 0 }, .., { Text: ")" }, { Text: ";" }] && !statement.Any(t => t.Text is "{" or "=") && CFunctions.NameIn(statement) is not null;
                said.AddRange(declares ? [] : statement);
                statement.Clear();
            }
        }

        return [.. said, .. statement];
    }
}
