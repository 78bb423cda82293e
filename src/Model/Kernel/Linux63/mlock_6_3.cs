using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mlock.c in 6.3: what it does to vmas.</summary>
public class mlock_6_3(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Locks a range into memory.</summary>
    /// <remarks>Left out: the pages, which are not reclaimed here anyway, and populating the range.</remarks>
    [KernelSource("mm/mlock.c", At = "v6.3")]
    public virtual async KernelTask do_mlock(Mm mm, int start, int end)
    {
        await down_write(mm.mmap_lock);
        await ((mmap_6_3)mmap).change_vmas(mm, start, end, VmFlags.VM_LOCKED, null);
        await up_write(mm.mmap_lock);
    }
}

/// <summary>mm/mempolicy.c in 6.3: binding a range to a node, and moving there what is mapped in it.</summary>
public class mempolicy_6_3(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mbind(MPOL_MF_MOVE): mmap_lock is held for writing from the beginning to the end.</summary>
    /// <remarks>
    /// Left out: folios other than the range's first, which stay where they are; lru_cache_disable(); on which node a page is, so it is always on another. With
    /// MPOL_MF_STRICT a page that cannot be isolated makes it fail, though it goes on: the event <c>mbind fails</c> is about the folio that it migrated.
    /// </remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask do_mbind(Mm mm, int start, int end, int node, bool strict)
    {
        await down_write(mm.mmap_lock);
        var (folio, nr_failed) = await queue_pages_range(mm, start, end);
        await ((mmap_6_3)mmap).change_vmas(mm, start, end, null, node); // mbind_range
        if (folio is not null)
        {
            await migrate.unmap_and_move(folio); // migrate_pages
        }

        await up_write(mm.mmap_lock);
        if (strict && nr_failed != 0)
        {
            Oracle("mbind fails", folio); // -EIO
        }
    }

    private migrate migrate => File<migrate>();

    /// <summary>Isolates the folio of a range, the whole of it, unless its first page looks shared.</summary>
    /// <returns>The folio, or null, and how many ptes there were whose folio could not be isolated.</returns>
    /// <remarks>Before 6.7 a THP that ptes map is tried again at each of them; the toggle remembers it (qp->large).</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3")]
    public virtual async KernelTask<(Folio? Folio, int NrFailed)> queue_pages_range(Mm mm, int address, int end)
    {
        var pmd = pgtable.pmd_offset(mm, address);
        var pmdval = await load(pmd);
        if (pgtable.pmd_none(pmdval))
        {
            return (null, 0);
        }

        Folio? folio = null;
        if (pgtable.pmd_trans_huge(pmdval))
        {
            await spin_lock(mm.page_table_lock); // pmd_trans_huge_lock
            pmdval = await load(pmd);
            if (pgtable.pmd_trans_huge(pmdval))
            {
                folio = pgtable.pmd_page(pmdval);
                folio = await migrate_page_add(folio);
            }

            await spin_unlock(mm.page_table_lock);
            return (folio, 0);
        }

        var nr_failed = 0;
        var table = pgtable.pmd_pgtable(pmdval);
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var pte = await load(table.pte[pgtable.pte_index(address)]);
            if (!pte.Present || (folio is not null && (Toggle("mbind-remembers-large") || Caches.pfn_to_page(pte.Pfn) != folio)))
            {
                continue;
            }

            if (await migrate_page_add(Caches.pfn_to_page(pte.Pfn)) is { } isolated)
            {
                folio = isolated;
            }
            else
            {
                nr_failed++;
            }
        }

        await spin_unlock(table.ptl);
        return (folio, nr_failed);
    }

    /// <summary>Isolates a folio that looks unshared.</summary>
    /// <remarks>6.3 asks folio_estimated_sharers(), the mapcount of the first page.</remarks>
    [KernelSource("mm/mempolicy.c", At = "v6.3", Function = "migrate_folio_add")]
    public virtual async KernelTask<Folio?> migrate_page_add(Folio folio)
    {
        var sharers = await atomic_read(folio._mapcount) + 1;
        if (folio.Pages > 1)
        {
            sharers += await atomic_read(folio._compound_mapcount) + 1; // page_mapcount
        }

        return sharers == 1 && await File<vmscan>().folio_isolate_lru(folio) ? folio : null;
    }
}
