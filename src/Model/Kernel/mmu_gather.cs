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

    /// <summary>Adds a page, whose reference the batch now owns; <c>IsFull</c> then asks for a flush.</summary>
    [KernelSource("mm/mmu_gather.c", Function = "__tlb_remove_page_size")]
    public virtual MmuGather __tlb_remove_page(MmuGather tlb, Folio page, bool delay_rmap = false) => tlb.With(page, delay_rmap);

    /// <summary>Adds a page table, to be freed once no CPU walks it.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual MmuGather tlb_remove_table(MmuGather tlb, PageTable table) => tlb with { Table = table };

    /// <summary>Flushes, then frees what was gathered.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> tlb_flush_mmu(MmuGather tlb)
    {
        if (tlb.Table is { } table)
        {
            await kmem_cache_free(table); // tlb_table_flush
            tlb = tlb with { Table = null };
        }

        return await tlb_batch_pages_flush(tlb);
    }

    /// <summary>Drops the batch's references.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask<MmuGather> tlb_batch_pages_flush(MmuGather tlb)
    {
        for (var i = 0; i < tlb.Nr; i++)
        {
            await swap.free_page_and_swap_cache(tlb[i]!);
        }

        return tlb.Emptied();
    }

    /// <summary>Ends the gathering.</summary>
    [KernelSource("mm/mmu_gather.c")]
    public virtual async KernelTask tlb_finish_mmu(MmuGather tlb)
    {
        tlb = await tlb_flush_mmu(tlb);
    }
}
