using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>
/// The oracle: every state of a little program as text, every step between them, and what they say, each read off by the
/// shortest way from the definition.
/// </summary>
internal sealed class NaiveSearch
{
    private readonly LittleProgram _program;
    private readonly NaiveMachine _machine;
    private readonly List<Found> _states = []; // by number, in breadth-first order
    private readonly Dictionary<string, int> _numbers = [];
    private readonly SortedDictionary<string, List<Spot>> _findings = new(StringComparer.Ordinal);
    private readonly HashSet<string> _occurred = [];
    private bool _tooSmall;

    private NaiveSearch(LittleProgram program)
    {
        _program = program;
        _machine = new NaiveMachine(program);
    }

    /// <summary>What the oracle says of a program; null when it has more states than that.</summary>
    public static Answer? Of(LittleProgram program, int mostStates)
    {
        var search = new NaiveSearch(program);
        try
        {
            return search.Explore(mostStates) ? search.Sum() : null;
        }
        catch (NaiveFaultException)
        {
            return new Answer { Verdict = VariantVerdict.ModelFault };
        }
    }

    private bool Explore(int mostStates)
    {
        Number(_machine.Initial(), depth: 0);
        LookAt(0);
        for (var number = 0; number < _states.Count; number++)
        {
            if (_states.Count > mostStates)
            {
                return false;
            }

            if (_states[number].World is not { } world)
            {
                continue; // an execution that was cut short
            }

            for (var thread = 0; thread < world.Threads.Length; thread++)
            {
                var ways = _machine.Ways(world, thread);
                for (var way = 0; way < ways; way++)
                {
                    Step(number, world, new Choice(thread, way));
                }
            }
        }

        return true;
    }

    private void Step(int number, World world, Choice choice)
    {
        var next = world.Copy();
        var taken = _machine.Step(next, choice.Thread, choice.Pick);
        var known = _states.Count;
        var target = Number(taken.IsFinal ? null : next, _states[number].Depth + 1, $"{number} {choice}");
        var edge = new Spot(number, (choice, target));
        _states[number].Steps.Add((choice, target));
        _tooSmall |= taken.TooSmall;
        if (taken.Fatal != KernelBug.None)
        {
            Add(KernelBugProperties.For(taken.Fatal).Name, edge);
        }

        foreach (var bug in taken.Tolerated)
        {
            Add(KernelBugProperties.For(bug).Name, edge);
        }

        if (taken.IsFinal)
        {
            return;
        }

        foreach (var (name, item) in taken.Events)
        {
            _occurred.Add(name);
            if (name == "event" ? next.Memory["x"] == 1 || item != 0 : next.Memory["y"] >= 2)
            {
                Add(name == "event" ? "event-while-x-is-not-1" : "path-ends-with-y-below-2", edge);
            }
        }

        if (target == known)
        {
            LookAt(target);
        }
    }

    private void LookAt(int number)
    {
        var world = _states[number].World!;
        var here = new Spot(number, null);
        if (world.Memory["x"] >= 3)
        {
            Add("x-stays-below-3", here);
        }

        if (world.Memory["ghost"] >= 2)
        {
            Add("ghost-stays-below-2", here);
        }

        if (world.Memory["y"] >= 2 && world.Threads.All(t => t.Region == 0))
        {
            Add("y-below-2-outside-the-region", here);
        }

        if (world.Memory["x"] != 0 && world.Threads.All(t => t.Held.All(h => h.Lock != "a")))
        {
            Add("x-is-0-outside-a", here);
        }

        if (world.Memory["x"] == 2)
        {
            _occurred.Add("x-is-2");
        }

        if (_machine.IsEnd(world) && world.Memory["x"] != world.Memory["y"])
        {
            Add("x-is-y", here);
        }
    }

