using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What became of a pte at fork.</summary>
public enum CopiedPte
{
    /// <summary>The child maps the same page.</summary>
    Shared,

    /// <summary>The child maps a copy, which the page that was allocated before has become.</summary>
    Copied,

    /// <summary>Nothing yet: a page has to be allocated first.</summary>
    Again,
}

/// <summary>mm/memory.c with private anonymous memory in full: copy-on-write, pins at fork, and folios of several pages.</summary>
public class anon_memory(Kernel kernel) : memory(kernel)
{
    /// <inheritdoc/>
    /// <remarks>Left out: NUMA and migration entries; files. The PMD is read once to look, and again to fill.</remarks>
    [KernelSource("mm/memory.c")]
    public override KernelTask<Folio?> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write) => handle_pte_fault(vm_mm, vma, address, write, unshare: false);

    /// <summary>The same, or with FAULT_FLAG_UNSHARE, which makes a page exclusive without making it writable.</summary>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<Folio?> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write, bool unshare)
    {
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        if (pgtable.pmd_trans_huge(pmd)) // __handle_mm_fault
        {
            if ((!write && !unshare) || pmd.Write || await File<huge_wp_page>().do_huge_pmd_wp_page(vm_mm, vma, address, pmd, unshare))
            {
                return null;
            }

            pmd = await load(pgtable.pmd_offset(vm_mm, address));
            if (pgtable.pmd_trans_huge(pmd))
            {
                return null; // pmd_devmap_trans_unstable
            }
        }

        var table = pgtable.pmd_none(pmd) ? null : pgtable.pmd_pgtable(pmd);
        var orig_pte = table is null ? default : await load(table.pte[pgtable.pte_index(address)]);
        if (table is null || orig_pte == default)
        {
            return await do_anonymous_page(vm_mm, vma, address);
        }

        if (orig_pte.Swap)
        {
            await File<swap_page>().do_swap_page(vm_mm, vma, table, address, orig_pte, write);
            return null;
        }

        await spin_lock(table.ptl);
        if (await load(table.pte[pgtable.pte_index(address)]) != orig_pte)
        {
            await spin_unlock(table.ptl);
            return null;
        }

        if ((write || unshare) && !orig_pte.Write)
        {
            await File<wp_page>().do_wp_page(vm_mm, vma, table, address, orig_pte, unshare);
            return null;
        }

        await pgtable.ptep_set_access_flags(table.pte[pgtable.pte_index(address)], orig_pte with { Young = true, Dirty = orig_pte.Dirty || write }, write);
        await spin_unlock(table.ptl);
        return null;
    }

    /// <summary>Maps a new folio of several pages by ptes, from an address on where there is nothing yet. The caller is alone with the mm: for set-up.</summary>
    /// <remarks>
    /// Since 6.8 a fault does this; before, it is what is left of a huge page whose PMD was split. Left out: what a fault looks at first, and the
    /// way from the huge page.
    /// </remarks>
    [KernelSource("mm/memory.c", At = "v6.8", Function = "do_anonymous_page")]
    public virtual async KernelTask<Folio> map_anon_folio(Mm vm_mm, int address)
    {
        var vma = await mmap.find_vma(vm_mm, address);
        await rmap.anon_vma_prepare(vma!);
        var folio = await kmem_cache_alloc(Caches.Thp);
        await atomic_set(folio._refcount, folio.Pages);
        await File<large_rmap>().folio_add_new_anon_rmap(folio, vma!, address);
        await set_bit(PageFlags.PG_lru, folio.flags);
        for (var i = 0; i < folio.Pages; i++)
        {
            var table = await pte_alloc(vm_mm, address + i); // another, where mremap has moved it across the end of one
            await store(table.pte[pgtable.pte_index(address + i)], new Pte(Present: true, Write: true, Dirty: true, Young: true, Caches.page_to_pfn(folio) + i));
        }

        return folio;
    }

    /// <summary>mprotect(PROT_READ) and back, by the process, alone: for set-up. The ptes stay read-only, to be made writable by faults.</summary>
    /// <remarks>Left out: the vma's flags, which are in the end what they were. Since 6.1 an exclusive page's pte is made writable at once.</remarks>
    [KernelSource("mm/mprotect.c", At = "v5.19", Function = "change_pte_range")]
    public virtual async KernelTask mprotect_read_and_back(Mm vm_mm, int start, int end)
    {
        await down_write(vm_mm.mmap_lock);
        var pmd = await load(vm_mm.pmd);
        if (pgtable.pmd_trans_huge(pmd))
        {
            await store(vm_mm.pmd, pmd with { Write = false }); // change_huge_pmd
            await tlbflush.flush_tlb_mm(vm_mm);
            await up_write(vm_mm.mmap_lock);
            return;
        }

        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        for (var address = start; address < end; address++)
        {
            await pgtable.ptep_set_wrprotect(table.pte[pgtable.pte_index(address)]);
        }

        await tlbflush.flush_tlb_mm(vm_mm);
        await spin_unlock(table.ptl);
        await up_write(vm_mm.mmap_lock);
    }

    /// <summary>Copies a present pte at fork: both become read-only. A page that may be pinned is copied instead, and the parent's stays as it is.</summary>
    /// <param name="dst">The child's table.</param>
    /// <param name="src">The parent's table.</param>
    /// <param name="address">The page.</param>
    /// <param name="dst_vma">The child's vma.</param>
    /// <param name="src_mm">The parent.</param>
    /// <param name="prealloc">The page to copy to, or null where none was allocated yet.</param>
    /// <remarks>Left out: VM_BUG_ON of a page that is exclusive still (hides that assertion); since 6.7 the look at pins comes before that at the page (hides nothing: the lock of its table keeps it).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<CopiedPte> copy_present_pte(PageTable dst, PageTable src, int address, Vma dst_vma, Mm src_mm, Folio? prealloc)
    {
        var pte = await load(src.pte[pgtable.pte_index(address)]);
        var folio = Caches.pfn_to_page(pte.Pfn);
        var page = Caches.pfn_to_index(pte.Pfn);
        if (Toggle("anon-exclusive"))
        {
            await mm.folio_get(folio);
            if (await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page])) // page_try_dup_anon_rmap
            {
                if (await page_needs_cow_for_dma(src_mm, folio))
                {
                    await mm.folio_put(folio);
                    return await copy_present_page(dst, address, dst_vma, prealloc, folio, page);
                }

                await clear_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);
            }
        }
        else
        {
            if (await page_needs_cow_for_dma(src_mm, folio))
            {
                return await copy_present_page(dst, address, dst_vma, prealloc, folio, page);
            }

            await mm.folio_get(folio);
        }

        var dst_mm = await load(dst_vma.vm_mm);
        await File<large_rmap>().page_dup_rmap(folio, page, dst_mm!);
        if (pte.Write)
        {
            await pgtable.ptep_set_wrprotect(src.pte[pgtable.pte_index(address)]);
        }

        await store(dst.pte[pgtable.pte_index(address)], pte with { Write = false, Young = false });
        return CopiedPte.Shared;
    }

    /// <summary>Whether fork may not share a page: its mm has pinned pages once, and this one may be pinned now.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<bool> page_needs_cow_for_dma(Mm src_mm, Folio folio) =>
        Checks("fork-copies-pinned") && await load(src_mm.has_pinned) && await File<gup>().folio_maybe_dma_pinned(folio);

    /// <summary>Copies an entry that is not present at fork, of migration or of swap: the page is not exclusive any more, in neither.</summary>
    /// <remarks>Left out: mmlist; BUG_ON(!PageLocked) of a migration entry's page (hides it).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_nonpresent_pte(PageTable dst, PageTable src, int address, Pte pte)
    {
        if (pte.Swap)
        {
            await File<swapfile>().swap_duplicate(Caches.SwapSlots[pte.Pfn - 1]);
        }

        var readable = pte with { Write = false, Exclusive = false };
        if (pte != readable && (pte.Swap ? Checks("fork-clears-swap-exclusive") : Checks("fork-downgrades-migration-entry")))
        {
            await store(src.pte[pgtable.pte_index(address)], readable);
        }

        await store(dst.pte[pgtable.pte_index(address)], readable);
    }

    /// <summary>Gives the child of a fork a copy of a page that may be pinned, if there is a page to copy to.</summary>
    /// <remarks>Left out: the LRU's pagevec.</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask<CopiedPte> copy_present_page(PageTable dst, int address, Vma dst_vma, Folio? prealloc, Folio folio, int page)
    {
        if (prealloc is null)
        {
            return CopiedPte.Again;
        }

        var contents = await load(folio.data_of(page));
        await store(prealloc.data, contents);
        await rmap.page_add_new_anon_rmap(prealloc, dst_vma, address);
        await set_bit(PageFlags.PG_lru, prealloc.flags);
        await store(dst.pte[pgtable.pte_index(address)], new Pte(Present: true, Write: true, Dirty: true, Young: false, Caches.page_to_pfn(prealloc)));
        return CopiedPte.Copied;
    }

    /// <inheritdoc/>
    /// <remarks>Left out: mmu notifiers.</remarks>
    [KernelSource("mm/memory.c")]
    public override async KernelTask copy_page_range(Vma dst_vma, Vma src_vma)
    {
        if (await load(src_vma.anon_vma) is null)
        {
            return; // vma_needs_copy
        }

        var dst_mm = await load(dst_vma.vm_mm);
        var src_mm = await load(src_vma.vm_mm);
        var start = await load(src_vma.vm_start);
        var end = await load(src_vma.vm_end);
        await write_seqcount(src_mm!); // begin
        for (; start < end; start = pgtable.pmd_addr_end(start, end)) // copy_pmd_range
        {
            var pmd = await load(pgtable.pmd_offset(src_mm!, start));
            if (pgtable.pmd_trans_huge(pmd) && !await File<anon_huge_memory>().copy_huge_pmd(dst_mm!, src_mm!, src_vma, start))
            {
                pmd = await load(pgtable.pmd_offset(src_mm!, start));
            }

            if (!pgtable.pmd_none_or_trans_huge(pmd))
            {
                await copy_pte_range(dst_mm!, src_mm!, dst_vma, pgtable.pmd_pgtable(pmd), start, pgtable.pmd_addr_end(start, end));
            }
        }

        await write_seqcount(src_mm!); // end
    }

    /// <summary>Copies the ptes of a vma in one page table. Where a page has to be copied it drops the locks to allocate one, and begins again there.</summary>
    /// <remarks>Left out: breaks to reschedule; ptes of one large folio that are copied together (since 6.9: invents forks that share only some of its pages).</remarks>
    [KernelSource("mm/memory.c")]
    public virtual async KernelTask copy_pte_range(Mm dst_mm, Mm src_mm, Vma dst_vma, PageTable src, int address, int end)
    {
        Folio? prealloc = null;
        while (address < end)
        {
            var dst = await pte_alloc(dst_mm, address);
            await spin_lock(dst.ptl);
            await spin_lock(src.ptl);
            var again = false;
            for (; address < end && !again; address += again ? 0 : 1)
            {
                var pte = await load(src.pte[pgtable.pte_index(address)]);
                if (!pte.Present && pte != default)
                {
                    await copy_nonpresent_pte(dst, src, address, pte);
                }

                if (!pte.Present)
                {
                    continue;
                }

                var copied = await copy_present_pte(dst, src, address, dst_vma, src_mm, prealloc);
                again = copied == CopiedPte.Again;
                if (copied == CopiedPte.Shared && prealloc is not null)
                {
                    await mm.folio_put(prealloc); // it is not pinned any more
                }

                prealloc = null;
            }

            await spin_unlock(src.ptl);
            await spin_unlock(dst.ptl);
            if (again)
            {
                prealloc = await kmem_cache_alloc(Caches.Folio);
                await atomic_set(prealloc._refcount, 1);
            }
        }

        if (prealloc is not null)
        {
            await mm.folio_put(prealloc);
        }
    }

    /// <summary>raw_write_seqcount_begin and _end of write_protect_seq, under mmap_lock held for writing.</summary>
    [KernelSource("include/linux/seqlock.h", Function = "raw_write_seqcount_begin")]
    public virtual async KernelTask write_seqcount(Mm src_mm)
    {
        if (Checks("gup-fast-checks-seq"))
        {
            var sequence = await load(src_mm.write_protect_seq);
            await store(src_mm.write_protect_seq, sequence + 1);
        }
    }

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", Function = "zap_pmd_range")]
    public override async KernelTask<MmuGather> unmap_single_vma(MmuGather tlb, Vma vma, int start_addr, int end_addr, bool even_cows = true)
    {
        var start = Math.Max(await load(vma.vm_start), start_addr);
        var end = Math.Min(await load(vma.vm_end), end_addr);
        for (; start < end; start = pgtable.pmd_addr_end(start, end))
        {
            var next = pgtable.pmd_addr_end(start, end);
            var pmd = await load(pgtable.pmd_offset(tlb.Mm, start));
            if (pgtable.pmd_trans_huge(pmd))
            {
                if (next - start == Config.PTRS_PER_PTE)
                {
                    (tlb, var is_done) = await File<anon_huge_memory>().zap_huge_pmd(tlb, start);
                    if (is_done)
                    {
                        continue;
                    }
                }
                else
                {
                    await File<anon_huge_memory>().__split_huge_pmd(vma, start);
                }

                pmd = await load(pgtable.pmd_offset(tlb.Mm, start));
            }

            if (!pgtable.pmd_none_or_trans_huge(pmd))
            {
                tlb = await zap_pte_range(tlb, vma, pgtable.pmd_pgtable(pmd), start, next, even_cows);
            }
        }

        return tlb;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Left out: files, breaks to reschedule, the accessed bit, RSS; print_bad_pte of a negative mapcount, BUG_ON(!PageLocked) of a migration entry's page (hides these reports); ptes of one large folio that are unmapped together
    /// (since 6.9: invents zaps that have unmapped only some of its pages).
    /// </remarks>
    [KernelSource("mm/memory.c")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        var is_full = true;
        while (is_full)
        {
            is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var pte = await load(table.pte[pgtable.pte_index(address)]);
                if (!pte.Present)
                {
                    if (pte.Swap)
                    {
                        await File<swapfile>().free_swap_and_cache(Caches.SwapSlots[pte.Pfn - 1]);
                    }

                    if (pte != default)
                    {
                        await store(table.pte[pgtable.pte_index(address)], default); // pte_clear_not_present_full; nothing was counted for a migration entry
                    }

                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(table.pte[pgtable.pte_index(address)]);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var folio = Caches.pfn_to_page(pte.Pfn);
                await File<large_rmap>().page_remove_rmap(folio, Caches.pfn_to_index(pte.Pfn), tlb.Mm);
                (tlb, is_full) = mmu_gather.__tlb_remove_page(tlb, folio);
            }

            if (is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu_tlbonly(tlb);
            }

            await spin_unlock(table.ptl);
            if (is_full)
            {
                tlb = await mmu_gather.tlb_flush_mmu(tlb);
            }
        }

        return tlb;
    }
}

