using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// What becomes of a thread's next operation where the kernel is mutated. The thread's path runs as it would: a trylock succeeds,
/// a wait is over, and what it acquired it remembers, so that the release finds it.
/// </summary>
/// <remarks>
/// A phantom is in the thread's context, as what it really holds is, so that functions can hand it to one another, release it on
/// one way and not on the other, and nest it. It keeps nobody out, is no RCU section, and its owner's own assertions see it.
/// References pair with the next release of the same count by the same thread; one that is handed to another thread is missed
/// there.
/// </remarks>
internal static class Phantoms
{
    private const int CodeBits = 8;
    private const int ObjectBits = 24;

    /// <summary>What the thread does next on the mutated kernel, and its context before that.</summary>
    public static (Operation Pending, ThreadContext Context) Of(Machine machine, Mutation mutation, int frame, in Operation pending, ThreadContext context)
    {
        switch (context.Delay)
        {
            case { Stage: DelayStage.Begun } when frame != 0 && pending.Code is OperationCode.Choose or OperationCode.Yield:
                return (pending, context); // which nobody can notice
            case { Stage: DelayStage.Begun } begun when frame != 0 && !InOrder(begun.Step, pending):
                return (pending, context.Delaying(begun with { Stage = DelayStage.Passing }));
            case { Stage: DelayStage.Begun or DelayStage.Passing } passed:
                return (passed.Step, context.Delaying(passed with { Stage = DelayStage.Due, Then = pending }));
            default:
                break;
        }

        if (frame == 0)
        {
            return (pending, context);
        }

        if (mutation.Kind == MutationKind.TakenAway && IsMatched(pending, context))
        {
            return (InPlaceOf(OperationCode.taken_away, pending), context);
        }

        if (Site.Of(machine.Frames, frame, pending.Code) != mutation.Site)
        {
            return (pending, context);
        }

        machine.IsMutated = true;
        return mutation.Kind switch
        {
            MutationKind.TakenAway => (InPlaceOf(OperationCode.taken_away, pending), context),
            MutationKind.AtOnce => (Callbacks.OperationOf(machine, pending.A, pending.B), context),
            _ => (InPlaceOf(OperationCode.delayed, pending), context.Delaying(new Delay(pending, DelayStage.Begun))),
        };
    }

    /// <summary>What the operation would be on the kernel as it is.</summary>
    public static Operation Original(in Operation operation) => operation.Code is not (OperationCode.taken_away or OperationCode.delayed) ? operation : operation with
    {
        Code = (OperationCode)(operation.B & ((1 << CodeBits) - 1)),
        Object = (int)(operation.B >> CodeBits) & ((1 << ObjectBits) - 1),
        B = operation.B >> (CodeBits + ObjectBits),
    };

    /// <summary>What it returns: what was tried succeeds.</summary>
    public static long Result(State state, in Operation operation) => Original(operation).Code switch
    {
        OperationCode.spin_trylock or OperationCode.bit_spin_trylock or OperationCode.down_read_trylock or OperationCode.down_write
            or OperationCode.down_write_trylock or OperationCode.folio_trylock or OperationCode.atomic_inc_not_zero
            or OperationCode.test_bit or OperationCode.rwsem_is_locked => 1,
        OperationCode.atomic_dec_return => state.Get(operation.Cell),
        _ => 0,
    };

    /// <summary>What the thread believes to be inside of after it.</summary>
    public static ThreadContext After(in Operation operation, ThreadContext context)
    {
        var original = Original(operation);
        if (Acquired(original, context) is { } acquired)
        {
            return context.With([.. context.Phantoms, acquired]);
        }

        var match = Match(original, context);
        if (match < 0 || original.Code is OperationCode.test_bit or OperationCode.rwsem_is_locked)
        {
            return context;
        }

        var phantoms = context.Phantoms;
        return original.Code == OperationCode.downgrade_write
            ? context.With([.. phantoms[..match], phantoms[match] with { Mode = LockMode.Shared }, .. phantoms[(match + 1)..]])
            : context.With([.. phantoms[..match], .. phantoms[(match + 1)..]]);
    }

    /// <summary>
    /// The thread, or -1, that a change of a list, which is one step only because of its guard, meets as that is about to change the list
    /// or to look at it under the same guard: then one of the two has a phantom of it.
    /// </summary>
    public static int Racing(State state, int thread, in Operation change)
    {
        for (var other = 0; other < state.Machine.ThreadCount; other++)
        {
            if (other == thread || state.NodeOf(other) is not (>= 0 and var node))
            {
                continue;
            }

            var automaton = state.Machine.Automaton(other);
            if (automaton[node].Operation is { Code: >= OperationCode.list_add and <= OperationCode.list_count } theirs && theirs.Cell == change.Cell
                && automaton.Details(node).Context.ModeOf((int)change.B) is not null)
            {
                return other;
            }
        }

        return -1;
    }

