using System.Diagnostics;
using ThpCheck.Checker.Checkpoints;
using ThpCheck.Checker.Reduction;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// The one exhaustive search: breadth-first by levels, states numbered in the order they are found, so that counts, edges
/// and everything that is read from them are the same in every run and on any number of workers.
/// </summary>
/// <remarks>
/// A level is taken in batches, each in four phases. The workers expand a share of the batch each; then each looks up, in
/// order, the successors that fall into its own part of the table, so that no lock or atomic operation is needed and the
/// first of several equal ones is always the same; then the new ones are numbered in order; then the workers write edges and
/// new states down and look at the properties. Equal states meet in one part, whoever made them.
/// </remarks>
internal sealed class BreadthFirstExplorer
{
    private const int BatchStates = 16384;

    private readonly Instance _instance;
    private readonly Budget _budget;
    private readonly StateGraph _graph; // and its memory, which all of it is in but the table
    private readonly PropertyMonitor _monitor;
    private readonly Expander[] _workers;
    private readonly ReadLog[] _logs; // of the workers
    private readonly FingerprintTable[] _tables;
    private readonly List<int> _ends = [];
    private readonly List<int> _sinks = [];
    private readonly Discoveries? _known; // what a reduction goes by, or null
    private readonly Stopwatch _clock;
    private readonly Action<Progress>? _report;
    private readonly CancellationToken _stop;
    private readonly Stepper _stepper;

    private readonly Checkpointing? _checkpoints;
    private readonly Outlook? _outlook;

    private readonly StateStore? _store; // every state whole, where the search is exact

    private StateQueue _current;
    private StateQueue _next;
    private string? _incomplete;
    private string? _tooSmall; // the first pool that was used up; the search goes on beside it
    private ModelFault? _fault;
    private bool _hasDiscovered; // more of the threads than was known when the search began
    private int _level;
    private (TimeSpan Time, int States, long Expanded) _before; // up to the checkpoint it goes on from
    private long _lookAgain; // at what the process takes, at so many edges

    private BreadthFirstExplorer(
        Instance instance, Budget budget, Stopwatch clock, Discoveries? known, ReadLog? reads, Action<Progress>? report, Checkpointing? checkpoints, CancellationToken stop)
    {
        _clock = clock;
        _known = known;
        _checkpoints = checkpoints;
        _outlook = budget.Estimate && known is null ? new Outlook(instance) : null; // what a reduction leaves out is not known before
        _instance = instance;
        _budget = budget;
        _report = report;
        _stop = stop;
        _monitor = new PropertyMonitor(instance.Properties);
        _stepper = instance.Begin();
        _workers = [.. Enumerable.Range(0, budget.Workers).Select(w => new Expander(
            instance, w == 0 ? _stepper : new Stepper(instance.Machine), new PropertyMonitor(instance.Properties, _monitor), w, budget.FingerprintMask,
            known is null || !budget.Reductions.HasFlag(Reductions.Unobservable) ? null : new AmpleSets(instance.Machine, known)))];
        _logs = [.. _workers.Select(w => w.Log)];
        foreach (var log in _logs)
        {
            log.TakeOver(reads ?? log);
        }

        _tables = [.. _workers.Select(_ => new FingerprintTable())];
        _store = budget.Exact ? new StateStore(instance.Machine.WordCount) : null;
        _graph = new StateGraph(new SearchMemory(budget.Bytes, budget.KeptBytes));
        _current = new StateQueue(instance.Machine.WordCount, _graph.Memory);
        _next = new StateQueue(instance.Machine.WordCount, _graph.Memory);
    }

    /// <summary>Explores everything, or as much as the budget allows.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public static Exploration Run(Instance instance, Budget budget, Action<Progress>? report = null, CancellationToken stop = default) =>
        Run(instance, budget, report, null, stop);

