using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// "mm: delay rmap removal until after TLB flush" as it was in mm-unstable in November 2022: every page of a zap keeps its
/// mapcount until its batch is freed, which may be as late as tlb_finish_mmu.
/// </summary>
public class delay_rmap_v1_memory(Kernel.Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mm-unstable of November 2022")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end)
    {
        var force_flush = false;
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[address]);
            if (!pte.Present)
            {
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
            var page = Caches.pfn_to_page(pte.Pfn);
            if (!await mm.folio_test_anon(page) && pte.Dirty)
            {
                force_flush = true;
                await mm.set_page_dirty(page);
            }

            tlb = mmu_gather.__tlb_remove_page(tlb, page, delay_rmap: true); // TLB_ZAP_RMAP
        }

        await spin_unlock(table.ptl);
        return force_flush ? await mmu_gather.tlb_flush_mmu(tlb) : tlb;
    }
}

/// <summary>The batch removes the rmap of its pages just before it drops their references.</summary>
public class delay_rmap_v1_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/swap_state.c", At = "mm-unstable of November 2022", Function = "clean_and_free_pages_and_swap_cache")]
    public override async KernelTask<MmuGather> tlb_batch_pages_flush(MmuGather tlb)
    {
        for (var i = 0; i < tlb.Nr; i++)
        {
            if (tlb.IsDelayed(i))
            {
                await ((delay_rmap_v1_rmap)rmap).page_zap_pte_rmap(tlb[i]!);
                WARN_ON(await mm.folio_mapcount(tlb[i]!) < 0, "print_bad_page: negative mapcount");
            }
        }

        return await base.tlb_batch_pages_flush(tlb);
    }
}

/// <summary>The same series' part of mm/rmap.c.</summary>
public class delay_rmap_v1_rmap(Kernel.Kernel kernel) : rmap(kernel)
{
    /// <summary>page_remove_rmap cut down to what zapping a pte needs.</summary>
    /// <remarks>Left out: lock_page_memcg and the statistics it guards.</remarks>
    [KernelSource("mm/rmap.c", At = "mm-unstable of November 2022")]
    public virtual async KernelTask page_zap_pte_rmap(Folio page) => await atomic_add_negative(-1, page._mapcount);
}

/// <summary>Hugh Dickins's local change to that: anonymous pages leave the reverse map under the page-table lock, as before.</summary>
public class delay_rmap_v1_anon_immediate_memory(Kernel.Kernel kernel) : delay_rmap_v1_memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "mm-unstable of November 2022, changed")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end)
    {
        var force_flush = false;
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[address]);
            if (!pte.Present)
            {
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
            var page = Caches.pfn_to_page(pte.Pfn);
            var anon = await mm.folio_test_anon(page);
            if (!anon && pte.Dirty)
            {
                force_flush = true;
                await mm.set_page_dirty(page);
            }

            if (anon)
            {
                await rmap.page_remove_rmap(page);
                WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
            }

            tlb = mmu_gather.__tlb_remove_page(tlb, page, delay_rmap: !anon);
        }

        await spin_unlock(table.ptl);
        return force_flush ? await mmu_gather.tlb_flush_mmu(tlb) : tlb;
    }
}

/// <summary>
/// 5df397dec7c4 ("mm: delay page_remove_rmap() until after the TLB has been flushed"), v6.2: only the rmap of dirty file
/// pages is delayed, and not beyond the page-table lock.
/// </summary>
public class delay_rmap_final_memory(Kernel.Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.2")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end)
    {
        var force_flush = false;
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[address]);
            if (!pte.Present)
            {
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
            var page = Caches.pfn_to_page(pte.Pfn);
            var delay_rmap = false;
            if (!await mm.folio_test_anon(page) && pte.Dirty)
            {
                await mm.set_page_dirty(page);
                delay_rmap = true;
                force_flush = true;
            }

            if (!delay_rmap)
            {
                await rmap.page_remove_rmap(page);
                WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
            }

            tlb = mmu_gather.__tlb_remove_page(tlb, page, delay_rmap);
        }

        if (force_flush)
        {
            tlb = await ((delay_rmap_final_mmu_gather)mmu_gather).tlb_flush_rmaps(tlb);
        }

        await spin_unlock(table.ptl);
        return force_flush ? await mmu_gather.tlb_flush_mmu(tlb) : tlb;
    }
}

/// <summary>The same patch's part of mm/mmu_gather.c.</summary>
public class delay_rmap_final_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <summary>Removes the rmaps that were delayed, once the TLB has been flushed and while the page-table lock is held.</summary>
    [KernelSource("mm/mmu_gather.c", At = "v6.2")]
    public virtual async KernelTask<MmuGather> tlb_flush_rmaps(MmuGather tlb)
    {
        for (var i = 0; i < tlb.Nr; i++)
        {
            if (tlb.IsDelayed(i))
            {
                await rmap.page_remove_rmap(tlb[i]!);
            }
        }

        return tlb with { Delayed = 0 };
    }
}
