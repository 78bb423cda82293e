using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>An interleaving in a text report: its schedule, its columns, the command that replays it.</summary>
internal static class TraceText
{
    /// <summary>What failed. What is asked in the end is asked after the scenario's last calls, which no step shows.</summary>
    public static string Message(Specs.Format.ScenarioFile scenario, Failure failure) =>
        failure.Property?.Form == PropertyForm.Finally && scenario.Teardown.Count > 0
            ? $"after {Prose.List([.. scenario.Teardown.Select(c => $"{c with { Result = null }}")])}, called alone in the end: {failure.Message}"
            : failure.Message;

    /// <summary>The schedule in a line: turns with their steps, <c>/</c> before a preemption, and what it costs.</summary>
    public static string Schedule(Counterexample way) =>
        $"schedule: {Turns(way.Trace)}   ({Cost(way.Switches, way.Steps)}; {Standing(way)})";

    /// <summary>Where the interleaving is lost, in a line; null where that is not known.</summary>
    public static string? NoReturn(Counterexample way)
    {
        switch (way.NoReturn)
        {
            case null:
                return null;
            case { Step: 0 }:
                return "point of no return: the beginning; every execution fails";
            case { Step: var step } point:
                var instead = point.Instead.Select(o => $"{o.Thread}'s {o.Operation}{(o.Function == o.Thread ? "" : $" in {o.Function}()")}").ToList();
                if (point.CouldEnd)
                {
                    instead.Add("the end of the execution");
                }

                return $"point of no return: step {Prose.Number(step)} (marked !); before it, {Prose.List(instead)} could still have avoided the failure";
        }
    }

    private static string Standing(Counterexample way) =>
        way.Hit is { Seed: null } ? "as the trace says; not minimal"
        : way.Hit is { } hit ? $"found in execution {Prose.Number(hit.Execution)} of seed {hit.Seed}, {(hit.Hits == 1 ? "the only one" : $"one of {Prose.Number(hit.Hits)}")} in the sample; not minimal"
        : way.IsCutShort ? "the first found: the search for the cheapest was interrupted"
        : way.IsMinimal ? "no interleaving with fewer exists"
        : "the least found, as not everything was explored";

    /// <summary>The turns of the threads, or that there are none.</summary>
    public static string Turns(Trace trace) => trace.Steps.Count == 0 ? "none, it is so in the initial state" : trace.Outline;

    public static string Cost(int switches, int steps) => $"{Prose.Count(switches, "context switch")}, {Prose.Count(steps, "step")}";

    /// <summary>The command that shows an interleaving again.</summary>
    public static string Replay(BoundVariant bound, string schedule) =>
        $"thpcheck replay {Prose.Quote(bound.Scenario.Path)} --variant {Prose.Quote(bound.Variant.Name.Value)}{string.Concat(bound.Variant.Added.Select(w => $" {Prose.Quote(w)}"))} --schedule {Prose.Quote(schedule)}";

    /// <summary>A trace with the columns of the threads that step in it or wait at its end.</summary>
    public static TraceView View(BoundVariant bound, Trace trace, string mark, Ending? ending, bool full)
    {
        var machine = bound.Instance.Machine;
        var waiting = ending?.Waiting ?? [];
        var seen = trace.Steps.Select(s => s.Thread).Concat(waiting.Select(w => w.Thread)).ToHashSet();
        var lanes = new List<Lane>();
        var cpu = 0;
        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            var name = machine.ThreadName(thread);
            var isEnvironment = machine.ThreadKind(thread) == ThreadKind.Environment;
            if (seen.Contains(name))
            {
                var calls = bound.Scenario.Threads.FirstOrDefault(t => t.Name.Value == name)?.Calls;
                lanes.Add(new Lane(name, isEnvironment ? $"{name} (environment)" : $"{name} (CPU {cpu})", calls is [var call] ? call.ToString() : ""));
            }

            cpu += isEnvironment ? 0 : 1;
        }

        return new TraceView(trace.Steps, lanes) { Mark = mark, Waiting = waiting, Full = full };
    }

    /// <summary>What the last step of an interleaving is marked with: the bug it is, or the property it breaks.</summary>
    public static string Mark(Property? property, string sentence) => property?.Form switch
    {
        PropertyForm.KernelBug => sentence.Split(':')[0],
        PropertyForm.Always or PropertyForm.AlwaysAt or PropertyForm.AlwaysOutside => property.Name,
        _ => "", // what is looked at in the end is no step's doing
    };
}
