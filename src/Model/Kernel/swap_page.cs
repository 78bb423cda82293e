using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c: the fault on a page that is in swap, as from 5.18 on; with <c>anon-exclusive</c>, from 5.19.</summary>
/// <remarks>A class of its own, so that its history combines with that of do_wp_page. Left out: KSM, swap that needs pages to be stable while they are written, swap that runs full; BUG_ON(PageAnonExclusive) and the assertions of page_add_anon_rmap (hides them).</remarks>
public class swap_page(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/swapfile.c.</summary>
    protected swapfile swapfile => File<swapfile>();

    /// <summary>Whether a store to a page that is not on its LRU empties this CPU's pagevec first: since c145e0b47c77, v5.18.</summary>
    protected virtual bool DrainsLru => true;

    /// <summary>Brings the page in and maps it, unless the pte has changed meanwhile. The caller holds no lock but mmap_lock.</summary>
    /// <remarks>It sleeps on the page's lock with mmap_lock held: the kernel drops that for the first try (hides nothing: nobody who holds the page's lock waits for mmap_lock).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask do_swap_page(Mm vm_mm, Vma vma, PageTable table, int address, Pte orig_pte, bool write)
    {
        var entry = Caches.SwapSlots[orig_pte.Pfn - 1];
        var folio = await File<swap_state>().swap_cache_get_folio(entry);
        folio ??= await File<swap_state>().read_swap_cache_async(entry);
        if (folio is null)
        {
            return; // the pte has changed, or it would be out of memory
        }

        await mm.folio_lock(folio);
        if (!await test_bit(PageFlags.PG_swapcache, folio.flags) || await load(folio.@private) != entry)
        {
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return;
        }

        if (write && DrainsLru && !await test_bit(PageFlags.PG_lru, folio.flags))
        {
            await File<gup>().lru_add_drain();
        }

        await spin_lock(table.ptl);
        if (await load(table.pte[pgtable.pte_index(address)]) != orig_pte)
        {
            await spin_unlock(table.ptl);
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return;
        }

        var (pte, goes_on) = await map_swapped_page(vma, table, address, orig_pte, folio, entry, write);
        await mm.folio_unlock(folio);
        if (goes_on)
        {
            await File<wp_page>().do_wp_page(vm_mm, vma, table, address, pte, unshare: false);
            return;
        }

        await spin_unlock(table.ptl);
    }

    /// <summary>The part under both locks.</summary>
    /// <returns>The pte, and whether do_wp_page has still to see to the store.</returns>
    [KernelSource("mm/memory.c", Function = "do_swap_page")]
    public virtual async KernelTask<(Pte Pte, bool GoesOn)> map_swapped_page(Vma vma, PageTable table, int address, Pte orig_pte, Folio folio, SwapSlot entry, bool write)
    {
        await swapfile.swap_free(entry);
        if (write && await test_bit(PageFlags.PG_swapcache, folio.flags) && await atomic_read(folio._refcount) == 2) // should_try_to_free_swap
        {
            await swapfile.folio_free_swap(folio);
        }

        var exclusive = orig_pte.Exclusive || ((write || Toggle("anon-exclusive")) && await atomic_read(folio._refcount) == 1);
        await page_add_anon_rmap(folio, vma, address, exclusive);
        var pte = new Pte(Present: true, Write: write && exclusive, Dirty: write && exclusive, Young: true, Caches.page_to_pfn(folio));
        await store(table.pte[pgtable.pte_index(address)], pte);
        return (pte, write && !exclusive);
    }

    /// <summary>One pte more maps a page that may be mapped already, or may be new. The caller holds its lock, and has a reference for it.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_anon_rmap(Folio folio, Vma vma, int address, bool exclusive)
    {
        if (!await atomic_inc_and_test(folio._mapcount))
        {
            return;
        }

        if (!await mm.folio_test_anon(folio)) // __page_set_anon_rmap
        {
            var anon_vma = await load(vma.anon_vma);
            if (!exclusive)
            {
                anon_vma = await load(anon_vma!.root);
            }

            await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
            var vm_start = await load(vma.vm_start);
            var vm_pgoff = await load(vma.vm_pgoff);
            await store(folio.index, address - vm_start + vm_pgoff);
        }

        if (exclusive && Toggle("anon-exclusive"))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        }
    }
}
