using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mlock.c in 5.13: the flag that keeps a page from reclaim.</summary>
/// <remarks>Left out: statistics; the unevictable list, for which the flag alone stands.</remarks>
public class mlock_5_13(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>The last mapping of a page goes: it is no longer mlocked.</summary>
    [KernelSource("mm/mlock.c", At = "v5.13-rc6")]
    public virtual async KernelTask clear_page_mlock(Folio page)
    {
        if (await test_and_clear_bit(PageFlags.PG_mlocked, page.flags) && await File<vmscan_5_13>().isolate_lru_page(page))
        {
            await File<vmscan_5_13>().putback_lru_page(page);
        }
    }

    /// <summary>Marks a locked page that a VM_LOCKED vma maps.</summary>
    [KernelSource("mm/mlock.c", At = "v5.13-rc6")]
    public virtual async KernelTask mlock_vma_page(Folio page)
    {
        var is_locked = await test_bit(PageFlags.PG_locked, page.flags);
        BUG_ON(!is_locked, "BUG_ON(!PageLocked(page))");
        if (!await test_and_set_bit(PageFlags.PG_mlocked, page.flags) && await File<vmscan_5_13>().isolate_lru_page(page))
        {
            await File<vmscan_5_13>().putback_lru_page(page);
        }
    }

    /// <summary>mlock of a vma whose PMD maps a THP already: the vma's flag, then the page's, which populate sets under its lock.</summary>
    /// <remarks>For set-up. Left out: splitting vmas, faulting pages in, and everything that happens if the page is not there or locked.</remarks>
    [KernelSource("mm/mlock.c", At = "v5.13-rc6", Function = "do_mlock")]
    public virtual async KernelTask mlock(Mm mm, Vma vma)
    {
        await down_write(mm.mmap_lock);
        await store(vma.vm_flags, VmFlags.VM_LOCKED);
        await downgrade_write(mm.mmap_lock);
        await spin_lock(mm.page_table_lock); // follow_trans_huge_pmd
        var vm_start = await load(vma.vm_start);
        var pmd = await load(pgtable.pmd_offset(mm, vm_start));
        var page = pgtable.pmd_page(pmd);
        if (await this.mm.folio_trylock(page))
        {
            await mlock_vma_page(page);
            await this.mm.folio_unlock(page);
        }

        await spin_unlock(mm.page_table_lock);
        await up_read(mm.mmap_lock);
    }
}

/// <summary>mm/vmscan.c in 5.13: pages on and off their LRU, and what reclaim does with one that is mlocked.</summary>
public class vmscan_5_13(Kernel kernel) : vmscan(kernel)
{
    /// <summary>Takes a page off its LRU with a reference; says whether it was there.</summary>
    /// <remarks>Left out: the list and its lock. The caller has a reference.</remarks>
    [KernelSource("mm/vmscan.c", At = "v5.13-rc6")]
    public virtual async KernelTask<bool> isolate_lru_page(Folio page)
    {
        if (!await test_and_clear_bit(PageFlags.PG_lru, page.flags))
        {
            return false;
        }

        await mm.folio_get(page);
        return true;
    }

    /// <summary>Puts an isolated page back on its LRU.</summary>
    /// <remarks>Left out: the pagevec that it passes through.</remarks>
    [KernelSource("mm/vmscan.c", At = "v5.13-rc6")]
    public virtual async KernelTask putback_lru_page(Folio page)
    {
        await set_bit(PageFlags.PG_lru, page.flags); // lru_cache_add
        await mm.folio_put(page);
    }

    /// <summary>Reclaim meets the page that a file has at an offset: it leaves it alone if it is locked, or mlocked, or else would take it.</summary>
    /// <remarks>
    /// The LRU's lists are left out, so it finds the page by its file. Left out: that it is clean, unmapped, split and swapped out, so that
    /// the event <c>reclaims</c> says where its fate is sealed and nothing happens to it.
    /// </remarks>
    [KernelSource("mm/vmscan.c", At = "v5.13-rc6")]
    public virtual async KernelTask shrink_page_list(AddressSpace mapping, int index)
    {
        var page = await File<filemap_5_13>().find_get_entry(mapping, index);
        if (page is null)
        {
            return;
        }

        if (await test_and_clear_bit(PageFlags.PG_lru, page.flags)) // isolate_lru_pages
        {
            if (await mm.folio_trylock(page))
            {
                if (!await test_bit(PageFlags.PG_mlocked, page.flags)) // page_evictable
                {
                    Oracle("reclaims", page);
                }

                await mm.folio_unlock(page);
            }

            await set_bit(PageFlags.PG_lru, page.flags);
        }

        await mm.folio_put(page);
    }
}
