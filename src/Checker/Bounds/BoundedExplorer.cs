using System.Numerics;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Bounds;

/// <summary>
/// Explores every execution with at most so many context switches: iterative context bounding (Musuvathi, Qadeer: Iterative
/// Context Bounding for Systematic Testing of Multithreaded Programs, PLDI 2007), with states remembered. A step of a task or
/// optional other than the last one that stepped is a switch, as in <see cref="LeastCost"/>; the paper counts preemptions only.
/// </summary>
/// <remarks>
/// <para>
/// What can still be done within the bound depends on the state, on who stepped last, and on the switches left. So the search
/// is over pairs (state, last task), each with the least number of switches that leads to it: all pairs within 0 switches,
/// then within 1, and so on; among those the ones with the fewest steps first. A pair is expanded once, at its least cost,
/// where the most is left to do. One execution reaches a pair with more switches only where another reaches it with fewer,
/// and whatever the one can go on with within the bound, so can the other: nothing is lost.
/// </para>
/// <para>
/// States are told apart by their fingerprints, as in the exhaustive search; each state is looked at when it is found, each
/// step when it is first taken, whatever pair it is taken from.
/// </para>
/// </remarks>
internal sealed class BoundedExplorer
{
    private const int ReportEvery = 4096;
    private const int BytesPerNumber = 48; // of the dictionary, roughly

    private readonly Instance _instance;
    private readonly int _bound;
    private readonly Machine _machine;
    private readonly Stepper _stepper;
    private readonly StateView _view;
    private readonly PropertyMonitor _monitor;
    private readonly Limits _limits;
    private readonly Action<Progress>? _report;
    private readonly bool[] _isEnvironment;
    private readonly int _nobody; // the last task where none has stepped yet
    private readonly Dictionary<UInt128, int> _numbers = []; // of states, by fingerprint
    private readonly StateQueue _states;                     // by number
    private readonly ChunkedList<ulong> _taken = new();      // by number: the threads whose steps from there were taken
    private readonly CheapestWays _ways;
    private readonly List<(int State, Choice Choice)> _steps = []; // those a property was shown, by the number it knows them by

    private List<List<long>> _layer = [];     // pairs to expand at this number of switches, by their number of steps
    private List<List<long>> _nextLayer = []; // and at one more
    private (long Pair, Choice Step)? _attempted; // the step being made, for the report of a model fault
    private long _untaken; // how many (state, thread that can step there) were not taken
    private long _waiting; // pairs in both layers, roughly: one that was reached again more cheaply counts twice
    private long _expanded;
    private long _transitions;
    private int _sinks;
    private int _ends;
    private int _depth;
    private string? _incomplete;
    private string? _tooSmall; // the first pool that was used up; the search goes on beside it
    private Stepper? _tearDown;

    private BoundedExplorer(Instance instance, int bound, Budget budget, Action<Progress>? report, CancellationToken stop)
    {
        _instance = instance;
        _bound = bound;
        _machine = instance.Machine;
        _stepper = instance.Begin();
        _view = new StateView(_stepper.State);
        _monitor = new PropertyMonitor(instance.Properties);
        _limits = new Limits(budget, stop);
        _report = report;
        _isEnvironment = [.. Enumerable.Range(0, _machine.ThreadCount).Select(t => _machine.ThreadKind(t) == ThreadKind.Environment)];
        _nobody = _machine.ThreadCount;
        _states = new StateQueue(_machine.WordCount);
        _ways = new CheapestWays(_nobody + 1);
    }

    /// <summary>Explores everything within the bound, or as much as the budget allows.</summary>
    /// <param name="instance">What to explore.</param>
    /// <param name="bound">The most context switches of an execution.</param>
    /// <param name="budget">What may be used.</param>
    /// <param name="report">Told how far the search is; or null.</param>
    /// <param name="stop">Ends the search.</param>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static BoundedExploration Run(Instance instance, int bound, Budget budget, Action<Progress>? report = null, CancellationToken stop = default) =>
        new BoundedExplorer(instance, bound, budget, report, stop).Run();

    private BoundedExploration Run()
    {
        (string Message, Choice[] Schedule)? fault = null;
        try
        {
            Reach(new Cost(0, 0), -1, default, _nobody);
            for (var switches = 0; _layer.Count > 0 && _incomplete is null; switches++)
            {
                ExploreLayer(switches);
                (_layer, _nextLayer) = (_nextLayer, []);
            }
        }
        catch (ModelFaultException e)
        {
            fault = (e.Message, _attempted is { } attempted ? [.. _ways.ScheduleTo(attempted.Pair), attempted.Step] : []);
            _incomplete = "model fault";
        }

        return new BoundedExploration(_instance, _bound, _monitor, _ways, _steps, _isEnvironment)
        {
            // Every thread that can step in a state that was found did so there, in each of its ways. The initial state was found, so
            // by induction over its steps every execution's states were found and its steps taken: this was all of it.
            IsWhole = _untaken == 0 && _incomplete is null,
            States = _states.Count + _sinks,
            Transitions = _transitions,
            Depth = _depth,
            Ends = _ends,
            Incomplete = _incomplete ?? _tooSmall,
            Fault = fault,
            Time = _limits.Elapsed,
            Bytes = Bytes,
        };
    }

    private void ExploreLayer(int switches)
    {
        for (var steps = 0; steps < _layer.Count; steps++)
        {
            for (var i = 0; i < _layer[steps].Count; i++)
            {
                _waiting--;
                if (_ways.CostOf(_layer[steps][i]) != new Cost(switches, steps))
                {
                    continue; // a cheaper way was found after this one
                }

                if (!MayGoOn(steps))
                {
                    return;
                }

                _depth = Math.Max(_depth, steps);
                Expand(_layer[steps][i], new Cost(switches, steps));
            }
        }
    }

