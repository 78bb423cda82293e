namespace ThpCheck.Model.Stepping;

/// <summary>How a thread holds a lock.</summary>
public enum LockMode : byte
{
    /// <summary>A spinlock, a bit spinlock, or an rwsem held for writing.</summary>
    Exclusive,

    /// <summary>An rwsem held for reading.</summary>
    Shared,
}

/// <summary>A lock that a thread holds.</summary>
/// <param name="Cell">The lock's first cell, which is its address.</param>
/// <param name="Bit">The bit inside that word for a bit spinlock, otherwise 0.</param>
/// <param name="Mode">How it is held.</param>
public readonly record struct HeldLock(int Cell, long Bit, LockMode Mode);

/// <summary>The kinds of section whose present occupants a <c>Snapshot</c> can wait for.</summary>
[Flags]
public enum SectionKinds : byte
{
    /// <summary>No section.</summary>
    None = 0,

    /// <summary>An RCU read section; a region with preemption or interrupts off is one too (PREEMPT_RT=n).</summary>
    Rcu = 1,

    /// <summary>A region with interrupts off, which an IPI cannot enter.</summary>
    IrqOff = 2,
}

/// <summary>
/// What a thread is inside of: its RCU nesting, whether it can be preempted or interrupted, and the locks it holds. It
/// follows from the thread's own operations alone, so it belongs to the thread and not to shared memory.
/// </summary>
/// <remarks>Compared by content. The default is a thread that holds nothing.</remarks>
public sealed class ThreadContext : IEquatable<ThreadContext>
{
    private readonly HeldLock[] _held;
    private readonly string[] _regions; // in the order they were entered
    private readonly Phantom[] _phantoms; // in the order they were acquired

    private ThreadContext(int rcu, int preempt, int irq, HeldLock[] held, string[] regions, Phantom[]? phantoms = null, Delay? delay = null)
    {
        _phantoms = phantoms ?? [];
        Delay = delay;
        RcuNesting = rcu;
        PreemptDepth = preempt;
        IrqDepth = irq;
        _held = held;
        _regions = regions;
    }

    /// <summary>A thread outside of everything.</summary>
    public static ThreadContext Initial { get; } = new(0, 0, 0, [], []);

    /// <summary>How many rcu_read_lock are open.</summary>
    public int RcuNesting { get; }

    /// <summary>How many preempt_disable are open, those of spinlocks included.</summary>
    public int PreemptDepth { get; }

    /// <summary>How many local_irq_disable are open.</summary>
    public int IrqDepth { get; }

    /// <summary>The locks held, in the order they were taken.</summary>
    public ReadOnlySpan<HeldLock> Held => _held;

    /// <summary>The regions that the path has entered by name, in that order.</summary>
    public ReadOnlySpan<string> Regions => _regions;

    /// <summary>Whether sleeping here is a bug.</summary>
    public bool IsAtomic => RcuNesting > 0 || PreemptDepth > 0 || IrqDepth > 0;

    /// <summary>The sections a thread in this context is inside of.</summary>
    public SectionKinds Sections =>
        (IsAtomic ? SectionKinds.Rcu : SectionKinds.None) | (IrqDepth > 0 ? SectionKinds.IrqOff : SectionKinds.None);

    /// <summary>Whether a thread in this context may end.</summary>
    public bool IsOutside => !IsAtomic && _held.Length == 0;

    /// <summary>On a mutated kernel, what the thread believes to hold, in the order it was acquired.</summary>
    internal ReadOnlySpan<Phantom> Phantoms => _phantoms;

    /// <summary>On a mutated kernel, the step that the thread owes, or null.</summary>
    internal Delay? Delay { get; }

    /// <summary>How the lock is held, or believed to be, or null.</summary>
    public LockMode? ModeOf(int cell, long bit = 0)
    {
        foreach (var held in _held)
        {
            if (held.Cell == cell && held.Bit == bit)
            {
                return held.Mode;
            }
        }

        foreach (var phantom in _phantoms)
        {
            if (phantom.Code == OperationCode.spin_lock && phantom.Cell == cell && phantom.Operand == bit)
            {
                return phantom.Mode;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public bool Equals(ThreadContext? other) =>
        other is not null && RcuNesting == other.RcuNesting && PreemptDepth == other.PreemptDepth && IrqDepth == other.IrqDepth
        && _held.AsSpan().SequenceEqual(other._held) && _regions.AsSpan().SequenceEqual(other._regions)
        && _phantoms.AsSpan().SequenceEqual(other._phantoms) && Delay == other.Delay;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ThreadContext);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(RcuNesting);
        hash.Add(PreemptDepth);
        hash.Add(IrqDepth);
        foreach (var held in _held)
        {
            hash.Add(held);
        }

        foreach (var region in _regions)
        {
            hash.Add(region);
        }

        foreach (var phantom in _phantoms)
        {
            hash.Add(phantom);
        }

        hash.Add(Delay);
        return hash.ToHashCode();
    }

    internal ThreadContext With(Phantom[] phantoms) => new(RcuNesting, PreemptDepth, IrqDepth, _held, _regions, phantoms, Delay);

    internal ThreadContext Delaying(Delay? delay) => new(RcuNesting, PreemptDepth, IrqDepth, _held, _regions, _phantoms, delay);

    internal ThreadContext With(int rcu = 0, int preempt = 0, int irq = 0) =>
        new(RcuNesting + rcu, PreemptDepth + preempt, IrqDepth + irq, _held, _regions, _phantoms, Delay);

    internal ThreadContext Taking(HeldLock held) => new(RcuNesting, PreemptDepth, IrqDepth, [.. _held, held], _regions, _phantoms, Delay);

    internal ThreadContext Dropping(int cell, long bit = 0) =>
        Array.FindLastIndex(_held, h => h.Cell == cell && h.Bit == bit) is >= 0 and var last
            ? new(RcuNesting, PreemptDepth, IrqDepth, [.. _held[..last], .. _held[(last + 1)..]], _regions, _phantoms, Delay)
            : this;

    internal ThreadContext Entering(string region) => new(RcuNesting, PreemptDepth, IrqDepth, _held, [.. _regions, region], _phantoms, Delay);

    /// <summary>Null when the region was not entered.</summary>
    internal ThreadContext? Leaving(string region)
    {
        var last = Array.LastIndexOf(_regions, region);
        return last < 0 ? null : new(RcuNesting, PreemptDepth, IrqDepth, _held, [.. _regions[..last], .. _regions[(last + 1)..]], _phantoms, Delay);
    }
}
