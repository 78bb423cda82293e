using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What do_wp_page may do with a page.</summary>
public enum Reuse
{
    /// <summary>Copy it.</summary>
    Copy,

    /// <summary>Make its pte writable.</summary>
    Reuse,

    /// <summary>Nothing: the pte has changed meanwhile, and the page-table lock is dropped.</summary>
    Gone,
}

/// <summary>mm/memory.c: the write fault on a page that is mapped read-only, by the rule of 5.18; with <c>anon-exclusive</c>, of 5.19 to 6.4.</summary>
/// <remarks>
/// A class of its own, so that its history combines with that of what surrounds it. Left out: KSM, userfaultfd, files; the look whether the page is anonymous (hides nothing: all are).
/// </remarks>
public class wp_page(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Takes the page for the process alone, in place or as a copy. The caller holds the page-table lock, which this drops.</summary>
    /// <param name="vm_mm">The mm.</param>
    /// <param name="vma">The vma.</param>
    /// <param name="table">The page table, locked.</param>
    /// <param name="address">The page's address.</param>
    /// <param name="orig_pte">What its pte is.</param>
    /// <param name="unshare">FAULT_FLAG_UNSHARE: the page is to be exclusive, and stays read-only.</param>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask do_wp_page(Mm vm_mm, Vma vma, PageTable table, int address, Pte orig_pte, bool unshare)
    {
        var folio = Caches.pfn_to_page(orig_pte.Pfn);
        var page = Caches.pfn_to_index(orig_pte.Pfn);
        if (await is_exclusive(folio, page))
        {
            await wp_page_reuse(table, address, orig_pte, unshare);
            return;
        }

        switch (await wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte))
        {
            case Reuse.Reuse:
                await wp_page_reuse(table, address, orig_pte, unshare);
                break;
            case Reuse.Copy:
                await wp_page_copy(vm_mm, vma, table, address, orig_pte, unshare);
                break;
            default:
                break;
        }
    }

    /// <summary>Whether the page is known to be its process's alone; before 5.19 none is.</summary>
    [KernelSource("include/linux/page-flags.h", Function = "PageAnonExclusive")]
    public virtual async KernelTask<bool> is_exclusive(Folio folio, int page) =>
        Toggle("anon-exclusive") && await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);

    /// <summary>Whether nobody else can have the page: it has one reference once it is out of the swap cache and off this CPU's way to the LRU.</summary>
    [KernelSource("mm/memory.c", Function = "do_wp_page")]
    public virtual async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (await atomic_read(folio._refcount) > 3)
        {
            return copies(folio);
        }

        if (Checks("wp-drains-lru") && !await test_bit(PageFlags.PG_lru, folio.flags))
        {
            await File<gup>().lru_add_drain(); // this CPU's only
        }

        var references = await atomic_read(folio._refcount);
        if (references > (await in_swap_cache(folio) ? 2 : 1) || !await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        if (await in_swap_cache(folio))
        {
            await File<swapfile>().folio_free_swap(folio);
        }

        if (await atomic_read(folio._refcount) != 1)
        {
            var decision = copies(folio);
            await mm.folio_unlock(folio);
            return decision;
        }

        await page_move_anon_rmap(folio, page, vma);
        await mm.folio_unlock(folio);
        return Reuse.Reuse;
    }

    /// <summary>folio_test_swapcache.</summary>
    protected async KernelTask<bool> in_swap_cache(Folio folio) => Config.SWAP_SLOTS > 0 && await test_bit(PageFlags.PG_swapcache, folio.flags);

    /// <summary>The decision to copy: with the step that it follows from, the event <c>copies</c>.</summary>
    protected static Reuse copies(Folio folio)
    {
        Oracle("copies", folio);
        return Reuse.Copy;
    }

    /// <summary>The page belongs to this vma alone from now on. Before 5.19 the rule of 5.18 does not move it.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_move_anon_rmap(Folio folio, int page, Vma vma)
    {
        if (Toggle("anon-exclusive"))
        {
            var anon_vma = await load(vma.anon_vma);
            await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
        }
    }

    /// <summary>A large folio is moved to the anon_vma of the vma, where a proposal does so.</summary>
    protected async KernelTask move_large(Folio folio, Vma vma)
    {
        if (Toggle("reuse-moves-rmap"))
        {
            var anon_vma = await load(vma.anon_vma);
            await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
        }
    }

    /// <summary>Makes the pte writable, or leaves it as it is for an unshare fault. Drops the page-table lock.</summary>
    /// <remarks>Left out: VM_BUG_ON of a page that is not exclusive, since 5.19 (hides that assertion).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask wp_page_reuse(PageTable table, int address, Pte orig_pte, bool unshare)
    {
        if (!unshare)
        {
            await pgtable.ptep_set_access_flags(table.pte[pgtable.pte_index(address)], orig_pte with { Write = true, Dirty = true, Young = true }, true);
        }

        await spin_unlock(table.ptl);
    }

    /// <summary>
    /// Copies the page and puts the copy in its place, unless the pte has changed meanwhile. The page is copied without a lock.
    /// </summary>
    /// <remarks>
    /// Left out: failing allocations, mmu notifiers; the LRU's pagevec and its reference to the copy (hides copies of fresh copies); anon_vma_prepare (hides nothing: the page that is copied
    /// is in an anon_vma of the vma's already).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask wp_page_copy(Mm vm_mm, Vma vma, PageTable table, int address, Pte orig_pte, bool unshare)
    {
        var old_folio = Caches.pfn_to_page(orig_pte.Pfn);
        var page = Caches.pfn_to_index(orig_pte.Pfn);
        await mm.folio_get(old_folio);
        await spin_unlock(table.ptl);
        var new_folio = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(new_folio._refcount, 1);
        var contents = await load(old_folio.data_of(page)); // copy_user_highpage
        await store(new_folio.data, contents);
        await spin_lock(table.ptl);
        if (await load(table.pte[pgtable.pte_index(address)]) != orig_pte)
        {
            await put_and_unlock(new_folio, table);
            await mm.folio_put(old_folio);
            return;
        }

        if (Toggle("mapcount-before-switch"))
        {
            await File<large_rmap>().page_remove_rmap(old_folio, page, vm_mm);
        }

        await xchg(table.pte[pgtable.pte_index(address)], default); // ptep_clear_flush_notify
        if (Checks("copy-flushes"))
        {
            await tlbflush.flush_tlb_mm_range(vm_mm, address, address + 1);
        }

        await rmap.page_add_new_anon_rmap(new_folio, vma, address);
        await set_bit(PageFlags.PG_lru, new_folio.flags);
        await store(table.pte[pgtable.pte_index(address)], new Pte(Present: true, Write: !unshare, Dirty: !unshare, Young: true, Caches.page_to_pfn(new_folio)));
        if (!Toggle("mapcount-before-switch"))
        {
            await File<large_rmap>().page_remove_rmap(old_folio, page, vm_mm);
        }

        await put_and_unlock(old_folio, table); // the mapping's
        if (Config.SWAP_SLOTS > 0 && Checks("copy-frees-swap-cache"))
        {
            await File<swap_state>().free_swap_cache(old_folio);
        }

        await mm.folio_put(old_folio); // its own
    }

    /// <summary>Drops the reference of the copy that is not needed, or of the mapping that is no more, and then the page-table lock.</summary>
    [KernelSource("mm/memory.c", Function = "wp_page_copy")]
    public virtual async KernelTask put_and_unlock(Folio folio, PageTable table)
    {
        await mm.folio_put(folio);
        await spin_unlock(table.ptl);
    }
}
