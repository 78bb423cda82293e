using System.Diagnostics;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Reachability;

/// <summary>What came of a claim.</summary>
/// <param name="Schedule">The cheapest interleaving in which the events happen in this order; null where there is none, or none was found.</param>
/// <param name="At">The steps of it that are the events, from 1.</param>
/// <param name="Furthest">How many of the events can happen in this order.</param>
/// <param name="Never">The events that happen in no execution, by index.</param>
/// <param name="Incomplete">Why not everything was looked at, or null.</param>
/// <param name="States">How many states were looked at.</param>
internal sealed record ClaimAnswer(IReadOnlyList<Choice>? Schedule, IReadOnlyList<int> At, int Furthest, IReadOnlyList<int> Never, string? Incomplete, long States);

/// <summary>
/// Looks for the cheapest execution in which events happen in an order: Dijkstra's algorithm (1959) over states, each with the last
/// task that stepped and how many of the events have happened, the cost being that of <see cref="LeastCost"/>.
/// </summary>
/// <remarks>
/// An event is taken as soon as it happens: what is possible after it may happen later is possible after it has. States are found on
/// the way, so that a claim that is easily true is answered before everything is explored.
/// </remarks>
internal sealed class ClaimSearch
{
    private readonly Machine _machine;
    private readonly Claim _claim;
    private readonly ClaimMatcher _matcher;
    private readonly Stepper _stepper;
    private readonly Dictionary<(ulong Low, ulong High), int> _numbers = [];
    private readonly List<(ulong[] Words, ulong Low, ulong High)> _states = [];
    private readonly List<Edge[]?> _edges = [];
    private readonly List<Entry> _entries = [];
    private readonly PriorityQueue<int, (int Switches, int Steps, int Entry)> _queue = new();
    private readonly HashSet<(int State, int Last, int Done)> _settled = [];
    private ulong _happened;
    private string? _tooSmall;

    private ClaimSearch(Instance instance, Claim claim)
    {
        _machine = instance.Machine;
        _claim = claim;
        _matcher = new ClaimMatcher(_machine, claim);
        _stepper = instance.Begin();
    }

    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public static ClaimAnswer Run(Instance instance, Claim claim, Budget budget, CancellationToken stop) => new ClaimSearch(instance, claim).Run(budget, stop);

    private ClaimAnswer Run(Budget budget, CancellationToken stop)
    {
        const int Pause = 1024; // entries; the clock is not looked at for each
        var clock = Stopwatch.StartNew();
        Add(new Entry(NumberOf(_stepper.State), -1, 0, -1, default, 0, 0));
        var furthest = 0;
        for (var taken = 0; _queue.TryDequeue(out var at, out _); taken++)
        {
            var entry = _entries[at];
            if (!_settled.Add((entry.State, entry.Last, entry.Done)))
            {
                continue;
            }

            furthest = Math.Max(furthest, entry.Done);
            if (entry.Done == _claim.Steps.Count)
            {
                return Found(at);
            }

            foreach (var edge in Edges(entry.State))
            {
                Follow(at, entry, edge);
            }

            if ((taken % Pause == 0 || _states.Count >= budget.States) && Limit(budget, clock, stop) is { } limit)
            {
                return new(null, [], furthest, [], limit, _states.Count);
            }
        }

        return new(null, [], furthest, [.. Enumerable.Range(0, _claim.Steps.Count).Where(i => (_happened >> i & 1) == 0)], _tooSmall, _states.Count);
    }

    private string? Limit(Budget budget, Stopwatch clock, CancellationToken stop) =>
        stop.IsCancellationRequested ? "interrupted"
        : _states.Count >= budget.States ? $"the limit of {budget.States} states was reached"
        : budget.Time != Timeout.InfiniteTimeSpan && clock.Elapsed >= budget.Time ? $"the limit of {budget.Time.TotalSeconds:0} s was reached"
        : null;

    private void Follow(int at, in Entry entry, in Edge edge)
    {
        var done = entry.Done;
        var isEvent = (edge.Matches >> done & 1) != 0;
        done += isEvent ? 1 : 0;
        var isEnvironment = _machine.ThreadKind(edge.Choice.Thread) == ThreadKind.Environment;
        var last = isEnvironment ? entry.Last : edge.Choice.Thread;
        var isSwitch = last != entry.Last && entry.Last >= 0;
        if (!_settled.Contains((edge.Target, last, done)))
        {
            Add(new Entry(edge.Target, last, done, at, edge.Choice, entry.Switches + (isSwitch ? 1 : 0), entry.Steps + 1));
        }
    }

    private void Add(in Entry entry)
    {
        _entries.Add(entry);
        _queue.Enqueue(_entries.Count - 1, (entry.Switches, entry.Steps, _entries.Count - 1));
    }

    private Edge[] Edges(int state)
    {
        if (_edges[state] is { } known)
        {
            return known;
        }

        var edges = new List<Edge>();
        var (words, low, high) = _states[state];
        _stepper.State.Load(words, low, high);
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            for (var (pick, picks) = (0, _stepper.IsEnabled(thread) ? _stepper.Choices(thread) : 0); pick < picks; pick++)
            {
                edges.Add(Take(new Choice(thread, pick)));
            }
        }

        foreach (var edge in edges)
        {
            _happened |= edge.Matches;
        }

        return _edges[state] = [.. edges];
    }

    private Edge Take(Choice choice)
    {
        var operation = _stepper.Pending(choice.Thread);
        var transition = _stepper.Fire(choice.Thread, choice.Pick, out var value);
        var state = _stepper.State;
        var isDone = state.Outcome == StepOutcome.Done;
        _tooSmall ??= state.Outcome == StepOutcome.ScopeTooSmall ? $"scope too small: the pool {state.Reason} is used up" : null;
        var effects = isDone ? _machine.Automaton(choice.Thread).TransitionAt(transition).Effects : [];
        var matches = state.Outcome == StepOutcome.ScopeTooSmall ? 0 : _matcher.Match(choice.Thread, operation, isDone ? value : null, effects);
        var target = isDone ? NumberOf(state) : Sink();
        state.Undo();
        return new(choice, target, matches);
    }

    private int NumberOf(State state)
    {
        if (_numbers.TryGetValue(state.Fingerprint, out var number))
        {
            return number;
        }

        number = _states.Count;
        _numbers.Add(state.Fingerprint, number);
        _states.Add((state.Words.ToArray(), state.Fingerprint.Low, state.Fingerprint.High));
        _edges.Add(null);
        return number;
    }

    // Where an execution is cut short: nothing comes after it.
    private int Sink()
    {
        _states.Add(([], 0, 0));
        _edges.Add([]);
        return _states.Count - 1;
    }

    private ClaimAnswer Found(int entry)
    {
        var schedule = new List<Choice>();
        var at = new List<int>();
        for (; _entries[entry].From >= 0; entry = _entries[entry].From)
        {
            var (to, from) = (_entries[entry], _entries[_entries[entry].From]);
            schedule.Add(to.Choice);
            if (to.Done > from.Done)
            {
                at.Add(to.Steps);
            }
        }

        schedule.Reverse();
        at.Reverse();
        return new(schedule, at, _claim.Steps.Count, [], null, _states.Count);
    }

    private readonly record struct Edge(Choice Choice, int Target, ulong Matches);

    private readonly record struct Entry(int State, int Last, int Done, int From, Choice Choice, int Switches, int Steps);
}
