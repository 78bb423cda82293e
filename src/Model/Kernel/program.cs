using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What processes and the devices that work for them do, with what observers are to know of it: who stored what, and who reads what.</summary>
/// <remarks>Values are the numbers of stores; a scenario gives each store a number of its own.</remarks>
public class program(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>A process stores a value.</summary>
    public virtual KernelTask<bool> process_store(Mm mm, int address, int value) => process_store(Worker.Running.Thread, mm, address, value);

    /// <summary>A store that a thread has made before the scenario begins, so that its CPU has the translation; for set-up.</summary>
    /// <param name="cpu">The thread, by its place among the scenario's, from 0.</param>
    /// <param name="mm">The thread's mm.</param>
    /// <param name="address">The page.</param>
    /// <param name="value">The number of the store.</param>
    public virtual async KernelTask<bool> process_store(int cpu, Mm mm, int address, int value)
    {
        var is_done = await File<user>().user_store(cpu, mm, address, value);
        if (is_done)
        {
            stores(mm, address, value);
        }

        return is_done;
    }

    /// <summary>A process stores a value at each page of a range, one after the other.</summary>
    public virtual async KernelTask process_store_range(Mm mm, int start, int end, int value)
    {
        for (var address = start; address < end; address++)
        {
            await process_store(mm, address, value);
        }
    }

    /// <summary>A process loads from an address: the event <c>reads</c>.</summary>
    public virtual async KernelTask<int> process_load(Mm mm, int address)
    {
        var value = await File<user>().user_load(mm, address);
        reads(mm, address, value);
        return value;
    }

    /// <summary>A device or a pipe reads a page that GUP gave it for a process: the event <c>reads</c>.</summary>
    public virtual async KernelTask<int> read_page(Mm mm, int pfn)
    {
        var value = await load(Caches.pfn_to_page(pfn).data_of(Caches.pfn_to_index(pfn)));
        reads(mm, -1, value);
        return value;
    }

    /// <summary>A device writes to a page that GUP gave it for a process's address.</summary>
    public virtual async KernelTask write_page(Mm mm, int address, int pfn, int value)
    {
        await store(Caches.pfn_to_page(pfn).data_of(Caches.pfn_to_index(pfn)), value);
        stores(mm, address, value);
    }

    /// <summary>fork: what was stored before is known to both.</summary>
    public virtual async KernelTask<Mm> fork(Mm mm)
    {
        var child = await mmap.dup_mmap(mm);
        Ghost(mm.forked, true);
        Ghost(child.forked, true);
        for (var value = 0; value <= Folio.Contents; value++)
        {
            Ghost(Caches.Stores.by(value), null);
        }

        return child;
    }

    private void stores(Mm mm, int address, int value)
    {
        Ghost(mm.stored(address), value);
        Ghost(Caches.Stores.by(value), mm);
    }

    private void reads(Mm mm, int address, int value)
    {
        Ghost(current.read_value, value);
        Ghost(current.read_address, address);
        Oracle("reads", mm);
    }
}
