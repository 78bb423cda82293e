using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/mprotect.c: what splits and merges vmas here.</summary>
public class mprotect(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Makes a range executable, or no longer, and leaves it readable and writable.</summary>
    /// <remarks>Left out: other rights (no fault here asks for any), protection keys, gaps in the range beyond ending at the first.</remarks>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask do_mprotect_pkey(Mm mm, int start, int end, bool exec)
    {
        await down_write(mm.mmap_lock);
        var vma = await mmap.find_vma(mm, start);
        if (vma is not null)
        {
            var prev = vma;
            if (await load(vma.vm_start) == start)
            {
                prev = await mmap.mas_prev(mm, vma);
            }

            var tlb = await mmu_gather.tlb_gather_mmu(mm);
            while (vma is not null)
            {
                var tmp = await load(vma.vm_end);
                tmp = tmp < end ? tmp : end;
                var newflags = await load(vma.vm_flags) & ~VmFlags.VM_EXEC;
                (tlb, prev) = await mprotect_fixup(tlb, vma, prev, start, tmp, newflags | (exec ? VmFlags.VM_EXEC : VmFlags.None));
                var done = await load(prev.vm_end);
                start = tmp > done ? tmp : done;
                vma = start < end ? await mmap.find_vma(mm, start) : null;
            }

            await mmu_gather.tlb_finish_mmu(tlb);
        }

        await up_write(mm.mmap_lock);
    }

    /// <summary>Gives a part of a vma new flags: merges it with its neighbours where they fit, else splits it off.</summary>
    /// <returns>The gather, and the vma that has the range now.</returns>
    /// <remarks>Left out: accounting, security.</remarks>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask<(MmuGather Tlb, Vma Vma)> mprotect_fixup(MmuGather tlb, Vma vma, Vma? prev, int start, int end, VmFlags newflags)
    {
        var mm = tlb.Mm;
        if (await load(vma.vm_flags) == newflags)
        {
            return (tlb, vma);
        }

        var vm_pgoff = await load(vma.vm_pgoff);
        var vm_start = await load(vma.vm_start);
        if (await mmap.vma_merge(mm, prev, vma, start, end, newflags, vm_pgoff + start - vm_start) is { } merged)
        {
            vma = merged;
        }
        else
        {
            if (start != await load(vma.vm_start))
            {
                await mmap.__split_vma(mm, vma, start, true);
            }

            if (end != await load(vma.vm_end))
            {
                await mmap.__split_vma(mm, vma, end, false);
            }
        }

        await store(vma.vm_flags, newflags);
        return (await change_protection(tlb, start, end), vma);
    }

    /// <summary>Gives the ptes of a range the vma's new rights: clears each and sets it again, under the page-table lock. The flush is the gather's.</summary>
    /// <remarks>
    /// Left out: the execute bit itself, so a pte is set to what it was, though it is flushed as one whose bit has changed; that a pte of an exclusive
    /// page is made writable again; swap and migration entries, upper levels, notifiers.
    /// </remarks>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask<MmuGather> change_protection(MmuGather tlb, int start, int end)
    {
        for (; start < end; start = pgtable.pmd_addr_end(start, end)) // change_pmd_range
        {
            var pmd = await load(pgtable.pmd_offset(tlb.Mm, start));
            if (!pgtable.pmd_none(pmd))
            {
                tlb = await change_pte_range(tlb, pgtable.pmd_pgtable(pmd), start, pgtable.pmd_addr_end(start, end));
            }
        }

        return tlb;
    }

    /// <summary>change_protection in one page table.</summary>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask<MmuGather> change_pte_range(MmuGather tlb, PageTable table, int address, int end)
    {
        await spin_lock(table.ptl);
        await rmap.flush_tlb_batched_pending(tlb.Mm);
        for (; address < end; address++)
        {
            var ptep = table.pte[pgtable.pte_index(address)];
            if ((await load(ptep)).Present)
            {
                var pte = await pgtable.ptep_get_and_clear_full(ptep); // ptep_modify_prot_start
                await store(ptep, pte);
                tlb = mmu_gather.tlb_remove_tlb_entry(tlb, address); // pte_needs_flush, tlb_flush_pte_range
            }
        }

        await spin_unlock(table.ptl);
        return tlb;
    }
}
