using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Kernel;

/// <summary>What user code does: loads and stores, each on the CPU of the thread that calls it.</summary>
public class user(Kernel kernel) : KernelFile(kernel)
{
    /// <summary>Stores a value at an address; a fault is handled and the instruction begins again.</summary>
    /// <returns>Whether it stored; false where there is no vma, so that the thread would be killed.</returns>
    public virtual KernelTask<bool> user_store(Mm mm, int address, int value) => user_store(Worker.Running.Thread, mm, address, value);

    /// <summary>A store that a thread has made before the scenario begins, so that its CPU has the translation; for set-up.</summary>
    /// <param name="cpu">The thread, by its place among the scenario's, from 0.</param>
    /// <param name="mm">The thread's mm.</param>
    /// <param name="address">The page.</param>
    /// <param name="value">The number of the store.</param>
    public virtual async KernelTask<bool> user_store(int cpu, Mm mm, int address, int value)
    {
        while (true)
        {
            var access = await mmu_store(Caches.Tlbs[cpu], mm, address, value);
            if (access == Access.Done)
            {
                return true;
            }

            if (access == Access.Fault && !await File<fault>().user_fault(mm, address, write: true))
            {
                return false;
            }
        }
    }

    /// <summary>Loads from an address; a fault is handled and the instruction begins again.</summary>
    /// <returns>What is there, or -1 where there is no vma.</returns>
    public virtual KernelTask<int> user_load(Mm mm, int address) => user_load(Worker.Running.Thread, mm, address);

    /// <summary>A load that a thread has made before the scenario begins, so that its CPU has the translation; for set-up.</summary>
    /// <param name="cpu">The thread, by its place among the scenario's, from 0.</param>
    /// <param name="mm">The thread's mm.</param>
    /// <param name="address">The page.</param>
    public virtual async KernelTask<int> user_load(int cpu, Mm mm, int address)
    {
        while (true)
        {
            var value = await mmu_load(Caches.Tlbs[cpu], mm, address);
            if (value >= 0)
            {
                return value;
            }

            if (value == LoadFaults && !await File<fault>().user_fault(mm, address, write: false))
            {
                return -1;
            }
        }
    }
}
