using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>How swapcache_prepare ended.</summary>
public enum SwapcachePrepare
{
    /// <summary>The caller may add a page.</summary>
    Done,

    /// <summary>Somebody adds or takes one at the moment (-EEXIST).</summary>
    Exists,

    /// <summary>Nobody has the slot any more (-ENOENT).</summary>
    Gone,
}

/// <summary>mm/swapfile.c: who has a slot of swap.</summary>
/// <remarks>Left out: slots that wait in a CPU's cache to be used, or to be free (hides a slot that is used again later than it could); swapoff; clusters for huge pages; memcgs.</remarks>
public class swapfile(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A free slot, for the swap cache at first; null where there is none.</summary>
    [KernelSource("mm/swap_slots.c")]
    public virtual async KernelTask<SwapSlot?> folio_alloc_swap()
    {
        for (var i = 0; i < Caches.SwapSlots.Count; i++)
        {
            var slot = Caches.SwapSlots[i];
            await spin_lock(slot.ci_lock);
            var is_free = await load(slot.swap_map) == 0;
            if (is_free)
            {
                await store(slot.swap_map, SwapSlot.SWAP_HAS_CACHE);
            }

            await spin_unlock(slot.ci_lock);
            if (is_free)
            {
                return slot;
            }
        }

        return null;
    }

    /// <summary>One pte more names a slot that a pte or the swap cache has already.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask swap_duplicate(SwapSlot slot)
    {
        await spin_lock(slot.ci_lock);
        var count = await load(slot.swap_map);
        await store(slot.swap_map, count + 1);
        await spin_unlock(slot.ci_lock);
    }

    /// <summary>The swap cache is going to have a page for a slot that ptes name.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask<SwapcachePrepare> swapcache_prepare(SwapSlot slot)
    {
        await spin_lock(slot.ci_lock);
        var count = await load(slot.swap_map);
        var result = count == 0 ? SwapcachePrepare.Gone : count >= SwapSlot.SWAP_HAS_CACHE ? SwapcachePrepare.Exists : SwapcachePrepare.Done;
        if (result == SwapcachePrepare.Done)
        {
            await store(slot.swap_map, count + SwapSlot.SWAP_HAS_CACHE);
        }

        await spin_unlock(slot.ci_lock);
        return result;
    }

    /// <summary>One pte fewer names a slot, or the swap cache no longer has a page for it. Says what is left.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask<int> __swap_entry_free(SwapSlot slot, int usage)
    {
        await spin_lock(slot.ci_lock);
        var left = await load(slot.swap_map) - usage;
        await store(slot.swap_map, left);
        await spin_unlock(slot.ci_lock);
        return left;
    }

    /// <summary>A pte no longer names a slot.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask swap_free(SwapSlot slot) => await __swap_entry_free(slot, 1);

    /// <summary>The swap cache no longer has a page for a slot.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask put_swap_folio(SwapSlot slot) => await __swap_entry_free(slot, SwapSlot.SWAP_HAS_CACHE);

    /// <summary>How many ptes name a slot.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask<int> swap_swapcount(SwapSlot slot)
    {
        await spin_lock(slot.ci_lock);
        var count = await load(slot.swap_map);
        await spin_unlock(slot.ci_lock);
        return count % SwapSlot.SWAP_HAS_CACHE;
    }

    /// <summary>Takes a locked page out of the swap cache if no pte names its slot; says whether it did. try_to_free_swap, before 6.1.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask<bool> folio_free_swap(Folio folio)
    {
        if (!await test_bit(PageFlags.PG_swapcache, folio.flags) || await test_bit(PageFlags.PG_writeback, folio.flags))
        {
            return false;
        }

        var slot = await load(folio.@private);
        if (await swap_swapcount(slot!) != 0) // folio_swapped
        {
            return false;
        }

        await File<swap_state>().delete_from_swap_cache(folio);
        await set_bit(PageFlags.PG_dirty, folio.flags);
        return true;
    }

    /// <summary>A pte that names a slot goes; a page that the swap cache still has for nobody goes with it, if it can be locked.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask free_swap_and_cache(SwapSlot slot)
    {
        if (await __swap_entry_free(slot, 1) == SwapSlot.SWAP_HAS_CACHE && await swap_swapcount(slot) == 0) // swap_page_trans_huge_swapped
        {
            await __try_to_reclaim_swap(slot);
        }
    }

    /// <summary>Takes the page of a slot out of the swap cache if nothing maps it.</summary>
    [KernelSource("mm/swapfile.c")]
    public virtual async KernelTask __try_to_reclaim_swap(SwapSlot slot)
    {
        if (await File<swap_state>().swap_cache_get_folio(slot) is not { } folio)
        {
            return;
        }

        if (await mm.folio_trylock(folio))
        {
            if (!await mm.folio_mapped(folio))
            {
                await folio_free_swap(folio);
            }

            await mm.folio_unlock(folio);
        }

        await mm.folio_put(folio);
    }

    /// <summary>Up to 5.17: whether a locked page may be written in place, as one mapping or pte that names its slot is all there is. Then it leaves the swap cache.</summary>
    /// <returns>The answer, and how many mappings and ptes that name the slot there are in all.</returns>
    /// <remarks>Left out: swap that needs pages to be stable while they are written.</remarks>
    [KernelSource("mm/swapfile.c", At = "v5.10")]
    public virtual async KernelTask<(bool IsReusable, int Total)> reuse_swap_page(Folio folio)
    {
        var (count, total) = await page_trans_huge_map_swapcount(folio);
        if (Config.SWAP_SLOTS > 0 && count == 1 && await test_bit(PageFlags.PG_swapcache, folio.flags) && !await test_bit(PageFlags.PG_writeback, folio.flags))
        {
            await File<swap_state>().delete_from_swap_cache(folio);
            await set_bit(PageFlags.PG_dirty, folio.flags);
        }

        return (count <= 1, total);
    }

    /// <summary>The most mappings that a page of a folio has, with the ptes that name its slot; and all of them together. Each word is read by itself.</summary>
    /// <remarks>Left out: a large folio in the swap cache.</remarks>
    [KernelSource("mm/swapfile.c", At = "v5.10")]
    public virtual async KernelTask<(int Most, int Total)> page_trans_huge_map_swapcount(Folio folio)
    {
        var most = 0;
        var total = 0;
        for (var i = 0; i < folio.Pages; i++)
        {
            var mapcount = await atomic_read(folio.mapcount(i)) + 1;
            most = Math.Max(most, mapcount);
            total += mapcount;
        }

        if (folio.Pages > 1)
        {
            if (await test_bit(PageFlags.PG_double_map, folio._flags_1))
            {
                most--;
                total -= folio.Pages;
            }

            var mapcount = await atomic_read(folio._compound_mapcount) + 1;
            return (most + mapcount, total + mapcount);
        }

        if (Config.SWAP_SLOTS > 0 && await test_bit(PageFlags.PG_swapcache, folio.flags))
        {
            var slot = await load(folio.@private);
            var swapcount = await swap_swapcount(slot!);
            return (most + swapcount, total + swapcount);
        }

        return (most, total);
    }
}
