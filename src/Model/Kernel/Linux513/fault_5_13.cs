using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>How a fault ended.</summary>
public enum VmFault
{
    /// <summary>The access is made again: it may succeed now, or fault again.</summary>
    None,

    /// <summary>The file has no page there.</summary>
    SIGBUS,
}

/// <summary>arch/x86/mm/fault.c in 5.13, down to what a file in memory does: accesses to a vma that maps one.</summary>
/// <remarks>
/// Left out: fault-around, as THPs are mapped whole; the page table that is allocated ahead and not needed; access rights; holes, which the kernel fills with
/// new pages, so an access to one ends as beyond the end of the file.
/// </remarks>
public class fault_5_13(Kernel kernel) : fault(kernel)
{
    /// <summary>User code accesses an address, and faults until it has done so.</summary>
    /// <returns>Whether it could.</returns>
    [KernelSource("arch/x86/mm/fault.c", At = "v5.13-rc6", Function = "do_user_addr_fault")]
    public virtual async KernelTask<bool> touch(Mm mm, int address, bool write)
    {
        while (true)
        {
            var pmd = await load(pgtable.pmd_offset(mm, address)); // the hardware
            if ((pmd.Kind == PmdKind.Huge && (pmd.Write || !write))
                || (pmd.Kind == PmdKind.Table && (await load(pgtable.pmd_pgtable(pmd).pte[pgtable.pte_index(address)])).Present))
            {
                return true;
            }

            await down_read(mm.mmap_lock);
            var vma = await mmap.find_vma(mm, address);
            var (result, is_locked) = vma is null ? (VmFault.SIGBUS, true) : await __handle_mm_fault(mm, vma, address, write);
            if (is_locked)
            {
                await up_read(mm.mmap_lock);
            }

            if (result == VmFault.SIGBUS)
            {
                return false;
            }
        }
    }

    /// <summary>A fault in a vma of a file. The second result says whether mmap_lock is still held.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<(VmFault Result, bool IsLocked)> __handle_mm_fault(Mm mm, Vma vma, int address, bool write)
    {
        var pmd = pgtable.pmd_offset(mm, address);
        if (!pgtable.pmd_none(await load(pmd)))
        {
            var orig_pmd = await load(pmd);
            if (pgtable.is_swap_pmd(orig_pmd))
            {
                await File<migrate_5_13>().pmd_migration_entry_wait(mm, pmd);
                return (VmFault.None, true);
            }

            if (pgtable.pmd_trans_huge(orig_pmd))
            {
                return (VmFault.None, true); // huge_pmd_set_accessed, which changes bits that nothing here reads
            }
        }

        if (!pgtable.pmd_none(await load(pmd)) && await has_no_pte_to_fill(pmd, address)) // handle_pte_fault
        {
            return (VmFault.None, true);
        }

        return await do_fault(mm, vma, address, write);
    }

    /// <summary>Whether a PMD that was not none is no table now, or the pte in it is present.</summary>
    [KernelSource("mm/memory.c", At = "v5.13-rc6", Function = "handle_pte_fault")]
    public virtual async KernelTask<bool> has_no_pte_to_fill(Shared<Pmd> pmd, int address)
    {
        if (await File<memory_5_13>().pmd_none_or_trans_huge_or_clear_bad(pmd)) // pmd_devmap_trans_unstable
        {
            return true;
        }

        var pmdval = await load(pmd);
        return (await load(pgtable.pmd_pgtable(pmdval).pte[pgtable.pte_index(address)])).Present;
    }

    /// <summary>Finds the page in its file and maps it. A page of a hole that is being punched it waits for first.</summary>
    /// <remarks>Left out: that a second try keeps mmap_lock while it waits for the hole (hides who waits for that mmap_lock meanwhile).</remarks>
    [KernelSource("mm/memory.c", At = "v5.13-rc6")]
    public virtual async KernelTask<(VmFault Result, bool IsLocked)> do_fault(Mm mm, Vma vma, int address, bool write)
    {
        var file = await load(vma.vm_file);
        var vm_start = await load(vma.vm_start);
        var vm_pgoff = await load(vma.vm_pgoff);
        var pgoff = address - vm_start + vm_pgoff;
        var shmem_falloc = await load(file!.i_private); // shmem_fault: looked at, and then again under i_lock
        if (shmem_falloc.Covers(pgoff))
        {
            await up_read(mm.mmap_lock);
            await Until(file.i_private, Comparison.Equal, default);
            return (VmFault.None, false); // VM_FAULT_RETRY
        }

        var page = await File<filemap_5_13>().find_lock_page(file, pgoff); // shmem_getpage_gfp
        if (page is null)
        {
            return (VmFault.SIGBUS, true);
        }

        var is_done = await File<memory_5_13>().finish_fault(vma, mm, page, address, write);
        if (is_done && write)
        {
            await this.mm.set_page_dirty(page); // fault_dirty_shared_page
        }

        await this.mm.folio_unlock(page);
        if (!is_done)
        {
            await this.mm.folio_put(page);
        }

        return (VmFault.None, true);
    }
}