    /// <summary>Whether another thread believes that it has the lock that is released here: such a hand-over cannot be tried.</summary>
    public static bool IsAnothers(State state, int thread, in Operation release)
    {
        for (var other = 0; other < state.Machine.ThreadCount; other++)
        {
            if (other != thread && state.NodeOf(other) is >= 0 and var node && Match(release, state.Machine.Automaton(other).Details(node).Context) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    private static Operation InPlaceOf(OperationCode code, in Operation operation) => operation with
    {
        Code = code,
        Object = 0, // it is not accessed
        B = (operation.B << (CodeBits + ObjectBits)) | ((long)operation.Object << CodeBits) | (long)operation.Code,
    };

    // A thread sees its own steps in order where they are about the same.
    private static bool InOrder(in Operation step, in Operation next) =>
        (step.Cell != 0 && next.Cell == step.Cell)
        || (step.Object != 0 && ((next.Code == OperationCode.kmem_cache_free && next.A == step.Object) || (next.Code == OperationCode.call_rcu && next.B == step.Object)))
        || (next.Code is OperationCode.mmu_store or OperationCode.mmu_load && step.Code is OperationCode.flush_tlb_pages or OperationCode.flush_tlb_all);

    private static bool IsMatched(in Operation release, ThreadContext context) => context.Phantoms.Length > 0 && Match(release, context) >= 0;

    // The phantom that a release is of, or that a test is about: the last, unless the thread has really acquired the same since.
    private static int Match(in Operation operation, ThreadContext context)
    {
        if (Released(operation, context) is not { } released)
        {
            return -1;
        }

        for (var i = context.Phantoms.Length - 1; i >= 0; i--)
        {
            var phantom = context.Phantoms[i];
            if (phantom == released || (operation.Code == OperationCode.rwsem_is_locked && phantom with { Mode = released.Mode } == released))
            {
                return i;
            }
        }

        return -1;
    }

    private static Phantom? Acquired(in Operation operation, ThreadContext context) => operation.Code switch
    {
        OperationCode.spin_lock or OperationCode.spin_trylock or OperationCode.down_write or OperationCode.down_write_trylock =>
            Lock(operation.Cell, 0, LockMode.Exclusive, context),
        OperationCode.down_read or OperationCode.down_read_trylock => Lock(operation.Cell, 0, LockMode.Shared, context),
        OperationCode.bit_spin_lock or OperationCode.bit_spin_trylock => Lock(operation.Cell, operation.A, LockMode.Exclusive, context),
        OperationCode.folio_lock or OperationCode.folio_trylock => new(OperationCode.folio_lock, operation.Cell, operation.A, LockMode.Exclusive, 0),
        OperationCode.rcu_read_lock => Section(operation.Code, context.RcuNesting),
        OperationCode.preempt_disable => Section(operation.Code, context.PreemptDepth),
        OperationCode.local_irq_disable => Section(operation.Code, context.IrqDepth),
        OperationCode.atomic_inc or OperationCode.atomic_inc_not_zero => Reference(operation.Cell, 1),
        OperationCode.atomic_add when operation.A > 0 => Reference(operation.Cell, operation.A),
        _ => null,
    };

    private static Phantom? Released(in Operation operation, ThreadContext context) => operation.Code switch
    {
        OperationCode.spin_unlock or OperationCode.up_write or OperationCode.downgrade_write or OperationCode.rwsem_is_locked =>
            Lock(operation.Cell, 0, LockMode.Exclusive, context),
        OperationCode.up_read => Lock(operation.Cell, 0, LockMode.Shared, context),
        OperationCode.bit_spin_unlock => Lock(operation.Cell, operation.A, LockMode.Exclusive, context),
        OperationCode.folio_unlock or OperationCode.test_bit => new(OperationCode.folio_lock, operation.Cell, operation.A, LockMode.Exclusive, 0),
        OperationCode.rcu_read_unlock => Section(OperationCode.rcu_read_lock, context.RcuNesting),
        OperationCode.preempt_enable => Section(OperationCode.preempt_disable, context.PreemptDepth),
        OperationCode.local_irq_enable => Section(OperationCode.local_irq_disable, context.IrqDepth),
        OperationCode.atomic_dec or OperationCode.atomic_dec_and_test or OperationCode.atomic_dec_return => Reference(operation.Cell, 1),
        OperationCode.atomic_add when operation.A < 0 => Reference(operation.Cell, -operation.A),
        _ => null,
    };

    private static Phantom Lock(int cell, long bit, LockMode mode, ThreadContext context)
    {
        var depth = 0;
        foreach (var held in context.Held)
        {
            depth += held.Cell == cell && held.Bit == bit ? 1 : 0;
        }

        return new(OperationCode.spin_lock, cell, bit, mode, depth);
    }

    private static Phantom Section(OperationCode code, int depth) => new(code, 0, 0, LockMode.Exclusive, depth);

    private static Phantom Reference(int cell, long count) => new(OperationCode.atomic_inc, cell, count, LockMode.Exclusive, 0);
}
