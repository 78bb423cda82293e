using System.Runtime.CompilerServices;
using System.Diagnostics;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>What each operation means: when it can happen, in how many ways, what it changes and returns.</summary>
internal static class Operations
{
    /// <summary>Whether there are states in which the operation waits.</summary>
    public static bool CanBlock(OperationCode code) => code is OperationCode.spin_lock or OperationCode.bit_spin_lock or OperationCode.down_read or OperationCode.down_write_acquire
        or OperationCode.folio_lock or OperationCode.snapshot_wait or OperationCode.Until or OperationCode.rcu_callback or OperationCode.discard_slab or OperationCode.tlb_entry_changes;

    /// <summary>Whether it is about a cell.</summary>
    public static bool NeedsCell(in Operation operation) =>
        operation.Code is (>= OperationCode.load and <= OperationCode.folio_unlock) or (>= OperationCode.list_add and <= OperationCode.list_count)
        || (operation.Code == OperationCode.Until && operation.B != 0);

    /// <summary>Whether the operation can happen in several ways that are not scheduling.</summary>
    public static bool HasChoices(OperationCode code) => code is OperationCode.Choose or OperationCode.kmem_cache_alloc or OperationCode.rcu_callback or OperationCode.discard_slab
        or OperationCode.tlb_entry_changes;

    /// <summary>
    /// Whether it can happen now. An operation that is a bug always can, so that the bug is seen; one whose bug the variant
    /// tolerates waits as if it were none, or it would take a lock that another thread holds.
    /// </summary>
    public static bool IsEnabled(State state, int thread, in Node node)
    {
        var operation = node.Operation;
        if (EndsHere(state, node.Bugs) || (!IsAlive(state, operation.Object) && EndsHere(state, KernelBug.UseAfterFree.Bit())))
        {
            return true;
        }

        return operation.Code switch
        {
            OperationCode.spin_lock => state.Get(operation.Cell) == 0,
            OperationCode.bit_spin_lock or OperationCode.folio_lock => (state.Get(operation.Cell) & operation.A) == 0,
            OperationCode.down_read => RwSemaphore.CanRead(state, operation.Cell),
            OperationCode.down_write_acquire => RwSemaphore.IsFree(state, operation.Cell),
            OperationCode.snapshot_wait => state.Get(state.Machine.WaitCell(thread, (SectionKinds)operation.A)) == 0,
            OperationCode.Until => operation.B == 0
                ? ((Predicate)state.Machine.Object((int)operation.A)!).Holds(state)
                : Holds(state, operation),
            OperationCode.rcu_callback or OperationCode.discard_slab or OperationCode.tlb_entry_changes => Choices(state, operation) > 0,
            _ => true,
        };
    }

    /// <summary>In how many ways it can happen now: 1 unless <see cref="HasChoices"/>.</summary>
    public static int Choices(State state, in Operation operation) => operation.Code switch
    {
        OperationCode.Choose => (int)operation.A,
        OperationCode.kmem_cache_alloc => Math.Max(1, Slab.Candidates(state, (SlabCache)state.Machine.Object((int)operation.A)!)),
        OperationCode.rcu_callback => Callbacks.Ready(state),
        OperationCode.discard_slab => Slab.Discardable(state),
        OperationCode.tlb_entry_changes => Mmu.Changeable(state),
        _ => 1,
    };

    /// <summary>Performs the operation and gives what it returns. <see cref="State.Outcome"/> says whether it could.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Execute(State state, int thread, in Node node, int choice)
    {
        var operation = node.Operation;
        if (node.Bugs != 0 && !state.MeetsAll(node.Bugs, operation.Object, operation.Cell))
        {
            return 0;
        }

        if (operation.Object != 0 && !Check(state, operation.Object, operation.Cell))
        {
            return 0;
        }

        return Execute(state, thread, operation, choice);
    }

