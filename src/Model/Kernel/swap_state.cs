using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/swap_state.c: the swap cache, which has a page for as long as some pte names its slot and somebody may have the page too.</summary>
/// <remarks>Left out: large folios, readahead of neighbours, shadow entries, the pagevec of a page that is read (it is on its LRU at once).</remarks>
public class swap_state(Kernel kernel) : KernelFile(kernel)
{
    private swapfile swapfile => File<swapfile>();

    /// <summary>Gives a locked page a slot and adds it to the swap cache; says whether there was one.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask<bool> add_to_swap(Folio folio)
    {
        if (await swapfile.folio_alloc_swap() is not { } slot)
        {
            return false;
        }

        await add_to_swap_cache(folio, slot);
        await mm.set_page_dirty(folio);
        return true;
    }

    /// <summary>Adds a locked page to the swap cache, which has a reference for it.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask add_to_swap_cache(Folio folio, SwapSlot slot)
    {
        await mm.folio_get(folio);
        await set_bit(PageFlags.PG_swapcache, folio.flags);
        await spin_lock(slot.xa_lock);
        await store(folio.@private, slot);
        await store(slot.i_pages, folio);
        await spin_unlock(slot.xa_lock);
    }

    /// <summary>Takes a locked page out of the swap cache.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask delete_from_swap_cache(Folio folio)
    {
        var slot = await load(folio.@private);
        await spin_lock(slot!.xa_lock);
        await __delete_from_swap_cache(folio, slot);
        await spin_unlock(slot.xa_lock);
        await swapfile.put_swap_folio(slot);
        await atomic_dec(folio._refcount); // folio_ref_sub
    }

    /// <summary>The part under the lock of the swap cache.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask __delete_from_swap_cache(Folio folio, SwapSlot slot)
    {
        await store(slot.i_pages, null);
        await store(folio.@private, null);
        await clear_bit(PageFlags.PG_swapcache, folio.flags);
    }

    /// <summary>The page that the swap cache has for a slot, with a reference, or null.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask<Folio?> swap_cache_get_folio(SwapSlot slot)
    {
        await rcu_read_lock();
        while (await load(slot.i_pages) is { } folio) // filemap_get_folio
        {
            if (!await atomic_inc_not_zero(folio._refcount))
            {
                continue;
            }

            if (await load(slot.i_pages) == folio) // xas_reload
            {
                await rcu_read_unlock();
                return folio;
            }

            await mm.folio_put(folio);
        }

        await rcu_read_unlock();
        return null;
    }

    /// <summary>The same; where there is none, one into which the slot has been read, added to the swap cache. Null if no pte names the slot.</summary>
    /// <remarks>
    /// The kernel allocates the page before it looks whether it may add one (hides nothing: the allocation is nobody else's concern). Reading is over when it returns. Left out: swapping
    /// in past the swap cache, as from memory (SWP_SYNCHRONOUS_IO).
    /// </remarks>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask<Folio?> read_swap_cache_async(SwapSlot slot)
    {
        while (true)
        {
            if (await swap_cache_get_folio(slot) is { } cached)
            {
                return cached;
            }

            if (await swapfile.swap_swapcount(slot) == 0)
            {
                return null;
            }

            switch (await swapfile.swapcache_prepare(slot))
            {
                case SwapcachePrepare.Done:
                    return await read_into_swap_cache(slot);
                case SwapcachePrepare.Gone:
                    return null;
                default:
                    break; // again: schedule_timeout_uninterruptible(1)
            }
        }
    }

    /// <summary>A new page in the swap cache, into which the slot has been read.</summary>
    [KernelSource("mm/swap_state.c", Function = "__read_swap_cache_async")]
    public virtual async KernelTask<Folio> read_into_swap_cache(SwapSlot slot)
    {
        var folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(folio._refcount, 1);
        await mm.folio_lock(folio);
        await add_to_swap_cache(folio, slot);
        await set_bit(PageFlags.PG_lru, folio.flags); // folio_add_lru
        var contents = await load(slot.disk); // swap_readpage
        await store(folio.data, contents);
        await mm.folio_unlock(folio);
        return folio;
    }

    /// <summary>Takes a page out of the swap cache that nothing maps and no pte names, if it can be locked.</summary>
    [KernelSource("mm/swap_state.c")]
    public virtual async KernelTask free_swap_cache(Folio folio)
    {
        if (await test_bit(PageFlags.PG_swapcache, folio.flags) && !await mm.folio_mapped(folio) && await mm.folio_trylock(folio))
        {
            await swapfile.folio_free_swap(folio);
            await mm.folio_unlock(folio);
        }
    }
}