/// <summary>include/linux/mm.h where a large folio is mapped by ptes and PMDs.</summary>
public class anon_mm(Kernel kernel) : mm(kernel)
{
    /// <inheritdoc/>
    public override int Mapcount(StateView view, Folio folio)
    {
        ArgumentNullException.ThrowIfNull(view);
        ArgumentNullException.ThrowIfNull(folio);
        var mapcount = folio.Pages;
        if (folio.Pages > 1)
        {
            mapcount += view.Get(folio._compound_mapcount) + 1 - ((view.Get(folio._flags_1) & PageFlags.PG_double_map) != 0 ? folio.Pages : 0);
        }

        for (var page = 0; page < folio.Pages; page++)
        {
            mapcount += view.Get(folio.mapcount(page));
        }

        return mapcount;
    }
}

/// <summary>mm/rmap.c where a new page is exclusive to its process, and where reclaim unmaps anonymous pages.</summary>
public class anon_rmap(Kernel kernel) : rmap(kernel)
{
    /// <inheritdoc/>
    /// <remarks>
    /// Of pages that the swap cache has: each pte becomes a swap entry. Left out: large folios, MADV_FREE, mmlist, mlock, notifiers, hwpoison, pages that a guest has no use for; the
    /// warning of a page that is not in the swap cache (hides it). A flush is put off as for file pages.
    /// </remarks>
    [KernelSource("mm/rmap.c")]
    public override async KernelTask<(bool GoesOn, int TlbUbc)> try_to_unmap_one(Folio folio, Vma vma, int address, int arg)
    {
        var tlb_ubc = (TlbUbc)arg;
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            var anon_exclusive = Toggle("anon-exclusive") && await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
            var pteval = await pgtable.ptep_get_and_clear_full(pvmw.Table!.pte[pgtable.pte_index(address)]);
            var vm_mm = await load(vma.vm_mm);
            tlb_ubc = await set_tlb_ubc_flush_pending(vm_mm!, pteval.Dirty, tlb_ubc);
            if (pteval.Dirty)
            {
                await mm.set_page_dirty(folio);
            }

            var entry = await load(folio.@private);
            await File<swapfile>().swap_duplicate(entry!);
            if (anon_exclusive && !await page_try_share_anon_rmap(folio))
            {
                await File<swapfile>().swap_free(entry!);
                await store(pvmw.Table!.pte[pgtable.pte_index(address)], pteval);
                await page_vma_mapped.not_found(pvmw); // page_vma_mapped_walk_done
                return (false, (int)tlb_ubc);
            }

            await store(pvmw.Table!.pte[pgtable.pte_index(address)], Pte.OfSwap(entry!, anon_exclusive && Checks("swap-entry-remembers-exclusive")));
            await page_remove_rmap(folio);
            await mm.folio_put(folio);
            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, (int)tlb_ubc);
    }

    /// <summary>Takes its exclusiveness from a page whose pte is cleared, unless it may be pinned; says whether it did.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask<bool> page_try_share_anon_rmap(Folio folio)
    {
        await smp_mb();
        if (await File<gup>().folio_maybe_dma_pinned(folio))
        {
            return false;
        }

        await clear_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        await smp_mb();
        return true;
    }

    /// <inheritdoc/>
    [KernelSource("mm/rmap.c")]
    public override async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
    {
        await base.page_add_new_anon_rmap(page, vma, address);
        if (Toggle("anon-exclusive"))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, page.page_flags[0]);
        }
    }
}

