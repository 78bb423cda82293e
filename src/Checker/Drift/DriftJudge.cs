namespace ThpCheck.Checker.Drift;

/// <summary>How a kernel's function stands to the path that is to stand for it.</summary>
internal enum DriftStatus
{
    /// <summary>It does not do what the path does, or with --since, not what it did.</summary>
    Drifted,

    /// <summary>It does not exist in this tree any more.</summary>
    Gone,

    /// <summary>It does what the path does, in its order, and other things: they are new, or the path leaves them out.</summary>
    More,

    CannotTell,

    /// <summary>Its synchronisation is the path's, or with --since, what it was.</summary>
    Same,
}

/// <summary>What was found of a function.</summary>
/// <param name="Status">How it stands.</param>
/// <param name="File">The function's file.</param>
/// <param name="Function">Its name.</param>
/// <param name="Path">The path that it was compared with; of several, the nearest.</param>
/// <param name="Why">In a part of a sentence.</param>
internal sealed record DriftFinding(DriftStatus Status, string File, string Function, ModelledFunction Path, string Why)
{
    /// <summary>Where it is in the tree, or 0.</summary>
    public int Line { get; init; }

    /// <summary>What the path declares, or the older tree has, and the function has not.</summary>
    public IReadOnlyList<SyncOperation> Gone { get; init; } = [];

    /// <summary>What the function has and the path or the older tree has not.</summary>
    public IReadOnlyList<SyncOperation> New { get; init; } = [];
}

/// <summary>
/// Compares what a tree's functions do with what paths declare. A path leaves things out, so a function may do more; it does what the path
/// does in the path's order, or has drifted. With an older tree, which the paths were written from, the functions are compared with theirs.
/// </summary>
internal sealed class DriftJudge(Modelled modelled, SourceTree tree, SourceTree? since)
{
    private const int MostNested = 3;

    private static readonly string[] Keywords = ["if", "for", "while", "switch", "return", "sizeof", "typeof", "defined", "__attribute__", "likely", "unlikely"];

    /// <summary>What is found, by file and function.</summary>
    /// <param name="isMeant">Which paths are asked of.</param>
    public IEnumerable<DriftFinding> Findings(Func<ModelledFunction, bool> isMeant) =>
        modelled.Functions.Where(isMeant).GroupBy(f => (f.File, f.Function)).Select(g => Of(g.Key.File, g.Key.Function, [.. g]));

    private DriftFinding Of(string file, string function, ModelledFunction[] paths)
    {
        var finding = new DriftFinding(DriftStatus.CannotTell, file, function, paths[0], "");
        if (tree.In(file) is not { } functions)
        {
            return finding with { Why = $"the tree has no {file}" };
        }

        if (!functions.Contains(function))
        {
            var elsewhere = modelled.Files.FirstOrDefault(f => tree.In(f)?.Contains(function) == true);
            return elsewhere is not null ? finding with { Why = $"it is in {elsewhere} there" }
                : tree.Version is { } version && paths.All(p => VersionOf(p.At) > version) ? finding with { Why = $"its path is of {paths[0].At}, which is later" }
                : finding with { Status = DriftStatus.Gone, Why = $"its file has no such function; its path is of {paths[0].At}" };
        }

        CFunction[] here = [.. functions[function]];
        finding = finding with { Line = here[0].FirstLine };
        if (here.Any(f => !f.IsWhole))
        {
            return finding with { Why = "its end cannot be found" };
        }

        return since is null ? Nearest(finding, here, paths, file) : Since(finding, here, file);
    }

    private DriftFinding Since(DriftFinding finding, CFunction[] here, string file)
    {
        CFunction[] before = [.. since!.In(file)?[finding.Function] ?? []];
        if (before.Length == 0 || before.Any(f => !f.IsWhole))
        {
            return finding with { Why = "the older tree does not have it" };
        }

        var (one, other) = (Operations(before, modelled.CountsInC), Operations(here, modelled.CountsInC));
        if (Difference.Of([.. one.Select(o => o.Text)], [.. other.Select(o => o.Text)]) is not var (gone, @new))
        {
            return finding with { Why = "too much of it changed to compare" };
        }

        return gone.Count + @new.Count == 0
            ? finding with { Status = DriftStatus.Same, Why = "as in the older tree" }
            : finding with { Status = DriftStatus.Drifted, Why = "not as in the older tree", Gone = [.. gone.Select(i => one[i])], New = [.. @new.Select(i => other[i])] };
    }

    private DriftFinding Nearest(DriftFinding finding, CFunction[] here, ModelledFunction[] paths, string file)
    {
        DriftFinding? nearest = null;
        foreach (var path in paths)
        {
            foreach (var definition in here)
            {
                var found = Compare(finding with { Path = path, Line = definition.FirstLine }, path, definition, Operations([definition], modelled.Counts));
                if (found.Gone.Count > 0)
                {
                    // The path may do what the function leaves to helpers that no path stands for.
                    var whole = Compare(found with { Gone = [], New = [] }, path, definition, Expanded(definition, file, 0));
                    found = whole.Gone.Count < found.Gone.Count ? whole : found;
                }

                nearest = nearest is null || found.Gone.Count < nearest.Gone.Count || (found.Gone.Count == nearest.Gone.Count && found.New.Count < nearest.New.Count) ? found : nearest;
            }
        }

        return nearest!.Gone.Count == 0 || here.Length == 1 ? nearest : nearest with { Status = DriftStatus.CannotTell, Why = $"there are {here.Length} of it, and none does what the path does" };
    }