    /// <summary>Performs an operation whose object has been checked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Execute(State state, int thread, in Operation operation, int choice)
    {
        var cell = operation.Cell;
        switch (operation.Code)
        {
            case OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read:
                return state.Get(cell);
            case OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set:
                state.Set(cell, operation.A);
                return 0;
            case OperationCode.xchg:
                return Swap(state, cell, operation.A);
            case OperationCode.cmpxchg:
                var old = state.Get(cell);
                if (state.IsSame(cell, old, operation.A))
                {
                    state.Set(cell, operation.B);
                }

                return old;
            case OperationCode.atomic_inc or OperationCode.atomic_dec or OperationCode.atomic_add:
                Add(state, operation);
                return 0;
            case OperationCode.atomic_add_return or OperationCode.atomic_inc_return or OperationCode.atomic_dec_return:
                return Add(state, operation);
            case OperationCode.atomic_inc_and_test or OperationCode.atomic_dec_and_test:
                return Add(state, operation) == 0 ? 1 : 0;
            case OperationCode.atomic_add_negative:
                return Add(state, operation) < 0 ? 1 : 0;
            case OperationCode.atomic_inc_not_zero:
                var count = state.Get(cell);
                if (count != 0)
                {
                    state.Set(cell, count + 1);
                }

                return count == 0 ? 0 : 1;
            case OperationCode.test_bit:
                return (state.Get(cell) & operation.A) != 0 ? 1 : 0;
            case OperationCode.set_bit or OperationCode.bit_spin_lock or OperationCode.folio_lock:
                state.Set(cell, state.Get(cell) | operation.A);
                return 0;
            case OperationCode.clear_bit or OperationCode.bit_spin_unlock:
                state.Set(cell, state.Get(cell) & ~operation.A);
                return 0;
            case OperationCode.test_and_set_bit:
                return SetBits(state, cell, operation.A) ? 1 : 0;
            case OperationCode.bit_spin_trylock or OperationCode.folio_trylock:
                return SetBits(state, cell, operation.A) ? 0 : 1;
            case OperationCode.test_and_clear_bit:
                var had = (state.Get(cell) & operation.A) != 0;
                state.Set(cell, state.Get(cell) & ~operation.A);
                return had ? 1 : 0;
            case OperationCode.folio_unlock:
                if ((state.Get(cell) & operation.A) == 0 && state.Machine.Mutation is not null && Phantoms.IsAnothers(state, thread, operation))
                {
                    throw new ModelFaultException($"the lock that was taken away from one thread is released by another, {state.Machine.ThreadName(thread)}");
                }

                if ((state.Get(cell) & operation.A) == 0 && !state.Meets(KernelBug.BadUnlock, operation.Object, cell))
                {
                    return 0;
                }

                state.Set(cell, state.Get(cell) & ~operation.A);
                return 0;
            case OperationCode.spin_lock:
                state.Set(cell, 1);
                return 0;
            case OperationCode.spin_trylock:
                return Swap(state, cell, 1) == 0 ? 1 : 0;
            case OperationCode.spin_unlock:
                state.Set(cell, 0);
                return 0;
            case OperationCode.down_read or OperationCode.down_read_trylock or OperationCode.up_read or OperationCode.down_write or OperationCode.down_write_acquire
                or OperationCode.down_write_trylock or OperationCode.up_write or OperationCode.downgrade_write or OperationCode.rwsem_is_locked:
                return RwSemaphore.Execute(state, operation);
            case OperationCode.rcu_read_lock or OperationCode.rcu_read_unlock or OperationCode.preempt_disable or OperationCode.preempt_enable
                or OperationCode.local_irq_disable or OperationCode.local_irq_enable or OperationCode.snapshot_wait or OperationCode.Until or OperationCode.Yield:
                return 0; // the thread's own context, or a wait that is over
            case OperationCode.snapshot_begin:
                var kind = (SectionKinds)operation.A;
                state.Set(state.Machine.WaitCell(thread, kind), state.Inside(kind, except: thread));
                return 0;
            case OperationCode.call_rcu:
                Callbacks.Queue(state, thread, (int)operation.A, (int)operation.B);
                return 0;
            case OperationCode.rcu_callback:
                Callbacks.Run(state, thread, choice);
                return 0;
            case OperationCode.kmem_cache_alloc:
                return Slab.Allocate(state, (SlabCache)state.Machine.Object((int)operation.A)!, choice);
            case OperationCode.kmem_cache_free:
                Slab.Free(state, thread, (int)operation.A);
                return 0;
            case OperationCode.discard_slab:
                Slab.Discard(state, choice);
                return 0;
            case OperationCode.list_add or OperationCode.list_add_tail or OperationCode.list_del or OperationCode.list_get or OperationCode.list_count:
                if (state.Machine.Mutation is not null && operation.Code is not (OperationCode.list_get or OperationCode.list_count)
                    && Phantoms.Racing(state, thread, operation) is >= 0 and var other
                    && !state.Meets(KernelBug.ListCorruption, operation.Object, cell, $"as {state.Machine.ThreadName(other)} is at the same list, and one of them only believes to hold its lock"))
                {
                    return 0;
                }

                return GuardedList.Execute(state, operation);
            case OperationCode.mmu_store or OperationCode.mmu_load or OperationCode.flush_tlb_pages or OperationCode.flush_tlb_all or OperationCode.tlb_entry_changes:
                return Mmu.Execute(state, operation, choice);
            case OperationCode.Choose:
                return choice;
            case OperationCode.taken_away or OperationCode.delayed:
                return Phantoms.Result(state, operation);
            default:
                throw new UnreachableException($"{operation.Code}");
        }
    }

