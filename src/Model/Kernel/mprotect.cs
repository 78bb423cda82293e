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

            while (vma is not null)
            {
                var tmp = await load(vma.vm_end);
                tmp = tmp < end ? tmp : end;
                var newflags = await load(vma.vm_flags) & ~VmFlags.VM_EXEC;
                prev = await mprotect_fixup(mm, vma, prev, start, tmp, newflags | (exec ? VmFlags.VM_EXEC : VmFlags.None));
                var done = await load(prev.vm_end);
                start = tmp > done ? tmp : done;
                vma = start < end ? await mmap.find_vma(mm, start) : null;
            }
        }

        await up_write(mm.mmap_lock);
    }

    /// <summary>Gives a part of a vma new flags: merges it with its neighbours where they fit, else splits it off.</summary>
    /// <returns>The vma that has the range now.</returns>
    /// <remarks>Left out: accounting, security.</remarks>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask<Vma> mprotect_fixup(Mm mm, Vma vma, Vma? prev, int start, int end, VmFlags newflags)
    {
        if (await load(vma.vm_flags) == newflags)
        {
            return vma;
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
        await change_protection(mm, start, end);
        return vma;
    }

    /// <summary>Gives the ptes of a range the vma's new rights: clears each and sets it again, under the page-table lock.</summary>
    /// <remarks>
    /// Left out: huge PMDs, the execute bit itself, so a pte is set to what it was; that a pte of an exclusive page is made writable again; the TLB and its
    /// gather (hides stale translations); swap and migration entries, upper levels, notifiers.
    /// </remarks>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask change_protection(Mm mm, int start, int end)
    {
        for (; start < end; start = pgtable.pmd_addr_end(start, end)) // change_pmd_range
        {
            var pmd = await load(pgtable.pmd_offset(mm, start));
            if (!pgtable.pmd_none(pmd))
            {
                await change_pte_range(pgtable.pmd_pgtable(pmd), start, pgtable.pmd_addr_end(start, end));
            }
        }
    }

    /// <summary>change_protection in one page table.</summary>
    [KernelSource("mm/mprotect.c")]
    public virtual async KernelTask change_pte_range(PageTable table, int address, int end)
    {
        await spin_lock(table.ptl);
        for (; address < end; address++)
        {
            var ptep = table.pte[pgtable.pte_index(address)];
            if ((await load(ptep)).Present)
            {
                var pte = await pgtable.ptep_get_and_clear_full(ptep); // ptep_modify_prot_start
                await store(ptep, pte);
            }
        }

        await spin_unlock(table.ptl);
    }
}
