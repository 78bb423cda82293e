using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/memory.c in 6.3: anonymous memory whose ptes may be migration entries.</summary>
/// <remarks>Left out: files, and with them delayed rmaps; huge PMDs, where something is zapped or copied (a misread PMD of the model).</remarks>
public class memory_6_3(Kernel kernel) : memory(kernel)
{
    private mm_6_3 mm_6_3 => (mm_6_3)mm;

    private rmap_6_3 rmap_6_3 => (rmap_6_3)rmap;

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask<Folio?> handle_pte_fault(Mm vm_mm, Vma vma, int address, bool write)
    {
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        if (!pgtable.pmd_none(pmd))
        {
            var table = pgtable.pmd_pgtable(pmd);
            var orig_pte = await load(table.pte[pgtable.pte_index(address)]);
            if (orig_pte != default && !orig_pte.Present)
            {
                await ((migrate_6_3)File<migrate>()).migration_entry_wait(table, address); // do_swap_page
                return null;
            }
        }

        return await base.handle_pte_fault(vm_mm, vma, address, write);
    }

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask<MmuGather> zap_pte_range(MmuGather tlb, Vma vma, PageTable table, int address, int end, bool even_cows)
    {
        while (true)
        {
            var is_full = false;
            await spin_lock(table.ptl);
            await rmap.flush_tlb_batched_pending(tlb.Mm);
            for (; address < end && !is_full; address++)
            {
                var ptep = table.pte[pgtable.pte_index(address)];
                var pte = await load(ptep);
                if (pte == default)
                {
                    continue;
                }

                if (!pte.Present)
                {
                    await store(ptep, default); // a migration entry: nothing was counted for it
                    Ghost(tlb.Mm.written(address), 0);
                    continue;
                }

                pte = await pgtable.ptep_get_and_clear_full(ptep);
                Ghost(tlb.Mm.written(address), 0);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address);
                var folio = Caches.pfn_to_page(pte.Pfn);
                await rmap_6_3.page_remove_rmap(folio, mm_6_3.page_number(pte, folio));
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

            if (address == end)
            {
                return tlb;
            }
        }
    }

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask copy_pte_range(Mm dst_mm, Vma src_vma, PageTable src, int first)
    {
        var dst = await pte_alloc(dst_mm, first);
        var start = Math.Max(await load(src_vma.vm_start), first);
        var end = Math.Min(await load(src_vma.vm_end), first + Config.PTRS_PER_PTE);
        await spin_lock(dst.ptl);
        await spin_lock(src.ptl);
        for (var address = start; address < end; address++)
        {
            var pte = await load(src.pte[pgtable.pte_index(address)]);
            if (pte.Present)
            {
                await copy_present_pte(dst, src, address);
            }
            else if (pte != default)
            {
                await copy_nonpresent_pte(dst, src, address, pte);
            }
        }

        await spin_unlock(src.ptl);
        await spin_unlock(dst.ptl);
    }

    /// <summary>Copies a migration entry at fork: the page is not exclusive any more, in neither.</summary>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public virtual async KernelTask copy_nonpresent_pte(PageTable dst, PageTable src, int address, Pte pte)
    {
        var index = pgtable.pte_index(address);
        Oracle("fork meets migration entry");
        var readable = pte with { Write = false, Exclusive = false };
        if (pte != readable && Checks("fork-downgrades-migration-entry"))
        {
            await store(src.pte[index], readable);
        }

        await store(dst.pte[index], readable);
    }

    /// <inheritdoc/>
    [KernelSource("mm/memory.c", At = "v6.3")]
    public override async KernelTask copy_present_pte(PageTable dst, PageTable src, int address)
    {
        var index = pgtable.pte_index(address);
        var pte = await load(src.pte[index]);
        var folio = Caches.pfn_to_page(pte.Pfn);
        var page = mm_6_3.page_number(pte, folio);
        await mm.folio_get(folio);
        if (await load(folio.anon_exclusive(page))) // page_try_dup_anon_rmap
        {
            await store(folio.anon_exclusive(page), false);
        }

        await atomic_inc(folio.mapcount(page));
        if (pte.Write)
        {
            await pgtable.ptep_set_wrprotect(src.pte[index]);
        }

        await store(dst.pte[index], pte with { Write = false, Young = false });
    }
}

/// <summary>What user code does, with a note of what it stored.</summary>
public class user_6_3(Kernel kernel) : user(kernel)
{
    /// <inheritdoc/>
    public override async KernelTask<bool> user_store(int cpu, Mm mm, int address, int value)
    {
        while (true)
        {
            var access = await mmu_store(Caches.Tlbs[cpu], mm, address, value);
            if (access == Access.Done)
            {
                Ghost(mm.written(address), value);
                return true;
            }

            if (access == Access.Fault && !await File<fault>().user_fault(mm, address, write: true))
            {
                return false;
            }
        }
    }
}