    /// <summary>Whether an access to the object is legal now: it lives, or it is a stale one of a type-safe cache whose page is still there.</summary>
    public static bool IsAlive(State state, int @object)
    {
        var lifetime = state.Machine.Lifetimes[@object];
        if (lifetime == 0)
        {
            return true;
        }

        var word = state.Get(lifetime);
        return word == state.Machine.LiveWords[@object] || Slab.IsTypeStable(state, @object, word);
    }

    private static bool EndsHere(State state, int bugs) => (bugs & ~state.Machine.Tolerated) != 0;

    private static bool Check(State state, int @object, int cell) =>
        IsAlive(state, @object) || state.Meets(KernelBug.UseAfterFree, @object, cell);

    private static long Swap(State state, int cell, long value)
    {
        var old = state.Get(cell);
        state.Set(cell, value);
        return old;
    }

    private static bool SetBits(State state, int cell, long mask)
    {
        var old = state.Get(cell);
        state.Set(cell, old | mask);
        return (old & mask) != 0;
    }

    // A count below its smallest value is the kernel's underflow; above its largest, the model's range is too small.
    private static long Add(State state, in Operation operation)
    {
        var value = state.Get(operation.Cell) + operation.A;
        if (value < state.Machine.Places[operation.Cell].Min && !state.Meets(KernelBug.RefcountUnderflow, operation.Object, operation.Cell))
        {
            return 0;
        }

        if (value >= state.Machine.Places[operation.Cell].Min)
        {
            state.Set(operation.Cell, value);
        }

        return value;
    }

    private static bool Holds(State state, in Operation operation)
    {
        var value = state.Get(operation.Cell);
        return (Comparison)operation.B switch
        {
            Comparison.Equal => state.IsSame(operation.Cell, value, operation.A),
            Comparison.NotEqual => !state.IsSame(operation.Cell, value, operation.A),
            Comparison.BitsClear => (value & operation.A) == 0,
            Comparison.BitsSet => (value & operation.A) == operation.A,
            _ => throw new UnreachableException(),
        };
    }
}

/// <summary>How <c>Until</c> compares a cell with its operand.</summary>
public enum Comparison : byte
{
    /// <summary>No comparison: the operand names a <see cref="Predicate"/>.</summary>
    None,

    /// <summary>The value is the operand.</summary>
    Equal,

    /// <summary>The value is not the operand.</summary>
    NotEqual,

    /// <summary>None of the operand's bits is set.</summary>
    BitsClear,

    /// <summary>All of the operand's bits are set.</summary>
    BitsSet,
}
