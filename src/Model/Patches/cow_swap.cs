using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Patches;

/// <summary>Up to 5.17: a page that is stored to may be written in place where no other mapping and no other pte in swap has it, whoever else does.</summary>
public class swap_page_5_17(Kernel.Kernel kernel) : swap_page(kernel)
{
    /// <inheritdoc/>
    protected override bool DrainsLru => false;

    /// <summary>Whether the page is counted before its pte is there: since 1eba86c096e3, v5.17.</summary>
    protected virtual bool CountsFirst => true;

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v5.17", Function = "do_swap_page")]
    public override async KernelTask<(Pte Pte, bool GoesOn)> map_swapped_page(Vma vma, PageTable table, int address, Pte orig_pte, Folio folio, SwapSlot entry, bool write)
    {
        var is_reusable = false;
        if (write)
        {
            (is_reusable, _) = await swapfile.reuse_swap_page(folio);
        }

        var pte = new Pte(Present: true, Write: is_reusable, Dirty: is_reusable, Young: true, Caches.page_to_pfn(folio));
        if (!CountsFirst)
        {
            await store(table.pte[pgtable.pte_index(address)], pte);
        }

        await page_add_anon_rmap(folio, vma, address, is_reusable || orig_pte.Exclusive);
        if (CountsFirst)
        {
            await store(table.pte[pgtable.pte_index(address)], pte);
        }

        await swapfile.swap_free(entry);
        return (pte, write && !is_reusable);
    }
}

/// <summary>Up to 5.16: the pte is there before the page is counted, under the page-table lock.</summary>
public class swap_page_5_16(Kernel.Kernel kernel) : swap_page_5_17(kernel)
{
    /// <inheritdoc/>
    protected override bool CountsFirst => false;
}

/// <summary>Up to 5.17: a huge page is written in place that no other entry maps, whoever else has it.</summary>
public class huge_wp_page_5_17(Kernel.Kernel kernel) : huge_wp_page(kernel)
{
    /// <inheritdoc/>
    /// <remarks>Before 3917c80280c9 (5.8) it copies the whole huge page where it cannot, if it gets another; here, too, it splits the PMD (hides nothing of when it can).</remarks>
    [KernelSource("mm/huge_memory.c", At = "v5.10", Function = "do_huge_pmd_wp_page")]
    public override async KernelTask<bool> can_reuse_huge(Folio folio, Vma vma)
    {
        var (is_reusable, _) = await File<swapfile>().reuse_swap_page(folio);
        if (is_reusable)
        {
            await File<wp_page>().page_move_anon_rmap(folio, 0, vma);
        }

        return is_reusable;
    }
}

/// <summary>From 6.7 on, moving a folio does not make it exclusive.</summary>
public class huge_wp_page_6_8(Kernel.Kernel kernel) : huge_wp_page(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/huge_memory.c", At = "v6.8.1", Function = "do_huge_pmd_wp_page")]
    public override async KernelTask<bool> can_reuse_huge(Folio folio, Vma vma)
    {
        if (!await base.can_reuse_huge(folio, vma))
        {
            return false;
        }

        await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        return true;
    }
}
