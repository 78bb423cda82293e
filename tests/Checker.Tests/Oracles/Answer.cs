using System.Text;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>What is said of a little program, by the engine or by the oracle, in words that both know.</summary>
internal sealed record Answer
{
    public required VariantVerdict Verdict { get; init; }

    /// <summary>How many states there are besides those in which an execution was cut short.</summary>
    public long States { get; init; }

    /// <summary>How many executions were cut short, by a bug or a pool that was used up.</summary>
    public int CutShort { get; init; }

    public long Transitions { get; init; }

    public int Depth { get; init; }

    public int Ends { get; init; }

    /// <summary>Each property's verdict, and the cheapest way to break it.</summary>
    public SortedDictionary<string, (Verdict Verdict, string Way)> Properties { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The cheapest way into a deadlock, or nothing.</summary>
    public string Deadlock { get; init; } = "";

    /// <summary>The cheapest way into a livelock, or nothing.</summary>
    public string Livelock { get; init; } = "";

    /// <summary>What memory holds in the End states.</summary>
    public SortedSet<string> Memories { get; init; } = new(StringComparer.Ordinal);

    /// <summary>The engine's answer.</summary>
    /// <param name="program">The program.</param>
    /// <param name="budget">How it is searched.</param>
    /// <param name="keepsDeadFields">Whether its frames keep their dead fields.</param>
    public static Answer OfEngine(LittleProgram program, Budget budget, bool keepsDeadFields = false)
    {
        Found found;
        try
        {
            found = BreadthFirstExplorer.Run(LittleMachine.Make(program, keepsDeadFields), budget);
        }
        catch (ModelFaultException)
        {
            return new Answer { Verdict = VariantVerdict.ModelFault };
        }

        if (found.Fault is not null)
        {
            return new Answer { Verdict = VariantVerdict.ModelFault };
        }

        if (budget.Reductions != Reductions.None)
        {
            return OfReduced(found);
        }

        var result = Judge.Of(found, budget);
        return new Answer
        {
            Verdict = result.Verdict,
            States = result.States - found.Sinks.Count,
            CutShort = found.Sinks.Count,
            Transitions = result.Transitions,
            Depth = result.Depth,
            Ends = result.Ends,
            Properties = new(result.Properties.ToDictionary(p => p.Property.Name, p => (p.Verdict, Way(p.Counterexample))), StringComparer.Ordinal),
            Deadlock = Way(result.Deadlock),
            Livelock = Way(result.Livelock),
            Memories = MemoriesOf(result.Properties),
        };
    }

    /// <summary>The same without what depends on how states are told apart: how many there are, and which of several cheapest ways is named.</summary>
    public Answer WithoutGraph() => this with
    {
        States = 0,
        CutShort = 0,
        Transitions = 0,
        Depth = 0,
        Ends = 0,
        Properties = new(Properties.ToDictionary(p => p.Key, p => (p.Value.Verdict, CostOf(p.Value.Way))), StringComparer.Ordinal),
        Deadlock = CostOf(Deadlock),
        Livelock = CostOf(Livelock),
    };

    /// <summary>The same without ways: what a reduced search says. Of its End states it knows what memory holds.</summary>
    public Answer WithoutWays() => WithoutGraph() with
    {
        Verdict = default,
        Properties = new(Properties.ToDictionary(p => p.Key, p => (p.Value.Verdict, "")), StringComparer.Ordinal),
        Deadlock = Deadlock.Length == 0 ? "" : " one",
        Livelock = Livelock.Length == 0 ? "" : " one",
    };

    /// <summary>A way as text: its cost, then its schedule.</summary>
    public static string Way(Cost cost, IReadOnlyList<Choice> schedule, IReadOnlyList<string> threads)
    {
        var text = new StringBuilder();
        for (var i = 0; i < schedule.Count;)
        {
            var same = schedule.Skip(i).TakeWhile(c => c == schedule[i]).Count();
            text.Append(i == 0 ? "" : ",").Append(threads[schedule[i].Thread]);
            text.Append(schedule[i].Pick == 0 ? "" : $"#{schedule[i].Pick}").Append(same == 1 ? "" : $"*{same}");
            i += same;
        }

        return Way(cost.Switches, cost.Steps, text.ToString());
    }

    /// <summary>A line for each thing that is said.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Verdict}, {States} and {CutShort} states, {Transitions} transitions, depth {Depth}, {Ends} ends");
        foreach (var (name, (verdict, way)) in Properties)
        {
            text.AppendLine($"{name}: {verdict}{way}");
        }

        text.AppendLine($"deadlock:{Deadlock}").AppendLine($"livelock:{Livelock}");
        foreach (var memory in Memories)
        {
            text.AppendLine($"end {memory}");
        }

        return text.ToString();
    }

    private static Answer OfReduced(Found found)
    {
        var verdicts = Judge.VerdictsOf(found);
        return new Answer
        {
            Verdict = default,
            Properties = new(verdicts.Properties.ToDictionary(p => p.Property.Name, p => (p.Verdict, "")), StringComparer.Ordinal),
            Deadlock = verdicts.Deadlock ? " one" : "",
            Livelock = verdicts.Livelock ? " one" : "",
            Memories = MemoriesOf(verdicts.Properties),
        };
    }

    private static SortedSet<string> MemoriesOf(IEnumerable<PropertyResult> properties) =>
        new(properties.Single(p => p.Property.Name == "memory").Outcomes!.Select(o => string.Join(',', o)), StringComparer.Ordinal);

    // Of "1 switches, 3 steps, t0*2,t1" all but the schedule.
    private static string CostOf(string way) => string.Join(',', way.Split(',').Take(2));

    private static string Way(Counterexample? way) => way is null ? "" : Way(way.Switches, way.Steps, way.Schedule);

    private static string Way(int switches, int steps, string schedule) => $" {switches} switches, {steps} steps, {schedule}";
}
