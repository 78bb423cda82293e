using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/userfaultfd.c and fs/userfaultfd.c: a process that fills its own memory in.</summary>
/// <remarks>Left out: the descriptor and its reader, who is the thread that calls; write protection, hugetlb, mmap_changing, ranges of more than one page.</remarks>
public class userfaultfd(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A fault is held back, and its address handed to userspace instead.</summary>
    public const string Event = "handle_userfault";

    /// <summary>UFFDIO_REGISTER for faults on pages that the cache has.</summary>
    [KernelSource("fs/userfaultfd.c", Function = "userfaultfd_register")]
    public virtual KernelTask register_minor(Mm mm, Vma vma) => userfaultfd_register(mm, vma, VmFlags.VM_UFFD_MINOR);

    /// <summary>UFFDIO_REGISTER for pages that are missing.</summary>
    [KernelSource("fs/userfaultfd.c", Function = "userfaultfd_register")]
    public virtual KernelTask register_missing(Mm mm, Vma vma) => userfaultfd_register(mm, vma, VmFlags.VM_UFFD_MISSING);

    /// <summary>Registers a vma.</summary>
    [KernelSource("fs/userfaultfd.c")]
    public virtual async KernelTask userfaultfd_register(Mm mm, Vma vma, VmFlags mode)
    {
        await down_write(mm.mmap_lock);
        var flags = await load(vma.vm_flags);
        await store(vma.vm_flags, flags | mode);
        await up_write(mm.mmap_lock);
    }

    /// <summary>UFFDIO_COPY of one page into private memory: a page of its own, mapped without a look at the page cache or at any page's lock.</summary>
    /// <returns>Whether it was mapped.</returns>
    /// <remarks>Left out: shared memory; copying, which may fault; the zero page.</remarks>
    [KernelSource("mm/userfaultfd.c", Function = "__mcopy_atomic")]
    public virtual async KernelTask<bool> mcopy_atomic(Mm dst_mm, int dst_addr)
    {
        await down_read(dst_mm.mmap_lock);
        var mapped = await find_dst_vma(dst_mm, dst_addr) is { } dst_vma && await mcopy_atomic_pte(dst_mm, dst_vma, dst_addr);
        await up_read(dst_mm.mmap_lock);
        return mapped;
    }

    /// <summary>The vma of an address, if it is registered.</summary>
    [KernelSource("mm/userfaultfd.c")]
    public virtual async KernelTask<Vma?> find_dst_vma(Mm dst_mm, int dst_addr) =>
        await mmap.find_vma(dst_mm, dst_addr) is { } dst_vma && (await load(dst_vma.vm_flags) & VmFlags.VM_UFFD) != 0 ? dst_vma : null;

    /// <summary>UFFDIO_COPY of one page under mmap_lock.</summary>
    [KernelSource("mm/userfaultfd.c", With = "__mcopy_atomic")]
    public virtual async KernelTask<bool> mcopy_atomic_pte(Mm dst_mm, Vma dst_vma, int dst_addr)
    {
        await rmap.anon_vma_prepare(dst_vma);
        if (!await pte_alloc_unless_huge(dst_mm, dst_addr))
        {
            return false;
        }

        var page = await kmem_cache_alloc(Caches.Folio);
        await atomic_set(page._refcount, 1);
        if (await mfill_atomic_install_pte(dst_mm, dst_vma, dst_addr, new Page(page, 0)))
        {
            return true;
        }

        await mm.folio_put(page);
        return false;
    }

    /// <summary>UFFDIO_CONTINUE of one page: maps what the cache has, by a pte.</summary>
    [KernelSource("mm/userfaultfd.c", Function = "mcopy_continue")]
    public virtual async KernelTask<bool> mcopy_continue(Mm dst_mm, int dst_addr)
    {
        await down_read(dst_mm.mmap_lock);
        var mapped = await find_dst_vma(dst_mm, dst_addr) is { } dst_vma && await mcontinue_atomic_pte(dst_mm, dst_vma, dst_addr);
        await up_read(dst_mm.mmap_lock);
        return mapped;
    }

    /// <summary>UFFDIO_CONTINUE of one page under mmap_lock.</summary>
    [KernelSource("mm/userfaultfd.c", With = "__mcopy_atomic")]
    public virtual async KernelTask<bool> mcontinue_atomic_pte(Mm dst_mm, Vma dst_vma, int dst_addr)
    {
        if ((await load(dst_vma.vm_flags) & VmFlags.VM_SHARED) == 0)
        {
            await rmap.anon_vma_prepare(dst_vma); // __mcopy_atomic
        }

        if (!await pte_alloc_unless_huge(dst_mm, dst_addr))
        {
            return false;
        }

        var file = await load(dst_vma.vm_file);
        var pgoff = await File<memory_thp>().linear_page_index(dst_vma, dst_addr);
        var folio = await File<shmem>().find_lock_page(file!, pgoff); // shmem_get_folio
        if (folio is null)
        {
            return false;
        }

        var index = await load(folio.index);
        var mapped = await mfill_atomic_install_pte(dst_mm, dst_vma, dst_addr, new Page(folio, pgoff - index));
        await mm.folio_unlock(folio);
        if (!mapped)
        {
            await mm.folio_put(folio);
        }

        return mapped;
    }

    /// <summary>A page table for the address, unless a huge page is mapped there. That the table stays, as mmap_lock held it in place until 6.6, is insisted on.</summary>
    [KernelSource("mm/userfaultfd.c", Function = "__mcopy_atomic")]
    public virtual async KernelTask<bool> pte_alloc_unless_huge(Mm dst_mm, int dst_addr)
    {
        var dst_pmd = pgtable.pmd_offset(dst_mm, dst_addr);
        var dst_pmdval = await READ_ONCE(dst_pmd); // pmd_read_atomic
        if (pgtable.pmd_trans_huge(dst_pmdval))
        {
            return false;
        }

        if (pgtable.pmd_none(dst_pmdval))
        {
            await File<memory_thp>().__pte_alloc(dst_mm, dst_addr);
        }

        if (pgtable.pmd_trans_huge(await load(dst_pmd)))
        {
            return false;
        }

        if (Checks("mfill-asserts-table"))
        {
            BUG_ON(pgtable.pmd_none(await load(dst_pmd)), "BUG_ON(pmd_none(*dst_pmd))");
            BUG_ON(pgtable.pmd_trans_huge(await load(dst_pmd)), "BUG_ON(pmd_trans_huge(*dst_pmd))");
        }

        return true;
    }

    /// <summary>Maps a page where no pte is, under the table's lock; the page's own lock is the caller's affair.</summary>
    [KernelSource("mm/userfaultfd.c")]
    public virtual async KernelTask<bool> mfill_atomic_install_pte(Mm dst_mm, Vma dst_vma, int dst_addr, Page page)
    {
        var cached = await load(page.Folio.mapping) is AddressSpace;
        var shared = (await load(dst_vma.vm_flags) & VmFlags.VM_SHARED) != 0;
        var table = await pgtable.pte_offset_map_lock(dst_mm, dst_addr);
        if (table is null)
        {
            return false;
        }

        var dst_pte = table.pte[pgtable.pte_index(dst_addr)];
        if (await load(dst_pte) != default)
        {
            await spin_unlock(table.ptl);
            return false;
        }

        if (cached)
        {
            await File<rmap_thp>().page_add_file_rmap(page, compound: false);
            await atomic_inc(dst_mm.shmempages);
        }
        else
        {
            await rmap.page_add_new_anon_rmap(page.Folio, dst_vma, dst_addr);
            await set_bit(PageFlags.PG_lru, page.Folio.flags); // lru_cache_add_inactive_or_unevictable
            await atomic_inc(dst_mm.anonpages);
        }

        await store(dst_pte, new Pte(Present: true, Write: !cached || shared, Dirty: true, Young: false, Caches.page_to_pfn(page)));
        await spin_unlock(table.ptl);
        return true;
    }
}
