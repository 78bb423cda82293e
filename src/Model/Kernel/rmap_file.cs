using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>struct tlbflush_unmap_batch: what a thread has unmapped without flushing. It is the thread's own, so it is a value in its frame.</summary>
[Flags]
public enum TlbUbc
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Something.</summary>
    flush_required = 1,

    /// <summary>Something that was dirty, and so may be stored to still.</summary>
    writable = 2,
}

/// <summary>The part of mm/rmap.c that is about file pages, and its putting off of flushes.</summary>
public partial class rmap
{
    /// <summary>rwc->contended: what a walk gives that only tries the lock, and did not get it.</summary>
    public const int Contended = -1;

    /// <summary>Notes that a pte of an mm was cleared without a flush.</summary>
    /// <remarks>Left out: starting to count anew before the counters overflow (more flushes put off than they can count are a fault of the model).</remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<TlbUbc> set_tlb_ubc_flush_pending(Mm mm, bool writable, TlbUbc tlb_ubc)
    {
        var batch = await atomic_read(mm.tlb_flush_batched);
        var pending = batch & ((1 << Mm.FlushedShift) - 1);
        if (pending == (1 << Mm.FlushedShift) - 1)
        {
            throw new ModelFaultException($"more than {pending} flushes of {mm} were put off; make Mm.FlushedShift larger");
        }

        await atomic_inc(mm.tlb_flush_batched);
        return tlb_ubc | TlbUbc.flush_required | (writable ? TlbUbc.writable : TlbUbc.None);
    }

    /// <summary>Does the flush that was put off, if one was.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<TlbUbc> try_to_unmap_flush(TlbUbc tlb_ubc)
    {
        if (tlb_ubc != TlbUbc.None)
        {
            await tlbflush.arch_tlbbatch_flush();
        }

        return TlbUbc.None;
    }

    /// <summary>Does the flush that was put off, if something that was dirty awaits it.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<TlbUbc> try_to_unmap_flush_dirty(TlbUbc tlb_ubc) =>
        (tlb_ubc & TlbUbc.writable) != 0 ? await try_to_unmap_flush(tlb_ubc) : tlb_ubc;

    /// <summary>Unmaps a locked file page for reclaim, which puts the flushes off (TTU_BATCH_FLUSH).</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<TlbUbc> try_to_unmap(Folio folio) =>
        (TlbUbc)await rmap_walk(folio, File<rmap_walks>().try_to_unmap_rwc, (int)TlbUbc.None);