    /// <summary>The same, kept in a file and gone on from there; that is for searches that are not reduced.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    /// <exception cref="UnusableCheckpointException">The checkpoint to go on from is not of this search, or damaged.</exception>
    public static Exploration Run(Instance instance, Budget budget, Action<Progress>? report, Checkpointing? checkpoints, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        if (budget.Reductions == Reductions.None)
        {
            return new BreadthFirstExplorer(instance, budget, clock, null, null, report, checkpoints, stop).Run(1, false);
        }

        // What a reduction leaves out depends on what is known of the threads and properties, so it is only right if nothing
        // more comes to be known on the way. Both only grow, so this ends.
        var reads = new ReadLog(instance.Machine);
        var symmetry = budget.Reductions.HasFlag(Reductions.Symmetry) ? Symmetry.Of(instance) : null;
        try
        {
            var known = new Discoveries(instance.Machine, budget.Reductions);
            RandomWalks.Discover(instance);
            for (var searches = 1; ; searches++)
            {
                known.Update();
                if (symmetry?.IsBroken(known, reads) == true)
                {
                    symmetry.Dispose();
                    symmetry = null;
                    known = new Discoveries(instance.Machine, budget.Reductions);
                    RandomWalks.Discover(instance);
                    known.Update();
                }

                var explorer = new BreadthFirstExplorer(instance, budget, clock, known, reads, report, null, stop);
                var exploration = explorer.Run(searches, symmetry is not null);
                var isMoreKnown = explorer._hasDiscovered | known.Update() | !reads.Covers(explorer._logs[0]);
                reads.TakeOver(explorer._logs[0]);
                if ((!isMoreKnown && symmetry?.IsBroken(known, reads) != true) || explorer._incomplete is not null)
                {
                    return exploration;
                }

                exploration.Dispose();
            }
        }
        finally
        {
            symmetry?.Dispose();
        }
    }

    private Exploration Run(int searches, bool isSymmetric)
    {
        using var team = new WorkerTeam(_workers.Length);
        try
        {
            if (!Restore())
            {
                Begin();
            }

            while (_current.Count > 0 && _incomplete is null)
            {
                ExploreLevel(team);
                (_current, _next) = (_next, _current);
                _next.Clear();
                _level += _current.Count > 0 ? 1 : 0;
            }

            return new Exploration(_instance, _graph, _monitor, _ends, _sinks)
            {
                Depth = _level,
                Incomplete = _incomplete ?? _tooSmall,
                Fault = _fault,
                Time = _before.Time + _clock.Elapsed,
                IsReduced = _known is not null,
                IsSymmetric = isSymmetric,
                Searches = searches,
                Estimate = _outlook?.Estimate,
                TableBytes = _tables.Sum(t => t.Bytes),
                StoreBytes = StoreBytes,
            };
        }
        finally
        {
            _current.Free();
            _next.Free();
            foreach (var table in _tables)
            {
                table.Dispose();
            }
        }
    }

    private bool Restore()
    {
        var content = Content(0);
        if (_checkpoints?.Restore(content) != true)
        {
            return false;
        }

        (_level, _tooSmall, _before) = (content.Level, content.TooSmall, (content.Elapsed, _graph.StateCount, _graph.Expanded));
        return true;
    }

    // What is known once so many states of the level were expanded.
    private SearchContent Content(long done) => new()
    {
        Machine = _instance.Machine,
        Graph = _graph,
        Monitor = _monitor,
        Logs = _logs,
        Tables = _tables,
        Store = _store,
        Current = _current,
        Next = _next,
        Ends = _ends,
        Sinks = _sinks,
        Done = done,
        Level = _level,
        TooSmall = _tooSmall,
        Elapsed = _before.Time + _clock.Elapsed,
    };

    private long StoreBytes => _graph.Bytes + _current.Bytes + _next.Bytes + (_store?.Bytes ?? 0);

    private void Begin()
    {
        var (low, high) = _stepper.State.Fingerprint;
        var mask = _budget.FingerprintMask;
        _tables[Expander.PartOf(high & mask, (uint)_tables.Length)].Add(low & mask, high & mask, 0, out _);
        _store?.Extend(1);
        _store?.Set(0, _stepper.State.Words);
        _current.Add(_stepper.State.Words, low, high);
        _graph.StateCount = 1;
        _workers[0].LookAtInitialState();
        Absorb();
    }

    private void ExploreLevel(WorkerTeam team)
    {
        _hasDiscovered |= _known?.Update() ?? false;
        var firstOfNext = _graph.StateCount - (int)_next.Count; // some of it is there already where a checkpoint was gone on from
        _outlook?.BeginLevel(_current.Count);
        for (var done = 0L; done < _current.Count && MayGoOn(done);)
        {
            var batch = (int)Math.Min(BatchSize, _current.Count - done);
            _current.Load(done, batch);
            ExploreBatch(team, done, batch, firstOfNext);
            done += batch;
            _current.Leave(done, _next);
        }
    }

    // Smaller near a limit on states, and in the end one at a time, so that it is met exactly: hardly a state has more than 64 successors.
    private int BatchSize => (int)Math.Clamp((_budget.States - _graph.StateCount) / 64, 1, BatchStates);

