using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// One state in the hands of one worker: the cells and each thread's node, packed into words, with their fingerprint. A
/// step changes it in place and can be undone.
/// </summary>
/// <threadsafety>Belongs to one worker.</threadsafety>
public sealed class State
{
    private readonly CellPlace[] _places;
    private readonly ulong[] _words;
    private (int Cell, ulong Stored)[] _changes = new (int, ulong)[32];
    private int _changeCount;
    private ulong _low;
    private ulong _high;
    private ulong _lowBefore;
    private ulong _highBefore;
    private readonly List<MetBug> _met = [];
    private int _changedThread = -1;
    private int _nodeBefore;
    private bool _isChangeSeen; // by properties that look at the thread's context
    private int[] _changedRegions = [];

    internal State(Machine machine)
    {
        Machine = machine;
        _places = machine.Places;
        _words = new ulong[machine.WordCount];
        for (var cell = 1; cell < _places.Length; cell++)
        {
            var (low, high) = HashOf(cell, 0);
            _low += low;
            _high += high;
            Set(cell, machine.Cells[cell - 1].Initial);
        }

        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            StoreNode(thread, NoNode);
        }

        Commit();
    }

    /// <summary>The machine it is a state of.</summary>
    public Machine Machine { get; }

    /// <summary>The state as words: the packed cells, then 32 bits a thread.</summary>
    public ReadOnlySpan<ulong> Words => _words;

    /// <summary>Its fingerprint.</summary>
    public (ulong Low, ulong High) Fingerprint => (_low, _high);

    /// <summary>How the last step ended.</summary>
    internal StepOutcome Outcome { get; private set; }

    /// <summary>The bug of the last step, when it ended in one.</summary>
    internal KernelBug Bug { get; private set; }

    /// <summary>The bugs that the last step met, the tolerated ones included, in that order.</summary>
    internal IReadOnlyList<MetBug> Met => _met;

    /// <summary>The message of a BUG_ON, the pool that was too small, or null.</summary>
    internal string? Reason { get; private set; }

    /// <summary>The warnings, and the bugs that the variant tolerates, that the last step met: a mask of 1 &lt;&lt; bug.</summary>
    internal int Tolerated { get; private set; }

    internal const int NoNode = -1;

    /// <summary>The readers of anything that changed since the last <see cref="Commit"/>, as bits.</summary>
    internal ulong ReadersOfChanges(ReadLog log)
    {
        var readers = _isChangeSeen ? log.ReadersOfThread(_changedThread) : 0;
        foreach (var region in _changedRegions)
        {
            readers |= log.ReadersOfRegion(region);
        }

        for (var i = 0; i < _changeCount; i++)
        {
            readers |= log.ReadersOfCell(_changes[i].Cell);
        }

        return readers;
    }

    /// <summary>Loads a state that <see cref="Words"/> gave.</summary>
    internal void Load(ReadOnlySpan<ulong> words, ulong low, ulong high)
    {
        words.CopyTo(_words);
        _low = low;
        _high = high;
        Commit();
    }

    /// <summary>Makes what changed final: the next undo returns to here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Commit()
    {
        _changeCount = 0;
        _changedThread = -1;
        _isChangeSeen = false;
        _changedRegions = [];
        _lowBefore = _low;
        _highBefore = _high;
        Outcome = StepOutcome.Done;
        Bug = KernelBug.None;
        Tolerated = 0;
        Reason = null;
        _met.Clear();
    }

    /// <summary>Takes back what changed since the last <see cref="Commit"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Undo()
    {
        for (var i = _changeCount - 1; i >= 0; i--)
        {
            Store(_changes[i].Cell, _changes[i].Stored);
        }

        if (_changedThread >= 0)
        {
            StoreNode(_changedThread, _nodeBefore);
        }

        _low = _lowBefore;
        _high = _highBefore;
        Commit();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal long Get(int cell)
    {
        ref readonly var place = ref _places[cell];
        return (long)((_words[place.Word] >> place.Shift) & place.Mask) + place.Min;
    }

    /// <exception cref="ModelFaultException">The value is outside the cell's declared range.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Set(int cell, long value)
    {
        ref readonly var place = ref _places[cell];
        var stored = (ulong)(value - place.Min);
        if (stored > place.Span || cell == 0)
        {
            ThrowOutOfRange(cell, value);
        }

        var before = (_words[place.Word] >> place.Shift) & place.Mask;
        if (before == stored)
        {
            return;
        }

        if (_changeCount == _changes.Length)
        {
            Array.Resize(ref _changes, _changeCount * 2);
        }

        _changes[_changeCount++] = (cell, before);
        if (place.Hash >= 0)
        {
            var hashes = Machine.Hashes;
            _low += hashes[2 * (place.Hash + (int)stored)] - hashes[2 * (place.Hash + (int)before)];
            _high += hashes[(2 * (place.Hash + (int)stored)) + 1] - hashes[(2 * (place.Hash + (int)before)) + 1];
        }
        else
        {
            var (oldLow, oldHigh) = Stepping.Fingerprint.Of(Machine.Key, cell, before);
            var (newLow, newHigh) = Stepping.Fingerprint.Of(Machine.Key, cell, stored);
            _low += newLow - oldLow;
            _high += newHigh - oldHigh;
        }

        Store(cell, stored);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int NodeOf(int thread) => (int)(_words[Machine.NodeWord + (thread >> 1)] >> ((thread & 1) * 32));

    /// <summary>Moves a thread to a node; at most one thread between two commits.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="node">The node.</param>
    /// <param name="isSeen">Whether properties that look at the thread's context can tell it from the one before.</param>
    /// <param name="regions">The regions that it enters or leaves.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SetNode(int thread, int node, bool isSeen, int[] regions)
    {
        var before = NodeOf(thread);
        Debug.Assert(_changedThread < 0 || _changedThread == thread, "one thread moves in a step");
        _changedThread = thread;
        _isChangeSeen = isSeen;
        _changedRegions = regions;
        _nodeBefore = before;
        var automaton = Machine.Automaton(thread);
        if (before >= 0)
        {
            ref readonly var old = ref automaton[before];
            _low -= old.Low;
            _high -= old.High;
        }

        ref readonly var now = ref automaton[node];
        _low += now.Low;
        _high += now.High;
        StoreNode(thread, node);
    }

    /// <summary>The threads, as a mask, that are inside a section of a kind now.</summary>
    internal long Inside(SectionKinds kind, int except)
    {
        long mask = 0;
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var node = NodeOf(thread);
            if (thread != except && node >= 0 && (Machine.Automaton(thread)[node].Sections & kind) != 0)
            {
                mask |= 1L << thread;
            }
        }

        return mask;
    }

    /// <summary>A thread has left sections: no wait that began before then waits for it any more.</summary>
    internal void LeaveSections(int thread, SectionKinds kinds)
    {
        if ((kinds & SectionKinds.Rcu) != 0)
        {
            Leave(thread, Machine.Snapshots(SectionKinds.Rcu));
        }

        if ((kinds & SectionKinds.IrqOff) != 0)
        {
            Leave(thread, Machine.Snapshots(SectionKinds.IrqOff));
        }
    }

    /// <summary>The last step is a kernel bug, or would be if the variant did not tolerate it.</summary>
    /// <returns>Whether the step goes on.</returns>
    internal bool Meets(KernelBug bug, int @object, int cell, string? reason = null)
    {
        _met.Add(new(bug, @object, cell, reason));
        Reason = reason;
        if ((bug.Bit() & Machine.Tolerated) != 0)
        {
            Tolerated |= bug.Bit();
            return true;
        }

        Outcome = StepOutcome.Bug;
        Bug = bug;
        return false;
    }

    /// <summary>
    /// The last step is several kernel bugs at once, as a mask. Where some are not tolerated, the execution ends with the first
    /// of them; where all are, each was met.
    /// </summary>
    /// <returns>Whether the step goes on.</returns>
    internal bool MeetsAll(int bugs, int @object, int cell)
    {
        for (var left = (bugs & ~Machine.Tolerated) is not 0 and var fatal ? fatal : bugs; left != 0; left &= left - 1)
        {
            if (!Meets((KernelBug)BitOperations.TrailingZeroCount(left), @object, cell))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether two words of a cell are the same: pointers by address, as two generations of a slab object are one.</summary>
    internal bool IsSame(int cell, long word, long other) => word == other
        || (Machine.IsReference[cell] && word != 0 && other != 0
            && Machine.Object((int)word) is KernelObject one && Machine.Object((int)other) is KernelObject two && one == two);

    /// <summary>Whether any thread holds a lock in a range of cells.</summary>
    internal bool IsAnyLockHeld(int first, int count)
    {
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var node = NodeOf(thread);
            foreach (var held in node < 0 ? [] : Machine.Automaton(thread).Details(node).Context.Held)
            {
                if (held.Cell >= first && held.Cell < first + count)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>A pool is too small to say what the step does.</summary>
    internal void Outgrow(string pool)
    {
        Outcome = StepOutcome.ScopeTooSmall;
        Reason = pool;
    }

    private void Leave(int thread, int[] snapshots)
    {
        var bit = 1L << thread;
        foreach (var cell in snapshots)
        {
            var mask = Get(cell);
            if ((mask & bit) != 0)
            {
                Set(cell, mask & ~bit);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store(int cell, ulong stored)
    {
        ref readonly var place = ref _places[cell];
        ref var word = ref _words[place.Word];
        word = (word & ~(place.Mask << place.Shift)) | (stored << place.Shift);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void StoreNode(int thread, int node)
    {
        ref var word = ref _words[Machine.NodeWord + (thread >> 1)];
        var shift = (thread & 1) * 32;
        word = (word & ~(0xFFFFFFFFUL << shift)) | ((ulong)(uint)node << shift);
    }

    private (ulong Low, ulong High) HashOf(int cell, ulong stored) => Stepping.Fingerprint.Of(Machine.Key, cell, stored);

    private void ThrowOutOfRange(int cell, long value)
    {
        if (cell == 0)
        {
            throw new ModelFaultException("an operation names no cell; is a field of an object used before it was laid out?");
        }

        var declared = Machine.Cells[cell - 1];
        throw new ModelFaultException($"{declared.Name} is given {value}, outside its range {declared.Min}..{declared.Max}; widen the range where the field is declared");
    }
}
