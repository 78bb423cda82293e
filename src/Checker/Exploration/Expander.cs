using System.Numerics;
using System.Runtime.CompilerServices;
using ThpCheck.Checker.Reduction;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// One worker of a search: it expands its share of a batch of states into successors, looks up the successors whose
/// fingerprints are in its part of the table, and settles its own successors once all of them have numbers.
/// </summary>
internal sealed class Expander
{
    private const int PrefetchDistance = 16;
    private const int LocalBits = 26; // of a successor's place within its worker, in the mark of one that has no number yet

    private readonly Instance _instance;
    private readonly Machine _machine;
    private readonly Stepper _stepper;
    private readonly StateView _view;
    private readonly int _worker;
    private readonly int _words;
    private readonly int _threads;
    private readonly ulong _mask; // the bits of a fingerprint that count

    // The successors, in the order of their states and, within a state, of their labels.
    private Successor[] _successors = new Successor[1024];
    private ulong[] _successorWords;
    private int[] _targets = new int[1024]; // the number of each, or while it has none ~(worker << LocalBits | place) of the first that is the same
    private long[] _slots = new long[1024]; // where a new one is in its table; -1 for one that is known
    private int[] _counts = new int[1024];  // how many successors each state has
    private readonly int[] _ways; // of the state at hand, in how many each thread can step
    private readonly AmpleSets? _ample; // null where every step is taken
    private readonly Dictionary<(int Thread, int Transition), bool> _watched = [];
    private Choice _attempted; // the step being taken
    private Stepper? _tearDown;

    public Expander(Instance instance, Stepper stepper, PropertyMonitor monitor, int worker, ulong mask, AmpleSets? ample)
    {
        _ample = ample;
        _mask = mask;
        _instance = instance;
        _machine = instance.Machine;
        _stepper = stepper;
        Log = new ReadLog(_machine);
        _view = new StateView(stepper.State) { Log = Log };
        Monitor = monitor;
        _worker = worker;
        _words = _machine.WordCount;
        _threads = _machine.ThreadCount;
        _ways = new int[_threads];
        _successorWords = new ulong[_successors.Length * _words];
    }

    private enum SuccessorKind : byte
    {
        State,
        Bug,
        ScopeTooSmall,
    }

    public PropertyMonitor Monitor { get; }

    /// <summary>What the properties have read in the states that this worker looked at.</summary>
    public ReadLog Log { get; }

    /// <summary>How many states it expanded in this batch, the sinks among them included.</summary>
    public int StateCount { get; private set; }

    public int SuccessorCount { get; private set; }

    /// <summary>How many successors each of its states has.</summary>
    public ReadOnlySpan<int> Counts => _counts.AsSpan(0, StateCount);

    /// <summary>The End states among those it expanded.</summary>
    public List<int> Ends { get; } = [];

    /// <summary>The first pool that was used up, or null.</summary>
    public string? TooSmall { get; private set; }

    /// <summary>The model's fault at which its share of the batch ended, with the step; or null.</summary>
    public (string Message, Choice Choice)? Fault { get; private set; }

    /// <summary>Looks at the initial state.</summary>
    public void LookAtInitialState() => Monitor.OnState(_view, 0, PropertyMonitor.Everything);

    /// <summary>Makes the successors of some states of a level.</summary>
    /// <param name="queue">The level.</param>
    /// <param name="from">The first of its states, by index.</param>
    /// <param name="to">The end of them, exclusive.</param>
    /// <param name="firstNumber">The number of the first.</param>
    /// <param name="sinks">The numbers of the sinks, ascending; they have no successors.</param>
    /// <param name="tables">The parts of the table, which nobody changes now.</param>
    /// <param name="store">For an exact search every state with a number, whole; else null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Expand(StateQueue queue, long from, long to, int firstNumber, List<int> sinks, FingerprintTable[] tables, StateStore? store)
    {
        Clear();
        var state = _stepper.State;
        var nextSink = sinks.BinarySearch(firstNumber);
        nextSink = nextSink < 0 ? ~nextSink : nextSink;
        for (var i = from; i < to; i++)
        {
            var number = firstNumber + (int)(i - from);
            var before = SuccessorCount;
            if (nextSink < sinks.Count && sinks[nextSink] == number)
            {
                nextSink++;
            }
            else
            {
                state.Load(queue.Words(i, out var low, out var high), low, high);
                if (!ExpandOne(number, tables, store))
                {
                    SuccessorCount = before;
                    return;
                }
            }

            if (StateCount == _counts.Length)
            {
                Array.Resize(ref _counts, StateCount * 2);
            }

            _counts[StateCount++] = SuccessorCount - before;
        }
    }

