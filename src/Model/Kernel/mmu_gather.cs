using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mmu_gather.c: collects what is unmapped until the TLB is flushed. The gather itself is on its thread's stack.</summary>
/// <remarks>
/// Left out: the TLB, so a flush is no step (hides stale translations, which are a topic of their own); nested gathers'
/// forced flushes, for the same reason.
/// </remarks>
public class mmu_gather(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Begins to gather.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual MmuGather tlb_gather_mmu(Mm mm) => new(mm, false, null, null, null, null, 0, 0, null);

    /// <summary>Begins to gather what is all of an mm.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual MmuGather tlb_gather_mmu_fullmm(Mm mm) => tlb_gather_mmu(mm) with { FullMm = true };

    /// <summary>Adds a page, whose reference the batch now owns.</summary>
    [KernelSource("mm/mmu_gather.c", Function = "__tlb_remove_page_size")]
    public virtual MmuGather __tlb_remove_page(MmuGather tlb, Folio page, bool delay_rmap = false) => tlb.With(page, delay_rmap);

    /// <summary>Adds a page table, to be freed with the batch after the flush.</summary>
    /// <remarks>
    /// As x86 does it natively, where this is tlb_remove_page; guests with PV flush, Hyper-V and Xen free the table by RCU (for those
    /// this invents uses after free by walkers that rely on RCU or on interrupts being off; none is here).
    /// </remarks>
    [KernelSource("mm/mmu_gather.c")]
    public virtual MmuGather tlb_remove_table(MmuGather tlb, PageTable table) => tlb with { Table = table };

    /// <summary>Flushes, then frees what was gathered.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual KernelTask<MmuGather> tlb_flush_mmu(MmuGather tlb) => tlb_batch_pages_flush(tlb);

    /// <summary>Drops the batch's references, and frees the page table in it.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> tlb_batch_pages_flush(MmuGather tlb)
    {
        await swap.release_pages(tlb);
        if (tlb.Table is { } table)
        {
            await kmem_cache_free(table);
        }

        return tlb.Emptied() with { Table = null };
    }

    /// <summary>Ends the gathering.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask tlb_finish_mmu(MmuGather tlb) => await tlb_flush_mmu(tlb);
}
