using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/migrate.c: moving a folio's contents elsewhere.</summary>
public class migrate(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Holds the folio's anon_vma while it would be unmapped and moved.</summary>
    /// <remarks>
    /// Left out: the destination, try_to_migrate, moving and mapping again (hides what they do wrong): what is here ends
    /// where the kernel would install migration entries. Left out too: writeback, non-LRU pages, modes that give up where the folio
    /// is locked, and the early end for a folio that nobody else holds (all walk more than the kernel does).
    /// </remarks>
    [KernelSource("mm/migrate.c")]
    public virtual async KernelTask __unmap_and_move(Folio src)
    {
        await mm.folio_lock(src);
        AnonVma? anon_vma = null;
        if (await mm.folio_test_anon(src))
        {
            anon_vma = await rmap.folio_get_anon_vma(src);
        }

        if (await load(src.mapping) is not null && await mm.folio_mapped(src) && Config.DEBUG_VM)
        {
            var anon = await mm.folio_test_anon(src);
            BUG_ON(anon && anon_vma is null, "VM_BUG_ON_FOLIO(folio_test_anon(src) && !folio_test_ksm(src) && !anon_vma)");
        }

        Ghost(current.rmap_anon_vma, null);
        if (anon_vma is not null)
        {
            await rmap.put_anon_vma(anon_vma);
        }

        await mm.folio_unlock(src);
    }

    /// <summary>Migrates one isolated folio and gives up its isolation, moved or not.</summary>
    /// <remarks>Left out: retries. The folio goes back to its LRU, here by the way that reclaim takes.</remarks>
    [KernelSource("mm/migrate.c")]
    public virtual async KernelTask unmap_and_move(Folio src)
    {
        await __unmap_and_move(src);
        await File<vmscan>().move_folio_to_lru(src); // putback_movable_pages
    }
}