    private void ExploreBatch(WorkerTeam team, long from, int count, int firstOfNext)
    {
        var firstNumber = (int)_graph.Expanded;
        var together = count >= _budget.WorthSharing;
        team.Do(together, worker =>
        {
            // Without the others' help the first worker does it all.
            var (first, end) = together ? ((long)count * worker / team.Size, (long)count * (worker + 1) / team.Size) : (0, worker == 0 ? count : 0);
            _workers[worker].Expand(_current, from + first, from + end, firstNumber + (int)first, _sinks, _tables, _store);
        });
        var faulty = EndAtFault();
        team.Do(together, part => Expander.LookUp(_workers, _tables[part], part, _store));

        var (states, edges) = (_graph.StateCount, _graph.Extend(_workers.Sum(w => (long)w.SuccessorCount)));
        var firstEdges = new long[_workers.Length];
        for (var (w, edge) = (0, edges); w < _workers.Length; w++)
        {
            firstEdges[w] = edge;
            foreach (var successors in _workers[w].Counts)
            {
                _graph.BeginState(edge);
                edge += successors;
            }

            _workers[w].Number(_workers, ref states, _sinks);
            _ends.AddRange(_workers[w].Ends);
            _tooSmall ??= _workers[w].TooSmall;
        }

        _next.Extend(states - _graph.StateCount);
        _store?.Extend(states - _graph.StateCount);
        _graph.StateCount = states;
        team.Do(together, worker => _workers[worker].Settle(_graph, firstEdges[worker], _next, firstOfNext, _store));
        Absorb();
        if (faulty is { } fault)
        {
            _fault = new ModelFault(fault.Message, (int)_graph.Expanded, fault.Choice);
            _graph.BeginState(_graph.EdgeCount);
            _incomplete = "model fault";
        }
    }

    private void Absorb()
    {
        foreach (var worker in _workers)
        {
            _monitor.Absorb(worker.Monitor);
        }

        ReadLog.Merge(_logs);
    }

    // The first fault in the order of the states ends the batch: what other workers did beyond it is forgotten.
    private (string Message, Choice Choice)? EndAtFault()
    {
        var faulty = Array.FindIndex(_workers, w => w.Fault is not null);
        if (faulty < 0)
        {
            return null;
        }

        var fault = _workers[faulty].Fault;
        for (var w = faulty + 1; w < _workers.Length; w++)
        {
            _workers[w].Clear();
        }

        return fault;
    }

    // Looks at the budget; says whether the search may go on.
    private bool MayGoOn(long done)
    {
        if (_incomplete is not null)
        {
            return false;
        }

        var waiting = _current.Count - done + _next.Count;
        var left = _outlook?.Left(_clock.Elapsed, _graph.Expanded - _before.Expanded, _graph.StateCount, waiting, done);
        _report?.Invoke(new Progress(_level, _graph.StateCount, _graph.EdgeCount, waiting, _tables.Sum(t => t.Bytes) + StoreBytes)
        {
            Before = _before.States,
            Estimate = _outlook?.Estimate,
            Left = left,
        });
        _incomplete =
            _stop.IsCancellationRequested ? "interrupted"
            : _graph.StateCount >= _budget.States ? $"the limit of {_budget.States} states was reached"
            : !Fits(done) ? $"the limit of {_budget.Bytes / (1 << 20)} MiB was reached"
            : _budget.Time != Timeout.InfiniteTimeSpan && _clock.Elapsed >= _budget.Time ? $"the limit of {_budget.Time.TotalSeconds:0} s was reached"
            : _budget.First && _monitor.AnyViolation ? "stopped at the first violation"
            : null;
        if (_checkpoints is not null && (_incomplete is not null || _checkpoints.IsDue))
        {
            _checkpoints.Write(Content(done));
        }

        return _incomplete is null;
    }

    // Puts what can wait into the file where memory is tight; says whether the rest fits.
    private bool Fits(long done)
    {
        const int Pause = 4096; // edges; what the process takes is not looked up for each state
        if (!_graph.Memory.IsLimited || _graph.EdgeCount < _lookAgain)
        {
            return true;
        }

        _lookAgain = _graph.EdgeCount + Pause;
        if (_graph.Memory.IsTight())
        {
            _graph.Spill();
            _next.Spill(0);
            _current.Spill(done + BatchStates); // those before are needed now
        }

        return !_graph.Memory.IsExceeded();
    }
}
