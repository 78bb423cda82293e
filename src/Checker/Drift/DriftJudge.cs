namespace ThpCheck.Checker.Drift;

/// <summary>How a kernel's function stands to the path that is to stand for it.</summary>
internal enum DriftStatus
{
    /// <summary>It does not do what the path does, or with --since, not what it did.</summary>
    Drifted,

    /// <summary>It does not exist in this tree any more.</summary>
    Gone,

    CannotTell,

    /// <summary>The tree has not the file.</summary>
    Absent,

    /// <summary>The tree has it not, and the path was written from a later kernel, or from a patch.</summary>
    Later,

    /// <summary>It does what the path does, and other things: they are new, or the path leaves them out.</summary>
    More,

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
    /// <summary>Whether the path was written from a kernel of the tree's version, so that what the function does more is what the path leaves out.</summary>
    public bool IsOfVersion { get; init; }

    /// <summary>Where it is in the tree, or 0.</summary>
    public int Line { get; init; }

    /// <summary>What the path declares, or the older tree has, and the function has not.</summary>
    public IReadOnlyList<SyncOperation> Gone { get; init; } = [];

    /// <summary>What the function has and the path or the older tree has not.</summary>
    public IReadOnlyList<SyncOperation> New { get; init; } = [];
}

/// <summary>
/// Compares what a tree's functions do with what paths declare. What is compared is what is done, each operation by the name that all of its kind
/// have, by the function or by what it calls: C that shares an unlock by a goto has it once where a path has it twice, and what
/// one writes in place the other has a helper for. Of operations that both have once, the order is compared, too. A path leaves things out, so a
/// function may do more. With an older tree, which the paths were written from, the functions are compared with theirs, exactly.
/// </summary>
internal sealed class DriftJudge(Modelled modelled, SourceTree tree, SourceTree? since)
{
    private const int MostNested = 4; // below that, everything takes every lock
    private const int MostDefinitions = 6;
    private const int MostNestedCalls = 7; // of functions that are modelled, whose names are their own

    private static readonly string[] Keywords = ["if", "for", "while", "switch", "return", "sizeof", "typeof", "defined", "__attribute__", "likely", "unlikely", "data_race"];

    // They look at a word that they are given, or are for people who watch.
    private static readonly string[] Looks = ["trace_", "__builtin_", "pte_", "pmd_", "pud_", "p4d_", "pgd_", "page_to_", "pfn_", "folio_test_", "folio_nr_", "is_", "pr_", "lockdep_", "debug_", "list_", "swp_", "Page", "mt_", "__pte", "__pmd", "__pa", "__va"];

    // What a path changes by one the kernel may change by as many as there are, and look at the result.
    private static readonly (string Path, string[] Kernel)[] Alike =
    [
        ("atomic_inc", ["atomic_add", "atomic_inc_and_test", "atomic_inc_return", "atomic_add_return"]), ("atomic_dec", ["atomic_add", "atomic_add_negative", "atomic_dec_and_test", "atomic_dec_return"]),
        ("atomic_inc_not_zero", ["folio_try_get"]), ("flush_tlb_all", ["smp_call_function"]), ("atomic_dec_and_test", ["atomic_add_negative"]), ("atomic_add_negative", ["atomic_add"]), ("atomic_add", ["cmpxchg"]),
    ];

    /// <summary>What is found, by file and function.</summary>
    /// <param name="paths">What is asked of.</param>
    public IEnumerable<DriftFinding> Findings(IEnumerable<ModelledFunction> paths) =>
        paths.GroupBy(f => (f.File, f.Function)).OrderBy(g => g.Key.File, StringComparer.Ordinal).ThenBy(g => g.Key.Function, StringComparer.Ordinal).Select(g => Of(g.Key.File, g.Key.Function, [.. g]));