    /// <summary>Forgets the batch: another worker's share ended in a model's fault before this one's began.</summary>
    public void Clear()
    {
        StateCount = 0;
        SuccessorCount = 0;
        Ends.Clear();
        TooSmall = null;
        Fault = null;
    }

    /// <summary>Looks up every worker's successors that belong into one part of the table, in their order.</summary>
    /// <param name="workers">The workers, in their order.</param>
    /// <param name="table">The part of the table.</param>
    /// <param name="part">Its number.</param>
    /// <param name="store">For an exact search every state with a number, whole; else null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LookUp(Expander[] workers, FingerprintTable table, int part, StateStore? store)
    {
        var parts = (uint)workers.Length;
        table.Reserve(workers.Sum(w => (long)w.SuccessorCount));
        foreach (var worker in workers)
        {
            var (successors, targets, slots, count, mask) = (worker._successors, worker._targets, worker._slots, worker.SuccessorCount, worker._mask);
            for (var i = 0; i < count; i++)
            {
                var ahead = i + PrefetchDistance;
                if (ahead < count && PartOf(successors[ahead].High & mask, parts) == part)
                {
                    table.Prefetch(successors[ahead].Low & mask);
                }

                ref readonly var successor = ref successors[i];
                var (low, high) = (successor.Low & mask, successor.High & mask);
                if (PartOf(high, parts) != part)
                {
                    continue;
                }

                var isNew = table.Add(low, high, ~((worker._worker << LocalBits) | i), out targets[i], out var slot);
                while (store is not null && !isNew && !worker.IsSame(i, targets[i], workers, store))
                {
                    (low, high) = Next(low, high);
                    isNew = table.Add(low, high, ~((worker._worker << LocalBits) | i), out targets[i], out slot);
                }

                slots[i] = isNew ? slot : -1;
            }
        }
    }

    // Whether a successor is the state with this number, or the successor with this mark.
    private bool IsSame(int successor, int target, Expander[] workers, StateStore store) => target >= 0
        ? WordsOf(successor).SequenceEqual(store[target])
        : WordsOf(successor).SequenceEqual(workers[~target >> LocalBits].WordsOf(~target & ((1 << LocalBits) - 1)));

    private Span<ulong> WordsOf(int successor) => _successorWords.AsSpan(successor * _words, _words);

    /// <summary>Which part of the table a fingerprint belongs into.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int PartOf(ulong high, uint parts) => (int)(((high >> 32) * parts) >> 32);

    /// <summary>Gives this worker's new successors their numbers, in their order.</summary>
    /// <param name="workers">All workers, for those that are the same as an earlier one.</param>
    /// <param name="next">The next number; becomes the one after the last.</param>
    /// <param name="sinks">Takes the numbers of new sinks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Number(Expander[] workers, ref int next, List<int> sinks)
    {
        for (var i = 0; i < SuccessorCount; i++)
        {
            if (_slots[i] >= 0)
            {
                if (_successors[i].Kind != SuccessorKind.State)
                {
                    sinks.Add(next);
                }

                _targets[i] = next++;
            }
            else if (_targets[i] < 0)
            {
                var first = ~_targets[i];
                _targets[i] = workers[first >> LocalBits]._targets[first & ((1 << LocalBits) - 1)];
            }
        }
    }

