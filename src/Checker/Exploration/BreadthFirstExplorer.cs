using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// The one exhaustive search: breadth-first by levels, states numbered in the order they are found, so that counts, edges
/// and everything that is read from them are the same in every run.
/// </summary>
/// <remarks>
/// All successors of a state are made first and their table lines asked for, then they are looked up: the memory latency
/// of one look-up hides the others'. A violation is recorded and the search goes on; a kernel bug is a sink.
/// </remarks>
internal sealed class BreadthFirstExplorer
{
    private const int CheckEvery = 4096;

    private readonly Instance _instance;
    private readonly Budget _budget;
    private readonly Machine _machine;
    private readonly Stepper _stepper;
    private readonly StateView _view;
    private readonly StateGraph _graph = new();
    private readonly PropertyMonitor _monitor;
    private readonly List<int> _ends = [];
    private readonly List<int> _sinks = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Action<Progress>? _report;
    private readonly CancellationToken _stop;
    private readonly int _words;
    private readonly int _threads;

    private Successor[] _successors = new Successor[64];
    private ulong[] _successorWords;
    private int _successorCount;
    private string? _incomplete; // why the search stopped
    private string? _tooSmall;   // the first pool that was used up; the search goes on beside it
    private int _level;
    private int _nextSink; // the first of _sinks that is not expanded yet
    private Choice _attempted; // the step being made, for the report of a model fault
    private Stepper? _tearDown;

    private BreadthFirstExplorer(Instance instance, Budget budget, Action<Progress>? report, CancellationToken stop)
    {
        _instance = instance;
        _budget = budget;
        _report = report;
        _stop = stop;
        _machine = instance.Machine;
        _stepper = instance.Begin();
        _view = new StateView(_stepper.State);
        _monitor = new PropertyMonitor(instance.Properties);
        _words = _machine.WordCount;
        _threads = _machine.ThreadCount;
        _successorWords = new ulong[_successors.Length * _words];
    }

    private enum SuccessorKind : byte
    {
        State,
        Bug,
        ScopeTooSmall,
    }

    /// <summary>Explores everything, or as much as the budget allows.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static Exploration Run(Instance instance, Budget budget, Action<Progress>? report = null, CancellationToken stop = default) =>
        new BreadthFirstExplorer(instance, budget, report, stop).Run();

    private Exploration Run()
    {
        using var table = new FingerprintTable();
        var (current, next) = (new StateQueue(_words), new StateQueue(_words));
        var state = _stepper.State;
        var (low, high) = state.Fingerprint;
        table.Add(low, high, 0, out _);
        current.Add(state.Words, low, high);
        _graph.StateCount = 1;
        ModelFault? fault = null;
        try
        {
            _monitor.OnState(_view, 0);
            while (current.Count > 0 && _incomplete is null)
            {
                for (var i = 0L; i < current.Count; i++)
                {
                    if ((_graph.Expanded % CheckEvery == 0 || _graph.StateCount >= _budget.States || (_budget.First && _monitor.AnyViolation)) && !MayGoOn(table, current, next, i))
                    {
                        break;
                    }

                    if (_nextSink < _sinks.Count && _sinks[_nextSink] == _graph.Expanded)
                    {
                        _graph.BeginState(); // it has no way out
                        _nextSink++;
                        continue;
                    }

                    state.Load(current.Words(i, out low, out high), low, high);
                    Expand();
                    LookUp(table, next);
                }

                (current, next) = (next, current);
                next.Clear();
                _level += current.Count > 0 ? 1 : 0;
            }
        }
        catch (ModelFaultException e)
        {
            // The state whose step failed is the last that was begun.
            fault = new ModelFault(e.Message, (int)_graph.Expanded - 1, _attempted);
            _incomplete = "model fault";
        }

        return new Exploration(_instance, _graph, _monitor, _ends, _sinks)
        {
            Depth = _level,
            Incomplete = _incomplete ?? _tooSmall,
            Fault = fault,
            Time = _clock.Elapsed,
            TableBytes = table.Bytes,
            StoreBytes = _graph.Bytes + current.Bytes + next.Bytes,
        };
    }

    // Makes every successor of the state that is loaded.
    private void Expand()
    {
        _graph.BeginState();
        _successorCount = 0;
        var isEnd = true;
        for (var thread = 0; thread < _threads; thread++)
        {
            var choices = _stepper.Ways(thread, ref isEnd);
            if (choices > Choice.MaxPick || thread > Choice.MaxThread)
            {
                throw new ModelFaultException($"{_machine.ThreadName(thread)} has {choices} choices in one step; {Choice.MaxPick} is the most");
            }

            for (var pick = 0; pick < choices; pick++)
            {
                _attempted = new Choice(thread, pick);
                Make(thread, pick);
            }
        }

        if (isEnd)
        {
            AtEnd();
        }
    }