    private DriftFinding Of(string file, string function, ModelledFunction[] paths)
    {
        var finding = new DriftFinding(DriftStatus.CannotTell, file, function, paths[0], "") { IsOfVersion = tree.Version is { } of && paths.Any(p => VersionOf(p.At) == of) };
        if (tree.In(file) is not { } functions)
        {
            return finding with { Status = DriftStatus.Absent, Why = $"the tree has no {file}" };
        }

        if (!functions.Contains(function))
        {
            return tree.IsPutTogether(function, file) ? finding with { Status = paths.Any(p => modelled.DeclaredBy(p).Count == 0) ? DriftStatus.Same : DriftStatus.CannotTell, Why = "a macro of its file makes it" }
                : tree.FileOf(function) is { } elsewhere ? finding with { Why = $"it is in {elsewhere} there" }
                : tree.Version is { } version && paths.All(p => VersionOf(p.At) is not { } at || at > version) ? finding with { Status = DriftStatus.Later, Why = $"its path is of {paths[0].At}" }
                : finding with { Status = DriftStatus.Gone, Why = $"its file has no such function; its path is of {paths[0].At}" };
        }

        CFunction[] here = [.. functions[function]];
        finding = finding with { Line = here[0].FirstLine };
        if (here.Any(f => !f.IsWhole))
        {
            return finding with { Why = "its end cannot be found" };
        }

        return since is null ? Nearest(finding, here, paths) : Since(finding, here, file);
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

    // What stands for one function may be several paths, and the function may be there once for each configuration.
    private DriftFinding Nearest(DriftFinding finding, CFunction[] here, ModelledFunction[] paths)
    {
        var found = paths.SelectMany(path => here.Select(definition => Compare(finding with { Path = path, Line = definition.FirstLine }, path, definition)));
        var nearest = found.OrderByDescending(f => f.Status).ThenBy(f => f.Gone.Count).ThenBy(f => f.New.Count).First();
        return nearest.Status == DriftStatus.Drifted && here.Length > 1 ? nearest with { Status = DriftStatus.CannotTell, Why = $"there are {here.Length} of it, and none does what the path does" } : nearest;
    }

    private DriftFinding Compare(DriftFinding finding, ModelledFunction path, CFunction definition)
    {
        var declared = modelled.DeclaredBy(path);
        CFunction[] definitions = [definition, .. path.With.Where(w => w != definition.Name).SelectMany(w => tree.In(finding.File)![w])];
        var operations = Operations(definitions, modelled.Counts);
        var (below, unknown) = Below(definitions, finding.File);
        var done = operations.Select(o => o.Name).Concat(below).ToHashSet(StringComparer.Ordinal);
        var there = declared.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        SyncOperation[] gone = [.. declared.Where(o => !IsDone(o, done, 0)).DistinctBy(o => o.Name)];
        finding = finding with { Gone = gone, New = [.. operations.Where(o => !there.Contains(o.Name)).DistinctBy(o => o.Name)] };
        if (gone.Length == 0)
        {
            return Swapped(declared, Operations([definition], modelled.Counts)) is var (first, second) ? finding with { Why = $"it does {first} before {second}, and its path after it" }
                : finding.New.Count == 0 ? finding with { Status = DriftStatus.Same, Why = "as its path declares" }
                : finding with { Status = DriftStatus.More, Why = $"all that its path declares, and more, which {(finding.IsOfVersion ? "the path leaves out" : "is new or which the path leaves out")}" };
        }

        if (Modelled.HasToggles(path))
        {
            return finding with { Why = $"its path has several kernels' code in it, of which one does {gone[0].Text}" };
        }

        if (definition.HasConditions && gone.All(o => o.Kind is SyncKind.Call or SyncKind.Atomic))
        {
            return finding with { Why = "what of it is compiled depends on the configuration" };
        }

        // Who may do it that the tree does not show. A word that is changed atomically has many ways to be written.
        var why = "";
        foreach (var missing in gone)
        {
            if ((unknown.FirstOrDefault(u => SyncTable.Guess(u) is var (kind, _) && kind == missing.Kind) ?? unknown.FirstOrDefault()) is { } likely)
            {
                why = $"{likely}(), which is not found, may do {missing.Text}, as its path does";
            }
            else if (missing.Kind is SyncKind.Call or SyncKind.Atomic)
            {
                why = $"{missing.Text} of its path is not in it, which the kernel may write otherwise";
            }
            else
            {
                return finding with { Status = DriftStatus.Drifted, Why = $"its path does {missing.Text}, and neither it nor what it calls does" };
            }
        }

        return finding with { Why = why };
    }

    // What is called may also be written in place.
    private bool IsDone(SyncOperation operation, HashSet<string> done, int depth) => done.Contains(operation.Name)
        || Alike.Any(a => a.Path == operation.Name && a.Kernel.Any(done.Contains))
        || (operation.Kind == SyncKind.Call && depth < MostNested
            && modelled.Named(operation.Name).Any(p => modelled.DeclaredBy(p) is { Count: > 0 } parts && parts.All(o => IsDone(o, done, depth + 1))));

    // Two operations that each side has once, and in another order.
    private static (string First, string Second)? Swapped(IReadOnlyList<SyncOperation> declared, IReadOnlyList<SyncOperation> operations)
    {
        var places = Once(operations);
        var last = default((string Text, int Place)?);
        foreach (var (name, place) in Once(declared).OrderBy(o => o.Value.Place).Where(o => places.ContainsKey(o.Key)).Select(o => (o.Key, places[o.Key])))
        {
            if (last is var (text, before) && place.Place < before)
            {
                return (place.Text, text);
            }

            last = (place.Text, place.Place);
        }

        return null;
    }

    private static Dictionary<string, (string Text, int Place)> Once(IReadOnlyList<SyncOperation> operations) => operations.Select((o, i) => (o.Name, o.Text, o.Kind, Place: i))
        .Where(o => o.Kind is SyncKind.Lock or SyncKind.Unlock or SyncKind.Section or SyncKind.Flush or SyncKind.Barrier) // the others stand in branches that exclude each other
        .GroupBy(o => o.Name, StringComparer.Ordinal).Where(g => g.Count() == 1).ToDictionary(g => g.Key, g => (g.First().Text, g.First().Place), StringComparer.Ordinal);

    // What the functions that it calls do, as far as the tree shows; and what it calls that is not there.
    private (HashSet<string> Done, List<string> Unknown) Below(CFunction[] functions, string file)
    {
        var (done, unknown) = (new HashSet<string>(StringComparer.Ordinal), new List<string>());
        var seen = functions.Select(f => f.Name).ToHashSet(StringComparer.Ordinal);
        var queue = new Queue<(CFunction Function, int Depth)>(functions.Select(f => (f, 0)));
        while (queue.TryDequeue(out var next))
        {
            var body = next.Function.Body;
            for (var i = 0; i < body.Count; i++)
            {
                var isCall = i + 1 < body.Count && body[i + 1].Is("(");
                if (body[i].Kind != CTokenKind.Name || (!isCall && !IsPointer(body, i, file)))
                {
                    continue;
                }

                foreach (var name in isCall && i > 0 && body[i - 1].Text is "->" or "." ? tree.Behind(body[i].Text) : [body[i].Text])
                {
                    if ((next.Depth > 0 || !isCall || name != body[i].Text) && modelled.Counts(name) is var (kind, common) && (next.Depth <= MostNested || kind == SyncKind.Call))
                    {
                        done.Add(common);
                    }

                    if (!seen.Add(name))
                    {
                        continue;
                    }

                    var isThere = false;
                    foreach (var callee in tree.Find(name, file).Take(MostDefinitions))
                    {
                        isThere = true;
                        if (next.Depth < MostNestedCalls)
                        {
                            queue.Enqueue((callee, next.Depth + 1));
                        }
                    }

                    if (!isThere && next.Depth < MostNested && SyncTable.Of(name) is null && name.Any(char.IsLower) && !Keywords.Contains(name) && !Looks.Any(l => name.StartsWith(l, StringComparison.Ordinal)))
                    {
                        unknown.Add(name);
                    }
                }
            }
        }

        return (done, unknown);
    }

    // A function of the file, or one that is modelled, that is handed on.
    private bool IsPointer(IReadOnlyList<CToken> body, int at, string file) =>
        at > 0 && at + 1 < body.Count && body[at - 1].Text is "=" or "," or "(" or "&" && body[at + 1].Text is "," or ")" or ";" or "}"
        && (modelled.Named(body[at].Text).Count > 0 || tree.In(file)?.Contains(body[at].Text) == true);

    private static Version? VersionOf(string at) =>
        at.StartsWith('v') && Version.TryParse(new string([.. at.Skip(1).TakeWhile(c => char.IsAsciiDigit(c) || c == '.')]), out var version) ? new Version(version.Major, version.Minor) : null;

    private static List<SyncOperation> Operations(IEnumerable<CFunction> functions, Func<string, (SyncKind Kind, string Name)?> counts) =>
        [.. functions.SelectMany(f => SyncSequence.Of(f.Body, counts))];
}
