using System.Globalization;
using System.Numerics;
using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.Exploration;
using ThpCheck.Coyote;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using Expectation = ThpCheck.Specs.Format.Expectation;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Makes executions from the initial state, one after the other, as a sampler or Coyote picks their steps, and looks at the
/// properties on the way. Environment threads take part.
/// </summary>
/// <remarks>
/// An execution ends where no thread can step, or in a kernel bug. In an End state an optional thread may still start, and
/// the environment may go on, so it goes on there too; but where nothing happens any more, and the environment only returns to
/// what was before, it has ended.
/// </remarks>
internal sealed class SampleExplorer : IProgram
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
    private readonly ISampler? _sampler; // null where Coyote picks
    private readonly Action<SampleProgress>? _report;
    private readonly ulong[] _initial;
    private readonly (ulong Low, ulong High) _initialFingerprint;
    private readonly int[] _ways; // in how many ways each thread can step now
    private readonly HashSet<UInt128> _states = [];
    private readonly HashSet<UInt128> _atEnd = []; // the End states of this execution
    private readonly Dictionary<UInt128, ulong> _left = []; // the states of this execution, each with a mask of the threads that stepped from it
    private readonly List<Choice> _schedule = [];  // of this execution
    private readonly Hit?[] _hits;                 // by property
    private readonly SortedSet<IReadOnlyList<long>>[] _outcomes;
    private readonly bool[] _occurred;
    private PropertyMonitor _monitor; // of this execution
    private Hit? _deadlock;
    private long _executions;
    private long _unfinished;
    private long _ended;
    private long _transitions;
    private int _longest;
    private bool _anyViolation;
    private UInt128 _before; // the state before the last step
    private bool _isDeadlock; // the state it is in
    private string? _tooSmall;
    private Stepper? _tearDown;

    private SampleExplorer(Instance instance, SampleOptions options, Budget budget, Action<SampleProgress>? report, CancellationToken stop)
    {
        _report = report;
        _monitor = new PropertyMonitor(instance.Properties);
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
        _sampler = options.Coyote is not null ? null : options.Method switch
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
        new SampleExplorer(instance, options, budget, report, stop).Run();

    /// <summary>Makes the executions that an explorer chooses, each step scheduled by Coyote.</summary>
    /// <returns>How many, and what they found.</returns>
    public static (long Executions, SampleExploration Found) Driven(Instance instance, IExplorer explorer)
    {
        var program = new SampleExplorer(instance, new SampleOptions(SampleMethod.Random, long.MaxValue, 0) { Coyote = new CoyoteSample("driven", CoyoteStrategy.Random) { ThreadsRest = false } }, new Budget(), null, CancellationToken.None);
        var executions = CoyoteEngine.Explore(program, explorer);
        return (executions, program.Found("coyote driven", null, null));
    }

    private SampleExploration Run()
    {
        string? incomplete = null;
        (string Message, Choice[] Schedule)? fault = null;
        try
        {
            incomplete = _sampler is null ? RunUnderCoyote() : Run(_sampler);
        }
        catch (ModelFaultException e)
        {
            _executions += _sampler is null ? 1 : 0; // which Coyote has given up
            fault = (e.Message, [.. _schedule]);
            incomplete = "model fault";
        }

        return Found(_sampler?.Name ?? $"coyote {_options.Coyote!.Name}", incomplete, fault);
    }

    private SampleExploration Found(string method, string? incomplete, (string Message, Choice[] Schedule)? fault) => new(_instance, _hits, _occurred, _outcomes)
    {
        Sample = new Sample(method, Seed, _executions, _unfinished, _states.Count < MostStates, _sampler?.Guarantee),
        Deadlock = _deadlock,
        States = _states.Count,
        Transitions = _transitions,
        Longest = _longest,
        Ends = _ended,
        Incomplete = incomplete ?? _tooSmall,
        Fault = fault,
        Time = _limits.Elapsed,
    };

    // A trace is executed as it is.
    private int? Seed => _options.Coyote?.Replay is null ? _options.Seed : null;

    private bool IsEnough => _options.Until.Count > 0 && _options.Until.All(name =>
        name == Expectation.Deadlock ? _deadlock is not null : _hits.Where((hit, i) => hit is not null && _instance.Properties[i].Name == name).Any());

    // Returns why not all of the sample was made, or null.
    private string? Run(ISampler sampler)
    {
        string? incomplete = null;
        while (_executions < _options.Executions && incomplete is null && !IsEnough)
        {
            sampler.Begin();
            for (var standing = Begin(); standing == Standing.GoesOn;)
            {
                var choice = sampler.Next(_stepper, _ways);
                standing = Step(choice.Thread, choice.Pick);
            }

            if (_schedule.Count < MostSteps)
            {
                sampler.Finish(_schedule.Count);
            }

            End(isWhole: true);
            incomplete = _executions < _options.Executions ? _limits.Reached(_states.Count, _anyViolation) : null;
        }

        return incomplete;
    }

    // The same where Coyote picks.
    private string? RunUnderCoyote()
    {
        string? incomplete = null;
        var coyote = _options.Coyote!;
        var run = CoyoteEngine.Sample(this, new CoyoteOptions(coyote.Strategy, _options.Executions, _options.Seed) { Trace = coyote.Replay, PriorityChanges = coyote.PriorityChanges }, () =>
        {
            incomplete ??= _executions > 0 && _executions < _options.Executions ? _limits.Reached(_states.Count, _anyViolation) : null;
            return incomplete is null && _executions < _options.Executions && !IsEnough;
        });
        if (run.Trace is { } trace)
        {
            coyote.OnTrace?.Invoke(trace);
        }

        // Its dfs notices that there is nothing left in one execution more, which it gives up.
        return run.Refusal ?? incomplete
            ?? (run.Abandoned <= (coyote.Strategy == CoyoteStrategy.Dfs ? 1 : 0) ? null
            : coyote.Replay is null ? $"executions that Coyote gave up before their end: {run.Abandoned}"
            : "the trace does not lead to the end of an execution; is it of this variant and this build, and whole?");
    }

    int IProgram.Threads => _ways.Length;

    string? IProgram.Broken => _monitor.AnyViolation
        ? _instance.Properties.Where((p, i) => p is { Form: not PropertyForm.Sometimes, Class: PropertyClass.Safety } && _monitor.Findings(i).Count > 0).First().Name
        : null;

    int IProgram.StateHash => _stepper.State.Fingerprint.Low.GetHashCode();

    int IProgram.Ways(int thread) => _ways[thread];

    bool IProgram.HasEnded(int thread) => _stepper.HasEnded(thread);

    (string? Place, bool Writes) IProgram.Access(int thread)
    {
        var operation = _stepper.Pending(thread);
        return Races.IsLocal(operation) ? (null, false)
            : operation.Cell == 0 ? ("kernel", true) // sections, callbacks and caches, which are no cells
            : (operation.Cell.ToString(CultureInfo.InvariantCulture), Races.Writes(operation));
    }

    /// <summary>Begins an execution.</summary>
    public Standing Begin()
    {
        _executions++;
        _schedule.Clear();
        _atEnd.Clear();
        _left.Clear();
        _stepper.State.Load(_initial, _initialFingerprint.Low, _initialFingerprint.High);
        _monitor = new PropertyMonitor(_instance.Properties);
        return Stand();
    }

    /// <summary>Takes a step of the execution.</summary>
    public Standing Step(int thread, int way) => Take(new Choice(thread, way), _monitor) ? Stand() : Standing.Over;

    /// <summary>Ends the execution; one that is not whole does not count.</summary>
    public void End(bool isWhole)
    {
        if (!isWhole)
        {
            _executions--;
            return;
        }

        _ended += _atEnd.Count > 0 ? 1 : 0;
        _transitions += _schedule.Count;
        _longest = Math.Max(_longest, _schedule.Count);
        TakeOver(_monitor);
        _report?.Invoke(new SampleProgress(_executions, _options.Executions, _states.Count));
    }

    private Standing Stand()
    {
        if (!LookAt(_monitor))
        {
            return _isDeadlock ? Standing.Deadlock : Standing.Over;
        }

        if (_schedule.Count < MostSteps)
        {
            return Standing.GoesOn;
        }

        _unfinished += _atEnd.Count == 0 ? 1 : 0;
        return Standing.Over;
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

        if (_options.Coyote is { ThreadsRest: true })
        {
            LetRest(fingerprint);
        }

        _isDeadlock = !isEnd && !goesOn;
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

    // Where it has come back to a state, whoever has stepped from there already lets the others go first.
    private void LetRest(UInt128 fingerprint)
    {
        if (_schedule.Count > 0)
        {
            _left[_before] = _left.GetValueOrDefault(_before) | Bit(_schedule[^1].Thread);
        }

        _before = fingerprint;
        var have = _left.GetValueOrDefault(fingerprint);
        if (have != 0 && !Enumerable.Range(0, _ways.Length).Any(t => _ways[t] > 0 && (have & Bit(t)) == 0))
        {
            _left[fingerprint] = have = 0; // all have had their turn
        }

        for (var thread = 0; thread < _ways.Length; thread++)
        {
            _ways[thread] = (have & Bit(thread)) != 0 ? 0 : _ways[thread];
        }
    }

    private static ulong Bit(int thread) => 1UL << thread;

    // Says whether the execution goes on after it.
    private bool Take(Choice choice, PropertyMonitor monitor)
    {
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
        known is null ? new Hit(Seed, _executions, [.. _schedule.Take(steps)], 1) : known with { Hits = known.Hits + 1 };
}
