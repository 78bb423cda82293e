using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/swap.c in 5.13.</summary>
public class swap_5_13(Kernel kernel) : swap(kernel)
{
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
