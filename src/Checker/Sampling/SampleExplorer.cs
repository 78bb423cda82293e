using System.Numerics;
using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Makes executions from the initial state, one after the other, as a sampler picks their steps, and looks at the properties on
/// the way. Environment threads take part.
/// </summary>
/// <remarks>
/// An execution ends where no thread can step, or in a kernel bug. In an End state an optional thread may still start, and
/// the environment may go on, so it goes on there too; but where nothing happens any more, and the environment only returns to
/// what was before, it has ended.
/// </remarks>
internal sealed class SampleExplorer
{
    /// <summary>An execution is cut off after this many steps.</summary>
    public const int MostSteps = 10_000;

    private const int MostStates = 1 << 22; // of which it is remembered that they were seen
    public const int BytesPerState = 40; // of the set, roughly

    private static readonly Comparer<IReadOnlyList<long>> ByValue = Comparer<IReadOnlyList<long>>.Create(static (x, y) =>
        x.Zip(y, static (a, b) => a.CompareTo(b)).FirstOrDefault(static c => c != 0, x.Count.CompareTo(y.Count)));

    private readonly Instance _instance;
    private readonly SampleOptions _options;
    private readonly Limits _limits;
    private readonly Machine _machine;
    private readonly Stepper _stepper;
    private readonly StateView _view;
    private readonly ISampler _sampler;
    private readonly ulong[] _initial;
    private readonly (ulong Low, ulong High) _initialFingerprint;
    private readonly int[] _ways; // in how many ways each thread can step now
    private readonly HashSet<UInt128> _states = [];
    private readonly HashSet<UInt128> _atEnd = []; // the End states of this execution
    private readonly List<Choice> _schedule = [];  // of this execution
    private readonly Hit?[] _hits;                 // by property
    private readonly SortedSet<IReadOnlyList<long>>[] _outcomes;
    private readonly bool[] _occurred;
    private Hit? _deadlock;
    private long _executions;
    private long _unfinished;
    private long _ended;
    private long _transitions;
    private int _longest;
    private bool _anyViolation;
    private string? _tooSmall;
    private Stepper? _tearDown;

    private SampleExplorer(Instance instance, SampleOptions options, Budget budget, CancellationToken stop)
    {
        _instance = instance;
        _options = options;
        _limits = new Limits(budget, stop);
        _machine = instance.Machine;
        _stepper = instance.Begin();
        _view = new StateView(_stepper.State);
        _initial = _stepper.State.Words.ToArray();
        _initialFingerprint = _stepper.State.Fingerprint;
        _ways = new int[_machine.ThreadCount];
        _hits = new Hit?[instance.Properties.Count];
        _outcomes = [.. instance.Properties.Select(_ => new SortedSet<IReadOnlyList<long>>(ByValue))];
        _occurred = new bool[instance.Properties.Count];
        var random = new SplitMix64((ulong)options.Seed);
        _sampler = options.Method switch
        {
            SampleMethod.Pct => new Pct(_machine, options.Depth, random),
            SampleMethod.Pos => new Pos(_machine, random),
            _ => new RandomWalk(random),
        };
    }

