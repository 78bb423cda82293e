using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>How a CPU's attempt at a store went.</summary>
public enum Access
{
    /// <summary>The store is in memory.</summary>
    Done,

    /// <summary>There was no entry that would do. The page table has given one; the instruction begins again.</summary>
    Walked,

    /// <summary>The page table does not allow it: a page fault.</summary>
    Fault,
}

/// <summary>
/// What a CPU does with its TLB: user code's loads and stores, the walks of the page table they lead to, entries that come
/// and go by themselves, and flushes.
/// </summary>
/// <remarks>
/// <para>
/// A store through an entry that is writable and dirty changes memory and looks at nothing else: that is what a stale entry can
/// do. Through one that is clean, or without one, the CPU walks the page table first, and sets the pte's accessed and dirty bits
/// in one locked access, so a pte that was cleared stays clear and is faulted on. The walk is one step and the store another:
/// a store becomes visible after it has retired. An entry is made of a present pte only, and may go at any time.
/// </para>
/// <para>
/// Left out: caches of the upper levels, so PMD and pte are read in one step (hides walks through a PMD entry that is gone and not
/// yet flushed); PCIDs and global pages, so that another mm's entries are gone when a CPU loads its page table (hides flushes that
/// are skipped for them); lazy TLB mode. A huge page gets an entry for each of its pages, as a CPU may split it, and the bits of its PMD are not set: set-up maps it young and
/// dirty.
/// </para>
/// <para>
/// A CPU whose entry does not allow a store looks at the page table again before it faults. A real one may fault at once (hides faults that find the
/// pte as they want it, but for those that another thread's fault has mended).
/// </para>
/// <para>
/// A flush is one step for all CPUs. The kernel's takes effect on one CPU after another, and its caller waits for all. A CPU that
/// had it early has merely dropped its entries early, as it may at any time where <see cref="tlb_entries_come_and_go"/> runs (without it: hides what comes between two
/// CPUs' parts of a flush). What it loads again before the others have had theirs is
/// from a pte that is present; it goes once more here at the one step, and would stay there (hides, with two or more CPUs in one mm, a pte that is
/// mapped and taken away again while a flush from before is still on its way: its own flush has still to come).
/// </para>
/// </remarks>
public static class Mmu
{
    /// <summary>An attempt of user code to store at an address.</summary>
    public static Step<Access> mmu_store(Tlb tlb, Mm mm, int address, int value) => Worker.Running.Declare<Access>(On(OperationCode.mmu_store, tlb, mm, address, value));

    /// <summary>An attempt of user code to load from an address: what is there, or one of <see cref="LoadWalked"/> and <see cref="LoadFaults"/>.</summary>
    public static Step<int> mmu_load(Tlb tlb, Mm mm, int address) => Worker.Running.Declare<int>(On(OperationCode.mmu_load, tlb, mm, address, 0));

    /// <summary>Drops the entries that any CPU has for a range of an mm's pages; its caller waits for it.</summary>
    public static Step flush_tlb_pages(Mm mm, int start, int end)
    {
        ArgumentNullException.ThrowIfNull(mm);
        return Worker.Running.Declare(new Operation(OperationCode.flush_tlb_pages, MemoryOrder.Full, mm.Id, 0, start, end));
    }

    /// <summary>Drops every entry of every CPU.</summary>
    public static Step flush_tlb_all() => Worker.Running.Declare(new Operation(OperationCode.flush_tlb_all, MemoryOrder.Full));

    /// <summary>The environment thread that makes and drops entries, one a step: a CPU may translate ahead, and may forget.</summary>
    public static async KernelTask tlb_entries_come_and_go()
    {
        while (true)
        {
            await Worker.Running.Declare(new Operation(OperationCode.tlb_entry_changes));
        }
    }

    /// <summary>What a load gives for <see cref="Access.Walked"/>.</summary>
    public const int LoadWalked = -1;

    /// <summary>What a load gives for <see cref="Access.Fault"/>.</summary>
    public const int LoadFaults = -2;

    internal static long Execute(State state, in Operation operation, int choice)
    {
        switch (operation.Code)
        {
            case OperationCode.mmu_store or OperationCode.mmu_load:
                return Perform(state, operation);
            case OperationCode.flush_tlb_pages:
                foreach (var tlb in state.Machine.ObjectsOf<Tlb>())
                {
                    if (state.Get(tlb.loaded_mm.Cell) == operation.Object)
                    {
                        Drop(state, tlb, (int)operation.A, (int)operation.B);
                    }
                }

                return 0;
            case OperationCode.flush_tlb_all:
                foreach (var tlb in state.Machine.ObjectsOf<Tlb>())
                {
                    Drop(state, tlb, 0, tlb.entry.Length);
                }

                return 0;
            default: // tlb_entry_changes
                Change(state, choice);
                return 0;
        }
    }

