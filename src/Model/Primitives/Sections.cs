using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// What operations do to the context of the thread that performs them, and which are bugs in a given context whatever
/// shared memory holds.
/// </summary>
internal static class Sections
{
    /// <summary>What a thread is inside of once its operation has returned.</summary>
    public static ThreadContext After(in Operation operation, long result, ThreadContext context) => operation.Code switch
    {
        OperationCode.rcu_read_lock => context.With(rcu: 1),
        OperationCode.rcu_read_unlock => context.With(rcu: -1),
        OperationCode.preempt_disable => context.With(preempt: 1),
        OperationCode.preempt_enable => context.With(preempt: -1),
        OperationCode.local_irq_disable => context.With(irq: 1),
        OperationCode.local_irq_enable => context.With(irq: -1),
        OperationCode.spin_lock => context.With(preempt: 1).Taking(new(operation.Cell, 0, LockMode.Exclusive)),
        OperationCode.spin_trylock => result == 0 ? context : context.With(preempt: 1).Taking(new(operation.Cell, 0, LockMode.Exclusive)),
        OperationCode.spin_unlock => context.With(preempt: -1).Dropping(operation.Cell),
        OperationCode.bit_spin_lock => context.With(preempt: 1).Taking(new(operation.Cell, operation.A, LockMode.Exclusive)),
        OperationCode.bit_spin_trylock => result == 0 ? context : context.With(preempt: 1).Taking(new(operation.Cell, operation.A, LockMode.Exclusive)),
        OperationCode.bit_spin_unlock => context.With(preempt: -1).Dropping(operation.Cell, operation.A),
        OperationCode.down_read => context.Taking(new(operation.Cell, 0, LockMode.Shared)),
        OperationCode.down_read_trylock => result == 0 ? context : context.Taking(new(operation.Cell, 0, LockMode.Shared)),
        OperationCode.down_write or OperationCode.down_write_trylock => result == 0 ? context : context.Taking(new(operation.Cell, 0, LockMode.Exclusive)),
        OperationCode.down_write_acquire => context.Taking(new(operation.Cell, 0, LockMode.Exclusive)),
        OperationCode.up_read or OperationCode.up_write => context.Dropping(operation.Cell),
        OperationCode.taken_away => Phantoms.After(operation, context),
        OperationCode.downgrade_write => context.Dropping(operation.Cell).Taking(new(operation.Cell, 0, LockMode.Shared)),
        _ => context,
    };

    /// <summary>The bugs that performing the operation in this context is, as a mask: it can be one of either kind.</summary>
    public static int BugsOf(in Operation operation, ThreadContext context) =>
        BalanceOf(operation, context).Bit() | SleepOf(operation, context).Bit();

    // Locks and sections that are taken twice, or left without having been entered.
    private static KernelBug BalanceOf(in Operation operation, ThreadContext context) => operation.Code switch
    {
        OperationCode.rcu_read_unlock when context.RcuNesting == 0 => KernelBug.UnbalancedSection,
        OperationCode.preempt_enable when context.PreemptDepth == 0 => KernelBug.UnbalancedSection,
        OperationCode.local_irq_enable when context.IrqDepth == 0 => KernelBug.UnbalancedSection,
        OperationCode.spin_lock or OperationCode.down_write when context.ModeOf(operation.Cell) is not null => KernelBug.RecursiveLock,
        OperationCode.bit_spin_lock when context.ModeOf(operation.Cell, operation.A) is not null => KernelBug.RecursiveLock,
        // A second read lock by the same thread deadlocks once a writer waits in between; lockdep reports it outright.
        OperationCode.down_read when context.ModeOf(operation.Cell) is not null => KernelBug.RecursiveLock,
        OperationCode.spin_unlock when context.ModeOf(operation.Cell) is not LockMode.Exclusive => KernelBug.BadUnlock,
        OperationCode.bit_spin_unlock when context.ModeOf(operation.Cell, operation.A) is not LockMode.Exclusive => KernelBug.BadUnlock,
        OperationCode.up_write or OperationCode.downgrade_write when context.ModeOf(operation.Cell) is not LockMode.Exclusive => KernelBug.BadUnlock,
        OperationCode.up_read when context.ModeOf(operation.Cell) is not LockMode.Shared => KernelBug.BadUnlock,
        OperationCode.list_add or OperationCode.list_add_tail or OperationCode.list_del when context.ModeOf((int)operation.B) is not LockMode.Exclusive =>
            KernelBug.ListCorruption,
        _ => KernelBug.None,
    };

    private static KernelBug SleepOf(in Operation operation, ThreadContext context) => operation.Code switch
    {
        OperationCode.kmem_cache_alloc or OperationCode.down_read or OperationCode.down_write or OperationCode.folio_lock when context.IsAtomic =>
            KernelBug.SleepInAtomic,
        OperationCode.snapshot_begin when context.IsAtomic && MaySleep(operation, context) => KernelBug.SleepInAtomic,
        _ => KernelBug.None,
    };

    // synchronize_rcu sleeps; waiting for other CPUs' interrupts spins, and deadlocks only with interrupts off here.
    private static bool MaySleep(in Operation operation, ThreadContext context) =>
        operation.A == (long)SectionKinds.Rcu || context.IrqDepth > 0;
}
