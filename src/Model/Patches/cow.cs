using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>Up to 5.8: a page is reused that nobody else maps, whoever else has it.</summary>
public class wp_page_5_7(Kernel.Kernel kernel) : wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v5.7", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (!await mm.folio_trylock(folio))
        {
            await mm.folio_get(folio);
            await spin_unlock(table.ptl);
            await mm.folio_lock(folio);
            await spin_lock(table.ptl);
            if (await load(table.pte[pgtable.pte_index(address)]) != orig_pte)
            {
                await mm.folio_unlock(folio);
                await spin_unlock(table.ptl);
                await mm.folio_put(folio);
                return Reuse.Gone;
            }

            await mm.folio_put(folio);
        }

        var (is_reusable, total) = await File<swapfile>().reuse_swap_page(folio);
        if (!is_reusable)
        {
            var decision = copies(folio);
            await mm.folio_unlock(folio);
            return decision;
        }

        if (total == 1)
        {
            var anon_vma = await load(vma.anon_vma);
            await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma); // page_move_anon_rmap
        }

        if (Toggle("anon-exclusive"))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]); // as this rule would have to, were it still in use
        }

        await mm.folio_unlock(folio);
        return Reuse.Reuse;
    }
}

/// <summary>From 5.9 to 5.17: a page is reused that has one reference. (As first merged, 09854ba94c6a unlocked the page after it wrote the pte; 5.9 does not.)</summary>
public class wp_page_5_9(Kernel.Kernel kernel) : wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v5.9", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (await atomic_read(folio._refcount) != 1 || !await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        var is_single = await atomic_read(folio.mapcount(page)) == 0 && await atomic_read(folio._refcount) == 1;
        var decision = is_single ? Reuse.Reuse : copies(folio);
        if (is_single && Toggle("anon-exclusive"))
        {
            await page_move_anon_rmap(folio, page, vma);
        }

        await mm.folio_unlock(folio);
        return decision;
    }
}

/// <summary>A page in the swap cache that nobody else maps or has in swap is reused, whoever else has it.</summary>
public class wp_page_zhang(Kernel.Kernel kernel) : wp_page_5_9(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mail of 13 January 2022", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (!await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        var is_single = false;
        if (await in_swap_cache(folio))
        {
            (is_single, _) = await File<swapfile>().reuse_swap_page(folio);
        }

        is_single = is_single || (await atomic_read(folio.mapcount(page)) == 0 && await atomic_read(folio._refcount) == 1);
        var decision = is_single ? Reuse.Reuse : copies(folio);
        if (is_single)
        {
            await page_move_anon_rmap(folio, page, vma);
        }

        await mm.folio_unlock(folio);
        return decision;
    }
}

/// <summary>A page is reused that has one reference, besides that of the swap cache.</summary>
public class wp_page_wilcox(Kernel.Kernel kernel) : wp_page_5_9(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mail of 13 January 2022", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (!await is_single(folio) || !await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        var decision = await atomic_read(folio.mapcount(page)) == 0 && await is_single(folio) ? Reuse.Reuse : copies(folio);
        if (decision == Reuse.Reuse)
        {
            await page_move_anon_rmap(folio, page, vma);
        }

        await mm.folio_unlock(folio);
        return decision;
    }

    private async KernelTask<bool> is_single(Folio folio)
    {
        var references = await atomic_read(folio._refcount);
        return references == (await in_swap_cache(folio) ? 2 : 1);
    }
}

/// <summary>A page that could be reused is copied, and one that cannot is looked at again.</summary>
public class wp_page_wip(Kernel.Kernel kernel) : wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "work in progress of 14 January 2022", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        var references = await atomic_read(folio._refcount);
        if (references <= (await in_swap_cache(folio) ? 2 : 1) || !await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        if (await in_swap_cache(folio))
        {
            await File<swapfile>().folio_free_swap(folio);
        }

        var decision = await atomic_read(folio._refcount) == 1 ? Reuse.Reuse : copies(folio);
        await mm.folio_unlock(folio);
        return decision;
    }
}

/// <summary>6.7 and 6.8: the page becomes exclusive once its folio is unlocked. Since 6.5, references are put after the page-table lock.</summary>
public class wp_page_6_8(Kernel.Kernel kernel) : wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.8.1")]
    public override async KernelTask do_wp_page(Mm vm_mm, Vma vma, PageTable table, int address, Pte orig_pte, bool unshare)
    {
        var folio = Caches.pfn_to_page(orig_pte.Pfn);
        var page = Caches.pfn_to_index(orig_pte.Pfn);
        if (!await is_exclusive(folio, page) && await wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte) == Reuse.Copy)
        {
            await wp_page_copy(vm_mm, vma, table, address, orig_pte, unshare);
            return;
        }

        if (Toggle("anon-exclusive") && !await is_exclusive(folio, page))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
        }

        await wp_page_reuse(table, address, orig_pte, unshare);
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v6.8.1", Function = "folio_move_anon_rmap")]
    public override async KernelTask page_move_anon_rmap(Folio folio, int page, Vma vma)
    {
        var anon_vma = await load(vma.anon_vma);
        await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
    }

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.8.1", Function = "wp_page_copy")]
    public override async KernelTask put_and_unlock(Folio folio, PageTable table)
    {
        await spin_unlock(table.ptl);
        await mm.folio_put(folio);
    }
}

