using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmu_gather.c: collects what is unmapped until the TLB is flushed. The gather itself is on its thread's stack.</summary>
/// <remarks>
/// Left out: failing allocations of a batch, but <see cref="Config.MAX_GATHER_BATCH_COUNT"/> can say that there is none to be had.
/// </remarks>
public class mmu_gather(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Begins to gather.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual KernelTask<MmuGather> tlb_gather_mmu(Mm mm) => __tlb_gather_mmu(mm, fullmm: false);

    /// <summary>Begins to gather what is all of an mm.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual KernelTask<MmuGather> tlb_gather_mmu_fullmm(Mm mm) => __tlb_gather_mmu(mm, fullmm: true);

    /// <summary>Begins to gather, and lets others know.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> __tlb_gather_mmu(Mm mm, bool fullmm)
    {
        await atomic_inc(mm.tlb_flush_pending);
        return new MmuGather(mm, fullmm);
    }

    /// <summary>Notes that a pte was cleared.</summary>
    [KernelSource("include/asm-generic/tlb.h")]
    public virtual MmuGather tlb_remove_tlb_entry(MmuGather tlb, int address) => tlb.End == 0
        ? tlb with { Start = address, End = address + 1 }
        : tlb with { Start = Math.Min(tlb.Start, address), End = Math.Max(tlb.End, address + 1) };

    /// <summary>Adds a page, whose reference the batch now owns; the second result says that no batch has room for another.</summary>
    [KernelSource("mm/mmu_gather.c", Function = "__tlb_remove_page_size")]
    public virtual (MmuGather Tlb, bool IsFull) __tlb_remove_page(MmuGather tlb, Folio page, EncodedPage flags = EncodedPage.None)
    {
        tlb = tlb.With(page, flags);
        return tlb.Nr < EndOf(tlb.Active) ? (tlb, false) : tlb_next_batch(tlb);
    }

    /// <summary>Goes on to the next batch; the second result says that there is none.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual (MmuGather Tlb, bool IsFull) tlb_next_batch(MmuGather tlb)
    {
        if (tlb.Active == tlb.BatchCount)
        {
            if (tlb.BatchCount == Config.MAX_GATHER_BATCH_COUNT)
            {
                return (tlb, true);
            }

            tlb = tlb with { BatchCount = tlb.BatchCount + 1 };
        }

        return (tlb with { Active = tlb.Active + 1 }, false);
    }

    /// <summary>Adds a page table, to be freed with the batch after the flush.</summary>
    /// <remarks>
    /// As x86 does it natively, where this is tlb_remove_page; guests with PV flush, Hyper-V and Xen free the table by RCU (for those
    /// this invents uses after free by walkers that rely on RCU or on interrupts being off; none is here).
    /// </remarks>
    [KernelSource("mm/mmu_gather.c")]
    public virtual MmuGather tlb_remove_table(MmuGather tlb, PageTable table) =>
        tlb with { Table = table, Start = 0, End = Config.Pages }; // freed_tables: flushed whatever ptes were cleared

    /// <summary>Flushes what was unmapped since the last flush, if anything was.</summary>
    [KernelSource("include/asm-generic/tlb.h")]
    public virtual async KernelTask<MmuGather> tlb_flush_mmu_tlbonly(MmuGather tlb)
    {
        if (tlb.End == 0)
        {
            return tlb;
        }

        if (tlb.FullMm)
        {
            await tlbflush.flush_tlb_mm(tlb.Mm);
        }
        else
        {
            await tlbflush.flush_tlb_mm_range(tlb.Mm, tlb.Start, tlb.End);
        }

        return tlb with { Start = 0, End = 0 }; // __tlb_reset_range
    }

    /// <summary>Waits until whoever walks page tables with interrupts off has left: they cannot be in a table that was unhooked before.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual KernelTask tlb_remove_table_sync_one() => Interrupts.smp_call_function();

    /// <summary>Flushes, then frees what was gathered.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> tlb_flush_mmu(MmuGather tlb)
    {
        tlb = await tlb_flush_mmu_tlbonly(tlb);
        return await tlb_batch_pages_flush(tlb);
    }

    /// <summary>Drops the batches' references, one batch after the other, and frees the page table.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> tlb_batch_pages_flush(MmuGather tlb)
    {
        for (var batch = 0; StartOf(batch) < tlb.Nr; batch++)
        {
            await free_pages_and_swap_cache(tlb, StartOf(batch), Math.Min(EndOf(batch), tlb.Nr));
        }

        if (tlb.Table is { } table)
        {
            await kmem_cache_free(table);
        }

        return tlb.Emptied() with { Table = null };
    }

    /// <summary>Drops one batch's references.</summary>
    /// <remarks>Left out: lru_add_drain and free_swap_cache, which come first (hides swap-cache races; no folio here is in swap, or in a pagevec).</remarks>
    [KernelSource("mm/swap_state.c")]
    public virtual KernelTask free_pages_and_swap_cache(MmuGather tlb, int first, int end) => swap.release_pages(tlb, first, end);

    /// <summary>Ends the gathering. Where another thread gathers in this mm too, it flushes even what it has not unmapped itself.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask tlb_finish_mmu(MmuGather tlb)
    {
        if (await atomic_read(tlb.Mm.tlb_flush_pending) > 1) // mm_tlb_flush_nested
        {
            tlb = tlb with { FullMm = true, Start = 0, End = Config.Pages };
        }

        tlb = await tlb_flush_mmu(tlb);
        await atomic_dec(tlb.Mm.tlb_flush_pending);
    }

    /// <summary>The place of a batch's first page among the gather's.</summary>
    protected int StartOf(int batch) => batch == 0 ? 0 : EndOf(batch - 1);

    /// <summary>The place after the last page that a batch takes.</summary>
    protected int EndOf(int batch) => Config.MMU_GATHER_BUNDLE + (batch * Config.MAX_GATHER_BATCH);
}
