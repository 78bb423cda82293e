using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>
/// 4e0cf05f6059 ("mm: memcontrol: skip moving non-present pages that are mapped elsewhere"), v6.3: locks the page before it looks whether it is mapped,
/// and leaves a page alone that this mm does not map and another does.
/// </summary>
public class memcg_move_guard_memcontrol(Kernel.Kernel kernel) : memcontrol(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/memcontrol.c", At = "v6.4")]
    public override async KernelTask<Folio?> get_mctgt_type(Vma vma, int address, Pte ptent, Memcg from)
    {
        var page = await page_at(vma, address, ptent);
        if (page is null)
        {
            return null;
        }

        if (!await mm.folio_trylock(page))
        {
            await mm.folio_put(page);
            return null;
        }

        if ((!ptent.Present && await mm.folio_mapped(page)) || await load(page.memcg_data) != from)
        {
            await mm.folio_unlock(page);
            await mm.folio_put(page);
            return null;
        }

        return page;
    }

    /// <inheritdoc/>
    [KernelSource("mm/memcontrol.c", At = "v6.4", Function = "mem_cgroup_move_account")]
    public override KernelTask mem_cgroup_move_account(Folio folio, Memcg from, Memcg to) => mem_cgroup_move_locked(folio, from, to);

    /// <inheritdoc/>
    [KernelSource("mm/memcontrol.c", At = "v6.4", Function = "mem_cgroup_move_charge_pte_range")]
    public override async KernelTask put_mctgt(Folio page)
    {
        await mm.folio_unlock(page);
        await mm.folio_put(page);
    }
}

/// <summary>c7c3dec1c9db ("mm: rmap: remove lock_page_memcg()"), v6.3: the mover's locks are to keep mapcount and statistics together.</summary>
public class memcg_unlocked_rmap_mapcounts(Kernel.Kernel kernel) : rmap_mapcounts(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/rmap.c", At = "v6.4")]
    public override async KernelTask page_add_file_rmap(Page page, Vma vma)
    {
        if (await atomic_inc_and_test(page._mapcount))
        {
            await count_file(page, 1, lockMemcg: false);
        }

        await mlock.mlock_vma_page(page, vma, compound: false);
    }

    /// <inheritdoc/>
    /// <remarks>Left out: THPs and anonymous pages (hides their moves).</remarks>
    [KernelSource("mm/rmap.c", At = "v6.4")]
    public override async KernelTask page_remove_rmap(Page page, Vma vma, bool compound)
    {
        if (await atomic_add_negative(-1, page._mapcount))
        {
            await count_file(page, -1, lockMemcg: false);
        }

        await mlock.munlock_vma_page(page, vma, compound);
    }
}

/// <summary>Charges stay where they were made, as in v6.13 and later: cgroup v1 no longer moves them with a process.</summary>
public class memcg_no_move_memcontrol(Kernel.Kernel kernel) : memcg_move_guard_memcontrol(kernel)
{
    /// <inheritdoc/>
    /// <remarks>What is left is that the process moves, which no page notices.</remarks>
    [KernelSource("mm/memcontrol-v1.c", At = "v6.13")]
    public override async KernelTask mem_cgroup_move_charge_pte_range(Vma vma, int address, Memcg from, Memcg to) => await Yield();
}
