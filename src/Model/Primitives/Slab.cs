using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// Slab caches. Which object an allocation gives is a choice: one that was never used, or any freed one that may be used
/// again now. Luck must not decide which bugs exist.
/// </summary>
/// <remarks>
/// A pool that is used up makes the run incomplete, never ENOMEM. A freed ordinary object has its cells as at first; a
/// type-safe one keeps them, lock state included, as its constructor runs only on a new slab page.
/// </remarks>
public static class Slab
{
    /// <summary>kmem_cache_alloc with GFP_KERNEL: it may sleep.</summary>
    public static Step<T> kmem_cache_alloc<T>(SlabCache<T> cache)
        where T : KernelObject
    {
        ArgumentNullException.ThrowIfNull(cache);
        return Worker.Running.Declare<T>(new(OperationCode.kmem_cache_alloc, A: Worker.Running.Machine.NumberOf(cache)));
    }

    /// <summary>
    /// kmem_cache_free. Freeing twice is a bug, and so is freeing with a lock inside that is held or waited for, unless the
    /// cache is type-safe: there an optimistic reader may hold it, and an old pointer may free the object's successor.
    /// </summary>
    public static Step kmem_cache_free(KernelObject @object)
    {
        ArgumentNullException.ThrowIfNull(@object);
        return Worker.Running.Declare(new Operation(OperationCode.kmem_cache_free, A: Worker.Running.Machine.NumberOf(@object)));
    }

    /// <summary>The environment thread that gives slab pages of type-safe caches back, a grace period after the free.</summary>
    public static async KernelTask discard_slabs()
    {
        while (true)
        {
            await DiscardSlab();
        }
    }

    internal static bool IsTypeStable(State state, int @object, long lifetime)
    {
        var slot = ((KernelObject)state.Machine.Object(@object)!).Slot!;
        return slot.Cache.Options.TypeSafeByRcu && lifetime != slot.GoneWord;
    }

    internal static int Candidates(State state, SlabCache cache)
    {
        var (candidates, fresh) = (0, false);
        foreach (var slot in cache.Slots)
        {
            var lifetime = state.Get(slot.Lifetime);
            fresh |= lifetime == SlabSlot.NeverAllocated;
            candidates += MayReuse(slot, lifetime) ? 1 : 0;
        }

        return candidates + (fresh ? 1 : 0);
    }

    internal static long Allocate(State state, SlabCache cache, int choice)
    {
        var fresh = cache.Slots.FirstOrDefault(s => state.Get(s.Lifetime) == SlabSlot.NeverAllocated);
        var reused = cache.Slots.Where(s => MayReuse(s, state.Get(s.Lifetime)));
        var slot = (fresh is null ? reused : reused.Prepend(fresh)).ElementAtOrDefault(choice);
        if (slot is null)
        {
            state.Outgrow(cache.Name);
            return 0;
        }

        var generation = (int)(state.Get(slot.Lifetime) / 2);
        state.Set(slot.Lifetime, SlabSlot.LiveWord(generation));
        if (slot.Snapshot != 0)
        {
            state.Set(slot.Snapshot, 0);
        }

        return slot.Generations[generation].Id;
    }

    internal static void Free(State state, int thread, int @object)
    {
        var handle = (KernelObject)state.Machine.Object(@object)!;
        if (handle.Slot is not { } slot)
        {
            throw new ModelFaultException($"{handle.Name} is freed, but it is from no slab cache");
        }

        // Whoever pinned the object through an old pointer to a type-safe one may be the last to let go of its successor.
        var lifetime = state.Get(slot.Lifetime);
        var isLive = slot.Cache.Options.TypeSafeByRcu ? lifetime % 2 == 1 && lifetime != slot.GoneWord : lifetime == SlabSlot.LiveWord(handle.Generation);
        if (!isLive)
        {
            state.Meets(KernelBug.DoubleFree, @object, 0);
            return;
        }

        if (!slot.Cache.Options.TypeSafeByRcu && HeldLock(state, slot) is var cell and not 0 && !state.Meets(KernelBug.FreeOfHeldLock, @object, cell))
        {
            return;
        }

        state.Set(slot.Lifetime, lifetime + 1);
        if (slot.Snapshot != 0)
        {
            state.Set(slot.Snapshot, state.Inside(SectionKinds.Rcu, except: -1));
        }

        for (var own = slot.FirstCell; !slot.Cache.Options.TypeSafeByRcu && own < slot.FirstCell + slot.CellCount; own++)
        {
            if (state.Machine.Cells[own - 1].Role != CellRole.Ghost)
            {
                state.Set(own, state.Machine.Cells[own - 1].Initial);
            }
        }
    }

    internal static int Discardable(State state)
    {
        var count = 0;
        foreach (var slot in state.Machine.Discardable)
        {
            count += MayDiscard(state, slot) ? 1 : 0;
        }

        return count;
    }

    internal static void Discard(State state, int choice)
    {
        var slot = state.Machine.Discardable.Where(s => MayDiscard(state, s)).ElementAt(choice);
        state.Set(slot.Lifetime, slot.GoneWord);
    }

    // The cell of a lock inside that is held or waited for, or of a bit spinlock that is held; 0 for none.
    private static int HeldLock(State state, SlabSlot slot)
    {
        for (var cell = slot.FirstCell; cell < slot.FirstCell + slot.CellCount; cell++)
        {
            if ((state.Machine.Cells[cell - 1].Role == CellRole.Lock && state.Get(cell) != 0) || state.IsAnyLockHeld(cell, 1))
            {
                return cell;
            }
        }

        return 0;
    }

    private static bool MayReuse(SlabSlot slot, long lifetime) => slot.Cache.Options.Reuse && IsFreed(slot, lifetime)
        && lifetime / 2 < slot.Cache.Options.Generations;

    /// <summary>Whether the slab page of an object that is as its lifetime says may go now, or once nobody waits for it.</summary>
    internal static bool MayEverDiscard(SlabSlot slot, long lifetime) => slot.Snapshot != 0 && IsFreed(slot, lifetime);

    private static bool MayDiscard(State state, SlabSlot slot) => MayEverDiscard(slot, state.Get(slot.Lifetime)) && state.Get(slot.Snapshot) == 0;

    private static bool IsFreed(SlabSlot slot, long lifetime) => lifetime != SlabSlot.NeverAllocated && lifetime % 2 == 0 && lifetime != slot.GoneWord;

    private static Step DiscardSlab() => Worker.Running.Declare(new Operation(OperationCode.discard_slab));
}
