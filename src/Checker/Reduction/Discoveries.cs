using System.Collections.Concurrent;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reduction;

/// <summary>
/// What is known of the threads so far: the footprint of what each does next from each of its nodes, and of everything it may
/// still do from there, as far as its automaton has been discovered.
/// </summary>
/// <remarks>
/// No thread is run on values that it may never meet: footprints are those of what was discovered, and a search during which
/// more was discovered is made again, with that known from the start. Once one discovers nothing new, it has missed
/// nothing: see <see cref="AmpleSets"/>.
/// </remarks>
/// <threadsafety>Read by any number of workers; <see cref="Update"/> by one, while no other is at work.</threadsafety>
internal sealed class Discoveries
{
    private readonly Machine _machine;
    private readonly bool _futures;
    private readonly bool _guarded;
    private readonly Footprints _footprints;
    private readonly ThreadDiscoveries[] _threads;
    private readonly Dictionary<Footprint, Footprint> _interned = [];
    private LockSet[] _lockSets = []; // replaced when there are more
    private readonly Dictionary<string, int> _lockSetNumbers = [];
    private readonly ConcurrentDictionary<(int, int), int> _unions = new();
    private readonly ConcurrentDictionary<(int Locks, int Thread), Footprint[]> _tables = new();
    private readonly Lock _lock = new();

    public Discoveries(Machine machine, Reductions reductions)
    {
        // Where a thread goes on after a bad unlock, or after freeing what is locked, a lock keeps nobody out.
        KernelBug[] unlocking = [KernelBug.BadUnlock, KernelBug.FreeOfHeldLock, KernelBug.UseAfterFree, KernelBug.DoubleFree, KernelBug.RecursiveLock, KernelBug.UnbalancedSection];
        _machine = machine;
        _futures = reductions.HasFlag(Reductions.Futures);
        _guarded = reductions.HasFlag(Reductions.Guarded) && unlocking.All(bug => (machine.Tolerated & bug.Bit()) == 0);
        _footprints = new Footprints(machine);
        _threads = [.. Enumerable.Range(0, machine.ThreadCount).Select(_ => new ThreadDiscoveries())];
        HasSnapshots = machine.Caches.Any(c => c.Options.Discard);
        var all = new ulong[_footprints.Words];
        Array.Fill(all, ulong.MaxValue);
        Everything = Footprint.Of(all, all);
        Number([]);
    }

    public Footprints Footprints => _footprints;

    /// <summary>The footprint of what is not known yet.</summary>
    public Footprint Everything { get; }

    /// <summary>Whether any thread waits for sections that others are inside of: then a state says which threads they are.</summary>
    public bool HasSnapshots { get; private set; }

    /// <summary>Takes note of what the automata have discovered.</summary>
    /// <returns>Whether that was more than before.</returns>
    public bool Update()
    {
        var more = false;
        for (var thread = 0; thread < _threads.Length; thread++)
        {
            var automaton = _machine.Automaton(thread);
            if (automaton.NodeCount > _threads[thread].Next.Length || automaton.TransitionCount > _threads[thread].Transitions)
            {
                Learn(thread, automaton);
                more = true;
            }
        }

        if (more)
        {
            _tables.Clear();
        }

        return more;
    }

    /// <summary>What a thread's next step can read and write.</summary>
    public Footprint Next(int thread, int node) => node < _threads[thread].Next.Length ? _threads[thread].Next[node] : Everything;

    /// <summary>The number of the set of locks that a thread holds; 0 is the empty one.</summary>
    public int LocksOf(int thread, int node) => node < _threads[thread].Next.Length ? _threads[thread].Locks[node] : 0;

    public LockSet Locks(int number) => _lockSets[number];

    /// <summary>Whether some of what the thread does is in the state, not in its footprints: running callbacks, giving slab pages back.</summary>
    public (bool RunsCallbacks, bool Discards) Serves(int thread) => (_threads[thread].RunsCallbacks, _threads[thread].Discards);

    /// <summary>Both sets together.</summary>
    public int Union(int one, int other) => one == other || other == 0 ? one : one == 0 ? other : _unions.GetOrAdd((one, other), MakeUnion);

    /// <summary>Everything a thread can read and write from a node on, for as long as others hold these locks.</summary>
    public Footprint Future(int thread, int node, int locks)
    {
        if (node >= _threads[thread].Next.Length)
        {
            return Everything;
        }

        if (!_tables.TryGetValue((locks, thread), out var table))
        {
            table = MakeTable(locks, thread);
        }

        return table[node];
    }

    private void Learn(int thread, ThreadAutomaton automaton)
    {
        var known = _threads[thread];
        var (reads, writes) = (new ulong[_footprints.Words], new ulong[_footprints.Words]);
        var count = automaton.NodeCount;
        var edges = EdgesOf(automaton, count);
        (known.Edges, known.Transitions, known.Next, known.Locks) = (edges, automaton.TransitionCount, new Footprint[count], new int[count]);
        for (var node = 0; node < count; node++)
        {
            Array.Clear(reads);
            Array.Clear(writes);
            var to = new FootprintBuilder(reads, writes);
            _footprints.Add(automaton[node].Operation, thread, to);
            foreach (var transition in edges[node])
            {
                ref readonly var taken = ref automaton.TransitionAt(transition);
                if (automaton[taken.Next].Sections != automaton[node].Sections)
                {
                    _footprints.AddSections(thread, to);
                }

                foreach (var effect in taken.Effects)
                {
                    if (effect.Kind is EffectKind.GhostSet or EffectKind.GhostAdd)
                    {
                        _footprints.AddGhost(effect.Cell, to);
                    }
                }
            }

            known.Next[node] = Intern(reads, writes);
            known.Locks[node] = _guarded ? Number([.. automaton.Details(node).Context.Held]) : 0;
            HasSnapshots |= automaton[node].Operation.Code is OperationCode.snapshot_begin or OperationCode.call_rcu;
            known.RunsCallbacks |= automaton[node].Operation.Code == OperationCode.rcu_callback;
            known.Discards |= automaton[node].Operation.Code == OperationCode.discard_slab;
        }
    }

