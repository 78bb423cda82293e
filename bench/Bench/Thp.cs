using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Bench;

/// <summary>
/// thp(F, R): one collapse, F faults and one rmap walker, R rounds each, under the mmap lock, the anon_vma lock and the
/// page-table lock. A step for each of thp.pml's transitions, the local ones too. It measures; it is no model of the kernel.
/// </summary>
/// <remarks>
/// thp.pml's mmap lock is taken for writing in one step or not at all, which the kernel's is not. So it is no rw_semaphore but
/// a word with a bit for each fault: a fault takes its own, collapse takes all of them at once.
/// </remarks>
public sealed class Thp(Layout at, int faults, int rounds) : KernelObject(at)
{
    /// <summary>As many faults as the mmap lock has bits.</summary>
    public const int MostFaults = 8;

    private readonly Shared<int> _pmd = at.Cell(0, 2, 1, "pmd");
    private readonly Shared<int> _mapc = at.Cell(0, 2, 2, "mapc");
    private readonly Shared<Readers> _mmap = at.Cell(Readers.None, "mmap");
    private readonly spinlock_t _av = new(at, "av");
    private readonly spinlock_t _ptl = new(at, "ptl");
    private readonly Shared<int> _pres = at.Cell(0, 1, 0, "pres");
    private readonly Shared<int> _fin = at.Cell(0, faults + 2, 0, "fin");

    /// <summary>Which faults hold the mmap lock; all of them where collapse does.</summary>
    [Flags]
    private enum Readers
    {
        None = 0,
        First = 1,
        All = (1 << MostFaults) - 1,
    }

    /// <summary>The machine and its threads.</summary>
    public static Instance Instance(int faults, int rounds)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        var collapse = builder.Thread("collapse");
        var first = builder.Thread("fault0");
        for (var i = 1; i < faults; i++)
        {
            builder.Thread($"fault{i}");
        }

        var rmap = builder.Thread("rmap");
        var thp = builder.Object("thp", at => new Thp(at, faults, rounds));
        return new(builder.Build(), stepper =>
        {
            stepper.Begin(collapse, thp.Collapse);
            for (var i = 0; i < faults; i++)
            {
                var reader = (Readers)((int)Readers.First << i);
                stepper.Begin(first + i, () => thp.Fault(reader));
            }

            stepper.Begin(rmap, thp.Rmap);
        });
    }

    private async KernelTask Collapse()
    {
        await Yield(); // j = 0
        for (var j = 0; await Goes(j); j++)
        {
            await bit_spin_lock(Readers.All, _mmap);
            await spin_lock(_av);
            await spin_lock(_ptl);
            await store(_pmd, 0);
            await spin_unlock(_ptl);
            await store(_mapc, 2);
            await spin_lock(_ptl);
            await store(_pmd, 2);
            await spin_unlock(_ptl);
            await spin_unlock(_av);
            await bit_spin_unlock(Readers.All, _mmap);
            await Yield(); // j++
        }

        await atomic_inc(_fin);
    }

    private async KernelTask Fault(Readers reader)
    {
        await Yield(); // j = 0
        for (var j = 0; await Goes(j); j++)
        {
            await bit_spin_lock(reader, _mmap);
            var p = await load(_pmd);
            await Yield(); // p == 0, or else
            if (p == 0)
            {
                await Yield(); // skip; p = 0
            }
            else
            {
                await spin_lock(_ptl);
                if (await load(_pmd) == p)
                {
                    await store(_pres, 1);
                }
                else
                {
                    await Yield(); // skip
                }

                await spin_unlock(_ptl);
                await Yield(); // p = 0
                Locals.Keep(p);
            }

            await bit_spin_unlock(reader, _mmap);
            await Yield(); // j++
        }

        await atomic_inc(_fin);
    }

    private async KernelTask Rmap()
    {
        await Yield(); // j = 0
        for (var j = 0; await Goes(j); j++)
        {
            await spin_lock(_av);
            await spin_lock(_ptl);
            var p = await load(_pmd);
            await Yield(); // the assertion
            BUG_ON(p == 0, "pmd == 0");
            await spin_unlock(_ptl);
            await Yield(); // p = 0
            Locals.Keep(p);
            await spin_unlock(_av);
            await Yield(); // j++
        }

        await atomic_inc(_fin);
    }

    // The guard j < R, or else.
    private async KernelTask<bool> Goes(int j)
    {
        await Yield();
        return j < rounds;
    }
}