    private void Expand(long pair, Cost cost)
    {
        var (state, last) = _ways.Parts(pair);
        _stepper.State.Load(_states.Words(state, out var low, out var high), low, high);
        _expanded++;
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            var isSwitch = !_isEnvironment[thread] && last != thread && last != _nobody;
            var choices = isSwitch && cost.Switches == _bound ? 0 : Ways(thread);
            var isNew = (_taken[state] & (1UL << thread)) == 0;
            for (var pick = 0; pick < choices; pick++)
            {
                _attempted = (pair, new Choice(thread, pick));
                Take(pair, new Choice(thread, pick), new Cost(cost.Switches + (isSwitch ? 1 : 0), cost.Steps + 1), isNew);
            }

            if (choices > 0 && isNew)
            {
                _taken[state] |= 1UL << thread;
                _untaken--;
            }
        }
    }

    private void Take(long pair, Choice choice, Cost cost, bool isNew)
    {
        var (state, last) = _ways.Parts(pair);
        var transition = _stepper.Fire(choice.Thread, choice.Pick, out _);
        if (isNew)
        {
            _transitions++;
            Observe(state, choice, transition);
        }

        if (_stepper.State.Outcome == StepOutcome.Done)
        {
            Reach(cost, pair, choice, _isEnvironment[choice.Thread] ? last : choice.Thread);
        }

        _stepper.State.Undo();
    }

    // Looks at a step that was taken for the first time.
    private void Observe(int state, Choice choice, int transition)
    {
        var after = _stepper.State;
        if (after.Outcome == StepOutcome.ScopeTooSmall)
        {
            _tooSmall ??= $"scope too small: the pool {after.Reason} is used up";
        }

        _sinks += after.Outcome == StepOutcome.Done ? 0 : 1;
        if (after.Outcome == StepOutcome.Bug)
        {
            _monitor.OnBug(after.Bug, Remember(state, choice));
        }

        for (var met = (uint)after.Tolerated; met != 0; met &= met - 1)
        {
            _monitor.OnBug((KernelBug)BitOperations.TrailingZeroCount(met), Remember(state, choice));
        }

        // An event in the step that is a bug is not looked at: the kernel has died there.
        if (after.Outcome == StepOutcome.Done && transition >= 0 && _machine.Automaton(choice.Thread).TransitionAt(transition) is { HasEffects: true } taken)
        {
            _monitor.OnStep(_view, choice.Thread, taken.Effects, Remember(state, choice));
        }
    }

    // The stepper is at a state, reached at a cost: it is queued where no cheaper way leads to it with this last task.
    private void Reach(Cost cost, long before, Choice step, int last)
    {
        var (low, high) = _stepper.State.Fingerprint;
        if (_numbers.TryAdd(new UInt128(high, low), (int)_states.Count))
        {
            _states.Add(_stepper.State.Words, low, high);
            _taken.Add(0);
            _ways.AddState();
            LookAt((int)_states.Count - 1);
        }

        var pair = _ways.Pair(_numbers[new UInt128(high, low)], last);
        if (_ways.Offer(pair, cost, before, step))
        {
            var layer = before >= 0 && cost.Switches > _ways.CostOf(before).Switches ? _nextLayer : _layer;
            while (layer.Count <= cost.Steps)
            {
                layer.Add([]);
            }

            layer[cost.Steps].Add(pair);
            _waiting++;
        }
    }

    // Looks at a state that was just found.
    private void LookAt(int number)
    {
        for (var thread = 0; thread < _machine.ThreadCount; thread++)
        {
            _untaken += Ways(thread) > 0 ? 1 : 0;
        }

        _monitor.OnState(_view, number, PropertyMonitor.Everything);
        if (!_stepper.IsEnd)
        {
            return;
        }

        _ends++;
        if (_instance.TearDown is not { } tearDown || !_monitor.WatchesEnds)
        {
            _monitor.OnEnd(_view, number);
            return;
        }

        _tearDown ??= new Stepper(_machine);
        var (low, high) = _stepper.State.Fingerprint;
        _tearDown.State.Load(_stepper.State.Words, low, high);
        Instance.RunAlone(_tearDown, tearDown.Thread, tearDown.Entry, "tear-down");
        _monitor.OnEnd(new StateView(_tearDown.State), number);
    }

    private int Ways(int thread)
    {
        var isEnd = true;
        var choices = _stepper.Ways(thread, ref isEnd);
        return choices <= Choice.MaxPick && thread <= Choice.MaxThread
            ? choices
            : throw new ModelFaultException($"{_machine.ThreadName(thread)} has {choices} choices in one step; {Choice.MaxPick} is the most");
    }

    private int Remember(int state, Choice choice)
    {
        _steps.Add((state, choice));
        return _steps.Count - 1;
    }

    private long Bytes => _states.Bytes + _taken.Bytes + _ways.Bytes + ((long)_numbers.Count * BytesPerNumber);

    // Looks at the budget; says whether the search may go on.
    private bool MayGoOn(int steps)
    {
        if (_expanded % ReportEvery == 0)
        {
            _report?.Invoke(new Progress(steps, _states.Count + _sinks, _transitions, _waiting, Bytes));
        }

        _incomplete = _limits.Reached(_states.Count + _sinks, _monitor.AnyViolation);
        return _incomplete is null;
    }
}
