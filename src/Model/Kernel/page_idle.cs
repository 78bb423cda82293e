using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/page_idle.c: clears young bits for idle-page tracking. Its walk sleeps for the anon_vma's lock.</summary>
public class page_idle(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Marks one page idle, as a write to /sys/kernel/mm/page_idle/bitmap does.</summary>
    /// <remarks>Left out: the idle and young page flags; pfn_to_online_page.</remarks>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask page_idle_bitmap_write(Folio folio)
    {
        if (await page_idle_get_page(folio))
        {
            await page_idle_clear_pte_refs(folio);
            await mm.folio_put(folio);
        }
    }

    /// <summary>Takes a reference to a page that is on an LRU, and says whether it could.</summary>
    /// <remarks>
    /// The kernel may look at a free page here. This model knows no use of a free folio, so a scenario must hold a reference
    /// for as long as this runs.
    /// </remarks>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask<bool> page_idle_get_page(Folio folio)
    {
        if (!await test_bit(PageFlags.PG_lru, folio.flags) || !await atomic_inc_not_zero(folio._refcount))
        {
            return false;
        }

        if (!await test_bit(PageFlags.PG_lru, folio.flags))
        {
            await mm.folio_put(folio);
            return false;
        }

        return true;
    }

    /// <summary>Clears the young bits of a folio's ptes. The caller's reference keeps the folio.</summary>
    /// <remarks>Left out: file folios, for which it tries the folio lock (they are not walked here).</remarks>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask page_idle_clear_pte_refs(Folio folio)
    {
        if (await mm.folio_mapped(folio) && await load(folio.mapping) is not null && await mm.folio_test_anon(folio))
        {
            await rmap.rmap_walk(folio, File<rmap_walks>().page_idle_rwc, 0);
        }
    }

    /// <summary>page_idle_clear_pte_refs in one vma.</summary>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask<(bool GoesOn, int Arg)> page_idle_clear_pte_refs_one(Folio folio, Vma vma, int address)
    {
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            await pgtable.ptep_test_and_clear_young(pvmw.Table!.pte[pgtable.pte_index(address)]);
            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, 0);
    }
}
