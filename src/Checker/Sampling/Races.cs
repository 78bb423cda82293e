using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Whether two threads' next operations may disturb each other, so that their order matters: one writes the cell that the
/// other reads or writes, one frees or allocates what the other uses, or one waits for sections that the other enters or leaves.
/// </summary>
/// <remarks>In doubt they do. What paths record beside their operations, which no operation reads, is not looked at.</remarks>
internal static class Races
{
    public static bool Between(Machine machine, in Operation one, in Operation other)
    {
        if (IsLocal(one) || IsLocal(other))
        {
            return false;
        }

        return ActsOnAnything(one) || ActsOnAnything(other)
            || OnOneCell(machine, one, other)
            || OnOneLifetime(machine, one, other) || OnOneLifetime(machine, other, one)
            || OnSections(one, other) || OnSections(other, one)
            || (one.Code == OperationCode.call_rcu && other.Code == OperationCode.call_rcu); // they share the places for callbacks
    }

    internal static bool IsLocal(in Operation operation) => operation.Code is OperationCode.none or OperationCode.Choose or OperationCode.Yield;

    // Which object it is about is decided when it happens.
    private static bool ActsOnAnything(in Operation operation) => operation.Code is OperationCode.rcu_callback or OperationCode.discard_slab
        or OperationCode.mmu_store or OperationCode.mmu_load or OperationCode.flush_tlb_pages or OperationCode.flush_tlb_all or OperationCode.tlb_entry_changes;

    private static bool OnOneCell(Machine machine, in Operation one, in Operation other) =>
        (Writes(one) || Writes(other)) && ((one.Cell != 0 && one.Cell == other.Cell) || Reads(machine, one, other.Cell) || Reads(machine, other, one.Cell));

    // A lock and a list go by their first cell. A trylock or cmpxchg that fails writes nothing; in doubt it does.
    internal static bool Writes(in Operation operation) => operation.Cell != 0 && operation.Code is not (OperationCode.load or OperationCode.READ_ONCE
        or OperationCode.smp_load_acquire or OperationCode.atomic_read or OperationCode.test_bit or OperationCode.rwsem_is_locked
        or OperationCode.list_get or OperationCode.list_count or OperationCode.Until);

    // A named predicate reads several cells.
    private static bool Reads(Machine machine, in Operation operation, int cell) =>
        operation.Code == OperationCode.Until && cell != 0 && machine.Object((int)operation.A) is Predicate predicate && operation.B == 0
        && predicate.Reads.Any(r => r.Cell == cell);

    private static bool OnOneLifetime(Machine machine, in Operation changes, in Operation uses) => changes.Code switch
    {
        OperationCode.kmem_cache_free => SlotOf(machine, changes) is { } freed && (SlotOf(machine, uses) == freed || CacheOf(machine, uses) == freed.Cache),
        OperationCode.kmem_cache_alloc => CacheOf(machine, changes) is var cache && (CacheOf(machine, uses) == cache || SlotOf(machine, uses)?.Cache == cache),
        _ => false,
    };

    // The slab object that an operation is about, whichever of its generations.
    private static SlabSlot? SlotOf(Machine machine, in Operation operation) =>
        (machine.Object(operation.Code == OperationCode.kmem_cache_free ? (int)operation.A : operation.Object) as KernelObject)?.Slot;

    // The cache that an allocation is from.
    private static SlabCache? CacheOf(Machine machine, in Operation operation) =>
        operation.Code == OperationCode.kmem_cache_alloc ? machine.Object((int)operation.A) as SlabCache : null;

    // A free records, as the others do, who is inside a section then.
    private static bool OnSections(in Operation waits, in Operation changes) =>
        waits.Code is OperationCode.snapshot_begin or OperationCode.snapshot_wait or OperationCode.call_rcu or OperationCode.kmem_cache_free
        && changes.Code is OperationCode.rcu_read_lock or OperationCode.rcu_read_unlock or OperationCode.preempt_disable or OperationCode.preempt_enable
            or OperationCode.local_irq_disable or OperationCode.local_irq_enable or OperationCode.spin_lock or OperationCode.spin_trylock
            or OperationCode.spin_unlock or OperationCode.bit_spin_lock or OperationCode.bit_spin_trylock or OperationCode.bit_spin_unlock;
}
