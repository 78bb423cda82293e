using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Verification;

/// <summary>What <c>verify</c> says to people: a line for each variant that comes to what the patch changes, the interleavings, and a summary to quote.</summary>
internal sealed class VerifyText(Paper paper, bool traces) : IVerifyReport
{
    private const int NameWidth = 12;

    private string _scenario = ""; // the one whose heading was printed last

    public void Begin(Plan plan)
    {
        paper.WriteProse($"Comparing {Prose.Count(plan.Jobs.Count, "variant")} of {Prose.Count(plan.Jobs.DistinctBy(j => j.Scenario).Count(), "scenario")} on {Prose.List(plan.Kernels)}, with {Series(plan)} and without.", 0);
        paper.WriteLine();
    }

    public void Add(Compared compared)
    {
        if (compared is { IsReached: false, Failure: null, Errors.Count: 0, Base.Fault: null, Base.Incomplete: null })
        {
            return; // counted in the end
        }

        if (_scenario != compared.Job.Scenario)
        {
            _scenario = compared.Job.Scenario;
            paper.Write(_scenario, Tone.Heading);
            paper.WriteLine(compared.Title.Length == 0 ? "" : $"  {compared.Title}");
        }

        paper.Write($"  {compared.Job.Variant.PadRight(NameWidth)}");
        if (compared.Failure is { } failure)
        {
            paper.WriteLine("  FAILED", Tone.Bad);
            paper.WriteProse(failure, 4, Tone.Bad);
            return;
        }

        if (compared.Errors.Count > 0)
        {
            paper.WriteLine("  not compared; see the errors", Tone.Bad);
            return;
        }

        var (before, after) = (compared.Base!, compared.Patched);
        paper.WriteLine($"  {Prose.Number(before.States)} states{(after is null ? "" : $", with the patch {(Same(before, after) ? "the same" : Prose.Number(after.States))}")}");
        foreach (var (side, name) in new[] { (before, "without the patch"), (after, "with the patch") })
        {
            if (side?.Fault is { } fault)
            {
                paper.WriteProse(side == after ? $"the patch is at fault: {fault}" : $"the model is at fault {name}: {fault}", 4, Tone.Bad);
            }
            else if (side?.Incomplete is { } reason)
            {
                paper.WriteProse($"not everything was explored {name}: {reason}", 4, Tone.Warning);
            }
        }

        if (after?.Fault is null)
        {
            WriteFindings(compared);
        }
        else if (after.FaultWay is { } way)
        {
            paper.WriteLine();
            Write(way);
        }
    }

    public void Finish(VerifySummary summary)
    {
        var findings = summary.Findings;
        foreach (var group in Introduced(findings))
        {
            WriteIntroduced(group);
        }

        paper.WriteLine();
        paper.WriteLine("Summary", Tone.Heading);
        paper.WriteProse($"{Series(summary.Plan)} change{(summary.Plan.Patches.Count == 1 ? "s" : "")} {(summary.Plan.Changed.Count == 0 ? "nothing that is modelled" : Prose.List([.. summary.Plan.Changed.Select(c => c.Name)]))}.", 2);
        WriteExtent(summary);
        WriteClass(findings, FindingClass.Introduced, "introduced", Tone.Bad);
        WriteClass(findings, FindingClass.Fixed, "fixed", Tone.Good);
        WriteClass(findings, FindingClass.PreExisting, "pre-existing", Tone.Plain);
        WriteUnaffected(summary);
        WriteClass(findings, FindingClass.Changed, "outcomes changed", Tone.Warning);
        WriteClass(findings, FindingClass.NowReachable, "now reachable", Tone.Plain);
        WriteClass(findings, FindingClass.NoLongerReachable, "no longer reachable", Tone.Warning);
        WriteClass(findings, FindingClass.Open, "not decided", Tone.Warning);
        if (summary.NoLongerReachable is { Count: > 0 } dead)
        {
            paper.WriteProse($"no longer reachable: {Prose.List(dead)}: no scenario runs {(dead.Count == 1 ? "it" : "them")} any more.", 2, Tone.Warning);
        }

        foreach (var function in summary.NotCovered)
        {
            paper.WriteProse($"NOT COVERED: {function.Name} ({function.File}:{function.Line}) is changed, and no scenario enters it. Nothing is said about it; write one: thpcheck new scenario NAME", 2, Tone.Bad);
        }

        foreach (var (kernel, why) in summary.Plan.Unfit)
        {
            paper.WriteProse($"It does not fit {kernel}: {why}", 2, Tone.Warning);
        }

        paper.WriteProse(Verdict(summary), 2, summary.ExitCode == CommandLine.ExitCodes.AsExpected ? Tone.Good : Tone.Bad);
        paper.WriteProse(
            "Not modelled: weak memory order, and what each path's remarks leave out (thpcheck list paths; docs/FIDELITY.md). "
            + "This is said of the model, in the scopes of these scenarios, under sequential consistency; never that the kernel is correct.", 2, Tone.Faint);
    }

    private static string Verdict(VerifySummary summary)
    {
        var interrupted = summary.Interrupted ? "Interrupted. " : "";
        return interrupted + summary.ExitCode switch
        {
            CommandLine.ExitCodes.WrongInput => $"{Prose.Count(summary.Failed.Count() + (summary.Errors.Count > 0 && !summary.Failed.Any() ? summary.Errors.Count : 0), "comparison")} could not be made as asked; the others stand.",
            CommandLine.ExitCodes.NotAsExpected => "It breaks what held without it.",
            _ when !summary.Reached.Any() => "No scenario comes to what it changes: nothing was verified.",
            _ when summary.ChangesNothing => "It changes nothing in what was explored: with it and without, the graphs are of the same size and say the same. It fixes nothing and breaks nothing.",
            _ => $"It breaks nothing in what was explored{(summary.Findings.Any(f => f.Class == FindingClass.Fixed) ? "" : ", and fixes nothing")}.",
        };
    }