    /// <summary>Writes this worker's edges and new states down and looks at the properties.</summary>
    /// <param name="graph">Takes the edges.</param>
    /// <param name="firstEdge">The number of this worker's first.</param>
    /// <param name="next">Takes the new states.</param>
    /// <param name="firstOfLevel">The number of the state that is the queue's first.</param>
    /// <param name="store">Takes the new states for an exact search, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Settle(StateGraph graph, long firstEdge, StateQueue next, int firstOfLevel, StateStore? store)
    {
        for (var i = 0; i < SuccessorCount; i++)
        {
            ref readonly var successor = ref _successors[i];
            var number = _targets[i];
            var edge = firstEdge + i;
            graph.SetEdge(edge, successor.Label, number);
            var words = WordsOf(i);
            if (_slots[i] >= 0)
            {
                FingerprintTable.SetNumber(_slots[i], number);
                store?.Set(number, words);
                next.Set(number - firstOfLevel, words, successor.Low, successor.High);
                if (Monitor.WatchesStates && successor.Kind == SuccessorKind.State)
                {
                    _stepper.State.Load(words, successor.Low, successor.High);
                    Monitor.OnState(_view, number, successor.Touched);
                }
            }

            if (successor.IsRemarkable)
            {
                Observe(successor, words, edge);
            }
        }
    }

