using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/page_idle.c: clears young bits for idle-page tracking. Its walk sleeps for the anon_vma's lock.</summary>
public class page_idle(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Clears the young bits of a folio's ptes. The caller's reference keeps the folio.</summary>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask page_idle_clear_pte_refs(Folio folio)
    {
        if (await mm.folio_mapped(folio) && await load(folio.mapping) is not null)
        {
            await rmap.rmap_walk_anon(folio, File<rmap_walks>().page_idle_rwc, 0);
        }

        await mm.folio_put(folio);
    }

    /// <summary>page_idle_clear_pte_refs in one vma.</summary>
    [KernelSource("mm/page_idle.c")]
    public virtual async KernelTask<(bool GoesOn, int Arg)> page_idle_clear_pte_refs_one(Folio folio, Vma vma, int address)
    {
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            var pte = await load(pvmw.Table!.pte[address]);
            if (pte.Young)
            {
                await store(pvmw.Table.pte[address], pte with { Young = false }); // ptep_clear_young_notify
            }

            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, 0);
    }
}
