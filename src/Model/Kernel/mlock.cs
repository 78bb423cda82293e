using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mlock.c and its part of mm/internal.h: pages that may not be reclaimed.</summary>
public class mlock(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Marks a page that is being mapped into a locked vma, under the page-table lock.</summary>
    /// <remarks>Not while mlock itself walks the vma (VM_IO): it counts every page that it finds, this one too.</remarks>
    [KernelSource("mm/internal.h")]
    public virtual async KernelTask mlock_vma_page(Page page, Vma vma, bool compound)
    {
        if (!Config.MLOCK)
        {
            return;
        }

        var flags = await load(vma.vm_flags);
        if ((flags & (VmFlags.VM_LOCKED | VmFlags.VM_IO)) == VmFlags.VM_LOCKED && (compound || page.Folio.Pages == 1))
        {
            await mlock_folio(page.Folio);
        }
    }

    /// <summary>The same where a page leaves a locked vma.</summary>
    [KernelSource("mm/internal.h")]
    public virtual async KernelTask munlock_vma_page(Page page, Vma vma, bool compound)
    {
        if (!Config.MLOCK || !Checks("zap-munlocks"))
        {
            return;
        }

        var flags = await load(vma.vm_flags);
        if ((flags & VmFlags.VM_LOCKED) != 0 && (compound || page.Folio.Pages == 1))
        {
            await munlock_page(page.Folio);
        }
    }

    /// <summary>Marks a page, and notes on this CPU that it is to go to the unevictable list.</summary>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask mlock_folio(Folio folio)
    {
        if (!await test_and_set_bit(PageFlags.PG_mlocked, folio.flags))
        {
            await atomic_add(folio.Pages, Caches.Pgdat!.vm_stat[StatItem.NR_MLOCK]);
        }

        await mm.folio_get(folio);
        await pagevec_add(folio, MlockKind.Lru);
    }

    /// <summary>Notes on this CPU that a page is to be munlocked; nothing else happens to it before.</summary>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask munlock_page(Folio page)
    {
        await mm.folio_get(page);
        await pagevec_add(page, MlockKind.Munlock);
    }

    /// <summary>Adds to this CPU's pagevec.</summary>
    /// <remarks>Left out: draining it when it is full, and at once for a THP (hides undercounts by marks that are looked at while their page is off its LRU); the local lock (hides nothing: its CPU is the thread's own).</remarks>
    [KernelSource("include/linux/pagevec.h")]
    public virtual async KernelTask pagevec_add(Folio page, MlockKind kind)
    {
        var cpu = current;
        var pvec = await load(cpu.mlock_pvec);
        await store(cpu.mlock_pvec, pvec.With(Caches.page_to_pfn(page), kind));
    }

    /// <summary>Does what this CPU has noted.</summary>
    /// <remarks>Left out: the other pagevecs (pages are on their LRU at once).</remarks>
    [KernelSource("mm/swap.c")]
    public virtual KernelTask lru_add_drain() => mlock_pagevec(current);

    /// <summary>Has every CPU do what it has noted.</summary>
    /// <remarks>For tear-down: the kernel has each CPU's worker do it.</remarks>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask lru_add_drain_all()
    {
        for (var cpu = 0; cpu < Caches.Threads.Count; cpu++)
        {
            await mlock_pagevec(Caches.Threads[cpu]);
        }
    }

    /// <summary>Does what a CPU has noted, one page after the other, then drops their references.</summary>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask mlock_pagevec(KernelThread cpu)
    {
        var pvec = await load(cpu.mlock_pvec);
        if (pvec.First == 0)
        {
            return;
        }

        var locked = await mlock_entry(pvec.First, pvec.FirstKind, locked: false);
        if (pvec.Second != 0)
        {
            locked = await mlock_entry(pvec.Second, pvec.SecondKind, locked);
        }

        if (locked)
        {
            await spin_unlock(Caches.Pgdat!.lru_lock);
        }

        await mm.folio_put(Caches.pfn_to_page(pvec.First)); // release_pages
        if (pvec.Second != 0)
        {
            await mm.folio_put(Caches.pfn_to_page(pvec.Second));
        }

        await store(cpu.mlock_pvec, default); // pagevec_reinit
    }

    /// <summary>Does what was noted for one page; whether the LRU's lock is held after it.</summary>
    [KernelSource("mm/mlock.c", Function = "mlock_pagevec")]
    public virtual KernelTask<bool> mlock_entry(int pfn, MlockKind kind, bool locked) =>
        kind == MlockKind.Lru ? __mlock_page(Caches.pfn_to_page(pfn), locked) : __munlock_page(Caches.pfn_to_page(pfn), locked);

    /// <summary>Moves a page to the unevictable list, or counts one mlock more if it is there, unless it is off its LRU.</summary>
    /// <remarks>Left out: the lists themselves; PG_unevictable says which one a page is on.</remarks>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask<bool> __mlock_page(Folio page, bool locked)
    {
        if (!await test_and_clear_bit(PageFlags.PG_lru, page.flags))
        {
            return locked;
        }

        await relock(locked);
        var evictable = await page_evictable(page);
        var unevictable = await test_bit(PageFlags.PG_unevictable, page.flags);
        if (evictable)
        {
            if (unevictable)
            {
                await clear_bit(PageFlags.PG_unevictable, page.flags);
            }
        }
        else if (unevictable)
        {
            if (await test_bit(PageFlags.PG_mlocked, page.flags))
            {
                var count = await load(page.mlock_count);
                await store(page.mlock_count, count + 1);
            }
        }
        else
        {
            await set_bit(PageFlags.PG_unevictable, page.flags);
            var mlocked = await test_bit(PageFlags.PG_mlocked, page.flags);
            await store(page.mlock_count, mlocked ? 1 : 0);
        }

        await set_bit(PageFlags.PG_lru, page.flags);
        return true;
    }

    /// <summary>Counts one mlock less, and with the last clears the mark and moves the page back; off its LRU, every munlock is the last.</summary>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask<bool> __munlock_page(Folio page, bool locked)
    {
        var isolated = await test_and_clear_bit(PageFlags.PG_lru, page.flags);
        if (isolated)
        {
            await relock(locked);
            locked = true;
            if (await test_bit(PageFlags.PG_unevictable, page.flags) && await undercounted(page))
            {
                await set_bit(PageFlags.PG_lru, page.flags);
                return locked;
            }
        }

        if (await test_and_clear_bit(PageFlags.PG_mlocked, page.flags))
        {
            await atomic_add(-page.Pages, Caches.Pgdat!.vm_stat[StatItem.NR_MLOCK]);
        }

        // Only now may it be asked whether it is evictable.
        if (isolated)
        {
            if (await test_bit(PageFlags.PG_unevictable, page.flags) && await page_evictable(page))
            {
                await clear_bit(PageFlags.PG_unevictable, page.flags);
            }

            await set_bit(PageFlags.PG_lru, page.flags);
        }

        return locked;
    }

    /// <summary>Lowers mlock_count, which may be too low already; whether mlocks are left.</summary>
    [KernelSource("mm/mlock.c", Function = "__munlock_page")]
    public virtual async KernelTask<bool> undercounted(Folio page)
    {
        var count = await load(page.mlock_count);
        if (count != 0)
        {
            await store(page.mlock_count, count - 1);
        }

        return count > 1;
    }

    /// <summary>Whether a page may be on an evictable list.</summary>
    /// <remarks>Left out: mappings that are unevictable as a whole.</remarks>
    [KernelSource("mm/internal.h")]
    public virtual async KernelTask<bool> page_evictable(Folio page) => !await test_bit(PageFlags.PG_mlocked, page.flags);

    /// <summary>mlock of a vma: every page that is mapped is marked and noted; reclaim does not do so meanwhile.</summary>
    /// <remarks>
    /// Its caller holds mmap_lock for writing, which nobody else here takes: no other thread may map or unmap in this mm. Left out: splitting
    /// and merging vmas, faulting in what is not mapped.
    /// </remarks>
    [KernelSource("mm/mlock.c", Function = "mlock_vma_pages_range")]
    public virtual async KernelTask mlock_vma(Vma vma)
    {
        var newflags = await load(vma.vm_flags) | VmFlags.VM_LOCKED; // apply_vma_lock_flags
        newflags |= Checks("mlock-sets-vm-io") ? VmFlags.VM_IO : VmFlags.None;
        await WRITE_ONCE(vma.vm_flags, newflags);
        await lru_add_drain();
        await mlock_pte_range(vma);
        if (Checks("mlock-drains-before-clearing-vm-io"))
        {
            await lru_add_drain();
        }

        if ((newflags & VmFlags.VM_IO) != 0)
        {
            await WRITE_ONCE(vma.vm_flags, newflags & ~VmFlags.VM_IO);
        }

        if (!Checks("mlock-drains-before-clearing-vm-io"))
        {
            await lru_add_drain();
        }
    }

    /// <summary>munlock of a vma.</summary>
    /// <remarks>As <see cref="mlock_vma"/>.</remarks>
    [KernelSource("mm/mlock.c", Function = "mlock_vma_pages_range")]
    public virtual async KernelTask munlock_vma(Vma vma)
    {
        var newflags = await load(vma.vm_flags) & ~VmFlags.VM_LOCKED;
        await WRITE_ONCE(vma.vm_flags, newflags);
        await lru_add_drain();
        await mlock_pte_range(vma);
        await lru_add_drain();
    }

    /// <summary>Notes every page that is mapped for mlock, or munlock, under the page-table lock.</summary>
    /// <remarks>Left out: huge PMDs, which are noted as a whole.</remarks>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask mlock_pte_range(Vma vma)
    {
        var vm_mm = await load(vma.vm_mm);
        for (var i = 0; i < vm_mm!.PTRS_PER_PMD; i++)
        {
            var pmd = await load(vm_mm.pmd_at(i));
            if (!pgtable.pmd_none_or_trans_huge(pmd))
            {
                await mlock_pte_range(vma, pgtable.pmd_pgtable(pmd), i * Config.PTRS_PER_PTE);
            }
        }
    }

    /// <summary>mlock_pte_range in one page table.</summary>
    [KernelSource("mm/mlock.c")]
    public virtual async KernelTask mlock_pte_range(Vma vma, PageTable table, int first)
    {
        var start = Math.Max(await load(vma.vm_start), first);
        var end = Math.Min(await load(vma.vm_end), first + Config.PTRS_PER_PTE);
        await spin_lock(table.ptl);
        for (var address = start; address < end; address++)
        {
            var pte = await load(table.pte[pgtable.pte_index(address)]);
            if (!pte.Present)
            {
                continue;
            }

            var page = Caches.pfn_to_page(pte.Pfn);
            if (page.Pages > 1)
            {
                continue; // a THP's ptes are not counted
            }

            if ((await load(vma.vm_flags) & VmFlags.VM_LOCKED) != 0)
            {
                await mlock_folio(page);
            }
            else
            {
                await munlock_page(page);
            }
        }

        await spin_unlock(table.ptl);
    }

    /// <summary>What reclaim does with a folio of the evictable lists that a locked vma maps after all: takes it off, finds the vma, marks the folio, puts it back.</summary>
    /// <remarks>
    /// Left out: the walk over more than one vma and its anon_vma or file, and what comes before it (mapcount, the lock of a file's folio: hides that reclaim passes a folio by); what reclaim does to a
    /// folio that no locked vma maps, references.
    /// </remarks>
    [KernelSource("mm/vmscan.c")]
    public virtual async KernelTask shrink_active_list(Folio folio, Vma vma, int address)
    {
        if (!await isolate_evictable_folio(folio))
        {
            return;
        }

        if (await page_evictable(folio))
        {
            await folio_referenced_one(folio, vma, address);
        }

        await folio_putback_lru(folio);
    }

    /// <summary>Takes a folio off the evictable lists; whether it was there.</summary>
    /// <remarks>The caller knows the folio, which the kernel finds on a list under the lock (invents uses after free of a folio that nothing else keeps; the page cache keeps all of these).</remarks>
    [KernelSource("mm/vmscan.c", Function = "isolate_lru_folios")]
    public virtual async KernelTask<bool> isolate_evictable_folio(Folio folio)
    {
        await spin_lock(Caches.Pgdat!.lru_lock);
        var flags = await load(folio.flags);
        var taken = (flags & (PageFlags.PG_lru | PageFlags.PG_unevictable)) == PageFlags.PG_lru // as a folio of these lists
            && await atomic_inc_not_zero(folio._refcount);
        if (taken && !await test_and_clear_bit(PageFlags.PG_lru, folio.flags))
        {
            taken = false;
            await mm.folio_put(folio);
        }

        await spin_unlock(Caches.Pgdat.lru_lock);
        return taken;
    }

    /// <summary>Marks a folio that a locked vma maps, under the page-table lock.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask folio_referenced_one(Folio folio, Vma vma, int address)
    {
        var vm_mm = await load(vma.vm_mm);
        var pmd = await load(pgtable.pmd_offset(vm_mm!, address));
        if (pgtable.pmd_none_or_trans_huge(pmd))
        {
            return; // page_vma_mapped_walk
        }

        var table = pgtable.pmd_pgtable(pmd);
        var ptep = table.pte[pgtable.pte_index(address)];
        if (!(await load(ptep)).Present)
        {
            return;
        }

        await spin_lock(table.ptl);
        var pte = await load(ptep);
        if (pte.Present && pte.Pfn == Caches.page_to_pfn(folio) && (await load(vma.vm_flags) & VmFlags.VM_LOCKED) != 0)
        {
            await mlock_vma_page(new(folio, 0), vma, compound: false); // restore the mlock which got missed
        }

        await spin_unlock(table.ptl);
    }

    /// <summary>Puts a folio back on the list where it belongs; how often it is mlocked is not known, so it is said to be not at all.</summary>
    /// <remarks>
    /// Left out: the pagevec in between (hides undercounts by marks that are looked at before it is drained). A folio that was evictable is put back by move_folios_to_lru, which looks once more whether
    /// it is, and then does the same (hides nothing: its second look decides).
    /// </remarks>
    [KernelSource("mm/swap.c", Function = "lru_add_fn", With = "folio_batch_move_lru")]
    public virtual async KernelTask folio_putback_lru(Folio folio)
    {
        await spin_lock(Caches.Pgdat!.lru_lock);
        await test_and_clear_bit(PageFlags.PG_unevictable, folio.flags);
        if (!await page_evictable(folio))
        {
            await set_bit(PageFlags.PG_unevictable, folio.flags);
            await store(folio.mlock_count, 0);
        }

        await set_bit(PageFlags.PG_lru, folio.flags);
        await spin_unlock(Caches.Pgdat.lru_lock);
        await mm.folio_put(folio);
    }

    private async KernelTask relock(bool locked)
    {
        if (!locked)
        {
            await spin_lock(Caches.Pgdat!.lru_lock);
        }
    }
}
