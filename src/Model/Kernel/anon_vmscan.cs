using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/vmscan.c where it swaps anonymous pages out.</summary>
public class anon_vmscan(Kernel kernel) : vmscan(kernel)
{
    private swap_state swap_state => File<swap_state>();

    /// <summary>Swaps an isolated anonymous page out if it can, and else puts it back on its LRU.</summary>
    /// <remarks>Left out: folio_check_references, as if nobody had used the page since it was looked at last (MADV_PAGEOUT does not ask); demotion; lists of more than one.</remarks>
    [KernelSource("mm/vmscan.c", Function = "shrink_folio_list")]
    public virtual async KernelTask reclaim_anon_folio(Folio folio)
    {
        var tlb_ubc = TlbUbc.None;
        var is_freed = false;
        if (await mm.folio_trylock(folio))
        {
            if (!await test_bit(PageFlags.PG_writeback, folio.flags))
            {
                (tlb_ubc, is_freed) = await shrink_anon_folio(folio);
            }

            await mm.folio_unlock(folio);
        }

        await rmap.try_to_unmap_flush(tlb_ubc);
        if (is_freed)
        {
            await swap.free_unref_page(folio); // free_unref_page_list
        }
        else
        {
            await move_folio_to_lru(folio);
        }
    }

    /// <summary>The part of it that is about one locked page; says whether it is now only to be freed.</summary>
    /// <remarks>Left out: large folios, which are split or swapped out whole; MADV_FREE.</remarks>
    [KernelSource("mm/vmscan.c", Function = "shrink_folio_list")]
    public virtual async KernelTask<(TlbUbc TlbUbc, bool IsFreed)> shrink_anon_folio(Folio folio)
    {
        var tlb_ubc = TlbUbc.None;
        if (!await test_bit(PageFlags.PG_swapcache, folio.flags))
        {
            if ((Checks("reclaim-keeps-pinned") && await File<gup>().folio_maybe_dma_pinned(folio)) || !await swap_state.add_to_swap(folio))
            {
                return (tlb_ubc, false);
            }
        }

        if (await mm.folio_mapped(folio))
        {
            tlb_ubc = await rmap.try_to_unmap(folio);
            if (await mm.folio_mapped(folio))
            {
                return (tlb_ubc, false);
            }
        }

        if (await mm.folio_test_dirty(folio))
        {
            tlb_ubc = await rmap.try_to_unmap_flush_dirty(tlb_ubc);
            if (!await pageout_to_swap(folio))
            {
                return (tlb_ubc, false);
            }
        }

        return (tlb_ubc, await __remove_mapping_of_swap(folio));
    }

    /// <summary>Writes a locked page that only the swap cache and this thread hold, and locks it again; says whether it is clean then and still in the swap cache.</summary>
    /// <remarks>The write is over when it returns, as to a ramdisk. The kernel does not wait for the lock: here it does, and the page is looked at again (hides nothing).</remarks>
    [KernelSource("mm/vmscan.c", Function = "pageout")]
    public virtual async KernelTask<bool> pageout_to_swap(Folio folio)
    {
        if (await atomic_read(folio._refcount) != 2) // is_page_cache_freeable
        {
            return false;
        }

        await clear_bit(PageFlags.PG_dirty, folio.flags); // folio_clear_dirty_for_io
        if (await File<swapfile>().folio_free_swap(folio)) // swap_writepage
        {
            return false;
        }

        var slot = await load(folio.@private);
        await set_bit(PageFlags.PG_writeback, folio.flags);
        await mm.folio_unlock(folio);
        var contents = await load(folio.data);
        await store(slot!.disk, contents);
        await clear_bit(PageFlags.PG_writeback, folio.flags); // end_page_writeback
        await mm.folio_lock(folio);
        return !await mm.folio_test_dirty(folio) && !await test_bit(PageFlags.PG_writeback, folio.flags) && await test_bit(PageFlags.PG_swapcache, folio.flags);
    }

    /// <summary>Takes a locked page out of the swap cache if it is clean and the caller and the swap cache have the only references; says whether it did.</summary>
    /// <remarks>Left out: BUG_ON(!folio_test_locked(folio)), BUG_ON(mapping != folio_mapping(folio)) (hides them).</remarks>
    [KernelSource("mm/vmscan.c", Function = "__remove_mapping")]
    public virtual async KernelTask<bool> __remove_mapping_of_swap(Folio folio)
    {
        var slot = await load(folio.@private);
        await spin_lock(slot!.xa_lock);
        if (await cmpxchg(folio._refcount, 2, 0) != 2) // folio_ref_freeze
        {
            await spin_unlock(slot.xa_lock);
            return false;
        }

        if (await mm.folio_test_dirty(folio))
        {
            await atomic_set(folio._refcount, 2); // folio_ref_unfreeze
            await spin_unlock(slot.xa_lock);
            return false;
        }

        await swap_state.__delete_from_swap_cache(folio, slot);
        await spin_unlock(slot.xa_lock);
        await File<swapfile>().put_swap_folio(slot);
        return true;
    }
}