    /// <summary>How many entries may come or go now.</summary>
    internal static int Changeable(State state)
    {
        var count = 0;
        foreach (var tlb in state.Machine.ObjectsOf<Tlb>())
        {
            for (var address = 0; address < tlb.entry.Length; address++)
            {
                count += MayChange(state, tlb, address) ? 1 : 0;
            }
        }

        return count;
    }

    private static Operation On(OperationCode code, Tlb tlb, Mm mm, int address, int value) =>
        new(code, MemoryOrder.Plain, tlb.Id, tlb.entry[address].Cell, value, ((long)address << 32) | (long)mm.Id);

    private static long Perform(State state, in Operation operation)
    {
        var tlb = (Tlb)state.Machine.Object(operation.Object)!;
        var mm = (Mm)state.Machine.Object((int)(operation.B & 0xFFFF_FFFF))!;
        var isStore = operation.Code == OperationCode.mmu_store;
        if (state.Get(tlb.loaded_mm.Cell) != mm.Id)
        {
            Drop(state, tlb, 0, tlb.entry.Length); // switch_mm
            state.Set(tlb.loaded_mm.Cell, mm.Id);
        }

        var entry = TlbEntry.FromWord(state.Get(operation.Cell));
        if (!entry.Valid || (isStore && !(entry.Write && entry.Dirty)))
        {
            var walked = Walk(state, mm, (int)(operation.B >> 32), operation.Cell, isStore);
            return isStore ? (long)(walked ? Access.Walked : Access.Fault) : walked ? LoadWalked : LoadFaults;
        }

        var (folio, data) = PageOf(state, entry.Pfn);
        if (!Operations.IsAlive(state, folio) && !state.Meets(KernelBug.UseAfterFree, folio, data))
        {
            return 0;
        }

        if (!isStore)
        {
            return state.Get(data);
        }

        state.Set(data, operation.A);
        return (long)Access.Done;
    }

    // The folio of a frame, and the cell of what the frame holds. Frames are numbered from 1 through the folios in their order.
    private static (int Folio, int Data) PageOf(State state, int pfn)
    {
        foreach (var folio in state.Machine.ObjectsOf<Folio>())
        {
            if (pfn <= folio.Pages)
            {
                return (folio.Id, folio.data_of(pfn - 1).Cell);
            }

            pfn -= folio.Pages;
        }

        throw new ModelFaultException($"a translation names a frame that is {pfn} beyond the last");
    }

    // Makes an entry of a pte that allows the access, and sets the pte's bits; otherwise the entry is gone.
    private static bool Walk(State state, Mm mm, int address, int cell, bool write)
    {
        var (pte, at) = PteOf(state, mm, address);
        if (!pte.Present || (write && !pte.Write))
        {
            state.Set(cell, 0);
            return false;
        }

        pte = pte with { Young = true, Dirty = pte.Dirty || write };
        if (at != 0)
        {
            state.Set(at, pte.ToWord());
        }

        state.Set(cell, new TlbEntry(true, pte.Write, pte.Dirty, pte.Pfn).ToWord());
        return true;
    }

    private static (Pte Pte, int Cell) PteOf(State state, Mm mm, int address)
    {
        var pmd = Pmd.FromWord(state.Get(mm.pmd_offset(address).Cell));
        if (pmd.HugeFrame != 0)
        {
            return (new Pte(Present: true, pmd.Write, pmd.Dirty, pmd.Young, pmd.HugeFrame + mm.pte_index(address)), 0);
        }

        if (pmd.Table(state.Machine) is not { } table)
        {
            return default;
        }

        if (!Operations.IsAlive(state, table.Id))
        {
            state.Meets(KernelBug.UseAfterFree, table.Id, 0);
            return default;
        }

        var cell = table.pte[mm.pte_index(address)].Cell;
        return (Pte.FromWord(state.Get(cell)), cell);
    }

    private static bool MayChange(State state, Tlb tlb, int address)
    {
        var mm = state.Get(tlb.loaded_mm.Cell);
        return mm != 0 && (state.Get(tlb.entry[address].Cell) != 0 || PteOf(state, (Mm)state.Machine.Object((int)mm)!, address).Pte.Present);
    }

    private static void Change(State state, int choice)
    {
        foreach (var tlb in state.Machine.ObjectsOf<Tlb>())
        {
            for (var address = 0; address < tlb.entry.Length; address++)
            {
                if (MayChange(state, tlb, address) && choice-- == 0)
                {
                    var cell = tlb.entry[address].Cell;
                    if (state.Get(cell) != 0)
                    {
                        state.Set(cell, 0);
                    }
                    else
                    {
                        Walk(state, (Mm)state.Machine.Object((int)state.Get(tlb.loaded_mm.Cell))!, address, cell, write: false);
                    }

                    return;
                }
            }
        }
    }

    private static void Drop(State state, Tlb tlb, int start, int end)
    {
        for (var address = start; address < Math.Min(end, tlb.entry.Length); address++)
        {
            state.Set(tlb.entry[address].Cell, 0);
        }
    }
}
