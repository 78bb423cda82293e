using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/vmscan.c: reclaim's look at one folio.</summary>
public class vmscan(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Takes a folio off its LRU, with a reference, so that this thread may work on it; says whether it could.</summary>
    /// <remarks>
    /// Left out: the lists and the lruvec lock. What takes an isolated folio relies on it, so this belongs into set-up, once
    /// for each folio.
    /// </remarks>
    [KernelSource("mm/vmscan.c", Function = "isolate_lru_folios")]
    public virtual async KernelTask<bool> isolate_lru_folio(Folio folio)
    {
        if (!await atomic_inc_not_zero(folio._refcount))
        {
            return false;
        }

        if (!await test_and_clear_bit(PageFlags.PG_lru, folio.flags))
        {
            await mm.folio_put(folio);
            return false;
        }

        return true;
    }

    /// <summary>Puts an isolated folio back on its LRU, and frees it if it was left to this thread.</summary>
    /// <remarks>Left out: the lruvec lock, under which this happens.</remarks>
    [KernelSource("mm/vmscan.c", Function = "move_folios_to_lru")]
    public virtual async KernelTask move_folio_to_lru(Folio folio)
    {
        await set_bit(PageFlags.PG_lru, folio.flags);
        if (await atomic_dec_and_test(folio._refcount))
        {
            await clear_bit(PageFlags.PG_lru, folio.flags); // __folio_clear_lru_flags
            await swap.free_unref_page(folio);
        }
    }

    /// <summary>Takes a locked page out of its file's cache if it is clean and the caller and the cache have the only references; says whether it did.</summary>
    /// <remarks>Left out: swap, shadow entries, i_lock. That it goes is the event <c>evicts</c>.</remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask<bool> __remove_mapping(AddressSpace mapping, Folio folio)
    {
        BUG_ON(!await mm.folio_test_locked(folio), "BUG_ON(!folio_test_locked(folio))");
        await spin_lock(mapping.xa_lock);
        if (await cmpxchg(folio._refcount, 2, 0) != 2) // folio_ref_freeze
        {
            await spin_unlock(mapping.xa_lock);
            return false;
        }

        if (await mm.folio_test_dirty(folio))
        {
            await atomic_set(folio._refcount, 2); // folio_ref_unfreeze
            await spin_unlock(mapping.xa_lock);
            return false;
        }

        Oracle("evicts", folio);
        await filemap.__filemap_remove_folio(mapping, folio);
        await spin_unlock(mapping.xa_lock);
        return true;
    }

    /// <summary>The same for a caller that keeps its reference.</summary>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask remove_mapping(AddressSpace mapping, Folio folio)
    {
        if (await __remove_mapping(mapping, folio))
        {
            await atomic_set(folio._refcount, 1); // folio_ref_unfreeze
        }
    }

    /// <summary>What shrink_active_list does with a folio it has isolated: asks who used it, and puts it back.</summary>
    /// <remarks>Left out: the lists themselves and everything that follows from the answer.</remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask shrink_active_list(Folio folio)
    {
        await rmap.folio_referenced(folio);
        await move_folio_to_lru(folio);
    }
}