    private void Make(int thread, int pick)
    {
        var state = _stepper.State;
        var transition = _stepper.Fire(thread, pick, out _);
        if (_successorCount == _successors.Length)
        {
            Array.Resize(ref _successors, _successorCount * 2);
            Array.Resize(ref _successorWords, _successorCount * 2 * _words);
        }

        var kind = state.Outcome switch
        {
            StepOutcome.Done => SuccessorKind.State,
            StepOutcome.Bug => SuccessorKind.Bug,
            _ => SuccessorKind.ScopeTooSmall,
        };
        var (low, high) = state.Fingerprint;
        if (kind != SuccessorKind.State)
        {
            // A sink is the state it was reached from together with the step that failed there.
            low += Mark((ulong)state.Bug + 1, thread, pick);
            high += Mark((ulong)state.Bug + 101, thread, pick);
            _tooSmall ??= kind == SuccessorKind.ScopeTooSmall ? $"scope too small: the pool {state.Reason} is used up" : null;
        }

        _successors[_successorCount] = new Successor(low, high, new Choice(thread, pick).ToLabel(), kind, state.Bug, state.Tolerated, transition);
        state.Words.CopyTo(_successorWords.AsSpan(_successorCount * _words));
        _successorCount++;
        state.Undo();
    }

    private void LookUp(FingerprintTable table, StateQueue next)
    {
        for (var i = 0; i < _successorCount; i++)
        {
            table.Prefetch(_successors[i].Low);
        }

        for (var i = 0; i < _successorCount; i++)
        {
            ref readonly var successor = ref _successors[i];
            var isNew = table.Add(successor.Low, successor.High, _graph.StateCount, out var number);
            var edge = _graph.EdgeCount;
            _graph.AddEdge(successor.Label, number);
            if (successor.Kind == SuccessorKind.State)
            {
                var words = _successorWords.AsSpan(i * _words, _words);
                if (isNew)
                {
                    next.Add(words, successor.Low, successor.High);
                    _graph.StateCount++;
                    if (_monitor.WatchesStates)
                    {
                        _stepper.State.Load(words, successor.Low, successor.High);
                        _monitor.OnState(_view, number);
                    }
                }

                Observe(successor, words, edge);
            }
            else
            {
                AtSink(successor, isNew, number, edge, next);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Observe(in Successor successor, ReadOnlySpan<ulong> words, long edge)
    {
        for (var met = successor.Tolerated; met != 0; met &= met - 1)
        {
            _monitor.OnBug((KernelBug)BitOperations.TrailingZeroCount(met), edge);
        }

        var thread = Choice.FromLabel(successor.Label).Thread;
        ref readonly var transition = ref _machine.Automaton(thread).TransitionAt(successor.Transition);
        if (transition.HasEffects)
        {
            _stepper.State.Load(words, successor.Low, successor.High);
            _monitor.OnStep(_view, thread, transition.Effects, edge);
        }
    }

    private void AtSink(in Successor successor, bool isNew, int number, long edge, StateQueue next)
    {
        if (isNew)
        {
            _graph.StateCount++;
            _sinks.Add(number);
            next.Add(_stepper.State.Words, 0, 0); // keeps the queue in the order of the numbers
        }

        if (successor.Kind == SuccessorKind.Bug)
        {
            _monitor.OnBug(successor.Bug, edge);
        }
    }

    private void AtEnd()
    {
        var number = (int)_graph.Expanded - 1;
        _ends.Add(number);
        if (!_monitor.WatchesEnds)
        {
            return;
        }

        if (_instance.TearDown is not { } tearDown)
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

    // Looks at the budget; says whether the search may go on.
    private bool MayGoOn(FingerprintTable table, StateQueue current, StateQueue next, long done)
    {
        var bytes = table.Bytes + _graph.Bytes + current.Bytes + next.Bytes;
        _report?.Invoke(new Progress(_level, _graph.StateCount, _graph.EdgeCount, current.Count - done + next.Count, bytes));
        _incomplete ??=
            _stop.IsCancellationRequested ? "interrupted"
            : _graph.StateCount >= _budget.States ? $"the limit of {_budget.States} states was reached"
            : bytes >= _budget.Bytes ? $"the limit of {_budget.Bytes / (1 << 20)} MiB was reached"
            : _budget.Time != Timeout.InfiniteTimeSpan && _clock.Elapsed >= _budget.Time ? $"the limit of {_budget.Time.TotalSeconds:0} s was reached"
            : _budget.First && _monitor.AnyViolation ? "stopped at the first violation"
            : null;
        return _incomplete is null;
    }

    private static ulong Mark(ulong bug, int thread, int pick) => Model.Stepping.Fingerprint.Mix((bug << 32) | ((ulong)(uint)thread << 16) | (uint)pick);

    private readonly record struct Successor(
        ulong Low, ulong High, ushort Label, SuccessorKind Kind, KernelBug Bug, int Tolerated, int Transition);
}
