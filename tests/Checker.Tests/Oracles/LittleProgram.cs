using System.Text;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Tests.Oracles;

/// <summary>
/// What an instruction does. T is its target and V its value: cells are x, y and item.v; words' bits are the three of flags and
/// then the first of item.flags; spinlocks are a, b and item.lock; rwsems are sem and item.sem.
/// </summary>
internal enum Do
{
    // Memory: cell T.
    Load, Store, StoreRelease, StoreResult, Xchg, CmpXchg, AtomicRead, AtomicSet, AtomicInc, AtomicDec, AtomicAdd,
    AddReturn, IncReturn, DecReturn, IncAndTest, DecAndTest, AddNegative, IncNotZero,

    // Bits: bit T.
    TestBit, SetBit, ClearBit, TestAndSetBit, TestAndClearBit,
    BitSpinLock, BitSpinTrylock, BitSpinUnlock, FolioLock, FolioTrylock, FolioUnlock,
    LoadFlags,

    // Locks: T.
    SpinLock, SpinTrylock, SpinUnlock,
    DownRead, DownReadTrylock, UpRead, DownWrite, DownWriteTrylock, UpWrite, DowngradeWrite, RwsemIsLocked,

    // Sections, and what waits for them. CallRcu frees the item, or with T = 1 adds one to y.
    RcuReadLock, RcuReadUnlock, PreemptDisable, PreemptEnable, IrqDisable, IrqEnable, SynchronizeRcu, SmpCallFunction, CallRcu,

    // The slab cache of items, the thread's pointer to one, and the published pointer. Follow does not look for null.
    Alloc, Free, Publish, Fetch, TakeOut, PublishOnce, Withdraw, Forget, Follow,

    // The list of items: its guard is lock a, or with T = 1 sem; ListGet takes the element T.
    ListAdd, ListAddTail, ListDel, ListGet, ListCount,

    // Choices of T + 2, and waits: for a cell that is V or is not, for a bit, for x = y, for a published item.
    Choose, Until, UntilNot, UntilClear, UntilSet, UntilAlike, UntilPublished, UntilItem, Yield,

    // No steps: what is observed, asserted, skipped. SkipIf skips T + 1 when the result is V.
    Barrier, GhostSet, GhostAdd, Event, Enter, Leave, BugOn, WarnOn, MightSleep, SkipIf,

    // Jumps back over T + 1: V times in all, or unless the result is V. Each jump is a step.
    Again, RepeatUnless,
}

/// <summary>One instruction.</summary>
internal readonly record struct Instruction(Do What, int Target = 0, int Value = 0)
{
    /// <summary>Whether it is skipped while the thread has no item.</summary>
    public bool NeedsItem => What switch
    {
        <= Do.IncNotZero or Do.Until or Do.UntilNot => Target == 2,
        >= Do.TestBit and <= Do.FolioUnlock or Do.UntilClear or Do.UntilSet => Target == 3,
        >= Do.SpinLock and <= Do.SpinUnlock => Target == 2,
        >= Do.DownRead and <= Do.RwsemIsLocked => Target == 1,
        Do.CallRcu or Do.Free or Do.ListAdd or Do.ListAddTail or Do.ListDel => true,
        _ => false,
    };

    /// <summary>Whether it can be a step.</summary>
    public bool IsStep => What is not (Do.Forget or (>= Do.Barrier and <= Do.SkipIf));

    public override string ToString() => Value != 0 ? $"new(Do.{What}, {Target}, {Value})" : Target != 0 ? $"new(Do.{What}, {Target})" : $"new(Do.{What})";
}

/// <summary>A thread.</summary>
internal sealed record LittleThread(ThreadKind Kind, IReadOnlyList<Instruction> Body)
{
    public override string ToString() => $"new(ThreadKind.{Kind}, [{string.Join(", ", Body)}])";
}

/// <summary>A program as data: what two interpreters that know nothing of each other run.</summary>
internal sealed record LittleProgram(IReadOnlyList<LittleThread> Threads)
{
    /// <summary>The cache of items.</summary>
    public SlabOptions Items { get; init; } = new(1);

    /// <summary>Whether an item is published before the threads begin.</summary>
    public bool Published { get; init; }

    /// <summary>Whether waiting writers of an rwsem hold off readers.</summary>
    public bool HoldOff { get; init; } = true;

    /// <summary>The bugs after which a thread goes on.</summary>
    public IReadOnlyList<KernelBug> Tolerated { get; init; } = [];

    /// <summary>Whether a thread of the environment runs callbacks, after the program's own.</summary>
    public bool HasCallbacks => Threads.Any(t => t.Body.Any(i => i.What == Do.CallRcu));

    /// <summary>Whether another, the last, gives slab pages back.</summary>
    public bool HasDiscards => Items.Discard;

    public int ThreadCount => Threads.Count + (HasCallbacks ? 1 : 0) + (HasDiscards ? 1 : 0);

    /// <summary>C# that makes the program.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("new LittleProgram(\n    [\n");
        foreach (var thread in Threads)
        {
            text.Append("        ").Append(thread).Append(",\n");
        }

        text.Append("    ])");
        string[] options =
        [
            .. Items == new SlabOptions(1) ? (string[])[] : [$"Items = {Text(Items)}"],
            .. Published ? (string[])["Published = true"] : [],
            .. HoldOff ? (string[])[] : ["HoldOff = false"],
            .. Tolerated.Count == 0 ? (string[])[] : [$"Tolerated = [{string.Join(", ", Tolerated.Select(b => $"KernelBug.{b}"))}]"],
        ];
        return options.Length == 0 ? text.ToString() : text.Append("\n{\n    ").AppendJoin(",\n    ", options).Append(",\n}").ToString();
    }

    private static string Text(SlabOptions items) => $"new SlabOptions({items.Objects}, {items.Generations}"
        + (items.Reuse ? ", Reuse: true" : "") + (items.TypeSafeByRcu ? ", TypeSafeByRcu: true" : "") + (items.Discard ? ", Discard: true" : "") + ")";
}
