using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>enum vm_fault_reason: how a fault ended, as far as the paths here tell.</summary>
public enum FaultResult
{
    /// <summary>It mapped a page.</summary>
    Mapped,

    /// <summary>It left things to the next fault, or had nothing to do (VM_FAULT_NOPAGE).</summary>
    VM_FAULT_NOPAGE,

    /// <summary>It has dropped mmap_lock, to wait for a page's lock, and would be begun again.</summary>
    VM_FAULT_RETRY,

    /// <summary>There is no such page.</summary>
    VM_FAULT_SIGBUS,
}

/// <summary>Pages that were unmapped under a lock and whose references are dropped after it. On its thread's stack.</summary>
/// <param name="Page0">The first.</param>
/// <param name="Page1">The second.</param>
/// <param name="Page2">The third.</param>
/// <param name="Page3">The fourth.</param>
/// <param name="Nr">How many.</param>
public readonly record struct ZappedPages(Folio? Page0, Folio? Page1, Folio? Page2, Folio? Page3, int Nr)
{
    /// <summary>The page at a place.</summary>
    public Folio? this[int i] => i switch { 0 => Page0, 1 => Page1, 2 => Page2, _ => Page3 };

    /// <summary>The same with one page more.</summary>
    /// <exception cref="ModelFaultException">There are four already.</exception>
    public ZappedPages With(Folio page) => Nr switch
    {
        0 => this with { Page0 = page, Nr = 1 },
        1 => this with { Page1 = page, Nr = 2 },
        2 => this with { Page2 = page, Nr = 3 },
        3 => this with { Page3 = page, Nr = 4 },
        _ => throw new ModelFaultException("four pages can be unmapped at a time here; unmap fewer"),
    };
}

/// <summary>struct zap_details: what of a range is unmapped. On its thread's stack.</summary>
/// <param name="SingleFolio">The one page that it is about, or null.</param>
/// <param name="EvenCows">Whether copies that processes have made of private mappings go too, as they do where there are no details.</param>
public readonly record struct ZapDetails(Folio? SingleFolio, bool EvenCows);