    private DriftFinding Compare(DriftFinding finding, ModelledFunction path, CFunction definition, List<SyncOperation> operations)
    {
        var declared = modelled.DeclaredBy(path);
        if (Difference.Of([.. declared.Select(o => o.Name)], [.. operations.Select(o => o.Name)]) is not var (gone, @new))
        {
            return finding with { Why = "too much of it is different to compare" };
        }

        finding = finding with { Gone = [.. gone.Select(i => declared[i])], New = [.. @new.Select(i => operations[i])] };
        return (gone.Count, @new.Count) switch
        {
            (0, 0) => finding with { Status = DriftStatus.Same, Why = "as its path declares" },
            (0, _) => finding with { Status = DriftStatus.More, Why = "all that its path declares, and more, which is new or which the path leaves out" },
            _ => Doubtful(finding, path, definition, operations),
        };
    }

    // What is missing may be done by what the function calls, or in another branch. It has drifted where neither can be.
    private DriftFinding Doubtful(DriftFinding finding, ModelledFunction path, CFunction definition, List<SyncOperation> operations)
    {
        if (Modelled.HasToggles(path))
        {
            return finding with { Why = "its path has several kernels' code in it" };
        }

        if (definition.HasConditions)
        {
            return finding with { Why = "what of it is compiled depends on the configuration" };
        }

        var (done, unknown) = Below(definition, finding.File);
        SyncOperation? certain = null;
        var why = "";
        foreach (var gone in finding.Gone)
        {
            if (operations.Any(o => o.Name == gone.Name))
            {
                why = $"it does {gone.Text} in another order than its path, or less often";
            }
            else if (gone.Kind is SyncKind.Call or SyncKind.Atomic)
            {
                why = $"{gone.Text} of its path is not in it, which the kernel may write otherwise";
            }
            else if (done.TryGetValue(gone.Name, out var by))
            {
                why = $"{by}() does {gone.Text}, which its path does itself";
            }
            else if ((unknown.FirstOrDefault(u => SyncTable.Guess(u) is var (kind, _) && kind == gone.Kind) ?? unknown.FirstOrDefault()) is { } likely)
            {
                why = $"{likely}(), which is not found, may do {gone.Text}, as its path does";
            }
            else
            {
                certain ??= gone;
            }
        }

        return certain is { } missing
            ? finding with { Status = DriftStatus.Drifted, Why = $"its path does {missing.Text}, and neither it nor what it calls does" }
            : finding with { Why = why };
    }

    // What the functions that it calls do, as far as the tree shows, with which of them does; and what it calls that is not there.
    private (Dictionary<string, string> Done, HashSet<string> Unknown) Below(CFunction function, string file)
    {
        var (done, unknown) = (new Dictionary<string, string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        var seen = new HashSet<string>(StringComparer.Ordinal) { function.Name };
        var queue = new Queue<(CFunction Function, int Depth)>([(function, 0)]);
        while (queue.TryDequeue(out var next))
        {
            for (var i = 0; i + 1 < next.Function.Body.Count; i++)
            {
                var token = next.Function.Body[i];
                if (token.Kind != CTokenKind.Name || !next.Function.Body[i + 1].Is("("))
                {
                    continue;
                }

                if (next.Depth > 0 && modelled.Counts(token.Text) is var (_, name))
                {
                    done.TryAdd(name, next.Function.Name);
                }

                if (!seen.Add(token.Text))
                {
                    continue;
                }

                var callee = tree.Find(token.Text, file);
                if (callee is null && !Keywords.Contains(token.Text))
                {
                    unknown.Add(token.Text);
                }
                else if (callee is not null && next.Depth < MostNested)
                {
                    queue.Enqueue((callee, next.Depth + 1));
                }
            }
        }

        return (done, unknown);
    }

    private static Version? VersionOf(string at) =>
        at.StartsWith('v') && Version.TryParse(new string([.. at.Skip(1).TakeWhile(c => char.IsAsciiDigit(c) || c == '.')]), out var version) ? new Version(version.Major, version.Minor) : null;

    private static List<SyncOperation> Operations(IEnumerable<CFunction> functions, Func<string, (SyncKind Kind, string Name)?> counts) =>
        [.. functions.SelectMany(f => SyncSequence.Of(f.Body, counts))];

    // With what helpers of the same file do in the place of their calls.
    private List<SyncOperation> Expanded(CFunction function, string file, int depth)
    {
        var functions = tree.In(file)!;
        var found = new List<SyncOperation>();
        foreach (var operation in SyncSequence.Of(function.Body, name => modelled.Counts(name) ?? (functions.Contains(name) && name != function.Name ? (SyncKind.Call, name) : null)))
        {
            if (operation.Kind != SyncKind.Call || modelled.Counts(operation.Name) is not null)
            {
                found.Add(operation);
            }
            else if (depth < MostNested)
            {
                found.AddRange(Expanded(functions[operation.Name].First(), file, depth + 1));
            }
        }

        return found;
    }
}
