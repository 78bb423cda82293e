using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>The part of mm/rmap.c that counts the mappings of a THP that a file has cached: by ptes, and by PMDs.</summary>
/// <remarks>
/// As of 6.1, in 6.2 and 6.6 too, where a PMD's mapping counts only once (invents moments in which some pages are counted and others are not; hides races of the newer words, which
/// are patches of their own): a PMD's mapping counts once for the whole and once for each page. Callers hold the lock of the page table or PMD. Left out:
/// memcg and statistics, PG_double_map (which of a file's THP nothing but statistics depends on), mlock.
/// </remarks>
public class rmap_thp(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Counts a pte's mapping of a page, or a PMD's of a THP. The folio is locked, or another mapping keeps it.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_add_file_rmap(Page page, bool compound)
    {
        if (!compound)
        {
            await atomic_inc_and_test(page._mapcount);
            return;
        }

        for (var i = 0; i < page.Folio.Pages; i++)
        {
            await atomic_inc_and_test(page.Folio.mapcount(i));
        }

        await atomic_inc_and_test(page.Folio._compound_mapcount);
    }

    /// <summary>Takes a pte's mapping of a page, or a PMD's of a THP, out of the counts.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_remove_rmap(Page page, bool compound)
    {
        var anon = await mm.folio_test_anon(page.Folio);
        if (!compound)
        {
            await atomic_add_negative(-1, page._mapcount);
            return;
        }

        for (var i = 0; !anon && i < page.Folio.Pages; i++)
        {
            await atomic_add_negative(-1, page.Folio.mapcount(i));
        }

        await atomic_add_negative(-1, page.Folio._compound_mapcount);
    }

    /// <summary>Maps a new THP of anonymous memory for the first time, as a whole. The caller holds the PMD's lock.</summary>
    [KernelSource("mm/rmap.c", Function = "page_add_new_anon_rmap")]
    public virtual async KernelTask page_add_new_anon_rmap_compound(Folio page, Vma vma, int address)
    {
        await atomic_set(page._compound_mapcount, 0);
        var anon_vma = await load(vma.anon_vma);
        BUG_ON(anon_vma is null, "BUG_ON(!anon_vma)");
        await WRITE_ONCE<KernelObject?>(page.mapping, anon_vma); // __page_set_anon_rmap
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(page.index, address - vm_start + vm_pgoff);
    }
}
