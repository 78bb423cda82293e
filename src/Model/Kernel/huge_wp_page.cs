using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/huge_memory.c: the write fault on a huge page that a PMD maps read-only, by the rule of 5.18; with <c>anon-exclusive</c>, of 5.19 and later.</summary>
/// <remarks>A class of its own, so that its history combines with that of do_wp_page. Left out: the huge zero page, huge pages in the swap cache.</remarks>
public class huge_wp_page(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Takes the huge page for the process alone in place; where it cannot, splits the PMD and says so, for do_wp_page to copy what is stored to.</summary>
    /// <returns>Whether the fault is over.</returns>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<bool> do_huge_pmd_wp_page(Mm vm_mm, Vma vma, int address, Pmd orig_pmd, bool unshare)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        await spin_lock(vm_mm.page_table_lock);
        if (await load(pmd) != orig_pmd)
        {
            await spin_unlock(vm_mm.page_table_lock);
            return true;
        }

        var folio = pgtable.pmd_page(orig_pmd);
        if (!await is_exclusive(folio))
        {
            if (!await mm.folio_trylock(folio))
            {
                await mm.folio_get(folio);
                await spin_unlock(vm_mm.page_table_lock);
                await mm.folio_lock(folio);
                await spin_lock(vm_mm.page_table_lock);
                if (await load(pmd) != orig_pmd)
                {
                    await spin_unlock(vm_mm.page_table_lock);
                    await mm.folio_unlock(folio);
                    await mm.folio_put(folio);
                    return true;
                }

                await mm.folio_put(folio);
            }

            var is_reusable = await is_exclusive(folio) || await can_reuse_huge(folio, vma);
            await mm.folio_unlock(folio);
            if (!is_reusable)
            {
                await spin_unlock(vm_mm.page_table_lock);
                await File<anon_huge_memory>().__split_huge_pmd(vma, address);
                return false;
            }
        }

        if (!unshare && await load(pmd) != orig_pmd with { Write = true, Dirty = true, Young = true }) // pmdp_set_access_flags
        {
            await store(pmd, orig_pmd with { Write = true, Dirty = true, Young = true });
        }

        await spin_unlock(vm_mm.page_table_lock);
        return true;
    }

    /// <summary>Whether nobody else can have the locked huge page: it has one reference.</summary>
    [KernelSource("mm/huge_memory.c", Function = "do_huge_pmd_wp_page")]
    public virtual async KernelTask<bool> can_reuse_huge(Folio folio, Vma vma)
    {
        if (await atomic_read(folio._refcount) > 1 || await atomic_read(folio._refcount) != 1)
        {
            return false;
        }

        await File<wp_page>().page_move_anon_rmap(folio, 0, vma);
        return true;
    }

    /// <summary>PageAnonExclusive of a huge page that a PMD maps: its first page's.</summary>
    protected async KernelTask<bool> is_exclusive(Folio folio) => Toggle("anon-exclusive") && await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
}