    private Answer Sum()
    {
        var ends = Where(s => s.World is { } world && _machine.IsEnd(world));
        var sinks = Where(s => s.World is null);
        var (deadlocks, livelocks) = _tooSmall ? ([], []) : Stuck([.. ends, .. sinks]);
        var costs = _findings.Count > 0 || deadlocks.Count > 0 || livelocks.Count > 0 ? Costs() : [];
        var properties = new SortedDictionary<string, (Verdict Verdict, string Way)>(StringComparer.Ordinal);
        foreach (var bug in KernelBugProperties.All)
        {
            properties.Add(bug.Name, Judged(bug.Name, true));
        }

        properties.Add("x-stays-below-3", Judged("x-stays-below-3", true));
        properties.Add("ghost-stays-below-2", Judged("ghost-stays-below-2", true));
        properties.Add("y-below-2-outside-the-region", Judged("y-below-2-outside-the-region", true));
        properties.Add("x-is-0-outside-a", Judged("x-is-0-outside-a", true));
        properties.Add("event-while-x-is-not-1", Judged("event-while-x-is-not-1", _occurred.Contains("event")));
        properties.Add("path-ends-with-y-below-2", Judged("path-ends-with-y-below-2", _occurred.Contains("end")));
        properties.Add("x-is-y", Judged("x-is-y", ends.Count > 0));
        properties.Add("x-is-2", (_occurred.Contains("x-is-2") ? Verdict.Holds : _tooSmall ? Verdict.Incomplete : Verdict.Violated, ""));
        properties.Add("memory", (_tooSmall ? Verdict.Incomplete : ends.Count == 0 ? Verdict.Vacuous : Verdict.Holds, ""));
        var safety = properties.Where(p => p.Key is not ("x-is-0-outside-a" or "x-is-2" or "x-is-y" or "event-while-x-is-not-1"))
            .Select(p => p.Value.Verdict).ToArray();
        return new Answer
        {
            Verdict = safety.Contains(Verdict.Violated) ? VariantVerdict.Violated
                : _tooSmall ? VariantVerdict.Incomplete
                : deadlocks.Count > 0 ? VariantVerdict.Deadlock
                : livelocks.Count > 0 ? VariantVerdict.Livelock
                : safety.Contains(Verdict.Vacuous) ? VariantVerdict.Vacuous
                : VariantVerdict.Holds,
            States = _states.Count - sinks.Count,
            CutShort = sinks.Count,
            Transitions = _states.Sum(s => s.Steps.Count),
            Depth = _states.Max(s => s.Depth),
            Ends = ends.Count,
            Properties = properties,
            Deadlock = Cheapest([.. deadlocks.Select(s => new Spot(s, null))]),
            Livelock = Cheapest([.. livelocks.Select(s => new Spot(s, null))]),
            Memories = new(ends.Select(s => MemoryOf(_states[s].World!)), StringComparer.Ordinal),
        };

        (Verdict, string) Judged(string name, bool occurred) =>
            _findings.TryGetValue(name, out var spots) ? (Verdict.Violated, Cheapest(spots))
            : _tooSmall ? (Verdict.Incomplete, "")
            : occurred ? (Verdict.Holds, "")
            : (Verdict.Vacuous, "");

        string Cheapest(IReadOnlyList<Spot> spots) => spots.Count == 0 ? "" : WayText(spots.SelectMany(s => WaysTo(s, costs)).Min()!);
    }

    /// <summary>
    /// Of the states from which no way leads to an end or a bug: deadlocks, where no thread that owes its end there can ever
    /// step again, and livelocks, from which none of these can be reached.
    /// </summary>
    private (List<int> Deadlocks, List<int> Livelocks) Stuck(IReadOnlyList<int> over)
    {
        var canEnd = CanReach(over.ToHashSet());
        var stuck = Where((_, n) => !canEnd.Contains(n));
        if (stuck.Count == 0)
        {
            return ([], []);
        }

        var canStep = Enumerable.Range(0, _program.ThreadCount).Select(t => CanReach([.. Where(s => s.Steps.Any(e => e.By.Thread == t))])).ToArray();
        var deadlocks = stuck
            .Where(n => Enumerable.Range(0, _program.ThreadCount).All(t => !_machine.Owes(_states[n].World!, t) || !canStep[t].Contains(n))).ToList();
        var canEndOrStop = CanReach([.. over, .. deadlocks]);
        return (deadlocks, Where((_, n) => !canEndOrStop.Contains(n)));
    }

