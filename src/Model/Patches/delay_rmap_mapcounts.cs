using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// "mm: delay rmap removal until after TLB flush" as it was in mm-unstable in November 2022, for one page, with what it did to
/// statistics, memcg and mlock: the munlock stays under the page-table lock, the rest of the removal comes after it.
/// </summary>
public class delay_rmap_v1_memory_mapcounts(Kernel.Kernel kernel) : memory_mapcounts(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mm-unstable of November 2022", Function = "zap_pte_range")]
    public override async KernelTask zap_pte(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return;
        }

        var table = pgtable.pmd_pgtable(pmd);
        var ptep = table.pte[pgtable.pte_index(address)];

        await spin_lock(table.ptl);
        var pte = await load(ptep);
        if (!pte.Present)
        {
            await spin_unlock(table.ptl);
            return;
        }

        pte = await pgtable.ptep_get_and_clear_full(ptep);
        var page = Caches.pfn_to_subpage(pte.Pfn);
        if (!await mm.folio_test_anon(page.Folio) && pte.Dirty)
        {
            await mm.set_page_dirty(page.Folio);
        }

        await File<mlock>().munlock_vma_page(page, vma, compound: false);
        await spin_unlock(table.ptl);
        await page_zap_pte_rmap(page); // clean_and_free_pages_and_swap_cache
        await mm.folio_put(page.Folio);
    }

    /// <summary>page_remove_rmap cut down to what zapping a pte was thought to need: nothing about the THP that the page may be of.</summary>
    [KernelSource("mm/rmap.c", At = "mm-unstable of November 2022")]
    public virtual async KernelTask page_zap_pte_rmap(Page page)
    {
        if (!await unmap_page(page))
        {
            return;
        }

        await File<memcontrol>().lock_page_memcg(page.Folio);
        var idx = await mm.folio_test_anon(page.Folio) ? StatItem.NR_ANON_MAPPED : StatItem.NR_FILE_MAPPED;
        await File<memcontrol>().__mod_lruvec_page_state(page.Folio, idx, -1);
        await File<memcontrol>().unlock_page_memcg(page.Folio);
    }

    /// <summary>One mapping of a page fewer; whether it was the last. A toggle puts the bit spinlock of 9bd3155ed83b around it.</summary>
    [KernelSource("mm/rmap.c", At = "mm-unstable of November 2022", Function = "page_zap_pte_rmap")]
    public virtual async KernelTask<bool> unmap_page(Page page)
    {
        if (!Toggle("page-zap-locks-compound-mapcounts"))
        {
            return await atomic_add_negative(-1, page._mapcount);
        }

        await bit_spin_lock(PageFlags.PG_locked, page.Folio._flags_1);
        var last = await atomic_add_negative(-1, page._mapcount);
        await bit_spin_unlock(PageFlags.PG_locked, page.Folio._flags_1);
        return last;
    }
}

/// <summary>Hugh Dickins's local change to that: anonymous pages as before.</summary>
public class delay_rmap_v1_anon_immediate_memory_mapcounts(Kernel.Kernel kernel) : delay_rmap_v1_memory_mapcounts(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mm-unstable of November 2022, changed", Function = "zap_pte_range")]
    public override async KernelTask zap_pte(Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return;
        }

        var table = pgtable.pmd_pgtable(pmd);
        var ptep = table.pte[pgtable.pte_index(address)];

        await spin_lock(table.ptl);
        var pte = await load(ptep);
        if (!pte.Present)
        {
            await spin_unlock(table.ptl);
            return;
        }

        pte = await pgtable.ptep_get_and_clear_full(ptep);
        var page = Caches.pfn_to_subpage(pte.Pfn);
        var anon = await mm.folio_test_anon(page.Folio);
        if (anon)
        {
            await Mapcounts.page_remove_rmap(page, vma, compound: false);
            await spin_unlock(table.ptl);
        }
        else
        {
            if (pte.Dirty)
            {
                await mm.set_page_dirty(page.Folio);
            }

            await File<mlock>().munlock_vma_page(page, vma, compound: false);
            await spin_unlock(table.ptl);
            await page_zap_pte_rmap(page);
        }

        await mm.folio_put(page.Folio);
    }
}
