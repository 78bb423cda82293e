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
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var force_flush = false;
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var pte = await load(table.pte[address]);
                if (!pte.Present || !await should_zap_page(pte, even_cows))
                {
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var page = Caches.pfn_to_page(pte.Pfn);
                if (!await mm.folio_test_anon(page) && pte.Dirty)
                {
                    force_flush = true;
                    await mm.set_page_dirty(page);
                }

                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page, EncodedPage.DelayRmap); // TLB_ZAP_RMAP
            }

            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
            }

            await spin_unlock(table.ptl);
            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu(tlb);
            }

            if (address == end)
            {
                return tlb;
            }
        }
    }
}

/// <summary>The batch removes the rmap of its pages just before it drops their references.</summary>
public class delay_rmap_v1_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/swap_state.c", At = "mm-unstable of November 2022", Function = "clean_and_free_pages_and_swap_cache")]
    public override async KernelTask free_pages_and_swap_cache(MmuGather tlb, int first, int end)
    {
        for (var i = first; i < end; i++)
        {
            if (tlb.FlagsOf(i) == EncodedPage.DelayRmap)
            {
                await ((delay_rmap_v1_rmap)rmap).page_zap_pte_rmap(tlb[i]!);
                WARN_ON(await mm.folio_mapcount(tlb[i]!) < 0, "print_bad_page: negative mapcount");
            }
        }

        await base.free_pages_and_swap_cache(tlb, first, end);
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
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var force_flush = false;
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var pte = await load(table.pte[address]);
                if (!pte.Present || !await should_zap_page(pte, even_cows))
                {
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
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

                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page, anon ? EncodedPage.None : EncodedPage.DelayRmap);
            }

            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
            }

            await spin_unlock(table.ptl);
            if (force_flush || is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu(tlb);
            }

            if (address == end)
            {
                return tlb;
            }
        }
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
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var force_flush = false;
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var pte = await load(table.pte[address]);
                if (!pte.Present || !await should_zap_page(pte, even_cows))
                {
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(table.pte[address]);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var page = Caches.pfn_to_page(pte.Pfn);
                var flags = EncodedPage.None;
                if (!await mm.folio_test_anon(page) && pte.Dirty)
                {
                    flags = EncodedPage.DelayRmap;
                    if (Checks("dirty-before-flush"))
                    {
                        await mm.set_page_dirty(page);
                    }
                    else
                    {
                        flags |= EncodedPage.Dirty;
                    }

                    tlb = tlb with { DelayedRmap = true }; // tlb_delay_rmap
                    force_flush |= Checks("delay-forces-flush");
                }

                if (flags == EncodedPage.None)
                {
                    await rmap.page_remove_rmap(page);
                    WARN_ON(await mm.folio_mapcount(page) < 0, "print_bad_pte: negative mapcount");
                }

                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, page, flags);
            }

            if ((force_flush || is_full) && Checks("flush-before-unlock"))
            {
                tlb = await tlb_flush_mmu_tlbonly_and_rmaps(tlb);
            }

            await spin_unlock(table.ptl);
            if (force_flush || is_full)
            {
                if (!Checks("flush-before-unlock"))
                {
                    tlb = await tlb_flush_mmu_tlbonly_and_rmaps(tlb);
                }

                if (Checks("free-batch-after-flush"))
                {
                    tlb = await mmu_gather.tlb_flush_mmu(tlb);
                }
            }

            if (address == end)
            {
                return tlb;
            }
        }
    }

    private async KernelTask<MmuGather> tlb_flush_mmu_tlbonly_and_rmaps(MmuGather tlb)
    {
        var gather = (delay_rmap_final_mmu_gather)mmu_gather;
        if (!Checks("flush-before-rmaps"))
        {
            tlb = await gather.tlb_flush_rmaps(tlb);
            return await gather.tlb_flush_mmu_tlbonly(tlb);
        }

        tlb = await gather.tlb_flush_mmu_tlbonly(tlb);
        return await gather.tlb_flush_rmaps(tlb);
    }
}

/// <summary>The same patch's part of mm/mmu_gather.c.</summary>
public class delay_rmap_final_mmu_gather(Kernel.Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/mmu_gather.c", At = "5df397dec7c4")]
    public override (MmuGather Tlb, bool IsFull) tlb_next_batch(MmuGather tlb) => limits_batching(tlb) ? (tlb, true) : base.tlb_next_batch(tlb);

    /// <summary>Removes the rmaps that were delayed, once the TLB has been flushed and while the page-table lock is held.</summary>
    [KernelSource("mm/mmu_gather.c", At = "5df397dec7c4")]
    public virtual async KernelTask<MmuGather> tlb_flush_rmaps(MmuGather tlb)
    {
        if (!tlb.DelayedRmap)
        {
            return tlb;
        }

        await tlb_flush_rmap_batch(tlb, tlb.Active);
        return Checks("reset-delayed-rmap") ? tlb with { DelayedRmap = false } : tlb;
    }

    /// <summary>Removes the delayed rmaps of one batch.</summary>
    [KernelSource("mm/mmu_gather.c", At = "v6.2")]
    public virtual async KernelTask tlb_flush_rmap_batch(MmuGather tlb, int batch)
    {
        for (var i = StartOf(batch); i < Math.Min(EndOf(batch), tlb.Nr); i++)
        {
            var flags = tlb.FlagsOf(i);
            if ((flags & EncodedPage.Dirty) != 0 && Checks("dirty-before-rmap"))
            {
                await mm.set_page_dirty(tlb[i]!);
            }

            if ((flags & EncodedPage.DelayRmap) != 0)
            {
                await rmap.page_remove_rmap(tlb[i]!);
            }

            if ((flags & EncodedPage.Dirty) != 0 && !Checks("dirty-before-rmap"))
            {
                await mm.set_page_dirty(tlb[i]!);
            }
        }
    }

    /// <summary>Whether no further batch may begin: with rmaps delayed none may, so that all of these are in the active one.</summary>
    protected virtual bool limits_batching(MmuGather tlb) => tlb.DelayedRmap;
}

/// <summary>c47454823bd4 ("mm: mmu_gather: allow more than one batch of delayed rmaps"), v6.2: one further batch, and both are looked at.</summary>
public class delay_rmap_two_batches_mmu_gather(Kernel.Kernel kernel) : delay_rmap_final_mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/mmu_gather.c", At = "v6.2")]
    public override async KernelTask<MmuGather> tlb_flush_rmaps(MmuGather tlb)
    {
        if (tlb.DelayedRmap && tlb.Active != 0 && Checks("scan-local-batch"))
        {
            await tlb_flush_rmap_batch(tlb, 0);
        }

        return await base.tlb_flush_rmaps(tlb);
    }

    /// <inheritdoc/>
    protected override bool limits_batching(MmuGather tlb) => tlb.DelayedRmap && tlb.Active != 0;
}
