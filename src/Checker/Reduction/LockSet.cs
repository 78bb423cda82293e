using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reduction;

/// <summary>What becomes of an operation while certain locks are held by others who do not move.</summary>
internal enum Fate
{
    /// <summary>It can happen, in any way.</summary>
    Any,

    /// <summary>It waits: a lock is taken that is held.</summary>
    Waits,

    /// <summary>It can only say that it failed, which its result 0 is.</summary>
    Fails,
}

/// <summary>Locks that some threads hold.</summary>
internal sealed class LockSet(IReadOnlyList<HeldLock> locks, Footprint cells)
{
    public IReadOnlyList<HeldLock> Locks => locks;

    /// <summary>The words or bits that the locks are, as read.</summary>
    public Footprint Cells => cells;

    /// <summary>
    /// Whether the words of all of them say so in a state. Where they are bits of a word that someone has overwritten, a thread
    /// may hold what is free again.
    /// </summary>
    public bool AreTakenIn(State state)
    {
        foreach (var held in locks)
        {
            var word = state.Get(held.Mode == LockMode.Shared ? held.Cell + RwSemaphore.Readers : held.Cell);
            if ((held.Bit == 0 ? word : word & held.Bit) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>What becomes of an operation of another thread.</summary>
    public Fate Of(in Operation operation)
    {
        switch (operation.Code)
        {
            case OperationCode.spin_lock or OperationCode.down_write_acquire when Holds(operation.Cell, 0) is not null:
            case OperationCode.bit_spin_lock or OperationCode.folio_lock when Holds(operation.Cell, operation.A) is not null:
            case OperationCode.down_read when Holds(operation.Cell, 0) == LockMode.Exclusive:
                return Fate.Waits;
            case OperationCode.spin_trylock or OperationCode.down_write or OperationCode.down_write_trylock when Holds(operation.Cell, 0) is not null:
            case OperationCode.bit_spin_trylock or OperationCode.folio_trylock when Holds(operation.Cell, operation.A) is not null:
            case OperationCode.down_read_trylock when Holds(operation.Cell, 0) == LockMode.Exclusive:
                return Fate.Fails;
            default:
                return Fate.Any;
        }
    }

    private LockMode? Holds(int cell, long bit)
    {
        foreach (var held in locks)
        {
            if (held.Cell == cell && held.Bit == bit)
            {
                return held.Mode;
            }
        }

        return null;
    }
}
