using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/gup.c in 6.3, where a THP may be split meanwhile.</summary>
public class gup_6_3(Kernel kernel) : gup(kernel)
{
    /// <inheritdoc/>
    /// <remarks>
    /// Left out: huge PMDs, for which it takes the slow way; that a page's folio may be another once the reference is there (nothing: then the pte is another, too).
    /// </remarks>
    [KernelSource("mm/gup.c", At = "v6.3")]
    public override async KernelTask<int> gup_pte_range(Mm vm_mm, int address, bool write, bool pin)
    {
        var pmd = await READ_ONCE(pgtable.pmd_offset(vm_mm, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return -1;
        }

        var ptep = pgtable.pmd_pgtable(pmd).pte[pgtable.pte_index(address)];
        var pte = await READ_ONCE(ptep);
        if (!pte.Present || (write && !pte.Write))
        {
            return -1;
        }

        var folio = Caches.pfn_to_page(pte.Pfn);
        if (!await try_grab_folio(folio, pin))
        {
            return -1;
        }

        if ((Checks("gup-fast-rereads") && (await READ_ONCE(pgtable.pmd_offset(vm_mm, address)) != pmd || await READ_ONCE(ptep) != pte))
            || (pin && !write && !pte.Write && await gup_must_unshare(folio, Caches.pfn_to_index(pte.Pfn))))
        {
            await base.put_page(Caches.page_to_pfn(folio), pin); // gup_put_folio
            return -1;
        }

        return pte.Pfn;
    }

    /// <inheritdoc/>
    /// <remarks>The reference is given back to the folio that the page is in by now.</remarks>
    [KernelSource("mm/gup.c", At = "v6.3", Function = "unpin_user_page")]
    public override async KernelTask put_page(int pfn, bool pin)
    {
        var folio = Caches.pfn_to_page(pfn);
        var part = folio.Pages > 1 ? await READ_ONCE(folio.compound_head[Caches.pfn_to_index(pfn)]) : null; // page_folio
        await base.put_page(part is null ? pfn : Caches.page_to_pfn(part), pin);
    }
}