    /// <summary>Makes the executions asked for, or as many as the budget allows.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static SampleExploration Run(
        Instance instance, SampleOptions options, Budget budget, Action<SampleProgress>? report = null, CancellationToken stop = default) =>
        new SampleExplorer(instance, options, budget, stop).Run(report);

    private SampleExploration Run(Action<SampleProgress>? report)
    {
        string? incomplete = null;
        (string Message, Choice[] Schedule)? fault = null;
        try
        {
            while (_executions < _options.Executions && incomplete is null)
            {
                Execute();
                report?.Invoke(new SampleProgress(_executions, _options.Executions, _states.Count));
                incomplete = _executions < _options.Executions ? _limits.Reached(_states.Count, _anyViolation) : null;
            }
        }
        catch (ModelFaultException e)
        {
            fault = (e.Message, [.. _schedule]);
            incomplete = "model fault";
        }

        return new SampleExploration(_instance, _hits, _occurred, _outcomes)
        {
            Sample = new Sample(_sampler.Name, _options.Seed, _executions, _unfinished, _states.Count < MostStates, _sampler.Guarantee),
            Deadlock = _deadlock,
            States = _states.Count,
            Transitions = _transitions,
            Longest = _longest,
            Ends = _ended,
            Incomplete = incomplete ?? _tooSmall,
            Fault = fault,
            Time = _limits.Elapsed,
        };
    }

    private void Execute()
    {
        _executions++;
        _schedule.Clear();
        _atEnd.Clear();
        _stepper.State.Load(_initial, _initialFingerprint.Low, _initialFingerprint.High);
        _sampler.Begin();
        var monitor = new PropertyMonitor(_instance.Properties);
        while (LookAt(monitor))
        {
            if (_schedule.Count == MostSteps)
            {
                _unfinished += _atEnd.Count == 0 ? 1 : 0;
                break;
            }

            if (!Step(monitor))
            {
                break;
            }
        }

        if (_schedule.Count < MostSteps)
        {
            _sampler.Finish(_schedule.Count);
        }

        _ended += _atEnd.Count > 0 ? 1 : 0;
        _transitions += _schedule.Count;
        _longest = Math.Max(_longest, _schedule.Count);
        TakeOver(monitor);
    }

    // Looks at the state it is in; says whether the execution goes on from there.
    private bool LookAt(PropertyMonitor monitor)
    {
        var (low, high) = _stepper.State.Fingerprint;
        var fingerprint = new UInt128(high, low);
        if (_states.Count < MostStates)
        {
            _states.Add(fingerprint);
        }

        monitor.OnState(_view, _schedule.Count, PropertyMonitor.Everything);
        var (isEnd, goesOn) = (true, false);
        for (var thread = 0; thread < _ways.Length; thread++)
        {
            _ways[thread] = _stepper.Ways(thread, ref isEnd);
            if (_ways[thread] > Choice.MaxPick || thread > Choice.MaxThread)
            {
                throw new ModelFaultException($"{_machine.ThreadName(thread)} has {_ways[thread]} choices in one step; {Choice.MaxPick} is the most");
            }

            goesOn |= _ways[thread] > 0;
        }

        if (!isEnd)
        {
            // What nothing can follow is no End, and cannot come to one.
            _deadlock = goesOn ? _deadlock : Again(_deadlock, _schedule.Count);
            return goesOn;
        }

        if (!_atEnd.Add(fingerprint))
        {
            return false;
        }

        AtEnd(monitor);
        return goesOn;
    }

    // Says whether the execution goes on after it.
    private bool Step(PropertyMonitor monitor)
    {
        var choice = _sampler.Next(_stepper, _ways);
        var step = _schedule.Count;
        _schedule.Add(choice);
        var transition = _stepper.Fire(choice.Thread, choice.Pick, out _);
        var after = _stepper.State;
        var outcome = after.Outcome;
        if (outcome == StepOutcome.Bug)
        {
            monitor.OnBug(after.Bug, step);
        }

        if (outcome == StepOutcome.ScopeTooSmall)
        {
            _tooSmall ??= $"scope too small: the pool {after.Reason} is used up";
        }

        for (var met = (uint)after.Tolerated; met != 0; met &= met - 1)
        {
            monitor.OnBug((KernelBug)BitOperations.TrailingZeroCount(met), step);
        }

        // As in a search of all, an event in the step that is a bug is not looked at.
        if (outcome == StepOutcome.Done && transition >= 0 && _machine.Automaton(choice.Thread).TransitionAt(transition) is { HasEffects: true } taken)
        {
            monitor.OnStep(_view, choice.Thread, taken.Effects, step);
        }

        after.Commit();
        return outcome == StepOutcome.Done;
    }

    private void AtEnd(PropertyMonitor monitor)
    {
        if (_instance.TearDown is not { } tearDown || !monitor.WatchesEnds)
        {
            monitor.OnEnd(_view, _schedule.Count);
            return;
        }

        _tearDown ??= new Stepper(_machine);
        var (low, high) = _stepper.State.Fingerprint;
        _tearDown.State.Load(_stepper.State.Words, low, high);
        Instance.RunAlone(_tearDown, tearDown.Thread, tearDown.Entry, "tear-down");
        monitor.OnEnd(new StateView(_tearDown.State), _schedule.Count);
    }

    // What was found in an execution: its first finding of each property is the shortest.
    private void TakeOver(PropertyMonitor monitor)
    {
        _anyViolation |= monitor.AnyViolation;
        for (var i = 0; i < _hits.Length; i++)
        {
            if (monitor.Findings(i) is [var first, ..])
            {
                _hits[i] = Again(_hits[i], first.Edge >= 0 ? (int)first.Edge + 1 : first.State);
            }

            _occurred[i] |= monitor.Occurred(i);
            _outcomes[i].UnionWith(monitor.OutcomesOf(i));
        }
    }

    private Hit Again(Hit? known, int steps) =>
        known is null ? new Hit(_options.Seed, _executions, [.. _schedule.Take(steps)], 1) : known with { Hits = known.Hits + 1 };
}
