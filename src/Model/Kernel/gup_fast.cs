using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>
/// The part of mm/gup.c that takes references to user pages without a lock, while page tables may go. What keeps these where they are is that
/// interrupts are off.
/// </summary>
/// <remarks>Left out: the slow path, which takes mmap_lock; FOLL_PIN, whose references count more; access rights; pages that are secret, special or of devices.</remarks>
public class gup_fast(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>GUP-fast of one page: a reference to what is mapped there, or null where it would take the slow path.</summary>
    [KernelSource("mm/gup.c", Function = "lockless_pages_from_mm")]
    public virtual async KernelTask<Folio?> get_user_pages_fast_only(Mm mm, int address)
    {
        await Interrupts.local_irq_disable();
        var page = await gup_pmd_range(mm, address);
        await Interrupts.local_irq_enable();
        return page;
    }

    /// <summary>GUP-fast by a driver that keeps the page from here on, as for direct I/O.</summary>
    [KernelSource("mm/gup.c", Function = "get_user_pages_fast_only")]
    public virtual async KernelTask pin_user_page(Mm mm, int address)
    {
        var page = await get_user_pages_fast_only(mm, address);
        Ghost(current.pinned, page);
    }

    /// <summary>What a PMD leads to.</summary>
    /// <remarks>Left out: the upper levels; a table that is none when it is looked at again (nothing: the PMD's value is what was read).</remarks>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<Folio?> gup_pmd_range(Mm mm, int address)
    {
        var pmdp = pgtable.pmd_offset(mm, address);
        var pmd = await READ_ONCE(pmdp);
        return !pgtable.pmd_present(pmd) ? null
            : pgtable.pmd_trans_huge(pmd) ? await gup_huge_pmd(pmd, pmdp)
            : await gup_pte_range(pmd, pmdp, address);
    }

    /// <summary>The page of a pte: reads it, takes a reference, and keeps that only if the pte and, since 70cbc3cc78a9, the PMD are what they were.</summary>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<Folio?> gup_pte_range(Pmd pmd, Shared<Pmd> pmdp, int address)
    {
        var ptep = pgtable.pmd_pgtable(pmd).pte[pgtable.pte_index(address)];
        var pte = await READ_ONCE(ptep); // ptep_get_lockless
        if (!pte.Present)
        {
            return null;
        }

        var folio = Caches.pfn_to_page(pte.Pfn);
        if (!await try_grab_folio(folio))
        {
            return null;
        }

        if ((Checks("gup-rereads-pmd") && await load(pmdp) != pmd) || await load(ptep) != pte)
        {
            await mm.folio_put(folio); // gup_put_folio
            return null;
        }

        return folio;
    }

    /// <summary>The page of a huge PMD, if the hardware could use that (pmd_access_permitted).</summary>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<Folio?> gup_huge_pmd(Pmd pmd, Shared<Pmd> pmdp)
    {
        if (pmd.Kind == PmdKind.Invalidated)
        {
            return null;
        }

        var folio = pgtable.pmd_page(pmd);
        if (!await try_grab_folio(folio))
        {
            return null;
        }

        if (await load(pmdp) != pmd)
        {
            await mm.folio_put(folio);
            return null;
        }

        return folio;
    }

    /// <summary>A reference to a folio that may be free, or another's, by the time it is taken.</summary>
    /// <remarks>
    /// Left out: that a compound page may have been split meanwhile, which is looked at again. The struct page of a free page is there to be looked
    /// at; a scenario in which that can happen asks for it (<c>folio: {typesafe: true}</c>), or else finds a use after free that is none.
    /// </remarks>
    [KernelSource("mm/gup.c", Function = "try_get_folio")]
    public virtual Step<bool> try_grab_folio(Folio folio) => atomic_inc_not_zero(folio._refcount);

    /// <summary>What a pte maps, without a reference. For set-up.</summary>
    [KernelSource("mm/gup.c", Function = "follow_page_pte")]
    public virtual async KernelTask<Folio?> follow_page(Mm mm, int address)
    {
        var table = await pgtable.pte_offset_map_lock(mm, address);
        var pte = await load(table!.pte[pgtable.pte_index(address)]);
        await spin_unlock(table.ptl);
        return pte.Present ? Caches.pfn_to_page(pte.Pfn) : null;
    }
}