    private void WriteExtent(VerifySummary summary)
    {
        var reached = summary.Reached.ToArray();
        var states = summary.All.Sum(c => (c.Base?.States ?? 0) + (c.Patched?.States ?? 0));
        var unreached = summary.All.Count - reached.Length - summary.All.Count(c => c.Base is null);
        string?[] sentences =
        [
            reached.Length == 0 ? $"Nothing {(summary.Failed.Any() ? "that could be compared " : "")}comes to that, as measured."
                : $"{Prose.Count(reached.Length, "variant")} of {Prose.Count(reached.DistinctBy(c => c.Job.Scenario).Count(), "scenario")} come{(reached.Length == 1 ? "s" : "")} to that, as measured.",
            $"{(summary.All.All(c => c is { Base.IsWhole: true, Patched: null or { IsWhole: true } }) ? "Every interleaving was explored" : "NOT everything was explored")} "
                + $"with it and without: {Prose.Number(states)} states in all (SC).",
            unreached == 0 ? null : $"{Prose.Count(unreached, "other variant")} {(unreached == 1 ? "does" : "do")} not, and {(unreached == 1 ? "is" : "are")} unaffected.",
            summary.Plan.Others == 0 ? null : $"{Prose.Count(summary.Plan.Others, "variant")} of other kernels {(summary.Plan.Others == 1 ? "was" : "were")} left out (--kernel all).",
        ];
        paper.WriteProse(string.Join(" ", sentences.OfType<string>()), 2);
    }

    private void WriteFindings(Compared compared)
    {
        foreach (var group in Finding.Of(compared).Where(f => f.Class != FindingClass.Unaffected).GroupBy(f => f.Class).OrderBy(g => g.Key))
        {
            paper.WriteProse($"{Word(group.Key)}: {string.Join(", ", group.Select(Name))}", 4, ToneOf(group.Key));
        }
    }

    private void WriteClass(IReadOnlyList<Finding> findings, FindingClass @class, string word, Tone tone)
    {
        var counted = findings.Where(f => f.Class == @class).GroupBy(Name).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Count() == 1 ? g.Key : $"{g.Key} ({g.Count()} variants)").ToArray();
        if (counted.Length > 0)
        {
            paper.WriteProse($"{word}: {string.Join(", ", counted)}.", 2, tone);
        }
    }

    private void WriteUnaffected(VerifySummary summary)
    {
        var unaffected = summary.Findings.Count(f => f.Class == FindingClass.Unaffected);
        if (unaffected > 0)
        {
            paper.WriteProse($"unaffected: {Prose.Number(unaffected)} others of the properties asked about.", 2);
        }
    }

    private static IEnumerable<IReadOnlyList<Finding>> Introduced(IReadOnlyList<Finding> findings) => findings
        .Where(f => f.Class == FindingClass.Introduced)
        .GroupBy(f => f.Name)
        .Select(g => (IReadOnlyList<Finding>)[.. g.OrderBy(f => (f.Way?.Switches ?? int.MaxValue, f.Way?.Steps ?? int.MaxValue))]);

    private void WriteIntroduced(IReadOnlyList<Finding> group)
    {
        foreach (var finding in traces ? group : group.Take(1))
        {
            paper.WriteLine();
            paper.WriteLine($"introduced: {Name(finding)}", Tone.Bad);
            var elsewhere = group.Count == 1 || traces ? "" : $", the cheapest of {group.Count} (--traces shows all)";
            paper.WriteProse($"in {finding.In.Job.Scenario}, {finding.In.Job.Variant}{elsewhere}", 2, Tone.Faint);
            paper.WriteProse(finding.In.Scope, 2, Tone.Faint);
            if (finding.Patched?.Message is { Length: > 0 } message)
            {
                paper.WriteProse(message, 2);
            }

            if (finding.Patched?.Promise is { Length: > 0 } promise)
            {
                paper.WriteProse($"Promised: {promise}", 2, Tone.Faint);
            }

            if (finding.Way is { } way)
            {
                paper.WriteLine();
                Write(way);
            }
        }
    }

    private void Write(Interleaving way)
    {
        foreach (var line in way.Text.TrimEnd('\n').Split('\n'))
        {
            paper.WriteLine(line);
        }
    }

    private static bool Same(Side before, Side after) => (before.States, before.Transitions, before.Ends) == (after.States, after.Transitions, after.Ends);

    private static string Series(Plan plan) => Prose.List([.. plan.Patches.Select(p => Path.GetFileName(p)!)]);

    private static string Name(Finding finding) => (finding.Patched ?? finding.Base)!.Class switch
    {
        Specs.Properties.PropertyClass.Hygiene => $"{finding.Name} (hygiene)",
        Specs.Properties.PropertyClass.Fact => $"{finding.Name} (fact)",
        _ => finding.Name,
    };

    private static string Word(FindingClass @class) => @class switch
    {
        FindingClass.Introduced => "introduced",
        FindingClass.Fixed => "fixed",
        FindingClass.PreExisting => "pre-existing",
        FindingClass.NoLongerReachable => "no longer reachable",
        FindingClass.NowReachable => "now reachable",
        FindingClass.Changed => "outcomes changed",
        FindingClass.Open => "not decided",
        _ => "unaffected",
    };

    private static Tone ToneOf(FindingClass @class) => @class switch
    {
        FindingClass.Introduced => Tone.Bad,
        FindingClass.Fixed => Tone.Good,
        FindingClass.NoLongerReachable or FindingClass.Open or FindingClass.Changed => Tone.Warning,
        _ => Tone.Plain,
    };
}