/// <summary>mm/mmu_gather.c where pages may be in the swap cache.</summary>
public class anon_mmu_gather(Kernel kernel) : mmu_gather(kernel)
{
    /// <inheritdoc/>
    [KernelSource("mm/swap_state.c")]
    public override async KernelTask free_pages_and_swap_cache(MmuGather tlb, int first, int end)
    {
        for (var i = first; Config.SWAP_SLOTS > 0 && i < end; i++)
        {
            await File<swap_state>().free_swap_cache(tlb[i]!);
        }

        await swap.release_pages(tlb, first, end);
    }
}

/// <summary>include/linux/rmap.h: mapcounts of one page, and of the folio it is in.</summary>
public class large_rmap(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Maps all pages of a new folio for the first time.</summary>
    [KernelSource("mm/rmap.c", At = "v6.8")]
    public virtual async KernelTask folio_add_new_anon_rmap(Folio folio, Vma vma, int address)
    {
        var anon_vma = await load(vma.anon_vma);
        await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(folio.index, address - vm_start + vm_pgoff);
        for (var i = 0; i < folio.Pages; i++)
        {
            await atomic_set(folio.mapcount(i), 0);
            if (Toggle("anon-exclusive"))
            {
                await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[i]);
            }
        }

        if (Toggle("large-mapcount"))
        {
            var vm_mm = await load(vma.vm_mm);
            await store(folio._mm_ids, default(MmIds).Add(Caches.mm_id(vm_mm!), folio.Pages));
            await atomic_set(folio._large_mapcount, folio.Pages - 1);
        }
    }

    /// <summary>Maps a new huge page by a PMD for the first time.</summary>
    [KernelSource("mm/rmap.c", Function = "page_add_new_anon_rmap")]
    public virtual async KernelTask folio_add_new_anon_rmap_pmd(Folio folio, Vma vma, int address)
    {
        await atomic_set(folio._compound_mapcount, 0);
        var anon_vma = await load(vma.anon_vma);
        await WRITE_ONCE<KernelObject?>(folio.mapping, anon_vma);
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        await store(folio.index, address - vm_start + vm_pgoff);
        if (Toggle("anon-exclusive"))
        {
            await set_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[0]);
        }

        if (Toggle("large-mapcount"))
        {
            var vm_mm = await load(vma.vm_mm);
            await store(folio._mm_ids, default(MmIds).Add(Caches.mm_id(vm_mm!), 1));
            await atomic_set(folio._large_mapcount, 0);
        }
    }

    /// <summary>One PMD more maps a huge page. The caller has a reference for it.</summary>
    [KernelSource("include/linux/rmap.h", Function = "page_dup_file_rmap")]
    public virtual async KernelTask page_dup_pmd_rmap(Folio folio, Mm vm_mm)
    {
        await atomic_inc(folio._compound_mapcount);
        if (Toggle("large-mapcount"))
        {
            await folio_add_large_mapcount(folio, 1, vm_mm);
        }
    }

    /// <summary>One PMD fewer maps a huge page; the caller holds the PMD's lock, and drops the reference later. The last takes back what PG_double_map stands for.</summary>
    [KernelSource("mm/rmap.c", Function = "page_remove_rmap")]
    public virtual async KernelTask page_remove_pmd_rmap(Folio folio, Mm vm_mm)
    {
        if (Toggle("large-mapcount"))
        {
            await folio_sub_large_mapcount(folio, 1, vm_mm);
        }

        if (await atomic_add_negative(-1, folio._compound_mapcount) && HasDoubleMap && await test_and_clear_bit(PageFlags.PG_double_map, folio._flags_1))
        {
            for (var i = 0; i < folio.Pages; i++)
            {
                await atomic_dec(folio.mapcount(i));
            }
        }
    }

    /// <summary>The end of a PMD's mapping once ptes have taken its place: before the compound mapcount falls, the pages' mapcounts are raised where others map the whole.</summary>
    [KernelSource("mm/huge_memory.c", Function = "__split_huge_pmd_locked")]
    public virtual async KernelTask split_ends(Folio folio, Mm vm_mm)
    {
        if (HasDoubleMap && await atomic_read(folio._compound_mapcount) + 1 > 1 && !await test_and_set_bit(PageFlags.PG_double_map, folio._flags_1))
        {
            for (var i = 0; i < folio.Pages; i++)
            {
                await atomic_inc(folio.mapcount(i));
            }
        }

        await page_remove_pmd_rmap(folio, vm_mm);
    }

    /// <summary>Whether PG_double_map is kept: until 6.1, and here until 6.14 (hides nothing: from 5.18 on nobody reads these mapcounts).</summary>
    protected bool HasDoubleMap => !Toggle("large-mapcount");

    /// <summary>One pte more maps a page. The caller has a reference for it.</summary>
    [KernelSource("include/linux/rmap.h")]
    public virtual async KernelTask page_dup_rmap(Folio folio, int page, Mm vm_mm)
    {
        await atomic_inc(folio.mapcount(page));
        if (folio.Pages > 1 && Toggle("large-mapcount"))
        {
            await folio_add_large_mapcount(folio, 1, vm_mm);
        }
    }

    /// <summary>One pte fewer maps a page; the caller holds the page-table lock, and drops the reference later.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask page_remove_rmap(Folio folio, int page, Mm vm_mm)
    {
        if (folio.Pages > 1 && Toggle("large-mapcount"))
        {
            await folio_sub_large_mapcount(folio, 1, vm_mm);
        }

        await atomic_add_negative(-1, folio.mapcount(page));
    }

    /// <summary>Counts mappings of a large folio, and notes that more than one process has it where this one was not known to.</summary>
    /// <remarks>Left out: __folio_large_mapcount_sanity_checks (hides these assertions).</remarks>
    [KernelSource("include/linux/rmap.h", At = "6af8cb80d3a9")]
    public virtual async KernelTask folio_add_large_mapcount(Folio folio, int diff, Mm vm_mm)
    {
        await spin_lock(folio.large_mapcount_lock);
        var mapcount = await atomic_read(folio._large_mapcount) + 1 + diff;
        await atomic_set(folio._large_mapcount, mapcount - 1);
        var ids = await load(folio._mm_ids);
        var id = Caches.mm_id(vm_mm);
        var isKnown = ids.Knows(id);
        ids = ids.Add(id, diff);
        if (ids.Knows(id))
        {
            await store(folio._mm_ids, ids);
            if (!isKnown && mapcount != diff)
            {
                await store(folio.maybe_mapped_shared, true);
            }
        }

        await spin_unlock(folio.large_mapcount_lock);
    }

    /// <summary>Counts so many fewer; with the last of a process, or of one that is not known, looks whether another has all that are left.</summary>
    [KernelSource("include/linux/rmap.h", At = "6af8cb80d3a9")]
    public virtual async KernelTask folio_sub_large_mapcount(Folio folio, int diff, Mm vm_mm)
    {
        await spin_lock(folio.large_mapcount_lock);
        var mapcount = await atomic_read(folio._large_mapcount) + 1 - diff;
        await atomic_set(folio._large_mapcount, mapcount - 1);
        var ids = await load(folio._mm_ids);
        var id = Caches.mm_id(vm_mm);
        if (ids.Knows(id))
        {
            ids = ids.Sub(id, diff);
            await store(folio._mm_ids, ids);
        }

        if (!ids.Knows(id) && (ids.Count0 == mapcount || ids.Count1 == mapcount))
        {
            await store(folio.maybe_mapped_shared, false);
        }

        await spin_unlock(folio.large_mapcount_lock);
    }
}
