using ThpCheck.Checker.Differences;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Reports;

/// <summary>One of two variants that are compared.</summary>
/// <param name="Bound">The variant.</param>
/// <param name="States">Its End states, and what else was found on the way.</param>
/// <param name="Contents">What its functions do.</param>
internal sealed record ComparedVariant(BoundVariant Bound, EndStates States, SortedDictionary<(string Function, string Operation), int> Contents)
{
    public string Name => string.Join(' ', (string[])[Bound.Variant.Name.Value, .. Bound.Variant.Added]);
}

/// <summary>What <c>diff</c> says: End states that one variant reaches and the other does not, and what its functions do more or less.</summary>
internal static class DifferenceReport
{
    private const int MostStates = 5;
    private const int MostCells = 8;

    private static readonly string[] Locks =
    [
        nameof(OperationCode.spin_lock), nameof(OperationCode.spin_trylock), nameof(OperationCode.bit_spin_lock), nameof(OperationCode.bit_spin_trylock),
        nameof(OperationCode.down_read), nameof(OperationCode.down_read_trylock), nameof(OperationCode.down_write), nameof(OperationCode.down_write_trylock),
        nameof(OperationCode.folio_lock), nameof(OperationCode.folio_trylock),
    ];

    /// <returns>Whether anything differs.</returns>
    public static bool Write(Paper paper, ComparedVariant one, ComparedVariant two, Budget budget, CancellationToken stop)
    {
        foreach (var variant in (ComparedVariant[])[one, two])
        {
            var failing = variant.States.Failing;
            paper.WriteProse(
                $"{variant.Name}: {Prose.Count(variant.States.Result.States, "state")}, {Prose.Count(variant.States.All.Count, "different end state")}"
                + (failing.Count == 0 ? "" : $"; it does not hold, so what comes after a failure is not compared: {Prose.List(failing)}"),
                2, failing.Count == 0 ? Tone.Faint : Tone.Warning);
        }

        var differs = WriteEnds(paper, one, two, budget, stop);
        differs |= WriteEnds(paper, two, one, budget, stop);
        if (!differs)
        {
            paper.WriteLine();
            paper.WriteProse("Each end state of the one is an end state of the other.", 2);
        }

        WriteSteps(paper, one, two);
        return differs | WriteFunctions(paper, one, two);
    }

    private static bool WriteEnds(Paper paper, ComparedVariant here, ComparedVariant there, Budget budget, CancellationToken stop)
    {
        var only = here.States.All.Except(there.States.All).Order(StringComparer.Ordinal).ToArray();
        if (only.Length == 0)
        {
            return false;
        }

        paper.WriteLine();
        paper.WriteLine($"  Only {here.Name} reaches {Prose.Count(only.Length, "end state")}{(only.Length > MostStates ? $", of which {MostStates} are shown" : "")}", Tone.Heading);
        foreach (var state in only.Take(MostStates))
        {
            paper.WriteLine();
            if (there.States.All.Count > 0)
            {
                var differences = there.States.All.Order(StringComparer.Ordinal).Select(s => here.States.Compare(state, s)).MinBy(d => d.Count)!;
                foreach (var (cell, value, other) in differences.Take(MostCells))
                {
                    paper.WriteProse($"{cell} = {value} (at the nearest of {there.Name}: {other})", 4);
                }

                if (differences.Count > MostCells)
                {
                    paper.WriteProse($"and {differences.Count - MostCells} more", 4, Tone.Faint);
                }
            }

            if (here.States.WayTo(state, budget, stop) is { } way)
            {
                paper.WriteProse(TraceText.Schedule(way), 4);
                paper.WriteLine($"    {TraceText.Replay(here.Bound, way.Schedule)}", Tone.Faint);
            }
        }

        return true;
    }

    private static void WriteSteps(Paper paper, ComparedVariant one, ComparedVariant two)
    {
        if (one.States.Cheapest is not { } first || two.States.Cheapest is not { } second)
        {
            return;
        }

        paper.WriteLine();
        paper.WriteLine("  Steps and locks of each thread where nobody is in its way (the cheapest execution from beginning to end)", Tone.Heading);
        paper.WriteLine();
        foreach (var thread in first.Threads.Where(t => first.Steps.Concat(second.Steps).Any(s => s.Thread == t)))
        {
            var (before, after) = (Count(first, thread), Count(second, thread));
            paper.WriteLine($"    {thread}: {Change(before.Steps, after.Steps, "step")}, {Change(before.Locks, after.Locks, "lock")}", before == after ? Tone.Faint : Tone.Plain);
        }
    }

    private static bool WriteFunctions(Paper paper, ComparedVariant one, ComparedVariant two)
    {
        var changes = one.Contents.Keys.Union(two.Contents.Keys)
            .Select(k => (k.Function, k.Operation, Before: one.Contents.GetValueOrDefault(k), After: two.Contents.GetValueOrDefault(k)))
            .Where(c => c.Before != c.After)
            .GroupBy(c => c.Function)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .ToArray();
        paper.WriteLine();
        if (changes.Length == 0)
        {
            paper.WriteProse("Every function does the same in the same number of places.", 2);
            return false;
        }

        paper.WriteLine($"  What functions do in more (+) or fewer (-) places, from {one.Name} to {two.Name}, in all executions together", Tone.Heading);
        foreach (var function in changes)
        {
            paper.WriteLine();
            paper.WriteLine($"    {function.Key}()");
            foreach (var change in function.OrderBy(c => c.Operation, StringComparer.Ordinal))
            {
                var places = change.Before > 0 && change.After > 0 ? $"   ({change.Before} before, {change.After} after)" : "";
                paper.WriteLine($"      {(change.After > change.Before ? "+" : "-")} {change.Operation}{places}", IsLock(change.Operation) ? Tone.Warning : Tone.Plain);
            }
        }

        return true;
    }

    private static (int Steps, int Locks) Count(Trace trace, string thread)
    {
        var steps = trace.Steps.Where(s => s.Thread == thread).ToArray();
        return (steps.Length, steps.Count(s => IsLock(s.Operation)));
    }

    private static bool IsLock(string operation) => Locks.Contains(operation.Split('(')[0]);

    private static string Change(int before, int after, string what) =>
        before == after ? Prose.Count(before, what) : $"{Prose.Number(before)} -> {Prose.Count(after, what)}";
}