    /// <summary>try_to_unmap in one vma.</summary>
    /// <remarks>
    /// Left out: anonymous pages, mlock, notifiers, hwpoison. A flush is always put off: should_defer_flush does not where no other CPU runs in the mm, when there is
    /// nothing to flush elsewhere (hides nothing).
    /// </remarks>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<(bool GoesOn, int TlbUbc)> try_to_unmap_one(Folio folio, Vma vma, int address, int arg)
    {
        var tlb_ubc = (TlbUbc)arg;
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            Pte pteval;
            if (Toggle("defer-flush"))
            {
                pteval = await pgtable.ptep_get_and_clear_full(pvmw.Table!.pte[pgtable.pte_index(address)]);
                var vm_mm = await load(vma.vm_mm);
                tlb_ubc = await set_tlb_ubc_flush_pending(vm_mm!, pteval.Dirty, tlb_ubc);
            }
            else
            {
                pteval = await tlbflush.ptep_clear_flush(vma, address, pvmw.Table!.pte[pgtable.pte_index(address)]);
            }

            if (pteval.Dirty)
            {
                await mm.set_page_dirty(folio);
            }

            await page_remove_rmap(folio);
            await mm.folio_put(folio);
            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, (int)tlb_ubc);
    }

    /// <summary>Completes the flushes that reclaim has put off in an mm, before its ptes are changed for another reason.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask flush_tlb_batched_pending(Mm mm)
    {
        var batch = await atomic_read(mm.tlb_flush_batched);
        var pending = batch & ((1 << Mm.FlushedShift) - 1);
        var flushed = batch >> Mm.FlushedShift;
        if (pending != flushed)
        {
            await tlbflush.flush_tlb_mm(mm);
            await cmpxchg(mm.tlb_flush_batched, batch, pending | (pending << Mm.FlushedShift));
        }
    }

    /// <summary>Visits every vma that may map a locked file page.</summary>
    /// <remarks>
    /// Left out: taking the lock by i_mmap_trylock_read first where it then sleeps (hides nothing), done, which would end the walk of an unmapped folio
    /// early (hides nothing: what it looks at after that does not map the folio, whose lock keeps it from being mapped), and invalid_vma (every mapping of a
    /// file is shared here).
    /// </remarks>
    /// <returns>What the visits made of their argument, or <see cref="Contended"/>.</returns>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<int> rmap_walk_file(Folio folio, RmapWalkControl rwc, int arg)
    {
        var mapping = await load(folio.mapping);
        if (Config.DEBUG_VM)
        {
            BUG_ON(!await mm.folio_test_locked(folio), "VM_BUG_ON_FOLIO(!folio_test_locked(folio))");
        }

        if (mapping is not AddressSpace file)
        {
            return arg;
        }

        var pgoff = await load(folio.index);
        if (!rwc.try_lock)
        {
            await down_read(file.i_mmap_rwsem);
        }
        else if (!await down_read_trylock(file.i_mmap_rwsem))
        {
            return Contended;
        }

        var goes_on = true;
        for (var i = 0; goes_on; i++)
        {
            var vma = await list_get(file.i_mmap, i);
            if (vma is null)
            {
                break;
            }

            var address = await vma_address(vma, pgoff);
            if (address >= 0)
            {
                (goes_on, arg) = await rwc.rmap_one(folio, vma, address, arg);
            }
        }

        await up_read(file.i_mmap_rwsem);
        return arg;
    }

    /// <summary>How many mappings have used a locked file page since the last time; their young bits are cleared, and no TLB is flushed for that.</summary>
    /// <returns>How many, or <see cref="Contended"/>, which its caller takes for use as well.</returns>
    /// <remarks>
    /// Left out: what <see cref="folio_referenced"/> leaves out; that the walk ends once it has found as many ptes as mapped the page at first (hides a
    /// page that is taken for unused though a mapping that it did not come to has used it; a locked page gets no mapping meanwhile).
    /// </remarks>
    [KernelSource("mm/rmap.c", Function = "folio_referenced")]
    public virtual async KernelTask<int> folio_referenced_locked(Folio folio) =>
        await mm.folio_mapped(folio) ? await rmap_walk(folio, File<rmap_walks>().count_references_rwc, 0) : 0;

    /// <summary>The same in one vma.</summary>
    [KernelSource("mm/rmap.c", Function = "folio_referenced_one")]
    public virtual async KernelTask<(bool GoesOn, int Referenced)> count_references_one(Folio folio, Vma vma, int address, int referenced)
    {
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false));
        while (pvmw.IsFound)
        {
            if (await pgtable.ptep_test_and_clear_young(pvmw.Table!.pte[pgtable.pte_index(address)]))
            {
                referenced++;
            }

            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, referenced);
    }

    /// <summary>Makes every pte of a locked file page clean and read-only, and says how many were not.</summary>
    [KernelSource("mm/rmap.c")]
    public virtual async KernelTask<int> folio_mkclean(Folio folio)
    {
        BUG_ON(!await mm.folio_test_locked(folio), "BUG_ON(!folio_test_locked(folio))");
        if (!await mm.folio_mapped(folio))
        {
            return 0;
        }

        return await load(folio.mapping) is null ? 0 : await rmap_walk(folio, File<rmap_walks>().page_mkclean_rwc, 0);
    }

    /// <summary>folio_mkclean in one vma. It takes the page-table lock before it looks, and so waits for whoever is unmapping the page.</summary>
    [KernelSource("mm/rmap.c", Function = "page_vma_mkclean_one")]
    public virtual async KernelTask<(bool GoesOn, int Cleaned)> page_mkclean_one(Folio folio, Vma vma, int address, int cleaned)
    {
        var pvmw = await page_vma_mapped.page_vma_mapped_walk(new(folio, vma, address, null, false, Sync: Checks("mkclean-sync")));
        while (pvmw.IsFound)
        {
            var ptep = pvmw.Table!.pte[pgtable.pte_index(address)];
            if ((await load(ptep)).Dirty || (await load(ptep)).Write)
            {
                var entry = await tlbflush.ptep_clear_flush(vma, address, ptep);
                await store(ptep, entry with { Write = false, Dirty = false });
                cleaned++;
            }

            pvmw = await page_vma_mapped.page_vma_mapped_walk(pvmw);
        }

        return (true, cleaned);
    }
}
