namespace ThpCheck.Model.Stepping;

/// <summary>
/// The model itself is wrong: it broke the coroutine contract, left a declared range, or threw. Nothing can be said
/// about the kernel until it is mended.
/// </summary>
/// <param name="message">One sentence: what, where, and what would mend it.</param>
public sealed class ModelFaultException(string message) : Exception(message)
{
    /// <summary>The kernel bug that was met where nothing can go on from one, as in set-up; else none.</summary>
    public KernelBug Bug { get; init; }
}

/// <summary>The faults that the model detects in kernel code by itself, each a property of its own.</summary>
public enum KernelBug
{
    /// <summary>No bug.</summary>
    None,

    /// <summary>An access to an object after it was freed, or after its slab page was given back.</summary>
    UseAfterFree,

    /// <summary>An object was freed twice.</summary>
    DoubleFree,

    /// <summary>A lock was released by a thread that does not hold it, or in another mode.</summary>
    BadUnlock,

    /// <summary>A thread takes a lock that it holds.</summary>
    RecursiveLock,

    /// <summary>An object was freed with a lock inside that is held or waited for.</summary>
    FreeOfHeldLock,

    /// <summary>A thread may sleep inside an RCU, preempt-off or irq-off section, or waits for other CPUs inside an irq-off one.</summary>
    SleepInAtomic,

    /// <summary>A reference count was taken below zero.</summary>
    RefcountUnderflow,

    /// <summary>A section was left that had not been entered, or a path ended inside one or with a lock held.</summary>
    UnbalancedSection,

    /// <summary>A container was changed without its guard, or something was removed that was not in it.</summary>
    ListCorruption,

    /// <summary>A null pointer was followed.</summary>
    NullDereference,

    /// <summary>A page was taken out of a PMD that is not present, or a table out of one that points to none.</summary>
    MisreadPmd,

    /// <summary>A BUG, BUG_ON, VM_BUG_ON or VM_BUG_ON_FOLIO of the kernel's own.</summary>
    BugOn,

    /// <summary>A WARN_ON of the kernel's own; the kernel goes on.</summary>
    Warning,
}

/// <summary>A kernel bug that a step met, be it the end or tolerated.</summary>
/// <param name="Bug">The bug.</param>
/// <param name="Object">The object it is about, by number, or 0.</param>
/// <param name="Cell">The cell it is about, by number, or 0.</param>
/// <param name="Message">The message of a BUG_ON or WARN_ON, or null.</param>
public readonly record struct MetBug(KernelBug Bug, int Object, int Cell, string? Message);

/// <summary>Several bugs at once are a mask.</summary>
internal static class KernelBugMask
{
    /// <summary>The bug's bit, 1 &lt;&lt; bug; 0 for <see cref="KernelBug.None"/>.</summary>
    public static int Bit(this KernelBug bug) => bug == KernelBug.None ? 0 : 1 << (int)bug;
}

/// <summary>How the last operation ended.</summary>
internal enum StepOutcome : byte
{
    Done,

    /// <summary>A kernel bug: the state is a sink.</summary>
    Bug,

    /// <summary>A pool was too small to say what happens next.</summary>
    ScopeTooSmall,
}
