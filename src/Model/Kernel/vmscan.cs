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

    /// <summary>Takes a folio that cannot go away off its LRU, with a reference; says whether it could.</summary>
    /// <remarks>Left out: the list and the lruvec lock.</remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask<bool> folio_isolate_lru(Folio folio)
    {
        if (!await test_and_clear_bit(PageFlags.PG_lru, folio.flags))
        {
            return false;
        }

        await mm.folio_get(folio);
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
        BUG_ON(await load(folio.mapping) != mapping, "BUG_ON(mapping != folio_mapping(folio))");
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

    /// <summary>
    /// What shrink_folio_list does with an isolated file page: if nobody has used it since the last time, unmaps it, writes it if it is dirty and this may, and
    /// takes it out of the cache if it is clean. The flushes are put off until before something is written, and to the end.
    /// </summary>
    /// <param name="folio">The page.</param>
    /// <param name="may_write">Whether it writes dirty pages: only kswapd does, of files, and only under pressure.</param>
    /// <remarks>
    /// Left out: PG_referenced, demotion, buffers, the flags that make it write the next time, anonymous pages, lists of more than one; a page
    /// under writeback is kept.
    /// </remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask shrink_folio_list(Folio folio, bool may_write)
    {
        var tlb_ubc = TlbUbc.None;
        var is_freed = false;
        if (await mm.folio_trylock(folio))
        {
            if (!await test_bit(PageFlags.PG_writeback, folio.flags) && await rmap.folio_referenced_locked(folio) == 0) // folio_check_references
            {
                (tlb_ubc, is_freed) = await shrink_folio(folio, may_write);
            }

            if (Toggle("flush-before-folio-unlock"))
            {
                tlb_ubc = await rmap.try_to_unmap_flush_dirty(tlb_ubc);
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

    /// <summary>The part of shrink_folio_list that is about one locked page; says whether it is now only to be freed.</summary>
    [KernelSource("mm/vmscan.c", Function = "shrink_folio_list")]
    public virtual async KernelTask<(TlbUbc TlbUbc, bool IsFreed)> shrink_folio(Folio folio, bool may_write)
    {
        var tlb_ubc = TlbUbc.None;
        if (await mm.folio_mapped(folio))
        {
            tlb_ubc = await rmap.try_to_unmap(folio);
            if (await mm.folio_mapped(folio))
            {
                return (tlb_ubc, false);
            }
        }

        if (await load(folio.mapping) is not AddressSpace mapping)
        {
            return (tlb_ubc, false);
        }

        if (await mm.folio_test_dirty(folio))
        {
            if (!may_write)
            {
                return (tlb_ubc, false);
            }

            if (Checks("flush-before-pageout"))
            {
                tlb_ubc = await rmap.try_to_unmap_flush_dirty(tlb_ubc);
            }

            if (!await pageout(mapping, folio))
            {
                return (tlb_ubc, false);
            }
        }

        return (tlb_ubc, await __remove_mapping(mapping, folio));
    }

    /// <summary>Writes a locked page that only the cache and this thread hold, and locks it again; says whether it is clean then.</summary>
    /// <remarks>The write is over when it returns, as to a ramdisk. The kernel does not wait for the lock: here it does, and the page is looked at again (hides nothing).</remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask<bool> pageout(AddressSpace mapping, Folio folio)
    {
        if (await atomic_read(folio._refcount) != 2) // is_page_cache_freeable
        {
            return false;
        }

        if (await page_writeback.folio_clear_dirty_for_io(folio))
        {
            await page_writeback.writepage(mapping, folio);
            await mm.folio_lock(folio);
            return !await mm.folio_test_dirty(folio) && !await test_bit(PageFlags.PG_writeback, folio.flags) && await load(folio.mapping) == mapping;
        }

        return true;
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