    private HashSet<int> CanReach(HashSet<int> reached)
    {
        for (var before = -1; before < reached.Count;)
        {
            before = reached.Count;
            for (var n = _states.Count - 1; n >= 0; n--)
            {
                if (_states[n].Steps.Any(e => reached.Contains(e.Target)))
                {
                    reached.Add(n);
                }
            }
        }

        return reached;
    }

    /// <summary>
    /// The cheapest way to each pair of a state and the last task that stepped, first by cost and then by order: uniform-cost
    /// search, which takes the cheapest way that is open and lengthens it by each step.
    /// </summary>
    private Dictionary<(int State, int Last), Way> Costs()
    {
        var settled = new Dictionary<(int State, int Last), Way>();
        var open = new PriorityQueue<(int State, int Last), Way>();
        open.Enqueue((0, -1), new Way(default, []));
        while (open.TryDequeue(out var pair, out var way))
        {
            if (!settled.TryAdd(pair, way))
            {
                continue;
            }

            foreach (var (by, target) in _states[pair.State].Steps)
            {
                var (next, last) = Lengthened(way, pair.Last, by);
                if (!settled.ContainsKey((target, last)))
                {
                    open.Enqueue((target, last), next);
                }
            }
        }

        return settled;
    }

    private (Way Way, int Last) Lengthened(Way way, int last, Choice by)
    {
        var isTask = _machine.KindOf(by.Thread) != ThreadKind.Environment;
        var switches = isTask && last >= 0 && last != by.Thread ? 1 : 0;
        return (new Way(new Cost(way.Cost.Switches + switches, way.Cost.Steps + 1), [.. way.Schedule, by]), isTask ? by.Thread : last);
    }

    private IEnumerable<Way> WaysTo(Spot spot, Dictionary<(int State, int Last), Way> costs)
    {
        for (var last = -1; last < _program.ThreadCount; last++)
        {
            if (costs.TryGetValue((spot.State, last), out var way))
            {
                yield return spot.Edge is { } edge ? Lengthened(way, last, edge.By).Way : way;
            }
        }
    }

    private string WayText(Way way) => Answer.Way(way.Cost, way.Schedule, LittleMachine.ThreadNames(_program));

    private void Add(string property, Spot spot)
    {
        if (!_findings.TryGetValue(property, out var spots))
        {
            _findings.Add(property, spots = []);
        }

        spots.Add(spot);
    }

    // A world's number; without a world, that of an execution cut short, which is a state of its own.
    private int Number(World? world, int depth, string cutShort = "")
    {
        var text = world?.ToString() ?? cutShort;
        if (!_numbers.TryGetValue(text, out var number))
        {
            number = _states.Count;
            _numbers.Add(text, number);
            _states.Add(new Found(world, depth));
        }

        return number;
    }

    private List<int> Where(Func<Found, bool> holds) => Where((s, _) => holds(s));

    private List<int> Where(Func<Found, int, bool> holds) => [.. Enumerable.Range(0, _states.Count).Where(n => holds(_states[n], n))];

    private string MemoryOf(World world) => string.Join(',', world.Memory
        .Where(m => !m.Key.EndsWith("wait", StringComparison.Ordinal) && !m.Key.StartsWith("callback", StringComparison.Ordinal))
        .Select(m => m.Key.EndsWith("life", StringComparison.Ordinal) && m.Value < 0 ? (2 * _program.Items.Generations) + 1 : m.Value));

    /// <summary>A state: its world, or null where an execution was cut short.</summary>
    private sealed record Found(World? World, int Depth)
    {
        public List<(Choice By, int Target)> Steps { get; } = [];
    }

    /// <summary>Where a promise is broken: in a state, or by a step out of it.</summary>
    private sealed record Spot(int State, (Choice By, int Target)? Edge);

    /// <summary>A schedule and its cost; compared by cost, then choice by choice.</summary>
    private sealed record Way(Cost Cost, Choice[] Schedule) : IComparable<Way>
    {
        public int CompareTo(Way? other)
        {
            var order = Cost.CompareTo(other!.Cost);
            for (var i = 0; order == 0 && i < Schedule.Length; i++)
            {
                order = (Schedule[i].Thread, Schedule[i].Pick).CompareTo((other.Schedule[i].Thread, other.Schedule[i].Pick));
            }

            return order;
        }
    }
}
