using System.Numerics;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reduction;

/// <summary>
/// Which steps out of a state are enough: partial-order reduction by ample sets, for one worker.
/// </summary>
/// <remarks>
/// <para>
/// A set of threads is independent in a state when nothing that the others may do, as long as none of the set moves, conflicts
/// with the next step of any of the set, blocked ones included. Then the steps that the set can take now are a persistent
/// set (Godefroid: Partial-Order Methods for the Verification of Concurrent Systems, 1996, definition 4.1): every execution from here that
/// moves a thread of the set can be reordered to do that first, and any of those steps can be put before one that does not.
/// They are taken alone when, besides, each is invisible (Clarke, Grumberg, Peled: Model Checking, 1999, condition C2): no
/// property reads what it changes or looks at what it causes; no kernel bug; and when one of them leads to a state that is
/// expanded later (Bosnacki, Holzmann: Improving Spin's Partial-Order Reduction for Breadth-First Search, 2005), so that no
/// step is put off for ever.
/// </para>
/// <para>
/// At least one step must be by a thread that owes its end. An End state or a deadlock then needs a step of the set, so
/// each execution into it begins, reordered, with the ample set and is one step shorter from there: all End states and all
/// deadlocks are reached, the same states. That a state cannot reach any of these is the same in the reduced graph, so
/// livelocks are found, too.
/// </para>
/// <para>
/// What the others may do comes from their automata as far as they are discovered. If a complete search discovers nothing
/// new, that is enough: take the shortest execution, of the full graph, into a step that is not discovered. All before it
/// is, so the footprints used along it were right, so it can be reordered into one that the search took. Then its last step
/// was discovered. The same argument is made for what properties read. The locks that the set holds keep others out,
/// unless one of these may write the lock's word without taking it.
/// </para>
/// </remarks>
internal sealed class AmpleSets
{
    private readonly Discoveries _known;
    private readonly Machine _machine;
    private readonly int _threads;
    private readonly ulong[] _candidates;
    private readonly int[] _sizes;
    private readonly ulong[] _notLive; // slab objects that do not live in the state
    private readonly ulong[] _waitingReads;
    private readonly ulong[] _waitingWrites;
    private readonly Footprint _waiting; // over the two above: what environment threads can do of what waits in the state

    public AmpleSets(Machine machine, Discoveries known)
    {
        _known = known;
        _machine = machine;
        _threads = machine.ThreadCount;
        _candidates = new ulong[_threads];
        _sizes = new int[_threads];
        _notLive = new ulong[known.Footprints.SlotWords];
        _waitingReads = new ulong[known.Footprints.Words];
        _waitingWrites = new ulong[known.Footprints.Words];
        _waiting = Footprint.Over(_waitingReads, _waitingWrites);
    }

    /// <summary>
    /// The independent sets of threads in a state that are smaller than all that can step, as bits, those with the fewest
    /// steps first.
    /// </summary>
    /// <param name="state">The state.</param>
    /// <param name="ways">In how many ways each thread can step; 0 for one that cannot.</param>
    public ReadOnlySpan<ulong> Candidates(State state, ReadOnlySpan<int> ways)
    {
        var enabled = 0UL;
        for (var thread = 0; thread < _threads; thread++)
        {
            enabled |= ways[thread] > 0 ? 1UL << thread : 0;
        }

        if (BitOperations.PopCount(enabled) < 2)
        {
            return [];
        }

        LookAtWaiting(state);
        _known.Footprints.NotLive(state, _notLive);
        var count = 0;
        for (var thread = 0; thread < _threads; thread++)
        {
            if (ways[thread] == 0 || (_machine.Automaton(thread)[state.NodeOf(thread)].Flags & NodeFlags.Owes) == 0)
            {
                continue;
            }

            var set = Close(state, thread);
            if ((set & enabled) != enabled && !_candidates.AsSpan(0, count).Contains(set))
            {
                var size = 0;
                for (var rest = set & enabled; rest != 0; rest &= rest - 1)
                {
                    size += ways[BitOperations.TrailingZeroCount(rest)];
                }

                Insert(set, size, count++);
            }
        }

        return _candidates.AsSpan(0, count);
    }

