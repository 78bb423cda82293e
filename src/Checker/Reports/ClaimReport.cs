using ThpCheck.Checker.Reachability;
using ThpCheck.Checker.Replay;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Reports;

/// <summary>What <c>can</c> says about a variant.</summary>
internal static class ClaimReport
{
    /// <param name="paper">Where it goes.</param>
    /// <param name="bound">The variant.</param>
    /// <param name="claim">The claim.</param>
    /// <param name="answer">What came of it.</param>
    /// <param name="trace">Whether the interleaving is shown step by step.</param>
    /// <param name="full">Whether it is shown whole.</param>
    public static void Write(Paper paper, BoundVariant bound, Claim claim, ClaimAnswer answer, bool trace, bool full)
    {
        var name = bound.Variant.Name.Value;
        if (answer.Schedule is { } schedule)
        {
            WritePossible(paper, bound, claim, answer, [.. schedule], trace, full);
        }
        else if (answer.Incomplete is { } reason)
        {
            paper.WriteProse($"{name}: NOT DECIDED: {reason}; not found in {Prose.Count(answer.States, "state")}", 2, Tone.Warning);
        }
        else
        {
            paper.WriteProse($"{name}: impossible in this scope; {Prose.Count(answer.States, "state")}, all explored", 2);
            paper.WriteProse(Obstacle(claim, answer), 4, Tone.Faint);
        }
    }

    private static void WritePossible(Paper paper, BoundVariant bound, Claim claim, ClaimAnswer answer, Exploration.Choice[] schedule, bool trace, bool full)
    {
        var run = Replayer.Run(bound.Instance, schedule);
        var steps = run.Steps.Select(s => answer.At.ToList().IndexOf(s.Number) is >= 0 and var i ? s with { Notes = [.. s.Notes, $"{i + 1}: {claim.Steps[i].Text}"] } : s).ToArray();
        paper.WriteProse($"{bound.Variant.Name}: possible", 2);
        paper.WriteProse($"schedule: {TraceText.Turns(run)}   ({TraceText.Cost(run.Switches, steps.Length)}; no interleaving with fewer exists)", 4);
        if (trace)
        {
            paper.WriteLine();
            TraceColumns.Write(paper, TraceText.View(bound, run with { Steps = steps }, "", null, full), 2);
            paper.WriteLine();
        }

        if (run.Ending is { } ending)
        {
            paper.WriteProse($"It ends there: {ending}", 4, Tone.Warning);
        }

        paper.WriteLine($"    {TraceText.Replay(bound, Schedule.Format(bound.Instance.Machine, schedule))}", Tone.Faint);
    }

    // What is in the way: an event that never happens at all, or that cannot follow the ones before it.
    private static string Obstacle(Claim claim, ClaimAnswer answer) => answer.Never is [var never, ..]
        ? $"'{claim.Steps[never].Text}' happens in no execution"
        : $"{(answer.Furthest == 1 ? "the first event can happen" : $"the first {answer.Furthest} events can happen in this order")}, but then never '{claim.Steps[answer.Furthest].Text}'";
}
