using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Kernel;

namespace ThpCheck.Checker.Gate;

/// <summary>What has to be modelled of a diff: the functions that keep it from passing, and of which release.</summary>
/// <param name="Release">The release.</param>
/// <param name="Functions">What to override there.</param>
internal sealed record ModelToWrite(string Release, IReadOnlyList<SkeletonFunction> Functions)
{
    private const int MostNoted = 60;
    private const int Around = 4;

    /// <summary>Chooses the release that has most of the functions; of several the tree's own, then the usual one.</summary>
    /// <param name="findings">What the diff means.</param>
    /// <param name="release">The release that is meant, or null.</param>
    /// <param name="tree">The version of the kernel that the diff is of, as far as it is known.</param>
    /// <returns>Null where nothing that holds the diff can be overridden.</returns>
    public static ModelToWrite? Of(IReadOnlyList<GateFinding> findings, string? release, Version? tree)
    {
        var held = findings.Where(f => f.Holds && f.Function is not null && f.Paths.Count > 0).ToArray();
        var best = default(ModelToWrite);
        var most = 0;
        foreach (var candidate in Candidates(release, tree))
        {
            var known = KernelFunctions.ByFunction(candidate);
            var of = held.Select(f => (Finding: f, Functions: f.Paths.Select(p => (p.File, p.Function)).Distinct().SelectMany(k => known[k]).Distinct().ToArray())).Where(f => f.Functions.Length > 0).ToArray();
            if (of.Length > most)
            {
                most = of.Length;
                best = new(candidate, [.. of.SelectMany(f => f.Functions, (f, function) => (f.Finding, Function: function)).GroupBy(f => f.Function).Select(g => new SkeletonFunction(g.Key, [.. g.SelectMany(f => Notes(f.Finding))]))]);
            }

            if (most == held.Length)
            {
                break;
            }
        }

        return best;
    }

    /// <summary>The releases that may be meant: the one that is, or the tree's own, then the usual one, then all others.</summary>
    public static IEnumerable<string> Candidates(string? release, Version? tree) => release is not null ? [release]
        : Releases.All.Keys.OrderByDescending(r => r == $"linux-{tree}").ThenByDescending(r => r == KernelFunctions.Usual).ThenBy(r => r, StringComparer.Ordinal);

    /// <summary>The command that writes it.</summary>
    /// <param name="name">The patch's name.</param>
    /// <param name="diff">The diff's file, or <c>-</c>.</param>
    /// <param name="kernel">The tree that it was compared in, or null.</param>
    public string Command(string name, string diff, string? kernel)
    {
        // What stood on the standard input is not there any more.
        var what = diff == "-" ? string.Concat(Functions.Select(f => f.Function.Name).Distinct().Select(f => $" --function {f}")) : $" --diff {Prose.Quote(diff)}{(kernel is null ? "" : $" --tree {Prose.Quote(kernel)}")}";
        return $"thpcheck new patch {name} --kernel {Release}{what}";
    }

    private static IEnumerable<string> Notes(GateFinding finding)
    {
        var place = finding.Line > 0 ? $"{finding.File}:{finding.Line}" : finding.File;
        if (finding.Sequence.Count == 0)
        {
            yield return Plain($"The diff, in {place}: {finding.Why}.");
            yield break;
        }

        yield return Plain($"What the diff does to its synchronisation, in {place}:");
        var shown = new bool[finding.Sequence.Count];
        for (var i = 0; i < shown.Length; i++)
        {
            if (finding.Sequence[i].Sign != ' ' || shown.Length <= MostNoted)
            {
                Array.Fill(shown, true, Math.Max(0, i - Around), Math.Min(shown.Length, i + Around + 1) - Math.Max(0, i - Around));
            }
        }

        for (var i = 0; i < shown.Length; i++)
        {
            if (shown[i])
            {
                yield return Plain($"  {finding.Sequence[i].Sign} {finding.Sequence[i].Operation.Text}");
            }
            else if (i == 0 || shown[i - 1])
            {
                yield return "    ...";
            }
        }
    }

    // It comes to stand in a comment of C#, which ends with the line, whatever Unicode takes for one.
    private static string Plain(string text) => new([.. text.Select(c => c is >= ' ' and <= '~' ? c : '?')]);
}