    private void Insert(ulong set, int size, int count)
    {
        var at = count;
        for (; at > 0 && _sizes[at - 1] > size; at--)
        {
            (_sizes[at], _candidates[at]) = (_sizes[at - 1], _candidates[at - 1]);
        }

        (_sizes[at], _candidates[at]) = (size, set);
    }

    // The smallest independent set with this thread: whoever may be in the way of one of it joins it.
    private ulong Close(State state, int thread)
    {
        var locks = _known.LocksOf(thread, state.NodeOf(thread));
        var set = Close(state, thread, ref locks, keep: true);
        return locks == 0 || Respects(state, set, locks) ? set : Close(state, thread, ref locks, keep: false);
    }

    private ulong Close(State state, int first, ref int locks, bool keep)
    {
        locks = keep ? locks : 0;
        var set = 1UL << first;
        for (var other = 0; other < _threads; other++)
        {
            if ((set >> other & 1) != 0 || !IsActive(state, other) || !IsInTheWay(state, other, set, locks))
            {
                continue;
            }

            set |= 1UL << other;
            locks = keep ? _known.Union(locks, _known.LocksOf(other, state.NodeOf(other))) : 0;
            other = -1; // those that were not in the way of the others may be in that of this one
        }

        return set;
    }

    private bool IsInTheWay(State state, int other, ulong set, int locks)
    {
        var future = _known.Future(other, state.NodeOf(other), locks);
        var serves = _known.Serves(other) is { RunsCallbacks: true } or { Discards: true };
        for (; set != 0; set &= set - 1)
        {
            var thread = BitOperations.TrailingZeroCount(set);
            var next = _known.Next(thread, state.NodeOf(thread));
            if (InTheWay(next, future) || (serves && InTheWay(next, _waiting))
                || (Waits(thread, state) && (_known.Footprints.Watched.ConflictsWith(future) || InTheWay(_waiting, future))))
            {
                return true;
            }
        }

        return false;
    }

    private bool InTheWay(Footprint one, Footprint other) => one.ConflictsWith(other) || _known.Footprints.MeetInPool(one, other, _notLive);

    // Whether what the thread does next is in the state, not in its footprint.
    private bool Waits(int thread, State state) =>
        _machine.Automaton(thread)[state.NodeOf(thread)].Operation.Code is OperationCode.rcu_callback or OperationCode.discard_slab;

    // Whether the locks of the set are really taken, and those outside leave them alone.
    private bool Respects(State state, ulong set, int locks)
    {
        if (!_known.Locks(locks).AreTakenIn(state))
        {
            return false;
        }

        var cells = _known.Locks(locks).Cells;
        for (var other = 0; other < _threads; other++)
        {
            if ((set >> other & 1) == 0 && IsActive(state, other)
                && (_known.Future(other, state.NodeOf(other), locks).WritesWhatReads(cells)
                    || (_known.Serves(other) is { RunsCallbacks: true } or { Discards: true } && _waiting.WritesWhatReads(cells))))
            {
                return false;
            }
        }

        return true;
    }

    private bool IsActive(State state, int thread) => state.NodeOf(thread) is >= 0 and var node
        && ((_machine.Automaton(thread)[node].Flags & NodeFlags.Finished) == 0 || _machine.Automaton(thread)[node].Bugs != 0);

    private void LookAtWaiting(State state)
    {
        Array.Clear(_waitingReads);
        Array.Clear(_waitingWrites);
        var (callbacks, discards) = (false, false);
        for (var thread = 0; thread < _threads; thread++)
        {
            callbacks |= _known.Serves(thread).RunsCallbacks;
            discards |= _known.Serves(thread).Discards;
        }

        if (callbacks || discards)
        {
            _known.Footprints.AddWaiting(state, callbacks, discards, new FootprintBuilder(_waitingReads, _waitingWrites));
        }
    }
}