/// <summary>From 6.9 to 6.14 ("mm: prohibit the last subpage from reusing the entire large folio"): of a large folio no page is ever reused.</summary>
public class wp_page_6_9(Kernel.Kernel kernel) : wp_page_6_8(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.9")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte) =>
        folio.Pages > 1 ? copies(folio) : await base.wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte);
}

/// <summary>1da190f4d0a6 (6.15): a page of a large folio is reused where only this process maps the folio, and each reference is a mapping's.</summary>
public class wp_page_6_15(Kernel.Kernel kernel) : wp_page_6_9(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "1da190f4d0a6, with what 6.15 changed of its assertions")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (folio.Pages == 1)
        {
            return await base.wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte);
        }

        if (await atomic_read(folio._large_mapcount) + 1 <= 1 || await load(folio.maybe_mapped_shared))
        {
            return copies(folio);
        }

        if (Toggle("reuse-asserts-early"))
        {
            await assert_not_mapped_by_pmd(folio);
        }

        if (!await is_referenced_by_mappings(folio))
        {
            return copies(folio);
        }

        if (Checks("reuse-rechecks-mapcount"))
        {
            await spin_lock(folio.large_mapcount_lock);
            var mapcount = await atomic_read(folio._large_mapcount) + 1;
            if (Config.DEBUG_VM)
            {
                var references = await atomic_read(folio._refcount);
                WARN_ON(Toggle("reuse-asserts-inverted") ? mapcount < references : mapcount > references, "VM_WARN_ON_ONCE(folio_large_mapcount(folio) > folio_ref_count(folio))");
            }

            var is_alone = !await load(folio.maybe_mapped_shared) && await atomic_read(folio._refcount) == mapcount;
            var decision = is_alone ? Reuse.Reuse : copies(folio);
            if (is_alone && !Toggle("reuse-asserts-early"))
            {
                await assert_not_mapped_by_pmd(folio);
            }

            await spin_unlock(folio.large_mapcount_lock);
            if (!is_alone)
            {
                return decision;
            }
        }

        await move_large(folio, vma);
        return Reuse.Reuse;
    }

    /// <summary>VM_WARN_ON_ONCE(folio_entire_mapcount(folio)).</summary>
    [KernelSource("mm/memory.c", At = "v6.15", Function = "__wp_can_reuse_large_anon_folio")]
    public virtual async KernelTask assert_not_mapped_by_pmd(Folio folio)
    {
        if (Config.DEBUG_VM)
        {
            WARN_ON(await atomic_read(folio._compound_mapcount) + 1 != 0, "VM_WARN_ON_ONCE(folio_entire_mapcount(folio))");
        }
    }

    /// <summary>Whether there are as many references as mappings: the mapcount is read first.</summary>
    [KernelSource("mm/memory.c", At = "v6.15", Function = "__wp_can_reuse_large_anon_folio")]
    public virtual async KernelTask<bool> is_referenced_by_mappings(Folio folio)
    {
        if (Toggle("reuse-reads-references-first"))
        {
            var references = await atomic_read(folio._refcount);
            return await atomic_read(folio._large_mapcount) + 1 == references;
        }

        var mapcount = await atomic_read(folio._large_mapcount) + 1;
        return await atomic_read(folio._refcount) == mapcount;
    }
}

/// <summary>A page of a large folio is reused where the page table, which is locked, has as many ptes of the folio as this has references.</summary>
public class wp_page_scan(Kernel.Kernel kernel) : wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mail of 20 January 2022", Function = "do_wp_page")]
    public override async KernelTask<Reuse> wp_can_reuse_anon_folio(Folio folio, int page, Vma vma, PageTable table, int address, Pte orig_pte)
    {
        if (folio.Pages == 1)
        {
            return await base.wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte);
        }

        if (!await mm.folio_trylock(folio))
        {
            return copies(folio);
        }

        var ptes = 0;
        for (var i = 0; i < Config.PTRS_PER_PTE; i++)
        {
            var pte = await load(table.pte[i]);
            ptes += pte.Present && Caches.pfn_to_page(pte.Pfn) == folio ? 1 : 0;
        }

        var users = Checks("scan-compares-references") ? await atomic_read(folio._refcount) : await mapcount_of_all(folio);
        var is_alone = users == ptes;
        var decision = is_alone ? Reuse.Reuse : copies(folio);
        if (is_alone)
        {
            await move_large(folio, vma);
            if (Toggle("anon-exclusive"))
            {
                await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
            }
        }

        await mm.folio_unlock(folio);
        return decision;
    }

    /// <summary>How many ptes map any page of a folio.</summary>
    [KernelSource("mm/util.c", At = "v5.17", Function = "total_mapcount")]
    public virtual async KernelTask<int> mapcount_of_all(Folio folio)
    {
        var total = 0;
        for (var i = 0; i < folio.Pages; i++)
        {
            total += await atomic_read(folio.mapcount(i)) + 1;
        }

        return total;
    }
}
