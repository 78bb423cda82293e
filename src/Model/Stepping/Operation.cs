namespace ThpCheck.Model.Stepping;

/// <summary>What an operation does. Names are the kernel's own where the kernel has one; reports print them.</summary>
public enum OperationCode : byte
{
#pragma warning disable CS1591, CA1707 // the kernel's names say it
    none,

    // Memory accesses and atomics (Primitives/memory.cs).
    load, store, READ_ONCE, WRITE_ONCE, smp_load_acquire, smp_store_release,
    xchg, cmpxchg, atomic_read, atomic_set, atomic_inc, atomic_dec, atomic_add, atomic_add_return, atomic_inc_return, atomic_dec_return,
    atomic_inc_and_test, atomic_dec_and_test, atomic_add_negative, atomic_inc_not_zero,
    test_bit, set_bit, clear_bit, test_and_set_bit, test_and_clear_bit,

    // Locks (Primitives/locks.cs).
    spin_lock, spin_trylock, spin_unlock,
    bit_spin_lock, bit_spin_trylock, bit_spin_unlock,
    down_read, down_read_trylock, up_read, down_write, down_write_acquire, down_write_trylock, up_write, downgrade_write, rwsem_is_locked,
    folio_lock, folio_trylock, folio_unlock,

    // Sections and what waits for them (Primitives/sections.cs).
    rcu_read_lock, rcu_read_unlock, preempt_disable, preempt_enable, local_irq_disable, local_irq_enable,
    snapshot_begin, snapshot_wait, call_rcu, rcu_callback,

    // Slab (Primitives/slab.cs).
    kmem_cache_alloc, kmem_cache_free, discard_slab,

    // Containers (Primitives/guarded_list.cs).
    list_add, list_add_tail, list_del, list_get, list_count,

    // The model's own.
    Choose, Until, Yield, taken_away, delayed,

    // The MMU (Primitives/Mmu.cs).
    mmu_store, mmu_load, flush_tlb_pages, flush_tlb_all, tlb_entry_changes,
#pragma warning restore CS1591, CA1707
}

/// <summary>The ordering that the kernel gives an access. Under sequential consistency all behave alike; it is recorded and shown.</summary>
public enum MemoryOrder : byte
{
    /// <summary>A plain C access, which the compiler may tear or repeat.</summary>
    Plain,

    /// <summary>READ_ONCE, WRITE_ONCE, atomic_read: one access, unordered.</summary>
    Once,

    /// <summary>A read-modify-write without ordering, such as atomic_inc.</summary>
    Relaxed,

    /// <summary>Later accesses stay later.</summary>
    Acquire,

    /// <summary>Earlier accesses stay earlier.</summary>
    Release,

    /// <summary>A read-modify-write that returns a value: ordered both ways.</summary>
    Full,
}

/// <summary>
/// One atomic operation as plain data: what a suspended thread will do when the schedule picks it. Its meaning and its
/// footprint follow from its code.
/// </summary>
/// <param name="Code">What it does.</param>
/// <param name="Order">The ordering the kernel states for it.</param>
/// <param name="Object">The object whose lifetime it checks, or 0.</param>
/// <param name="Cell">The first cell it concerns, or 0.</param>
/// <param name="A">An operand; its meaning is the code's.</param>
/// <param name="B">A second operand.</param>
public readonly record struct Operation(OperationCode Code, MemoryOrder Order = MemoryOrder.Plain, int Object = 0, int Cell = 0, long A = 0, long B = 0);
