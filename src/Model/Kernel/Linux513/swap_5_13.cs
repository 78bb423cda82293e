using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/swap.c in 5.13, and the page allocator's side of freeing a THP.</summary>
public class swap_5_13(Kernel kernel) : swap(kernel)
{
    /// <summary>Gives a page back, and complains about one that is still in use: of a THP about its compound mapcount and its tails' too.</summary>
    /// <remarks>Left out: the split queue.</remarks>
    [KernelSource("mm/page_alloc.c", At = "v5.13-rc6")]
    public override async KernelTask free_unref_page(Folio folio)
    {
        var is_bad = false;
        if (folio.Pages > 1) // free_tail_pages_check
        {
            is_bad = await atomic_read(folio._compound_mapcount) != -1;
            for (var i = 1; i < folio.Pages; i++)
            {
                is_bad |= await atomic_read(folio.mapcount(i)) != -1;
            }
        }

        WARN_ON(is_bad, "BUG: Bad page state: nonzero compound_mapcount");
        if (!is_bad)
        {
            await base.free_unref_page(folio);
        }
    }

    /// <summary>Drops the references that a batch owns. The huge zero page is in it without one.</summary>
    [KernelSource("mm/swap.c", At = "v5.13-rc6")]
    public override async KernelTask release_pages(MmuGather tlb, int first, int end)
    {
        var kept = new MmuGather(tlb.Mm, tlb.FullMm);
        for (var i = first; i < end; i++)
        {
            if (!await File<huge_mm_5_13>().is_huge_zero_page(tlb[i]!))
            {
                kept = kept.With(tlb[i]!, EncodedPage.None);
            }
        }

        await base.release_pages(kept, 0, kept.Nr);
    }
}