    private static List<int>[] EdgesOf(ThreadAutomaton automaton, int nodes)
    {
        var edges = new List<int>[nodes];
        for (var node = 0; node < nodes; node++)
        {
            edges[node] = [];
        }

        for (var transition = 0; transition < automaton.TransitionCount; transition++)
        {
            edges[automaton.OriginOf(transition).Node].Add(transition);
        }

        return edges;
    }

    // The least solution of: a node's future is its own step and the futures of the nodes it can lead to.
    private Footprint[] MakeTable(int locks, int thread)
    {
        lock (_lock)
        {
            if (_tables.TryGetValue((locks, thread), out var made))
            {
                return made;
            }

            var (automaton, known, held) = (_machine.Automaton(thread), _threads[thread], _lockSets[locks]);
            var (count, words) = (known.Next.Length, _footprints.Words);
            var (reads, writes) = (new ulong[count * words], new ulong[count * words]);
            for (var node = 0; node < count; node++)
            {
                OwnUnder(held, thread, node, new FootprintBuilder(reads.AsSpan(node * words, words), writes.AsSpan(node * words, words)));
            }

            for (var changed = true; changed;)
            {
                changed = false;
                for (var node = count - 1; node >= 0; node--)
                {
                    var fate = held.Of(automaton[node].Operation);
                    foreach (var transition in fate == Fate.Waits ? [] : known.Edges[node])
                    {
                        if (fate == Fate.Any || automaton.OriginOf(transition).Result == 0)
                        {
                            var next = automaton.TransitionAt(transition).Next;
                            changed |= Join(reads, node * words, next * words, words) | Join(writes, node * words, next * words, words);
                        }
                    }
                }
            }

            if (!_futures)
            {
                JoinAll(reads, words);
                JoinAll(writes, words);
            }

            var table = new Footprint[count];
            for (var node = 0; node < count; node++)
            {
                table[node] = Intern(reads.AsSpan(node * words, words), writes.AsSpan(node * words, words));
            }

            _tables[(locks, thread)] = table;
            return table;
        }
    }

    // What waits can still fail, as a use after free; what fails only looks, or queues.
    private void OwnUnder(LockSet held, int thread, int node, FootprintBuilder to)
    {
        var operation = _machine.Automaton(thread)[node].Operation;
        switch (held.Of(operation))
        {
            case Fate.Any:
                to.Add(_threads[thread].Next[node]);
                break;
            case Fate.Waits:
                _footprints.AddLifetime(operation.Object, to);
                break;
            default:
                _footprints.AddLifetime(operation.Object, to);
                if (operation.Code == OperationCode.down_write)
                {
                    _footprints.AddQueueing(operation.Cell, to);
                }
                else
                {
                    _footprints.AddFailing(operation, to);
                }

                break;
        }
    }

    private static bool Join(ulong[] sets, int to, int from, int words)
    {
        var changed = false;
        for (var i = 0; i < words; i++)
        {
            var joined = sets[to + i] | sets[from + i];
            changed |= joined != sets[to + i];
            sets[to + i] = joined;
        }

        return changed;
    }

    private static void JoinAll(ulong[] sets, int words)
    {
        for (var pass = 0; pass < 2; pass++)
        {
            for (var at = words; at < sets.Length; at += words)
            {
                Join(sets, 0, at, words);
                Join(sets, at, 0, words);
            }
        }
    }

    private Footprint Intern(ReadOnlySpan<ulong> reads, ReadOnlySpan<ulong> writes)
    {
        var footprint = Footprint.Of(reads, writes);
        if (_interned.TryGetValue(footprint, out var known))
        {
            return known;
        }

        _interned.Add(footprint, footprint);
        return footprint;
    }

    private int MakeUnion((int One, int Other) pair)
    {
        lock (_lock)
        {
            return Number([.. _lockSets[pair.One].Locks, .. _lockSets[pair.Other].Locks]);
        }
    }

    private int Number(IReadOnlyList<HeldLock> locks)
    {
        HeldLock[] sorted = [.. locks.Distinct().OrderBy(l => l.Cell).ThenBy(l => l.Bit).ThenBy(l => l.Mode)];
        var name = string.Join(" ", sorted);
        if (_lockSetNumbers.TryGetValue(name, out var number))
        {
            return number;
        }

        var (reads, writes) = (new ulong[_footprints.Words], new ulong[_footprints.Words]);
        foreach (var held in sorted)
        {
            _footprints.AddLock(held.Cell, held.Bit, new FootprintBuilder(reads, writes));
        }

        number = _lockSets.Length;
        _lockSetNumbers.Add(name, number);
        Volatile.Write(ref _lockSets, [.. _lockSets, new LockSet(sorted, Footprint.Of(reads, writes))]);
        return number;
    }

    private sealed class ThreadDiscoveries
    {
        public Footprint[] Next { get; set; } = [];

        public int[] Locks { get; set; } = [];

        public List<int>[] Edges { get; set; } = [];

        public int Transitions { get; set; }

        public bool RunsCallbacks { get; set; }

        public bool Discards { get; set; }
    }
}