/// <summary>
/// The part of mm/memory.c that maps and unmaps what a file has cached, small pages and THPs, shared or private; with what of mm/huge_memory.c and mm/madvise.c
/// goes with it.
/// </summary>
/// <remarks>As of 6.1. Left out: the TLB, so that flushes are no steps (hides stale translations, which are a topic of their own).</remarks>
public class memory_thp(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>mm/rmap.c, of THPs.</summary>
    protected rmap_thp rmap_thp => File<rmap_thp>();

    /// <summary>mm/mmu_notifier.c.</summary>
    protected mmu_notifier mmu_notifier => File<mmu_notifier>();

    /// <summary>Whether wp_page_copy drops the mapping's reference, or that of the copy which is not needed, under the table's lock: until 3db82b9374ca, v6.5, which then may find no table.</summary>
    protected virtual bool PutsUnderTableLock => true;

    /// <summary>A user's access to a vma of a file: finds the vma under mmap_lock and has the page mapped.</summary>
    /// <remarks>Left out: trying again; access rights; per-vma locks, which these kernels do not have.</remarks>
    [KernelSource("arch/x86/mm/fault.c", Function = "do_user_addr_fault")]
    public virtual async KernelTask<FaultResult> fault_in_file(Mm vm_mm, int address, bool write)
    {
        await down_read(vm_mm.mmap_lock);
        var vma = await mmap.find_vma(vm_mm, address);
        var result = vma is null ? FaultResult.VM_FAULT_SIGBUS : await handle_pte_fault(vm_mm, vma, address, write);
        if (result != FaultResult.VM_FAULT_RETRY)
        {
            await up_read(vm_mm.mmap_lock);
        }

        return result;
    }

    /// <summary>Looks at what is mapped, without a lock, and does what is missing. Each look at the PMD is another.</summary>
    /// <remarks>
    /// Left out: __handle_mm_fault's looks at the PMD before it, which wait for a migration entry (here the fault is over, and begins anew) and split a huge page that is
    /// stored to in a private vma (it is left as it is); swap, NUMA hints, the accessed and dirty bits of what is mapped.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        if (pgtable.pmd_none(await load(pmd)))
        {
            return await do_fault(vm_mm, vma, address, write);
        }

        if (await pmd_devmap_trans_unstable(pmd))
        {
            return FaultResult.VM_FAULT_NOPAGE;
        }

        var table = await pgtable.pte_offset_map(vm_mm, address);
        if (table is null)
        {
            return FaultResult.VM_FAULT_NOPAGE;
        }

        var orig_pte = await load(table.pte[pgtable.pte_index(address)]);
        if (write && orig_pte.Present && !orig_pte.Write)
        {
            return await do_wp_page(vm_mm, vma, address, table, orig_pte);
        }

        await pgtable.pte_unmap();
        return orig_pte == default ? await do_fault(vm_mm, vma, address, write) : FaultResult.VM_FAULT_NOPAGE;
    }

    /// <summary>Whether a PMD is no table that can be walked: none, huge or a migration entry. It may be another the next moment.</summary>
    [KernelSource("include/linux/pgtable.h")]
    public virtual async KernelTask<bool> pmd_devmap_trans_unstable(Shared<Pmd> pmd) => await pmd_none_or_trans_huge_or_clear_bad(pmd);

    /// <summary>Whether a PMD cannot be walked: it is none, huge or a migration entry, or can be nothing at all.</summary>
    /// <remarks>Left out: that it is cleared then (nothing: none is).</remarks>
    [KernelSource("include/linux/pgtable.h")]
    public virtual async KernelTask<bool> pmd_none_or_trans_huge_or_clear_bad(Shared<Pmd> pmd)
    {
        var pmdval = await load(pmd); // pmd_read_atomic
        return pgtable.pmd_none_or_trans_huge(pmdval) || pgtable.pmd_bad(pmdval);
    }

    /// <summary>A fault where nothing is mapped.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> do_fault(Mm vm_mm, Vma vma, int address, bool write)
    {
        var shared = (await load(vma.vm_flags) & VmFlags.VM_SHARED) != 0;
        return write && !shared ? await do_cow_fault(vm_mm, vma, address) : await do_read_fault(vm_mm, vma, address, write);
    }

    /// <summary>Maps the page that is cached: a THP by the PMD where that is none.</summary>
    /// <remarks>For a shared vma also the store: shmem has no page_mkwrite. Left out: fault-around.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> do_read_fault(Mm vm_mm, Vma vma, int address, bool write)
    {
        var (result, page) = await __do_fault(vm_mm, vma, address);
        if (page is not { } cached)
        {
            return result;
        }

        result = await finish_fault(vm_mm, vma, address, cached, write);
        await mm.folio_unlock(cached.Folio);
        if (result != FaultResult.Mapped)
        {
            await mm.folio_put(cached.Folio);
        }

        return result;
    }

    /// <summary>A store to a page of a private mapping that is not mapped: maps a copy.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> do_cow_fault(Mm vm_mm, Vma vma, int address)
    {
        await rmap.anon_vma_prepare(vma);
        var cow_page = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(cow_page._refcount, 1);
        var (result, page) = await __do_fault(vm_mm, vma, address);
        if (page is { } cached)
        {
            result = await finish_fault(vm_mm, vma, address, new Page(cow_page, 0), write: true);
            await mm.folio_unlock(cached.Folio);
            await mm.folio_put(cached.Folio);
        }

        if (result != FaultResult.Mapped)
        {
            await mm.folio_put(cow_page);
        }

        return result;
    }

    /// <summary>The cached page, locked and with a reference; or null and why not.</summary>
    /// <remarks>
    /// As filemap_fault has it: where the page is locked it drops mmap_lock before it sleeps, and the fault is over. shmem_fault keeps mmap_lock
    /// (hides nothing that the next fault would not show; for shmem it invents an mmap_lock that is free). A vma that is registered for minor faults
    /// has the fault handed to userspace, as shmem_get_folio does. Left out: pages that are not cached, truncation while it waits; the page table that is
    /// allocated before the page is locked, in case it is needed (nothing).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<(FaultResult Result, Page? Page)> __do_fault(Mm vm_mm, Vma vma, int address)
    {
        var file = await load(vma.vm_file);
        var pgoff = await linear_page_index(vma, address);
        var folio = await File<filemap>().filemap_get_folio(file!, pgoff);
        if (folio is null)
        {
            return (FaultResult.VM_FAULT_SIGBUS, null);
        }

        if (!await mm.folio_trylock(folio)) // lock_folio_maybe_drop_mmap
        {
            await up_read(vm_mm.mmap_lock);
            await mm.folio_lock(folio);
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return (FaultResult.VM_FAULT_RETRY, null);
        }

        if (await load(folio.mapping) != file)
        {
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            return (FaultResult.VM_FAULT_NOPAGE, null);
        }

        if ((await load(vma.vm_flags) & VmFlags.VM_UFFD_MINOR) != 0)
        {
            await mm.folio_unlock(folio);
            await mm.folio_put(folio);
            Oracle(userfaultfd.Event, vm_mm);
            return (FaultResult.VM_FAULT_NOPAGE, null);
        }

        var index = await load(folio.index);
        return (FaultResult.Mapped, new Page(folio, pgoff - index));
    }

    /// <summary>Maps a page that is locked: by the PMD where that is none and the page a THP, else by a pte that is none.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> finish_fault(Mm vm_mm, Vma vma, int address, Page page, bool write)
    {
        var pmd = pgtable.pmd_offset(vm_mm, address);
        if (pgtable.pmd_none(await load(pmd)))
        {
            if (page.Folio.Pages > 1 && await do_set_pmd(vm_mm, vma, address - pgtable.pte_index(address), page.Folio, write))
            {
                return FaultResult.Mapped;
            }

            await __pte_alloc(vm_mm, address);
        }

        if (await pmd_devmap_trans_unstable(pmd))
        {
            return FaultResult.VM_FAULT_NOPAGE;
        }

        var table = await pgtable.pte_offset_map_lock(vm_mm, address);
        if (table is null)
        {
            return FaultResult.VM_FAULT_NOPAGE;
        }

        var ptep = table.pte[pgtable.pte_index(address)];
        if (await load(ptep) != default)
        {
            await spin_unlock(table.ptl);
            return FaultResult.VM_FAULT_NOPAGE;
        }

        await do_set_pte(vm_mm, vma, address, ptep, page, write);
        await spin_unlock(table.ptl);
        return FaultResult.Mapped;
    }

    /// <summary>Maps a page by a pte that is none, under the table's lock; a copy as an anonymous page.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask do_set_pte(Mm vm_mm, Vma vma, int address, Shared<Pte> ptep, Page page, bool write)
    {
        var shared = (await load(vma.vm_flags) & VmFlags.VM_SHARED) != 0;
        if (write && !shared)
        {
            await atomic_inc(vm_mm.anonpages);
            await rmap.page_add_new_anon_rmap(page.Folio, vma, address);
            await set_bit(PageFlags.PG_lru, page.Folio.flags); // lru_cache_add_inactive_or_unevictable
        }
        else
        {
            await atomic_inc(vm_mm.shmempages);
            await rmap_thp.page_add_file_rmap(page, compound: false);
        }

        await store(ptep, new Pte(Present: true, Write: write || shared, Dirty: write, Young: true, Caches.page_to_pfn(page)));
    }

    /// <summary>Maps a THP of the cache, which is locked, where the PMD is none; says whether it did. The reference is the caller's affair.</summary>
    /// <remarks>
    /// A vma that is shared is writable by its vm_page_prot already. Left out: poisoned pages, deposited tables, which x86 needs for anonymous
    /// memory only.
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<bool> do_set_pmd(Mm vm_mm, Vma vma, int haddr, Folio page, bool write)
    {
        if (page.Pages != Config.HPAGE_PMD_NR || !await transhuge_vma_suitable(vma, haddr))
        {
            return false;
        }

        var pmd = pgtable.pmd_offset(vm_mm, haddr);
        await spin_lock(vm_mm.page_table_lock);
        if (!pgtable.pmd_none(await load(pmd)))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return false;
        }

        var shared = (await load(vma.vm_flags) & VmFlags.VM_SHARED) != 0;
        await atomic_add(page.Pages, vm_mm.shmempages);
        await rmap_thp.page_add_file_rmap(new Page(page, 0), compound: true);
        await store(pmd, Pmd.OfPage(Caches, page, write: write || shared, dirty: write));
        Ghost(current.saw_huge_pmd, true);
        await spin_unlock(vm_mm.page_table_lock);
        return true;
    }

    /// <summary>Whether a huge page fits there.</summary>
    [KernelSource("include/linux/huge_mm.h")]
    public virtual async KernelTask<bool> transhuge_vma_suitable(Vma vma, int haddr)
    {
        var start = await load(vma.vm_start);
        var pgoff = await load(vma.vm_pgoff);
        var end = await load(vma.vm_end);
        return (start - pgoff) % Config.HPAGE_PMD_NR == 0 && haddr >= start && haddr + Config.HPAGE_PMD_NR <= end;
    }

    /// <summary>The offset in its file of an address in a vma.</summary>
    [KernelSource("include/linux/pagemap.h")]
    public virtual async KernelTask<int> linear_page_index(Vma vma, int address)
    {
        var start = await load(vma.vm_start);
        var pgoff = await load(vma.vm_pgoff);
        return address - start + pgoff;
    }

    /// <summary>
    /// A store to a page that is mapped read-only in a private vma, whose pte was looked at in a table: takes a reference to the page if the pte is still the same
    /// under the lock, and maps a copy in its place. It takes no page's lock.
    /// </summary>
    /// <remarks>
    /// Left out: anonymous pages that may be written as they are, which it looks for first (none here is read-only but after a fork, where this copies too).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> do_wp_page(Mm vm_mm, Vma vma, int address, PageTable table, Pte orig_pte)
    {
        var locked = await pgtable.pte_lockptr(vm_mm, address, table); // handle_pte_fault
        await spin_lock(locked.ptl);
        var is_same = await load(table.pte[pgtable.pte_index(address)]) == orig_pte;
        var old_page = Caches.pfn_to_subpage(orig_pte.Pfn);
        if (is_same)
        {
            await mm.folio_get(old_page.Folio);
        }

        await spin_unlock(locked.ptl);
        await pgtable.pte_unmap();
        return is_same ? await wp_page_copy(vm_mm, vma, address, orig_pte, old_page) : FaultResult.VM_FAULT_NOPAGE;
    }

    /// <summary>Maps a copy of a page, to which it was given a reference, where its pte is.</summary>
    /// <remarks>Left out: the copying.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<FaultResult> wp_page_copy(Mm vm_mm, Vma vma, int address, Pte orig_pte, Page old_page)
    {
        await rmap.anon_vma_prepare(vma);
        var new_page = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(new_page._refcount, 1);
        await mmu_notifier.mmu_notifier_invalidate_range_start(vm_mm, address, address + 1);
        var table = await pgtable.pte_offset_map_lock(vm_mm, address);
        var copied = false;
        if (table is not null)
        {
            copied = await load(table.pte[pgtable.pte_index(address)]) == orig_pte;
            if (copied)
            {
                await replace_page(vm_mm, vma, address, table.pte[pgtable.pte_index(address)], old_page, new_page);
            }

            if (PutsUnderTableLock)
            {
                await mm.folio_put(copied ? old_page.Folio : new_page);
            }

            await spin_unlock(table.ptl);
        }

        await mmu_notifier.mmu_notifier_invalidate_range_end(vm_mm);
        if (!PutsUnderTableLock)
        {
            await mm.folio_put(copied ? old_page.Folio : new_page);
        }

        await mm.folio_put(old_page.Folio);
        return copied ? FaultResult.Mapped : FaultResult.VM_FAULT_NOPAGE;
    }

    /// <summary>What wp_page_copy does under the table's lock, once the pte is what it was: the copy is mapped before the old mapping is uncounted.</summary>
    [KernelSource("mm/memory.c", Function = "wp_page_copy")]
    public virtual async KernelTask replace_page(Mm vm_mm, Vma vma, int address, Shared<Pte> ptep, Page old_page, Folio new_page)
    {
        if (!await mm.folio_test_anon(old_page.Folio))
        {
            await atomic_dec(vm_mm.shmempages);
            await atomic_inc(vm_mm.anonpages);
        }

        await pgtable.ptep_get_and_clear_full(ptep); // ptep_clear_flush_notify
        await rmap.page_add_new_anon_rmap(new_page, vma, address);
        await set_bit(PageFlags.PG_lru, new_page.flags); // lru_cache_add_inactive_or_unevictable
        await store(ptep, new Pte(Present: true, Write: true, Dirty: true, Young: true, Caches.page_to_pfn(new_page)));
        await rmap_thp.page_remove_rmap(old_page, compound: false);
    }

    /// <summary>A page table for a PMD that is none; where it is none no more, there is nothing to do.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask __pte_alloc(Mm vm_mm, int address)
    {
        var allocated = await kmem_cache_alloc(Caches.PageTable);
        var pmd = pgtable.pmd_offset(vm_mm, address);
        await spin_lock(vm_mm.page_table_lock);
        if (pgtable.pmd_none(await load(pmd)))
        {
            await atomic_inc(vm_mm.nr_ptes); // mm_inc_nr_ptes
            await store(pmd, Pmd.OfTable(allocated)); // pmd_populate
            await spin_unlock(vm_mm.page_table_lock);
        }
        else
        {
            await spin_unlock(vm_mm.page_table_lock);
            await kmem_cache_free(allocated);
        }
    }

    /// <summary>Unmaps pages of a file wherever they are mapped, as a hole in it does, which leaves copies that processes have made: no mmap_lock, and no page's lock.</summary>
    [KernelSource("mm/memory.c")]
    public virtual KernelTask unmap_mapping_range(AddressSpace mapping, int start, int end) =>
        unmap_mapping_range_tree(mapping, start, end, new ZapDetails(null, EvenCows: false));

    /// <summary>Unmaps a locked THP of a file wherever it is mapped, and waits for who is just zapping its PMD.</summary>
    [KernelSource("mm/memory.c")]
    public virtual KernelTask unmap_mapping_folio(AddressSpace mapping, Folio folio, int start) =>
        unmap_mapping_range_tree(mapping, start, start + folio.Pages, new ZapDetails(folio, EvenCows: false));

    /// <summary>Unmaps a range of a file wherever it is mapped.</summary>
    /// <remarks>Since 2c8659951654 (5.18) i_mmap_rwsem is held for reading.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask unmap_mapping_range_tree(AddressSpace mapping, int start, int end, ZapDetails details)
    {
        var writes = Toggle("unmap-mapping-locks-for-writing");
        await (writes ? down_write(mapping.i_mmap_rwsem) : read_lock_i_mmap(mapping));
        for (var i = 0; await list_get(mapping.i_mmap, i) is { } vma; i++)
        {
            var vm_start = await load(vma.vm_start);
            var vm_end = await load(vma.vm_end);
            var vm_pgoff = await load(vma.vm_pgoff);
            var from = Math.Max(vm_start, vm_start + start - vm_pgoff);
            var to = Math.Min(vm_end, vm_start + end - vm_pgoff);
            if (from < to)
            {
                await zap_page_range_single(vma, from, to, details);
            }
        }

        await (writes ? up_write(mapping.i_mmap_rwsem) : up_read(mapping.i_mmap_rwsem));
    }

    /// <summary>madvise(MADV_DONTNEED) of pages in one vma.</summary>
    [KernelSource("mm/madvise.c")]
    public virtual async KernelTask madvise_dontneed_single_vma(Mm vm_mm, int start, int end)
    {
        await down_read(vm_mm.mmap_lock);
        if (await mmap.find_vma(vm_mm, start) is { } vma)
        {
            await zap_page_range_single(vma, start, end, new ZapDetails(null, EvenCows: true));
        }

        await up_read(vm_mm.mmap_lock);
    }

    /// <summary>Unmaps a range of one vma.</summary>
    /// <remarks>Left out: that release_pages drops all references before it frees the first page (nothing: nobody else can have them).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask zap_page_range_single(Vma vma, int start, int end, ZapDetails details)
    {
        var vm_mm = await load(vma.vm_mm);
        var zapped = default(ZappedPages);
        await mmu_notifier.mmu_notifier_invalidate_range_start(vm_mm!, start, end);
        for (; start < end; start = pgtable.pmd_addr_end(start, end))
        {
            zapped = await zap_pmd_range(zapped, vm_mm!, start, pgtable.pmd_addr_end(start, end), details);
        }

        await mmu_notifier.mmu_notifier_invalidate_range_end(vm_mm!);
        for (var i = 0; i < zapped.Nr; i++)
        {
            await mm.folio_put(zapped[i]!); // tlb_finish_mmu
        }
    }

    /// <summary>Unmaps what one PMD reaches of a range. Each test reads the PMD again, without its lock; where a table went under it, it begins again.</summary>
    /// <remarks>Left out: devmap; a range that covers a huge page in part, which splits the PMD (a fault of the model).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<ZappedPages> zap_pmd_range(ZappedPages zapped, Mm vm_mm, int address, int end, ZapDetails details)
    {
        var pmdp = pgtable.pmd_offset(vm_mm, address);
        var done = false;
        while (!done)
        {
            if (await is_huge_or_swap(pmdp))
            {
                if (end - address != Config.HPAGE_PMD_NR)
                {
                    throw new ModelFaultException("a part of a huge page is unmapped here, which splits its PMD; unmap all of it");
                }

                (zapped, done) = await zap_huge_pmd(zapped, vm_mm, pmdp);
            }
            else if (details.SingleFolio is not null && end - address == Config.HPAGE_PMD_NR && pgtable.pmd_none(await load(pmdp)))
            {
                await spin_lock(vm_mm.page_table_lock); // so that it does not end while zap_huge_pmd() has cleared *pmd but not yet counted
                await spin_unlock(vm_mm.page_table_lock);
            }

            if (done || await has_no_ptes(pmdp))
            {
                break;
            }

            (zapped, done) = await zap_pte_range(zapped, vm_mm, address, end, details);
        }

        return zapped;
    }

    /// <summary>is_swap_pmd(*pmd) || pmd_trans_huge(*pmd): two looks without a lock.</summary>
    [KernelSource("mm/memory.c", Function = "zap_pmd_range")]
    public virtual async KernelTask<bool> is_huge_or_swap(Shared<Pmd> pmdp) =>
        pgtable.is_swap_pmd(await load(pmdp)) || pgtable.pmd_trans_huge(await load(pmdp));

    /// <summary>Whether there are no ptes to zap.</summary>
    [KernelSource("mm/memory.c", Function = "zap_pmd_range")]
    public virtual KernelTask<bool> has_no_ptes(Shared<Pmd> pmdp) => pmd_none_or_trans_huge_or_clear_bad(pmdp);

    /// <summary>Unmaps pages that ptes map, small ones and those of THPs; says whether it found the table.</summary>
    /// <remarks>
    /// As <c>memory.zap_pte_range</c>, for pages of THPs too, and with RSS. Left out: swap and migration entries. In 6.2 and 6.6 too the rmap of a dirty page is
    /// removed at once, and not after a flush under the same lock (nothing: the TLB is left out).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<(ZappedPages Zapped, bool Done)> zap_pte_range(ZappedPages zapped, Mm vm_mm, int address, int end, ZapDetails details)
    {
        var table = await pgtable.pte_offset_map_lock(vm_mm, address);
        if (table is null)
        {
            return (zapped, false);
        }

        var (shmem, anon) = (0, 0);
        for (; address < end; address++)
        {
            var ptep = table.pte[pgtable.pte_index(address)];
            var pte = await load(ptep);
            if (!pte.Present)
            {
                continue;
            }

            var page = Caches.pfn_to_subpage(pte.Pfn);
            if (!details.EvenCows && await mm.folio_test_anon(page.Folio)) // should_zap_page
            {
                continue;
            }

            pte = await pgtable.ptep_get_and_clear_full(ptep);
            if (await mm.folio_test_anon(page.Folio))
            {
                anon--;
            }
            else
            {
                shmem--;
                if (pte.Dirty)
                {
                    await mm.set_page_dirty(page.Folio);
                }
            }

            await rmap_thp.page_remove_rmap(page, compound: false);
            WARN_ON(await atomic_read(page._mapcount) < -1, "print_bad_pte: negative mapcount");
            zapped = zapped.With(page.Folio); // __tlb_remove_page
        }

        if (shmem != 0)
        {
            await atomic_add(shmem, vm_mm.shmempages); // add_mm_rss_vec
        }

        if (anon != 0)
        {
            await atomic_add(anon, vm_mm.anonpages);
        }

        await spin_unlock(table.ptl);
        return (zapped, true);
    }

    /// <summary>Unmaps a huge page that a PMD maps, or forgets one that migration has unmapped; says whether there was one.</summary>
    /// <remarks>Left out: the huge zero page, devices.</remarks>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<(ZappedPages Zapped, bool Done)> zap_huge_pmd(ZappedPages zapped, Mm vm_mm, Shared<Pmd> pmdp)
    {
        await spin_lock(vm_mm.page_table_lock); // __pmd_trans_huge_lock
        var pmd = await load(pmdp);
        if (!pgtable.is_swap_pmd(pmd) && !pgtable.pmd_trans_huge(pmd))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return (zapped, false);
        }

        var orig_pmd = await xchg(pmdp, default); // pmdp_huge_get_and_clear_full
        var present = pgtable.pmd_present(orig_pmd);
        var page = present ? pgtable.pmd_page(orig_pmd) : pgtable.pmd_to_swp_page(orig_pmd);
        if (!present)
        {
            var is_locked = await mm.folio_test_locked(page); // pfn_swap_entry_to_page
            BUG_ON(!is_locked, "BUG_ON(is_migration_entry(entry) && !PageLocked(p))");
        }
        else
        {
            await rmap_thp.page_remove_rmap(new Page(page, 0), compound: true);
            WARN_ON(await atomic_read(page._compound_mapcount) < -1, "VM_BUG_ON_PAGE(page_mapcount(page) < 0)");
        }

        if (await mm.folio_test_anon(page))
        {
            var table = await load(vm_mm.pmd_huge_pte); // zap_deposited_table
            await store(vm_mm.pmd_huge_pte, null);
            await kmem_cache_free(table!);
            await atomic_dec(vm_mm.nr_ptes); // mm_dec_nr_ptes
            await atomic_add(-page.Pages, vm_mm.anonpages);
        }
        else
        {
            await atomic_add(-page.Pages, vm_mm.shmempages);
        }

        await spin_unlock(vm_mm.page_table_lock);
        return (present ? zapped.With(page) : zapped, true);
    }

    private static async KernelTask read_lock_i_mmap(AddressSpace mapping) => await down_read(mapping.i_mmap_rwsem);
}
