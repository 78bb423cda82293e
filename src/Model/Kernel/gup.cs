using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Interrupts;

namespace ThpCheck.Model.Kernel;

/// <summary>mm/gup.c: a process's page for a device or a pipe, by reference or by pin.</summary>
public class gup(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>The page at an address, with mmap_lock and the page-table lock; it is faulted in as the flags need it.</summary>
    /// <param name="vm_mm">The process.</param>
    /// <param name="address">The page's address.</param>
    /// <param name="write">FOLL_WRITE.</param>
    /// <param name="pin">FOLL_PIN rather than FOLL_GET.</param>
    /// <returns>The page's frame number; -1 where there is no vma.</returns>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<int> get_user_pages(Mm vm_mm, int address, bool write, bool pin)
    {
        await down_read(vm_mm.mmap_lock);
        if (pin)
        {
            await store(vm_mm.has_pinned, true);
        }

        var pfn = -1;
        while (pfn < 0 && await mmap.find_vma(vm_mm, address) is { } vma)
        {
            pfn = await follow_page_pte(vm_mm, vma, address, write, pin);
        }

        await up_read(vm_mm.mmap_lock);
        return pfn;
    }

    /// <summary>Looks for the page once, and faults where it is not there as it is needed: then -1.</summary>
    /// <remarks>
    /// Of 5.8: a read of memory that a write would copy asks for a write (<c>gup-read-breaks-cow</c>). Left out: VM_BUG_ON of a pin of a page that is not exclusive, since 5.19 (hides
    /// that assertion), FOLL_FORCE, FOLL_TOUCH.
    /// </remarks>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<int> follow_page_pte(Mm vm_mm, Vma vma, int address, bool write, bool pin)
    {
        var memory = (anon_memory)this.memory;
        var wants_write = write || Toggle("gup-read-breaks-cow");
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        if (pgtable.pmd_none(pmd))
        {
            await memory.handle_pte_fault(vm_mm, vma, address, wants_write, unshare: false);
            return -1;
        }

        if (pgtable.pmd_trans_huge(pmd))
        {
            return await follow_trans_huge_pmd(vm_mm, vma, address, write, pin);
        }

        var table = pgtable.pmd_pgtable(pmd);
        await spin_lock(table.ptl);
        var pte = await load(table.pte[pgtable.pte_index(address)]);
        if (!pte.Present || (wants_write && !pte.Write))
        {
            await spin_unlock(table.ptl);
            await memory.handle_pte_fault(vm_mm, vma, address, wants_write, unshare: false);
            return -1;
        }

        var folio = Caches.pfn_to_page(pte.Pfn);
        if (pin && !write && !pte.Write && await gup_must_unshare(folio, Caches.pfn_to_index(pte.Pfn)))
        {
            await spin_unlock(table.ptl);
            await memory.handle_pte_fault(vm_mm, vma, address, write: false, unshare: true);
            return -1;
        }

        await try_grab_page(folio, pin);
        has_page(vm_mm, address, pte.Pfn, write, pin);
        await spin_unlock(table.ptl);
        return pte.Pfn;
    }

    /// <summary>The same for a page of a huge page that a PMD maps.</summary>
    [KernelSource("mm/huge_memory.c")]
    public virtual async KernelTask<int> follow_trans_huge_pmd(Mm vm_mm, Vma vma, int address, bool write, bool pin)
    {
        var memory = (anon_memory)this.memory;
        var wants_write = write || Toggle("gup-read-breaks-cow");
        await spin_lock(vm_mm.page_table_lock);
        var pmd = await load(pgtable.pmd_offset(vm_mm, address));
        if (!pgtable.pmd_trans_huge(pmd))
        {
            await spin_unlock(vm_mm.page_table_lock);
            return -1;
        }

        if (wants_write && !pmd.Write)
        {
            await spin_unlock(vm_mm.page_table_lock);
            await memory.handle_pte_fault(vm_mm, vma, address, wants_write, unshare: false);
            return -1;
        }

        var folio = pgtable.pmd_page(pmd);
        if (pin && !write && !pmd.Write && await gup_must_unshare(folio, 0))
        {
            await spin_unlock(vm_mm.page_table_lock);
            await memory.handle_pte_fault(vm_mm, vma, address, write: false, unshare: true);
            return -1;
        }

        await try_grab_page(folio, pin);
        var pfn = Caches.page_to_pfn(folio) + pgtable.pte_index(address);
        has_page(vm_mm, address, pfn, write, pin);
        await spin_unlock(vm_mm.page_table_lock);
        return pfn;
    }

    /// <summary>Takes a reference or a pin for a page that is mapped, under the lock of its entry.</summary>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask try_grab_page(Folio folio, bool pin)
    {
        if (!pin)
        {
            await atomic_inc(folio._refcount);
        }
        else if (folio.Pages == 1)
        {
            await atomic_add(Folio.PinBias, folio._refcount);
        }
        else
        {
            await atomic_inc(folio._refcount);
            await atomic_inc(folio._pincount);
        }
    }

    /// <summary>Whether a read-only pin has to make the page exclusive first.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<bool> gup_must_unshare(Folio folio, int page) =>
        Toggle("anon-exclusive") && Checks("gup-unshares") && !await test_bit(SubpageFlags.PG_anon_exclusive, folio.page_flags[page]);

    /// <summary>The same without a lock, with interrupts off: takes the page, and looks again whether it is still there. Else the slow way.</summary>
    /// <remarks>Left out: that the PMD still points to the table, which no path here changes while user code runs.</remarks>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<int> get_user_pages_fast(Mm vm_mm, int address, bool write, bool pin)
    {
        if (pin)
        {
            await store(vm_mm.has_pinned, true);
        }

        var sequence = pin && Checks("gup-fast-checks-seq") ? await READ_ONCE(vm_mm.write_protect_seq) : 0;
        if ((sequence & 1) != 0)
        {
            return await get_user_pages(vm_mm, address, write, pin);
        }

        await local_irq_disable();
        var pfn = await gup_pte_range(vm_mm, address, write, pin);
        await local_irq_enable();
        if (pfn >= 0 && pin && Checks("gup-fast-checks-seq") && await READ_ONCE(vm_mm.write_protect_seq) != sequence)
        {
            await put_page(pfn, pin);
            pfn = -1;
        }

        if (pfn < 0)
        {
            return await get_user_pages(vm_mm, address, write, pin);
        }

        has_page(vm_mm, address, pfn, write, pin);
        return pfn;
    }

    /// <summary>The lockless part; -1 where the page is not to be had so.</summary>
    /// <remarks>
    /// Of 5.8: a read takes only what may be written (<c>gup-read-breaks-cow</c>). A pin of a small page is two additions, as since 5.14 (before, it was one: invents what comes in between).
    /// Left out: the look whether the page still belongs to the folio that was taken (hides splits), and DEBUG_VM's
    /// whether what is pinned is exclusive (hides that assertion); since 6.1 a second look at the PMD, too (nothing: a table stays as long as its mm here).
    /// </remarks>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<int> gup_pte_range(Mm vm_mm, int address, bool write, bool pin)
    {
        var pmd = await READ_ONCE(pgtable.pmd_offset(vm_mm, address));
        if (pgtable.pmd_trans_huge(pmd))
        {
            return await gup_huge_pmd(vm_mm, address, pmd, write, pin);
        }

        if (!pgtable.pmd_present(pmd))
        {
            return -1;
        }

        var table = pgtable.pmd_pgtable(pmd);
        var pte = await READ_ONCE(table.pte[pgtable.pte_index(address)]);
        if (!pte.Present || ((write || Toggle("gup-read-breaks-cow")) && !pte.Write))
        {
            return -1;
        }

        var folio = Caches.pfn_to_page(pte.Pfn);
        if (!await try_grab_folio(folio, pin))
        {
            return -1;
        }

        if ((Checks("gup-fast-rereads") && await READ_ONCE(table.pte[pgtable.pte_index(address)]) != pte)
            || (pin && !write && !pte.Write && await gup_must_unshare(folio, Caches.pfn_to_index(pte.Pfn))))
        {
            await put_page(pte.Pfn, pin);
            return -1;
        }

        return pte.Pfn;
    }

    /// <summary>The same of a huge page that a PMD maps.</summary>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<int> gup_huge_pmd(Mm vm_mm, int address, Pmd pmd, bool write, bool pin)
    {
        if (pmd.Kind == PmdKind.Invalidated || ((write || Toggle("gup-read-breaks-cow")) && !pmd.Write)) // pmd_access_permitted
        {
            return -1;
        }

        var folio = pgtable.pmd_page(pmd);
        if (!await try_grab_folio(folio, pin))
        {
            return -1;
        }

        var pfn = Caches.page_to_pfn(folio) + pgtable.pte_index(address);
        if ((Checks("gup-fast-rereads") && await READ_ONCE(pgtable.pmd_offset(vm_mm, address)) != pmd) || (pin && !write && !pmd.Write && await gup_must_unshare(folio, 0)))
        {
            await put_page(pfn, pin);
            return -1;
        }

        return pfn;
    }

    /// <summary>A reference or a pin to a folio that may be free by now; says whether it got it.</summary>
    [KernelSource("mm/gup.c")]
    public virtual async KernelTask<bool> try_grab_folio(Folio folio, bool pin)
    {
        if (!await atomic_inc_not_zero(folio._refcount))
        {
            return false;
        }

        if (pin && folio.Pages == 1)
        {
            await atomic_add(Folio.PinBias - 1, folio._refcount);
        }
        else if (pin)
        {
            await atomic_inc(folio._pincount);
        }

        return true;
    }

    /// <summary>Gives a page back: unpin_user_page, or put_page.</summary>
    [KernelSource("mm/gup.c", Function = "gup_put_folio")]
    public virtual async KernelTask put_page(int pfn, bool pin)
    {
        var folio = Caches.pfn_to_page(pfn);
        if (pin && folio.Pages > 1)
        {
            await atomic_dec(folio._pincount);
        }

        var left = await atomic_add_return(pin && folio.Pages == 1 ? -Folio.PinBias : -1, folio._refcount);
        Ghost(current.gup_mm, null);
        if (left == 0)
        {
            await swap.__folio_put(folio);
        }
    }

    /// <summary>Whether a page may be pinned: the references of a folio of one page tell it, and may tell it of one that has many others.</summary>
    [KernelSource("include/linux/mm.h")]
    public virtual async KernelTask<bool> folio_maybe_dma_pinned(Folio folio) =>
        folio.Pages > 1 ? await atomic_read(folio._pincount) > 0 : await atomic_read(folio._refcount) >= Folio.PinBias;

    /// <summary>Puts what this CPU has on its way to the LRU on it.</summary>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask lru_add_drain()
    {
        if (await load(current.lru_add) is { } folio)
        {
            await set_bit(PageFlags.PG_lru, folio.flags);
            await store(current.lru_add, null);
            await mm.folio_put(folio);
        }
    }

    /// <summary>A folio that has come to be on some CPU is still on its way to the LRU there, with a reference: for set-up.</summary>
    /// <param name="cpu">The thread, by its place among the scenario's, from 0.</param>
    /// <param name="folio">The folio.</param>
    [KernelSource("mm/swap.c")]
    public virtual async KernelTask folio_add_lru(int cpu, Folio folio)
    {
        await mm.folio_get(folio);
        await clear_bit(PageFlags.PG_lru, folio.flags);
        await store(Caches.Threads[cpu].lru_add, folio);
    }

    // For observers: from here on the thread has the page.
    private void has_page(Mm vm_mm, int address, int pfn, bool write, bool pin)
    {
        Ghost(current.gup_mm, vm_mm);
        Ghost(current.gup_address, address);
        Ghost(current.gup_pfn, pfn);
        Ghost(current.gup_flags, (pin ? FollFlags.FOLL_PIN : FollFlags.None) | (write ? FollFlags.FOLL_WRITE : FollFlags.None));
    }
}