    // False when the model is at fault.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool ExpandOne(int number, FingerprintTable[] tables, StateStore? store)
    {
        _attempted = default;
        try
        {
            var isEnd = true;
            for (var thread = 0; thread < _threads; thread++)
            {
                var choices = _stepper.Ways(thread, ref isEnd);
                _ways[thread] = choices;
                if (choices > Choice.MaxPick || thread > Choice.MaxThread)
                {
                    _attempted = new Choice(thread, 0);
                    throw new ModelFaultException($"{_machine.ThreadName(thread)} has {choices} choices in one step; {Choice.MaxPick} is the most");
                }
            }

            if (_ample is null || isEnd || !TakeAmple(_ample, number, tables, store))
            {
                Take(ulong.MaxValue);
            }

            if (isEnd)
            {
                AtEnd(number);
            }

            return true;
        }
        catch (ModelFaultException e)
        {
            Fault = (e.Message, _attempted);
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Take(ulong threads)
    {
        for (var thread = 0; thread < _threads; thread++)
        {
            var choices = (threads >> thread & 1) != 0 ? _ways[thread] : 0;
            for (var pick = 0; pick < choices; pick++)
            {
                _attempted = new Choice(thread, pick);
                Make(_attempted);
            }
        }
    }

    // Takes the steps of some threads only, where that is enough.
    private bool TakeAmple(AmpleSets ample, int number, FingerprintTable[] tables, StateStore? store)
    {
        var (before, tooSmall) = (SuccessorCount, TooSmall);
        foreach (var set in ample.Candidates(_stepper.State, _ways))
        {
            Take(set);
            var (isInvisible, isLater) = (true, false);
            for (var i = before; i < SuccessorCount && isInvisible; i++)
            {
                isInvisible = !IsVisible(_successors[i]);
                isLater = isLater || NumberOf(i, tables, store) is var known && (known < 0 || known > number);
            }

            if (isInvisible && isLater)
            {
                return true;
            }

            (SuccessorCount, TooSmall) = (before, tooSmall);
        }

        return false;
    }

    private bool IsVisible(in Successor successor) =>
        successor.Touched != 0 || successor.Tolerated != 0 || successor.Kind != SuccessorKind.State
        || (successor.HasEffects && Monitor.WatchesSteps && IsWatched(Choice.FromLabel(successor.Label).Thread, successor.Transition));

    private bool IsWatched(int thread, int transition)
    {
        if (!_watched.TryGetValue((thread, transition), out var watched))
        {
            watched = Monitor.Watches(_machine.Automaton(thread).TransitionAt(transition).Effects);
            _watched.Add((thread, transition), watched);
        }

        return watched;
    }

    // The number of a successor that was found before this batch, or -1.
    private int NumberOf(int successor, FingerprintTable[] tables, StateStore? store)
    {
        var (low, high) = (_successors[successor].Low & _mask, _successors[successor].High & _mask);
        var table = tables[PartOf(high, (uint)tables.Length)];
        while (true)
        {
            var number = table.Find(low, high);
            if (number < 0 || store is null || WordsOf(successor).SequenceEqual(store[number]))
            {
                return number;
            }

            (low, high) = Next(low, high);
        }
    }

    // Where another state has a fingerprint, a state goes by the next of a row that depends on the fingerprint alone. All of a row
    // belongs into one part of the table, however many parts there are.
    private static (ulong Low, ulong High) Next(ulong low, ulong high) => (Fingerprint.Mix(low + 1), high ^ (uint)Fingerprint.Mix(high + 2));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Make(Choice choice)
    {
        var state = _stepper.State;
        var transition = _stepper.Fire(choice.Thread, choice.Pick, out _);
        if (SuccessorCount == _successors.Length)
        {
            Array.Resize(ref _successors, SuccessorCount * 2);
            Array.Resize(ref _successorWords, SuccessorCount * 2 * _words);
            Array.Resize(ref _targets, SuccessorCount * 2);
            Array.Resize(ref _slots, SuccessorCount * 2);
        }

        var (low, high) = state.Fingerprint;
        var (kind, effects) = (SuccessorKind.State, false);
        if (state.Outcome == StepOutcome.Done)
        {
            effects = _machine.Automaton(choice.Thread).TransitionAt(transition).HasEffects;
        }
        else
        {
            // A sink is the state it was reached from together with the step that failed there.
            kind = state.Outcome == StepOutcome.Bug ? SuccessorKind.Bug : SuccessorKind.ScopeTooSmall;
            low += Mark((ulong)state.Bug + 1, choice);
            high += Mark((ulong)state.Bug + 101, choice);
            TooSmall ??= kind == SuccessorKind.ScopeTooSmall ? $"scope too small: the pool {state.Reason} is used up" : null;
        }

        state.Words.CopyTo(WordsOf(SuccessorCount));
        if (kind != SuccessorKind.State)
        {
            // No thread is ever at such a node: the words of a sink are those of no state and of no other sink.
            ref var node = ref WordsOf(SuccessorCount)[_machine.NodeWord + (choice.Thread >> 1)];
            var shift = (choice.Thread & 1) * 32;
            node = (node & ~(0xFFFF_FFFFUL << shift)) | ((0x8000_0000UL | ((ulong)state.Bug << 16) | choice.ToLabel()) << shift);
        }

        _successors[SuccessorCount] = new Successor(low, high, state.ReadersOfChanges(Log), transition, choice.ToLabel(), kind, (byte)state.Bug, effects, (ushort)state.Tolerated);
        SuccessorCount++;
        state.Undo();
    }

    private void Observe(in Successor successor, ReadOnlySpan<ulong> words, long edge)
    {
        if (successor.Kind == SuccessorKind.Bug)
        {
            Monitor.OnBug((KernelBug)successor.Bug, edge);
        }

        for (var met = (uint)successor.Tolerated; met != 0; met &= met - 1)
        {
            Monitor.OnBug((KernelBug)BitOperations.TrailingZeroCount(met), edge);
        }

        var thread = Choice.FromLabel(successor.Label).Thread;
        if (successor.HasEffects && Monitor.WatchesSteps && IsWatched(thread, successor.Transition))
        {
            _stepper.State.Load(words, successor.Low, successor.High);
            Monitor.OnStep(_view, thread, _machine.Automaton(thread).TransitionAt(successor.Transition).Effects, edge);
        }
    }

    private void AtEnd(int number)
    {
        Ends.Add(number);
        if (!Monitor.WatchesEnds)
        {
            return;
        }

        if (_instance.TearDown is not { } tearDown)
        {
            Monitor.OnEnd(_view, number);
            return;
        }

        _tearDown ??= new Stepper(_machine);
        var (low, high) = _stepper.State.Fingerprint;
        _tearDown.State.Load(_stepper.State.Words, low, high);
        Instance.RunAlone(_tearDown, tearDown.Thread, tearDown.Entry, "tear-down");
        Monitor.OnEnd(new StateView(_tearDown.State) { Log = Log }, number);
    }

    private static ulong Mark(ulong bug, Choice choice) => Fingerprint.Mix((bug << 32) | choice.ToLabel());

    private readonly record struct Successor(
        ulong Low, ulong High, ulong Touched, int Transition, ushort Label, SuccessorKind Kind, byte Bug, bool HasEffects, ushort Tolerated)
    {
        public bool IsRemarkable => HasEffects | (Tolerated != 0) | (Kind == SuccessorKind.Bug);
    }
}
