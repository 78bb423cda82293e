using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// A store through a stale TLB entry that is already dirty, while the page is cleaned: zap_pte_range against
/// folio_clear_dirty_for_io (mm/memory.c, mm/page-writeback.c, from 3.15 to 6.2), one shared file page, three CPUs.
/// </summary>
/// <remarks>
/// Left out: i_mmap_rwsem and the VMA tree (invents nothing: they do not exclude the zap), a fault that maps the page again
/// (hides nothing: it waits for the page lock), what the page held before the store.
/// </remarks>
public sealed class StaleDirtyTlbTests
{
    /// <summary>The zap's steps, by the letters in which the orders are written.</summary>
    internal enum Z
    {
        L, // lock the page table
        C, // clear the PTE, taking its dirty bit along
        D, // set_page_dirty
        R, // page_remove_rmap
        F, // flush every CPU's TLB
        U, // unlock the page table
        G, // put the page
    }

    /// <remarks>
    /// BASE is 3.15 to 6.1, FINAL 6.2; V0 the first attempt of October 2022, LATE a mutant. Failing in BASE with one mapper: once
    /// R has run, writeback sees an unmapped page, never waits for the page-table lock, and cleans it before the last store.
    /// The steps of the zap are 7, of writeback 6 where it sees the page unmapped, and the store: 14. One turn of each and
    /// the zap's rest: three context switches.
    /// </remarks>
    [Theory]
    [InlineData("LCDRFUG", 1, 253, 502, "P_data", "zap*4,writeback*6,cpu,zap*3", 3, 14)] // BASE
    [InlineData("LCDRFUG", 2, 216, 430)]                                              // BASE, mapped twice: writeback waits for the lock
    [InlineData("LCDFRUG", 1, 234, 467)]                                              // FINAL
    [InlineData("LCDFRUG", 2, 219, 435)]
    [InlineData("LCRUFDG", 1, 300, 597, "P_fs", "zap*5,writeback*6,zap", 2, 12)]        // V0
    [InlineData("LCDUFRG", 1, 263, 531, "P_data", "zap*4,writeback*9,cpu,zap*3", 3, 17)] // LATE
    public void A_store_through_a_stale_dirty_entry_is_lost_only_where_the_page_can_be_cleaned_before_the_flush(
        string order, int mapcount, long states, long transitions, string? broken = null, string schedule = "", int switches = 0, int steps = 0)
    {
        var result = Small.Expect(Race(order, mapcount), broken is null ? VariantVerdict.Holds : VariantVerdict.Violated, states, transitions);

        Assert.Equal(broken is null ? [] : [broken], result.Properties.Where(p => p.Verdict == Verdict.Violated).Select(p => p.Property.Name));
        if (broken is not null)
        {
            var way = result[broken].Counterexample!;
            Assert.Equal((schedule, switches, steps), (way.Schedule, way.Switches, way.Steps));
        }
    }

    internal static Instance Race(string order, int mapcount) => Small.Instance(
        b =>
        {
            var steps = b.Register(order.Select(c => Enum.Parse<Z>(c.ToString())).ToArray());
            return b.Object("page", at => new Page(at, mapcount, steps));
        },
        [new("zap", m => m.zap_pte_range()), new("writeback", m => m.write_page()), new("cpu", m => m.store_to_page())],
        m => m.Promises);

    [Flags]
    private enum PG
    {
        Locked = 1,
        Dirty = 2,
    }

    [Flags]
    private enum Pte
    {
        Present = 1,
        Writable = 2,
        Dirty = 4,
    }

    // One word, as a CPU translates and stores in one instruction: the flush's interrupt comes before it or after it.
    [Flags]
    private enum Cpu
    {
        TlbValid = 1,
        Stored = 2,
    }

    private sealed class Page(Layout at, int mapped, Z[] order) : KernelObject(at)
    {
        private readonly spinlock_t _ptl = new(at, "ptl");
        private readonly Shared<Pte> _pte = at.Cell(Pte.Present | Pte.Writable | Pte.Dirty, "pte");
        private readonly Shared<PG> _flags = at.Cell(PG.Dirty, "flags");
        private readonly Shared<int> _mapcount = at.Cell(0, 2, mapped, "mapcount");
        private readonly Shared<Cpu> _cpu = at.Cell(Cpu.TlbValid, "cpu");
        private readonly Shared<bool> _diskHasStore = at.Cell(false, "disk");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Finally("P_data", view => view.Get(_cpu).HasFlag(Cpu.Stored) && !view.Get(_diskHasStore)
                && !view.Get(_flags).HasFlag(PG.Dirty) && !view.Get(_pte).HasFlag(Pte.Dirty) ? "a store is in memory only, and the page is clean" : null),
            Property.AlwaysAt("P_fs", "set_page_dirty", view => view.Argument is null || view.Get(_flags).HasFlag(PG.Locked) ? null
                : "a clean page is made dirty without its lock"),
            Property.Sometimes("stale-store", view => view.Get(_cpu).HasFlag(Cpu.Stored) && !view.Get(_pte).HasFlag(Pte.Present)),
        ];

        public async KernelTask zap_pte_range()
        {
            var was = default(Pte);
            for (var i = 0; i < order.Length; i++)
            {
                switch (order[i])
                {
                    case Z.L: await spin_lock(_ptl); break;
                    case Z.C: was = await xchg(_pte, default); break;
                    case Z.D when was.HasFlag(Pte.Dirty): Oracle("set_page_dirty", await test_and_set_bit(PG.Dirty, _flags) ? null : this); break;
                    case Z.R: await atomic_dec(_mapcount); break;
                    case Z.F: await clear_bit(Cpu.TlbValid, _cpu); break;
                    case Z.U: await spin_unlock(_ptl); break;
                    default: await Yield(); break;
                }
            }
        }

        // One store with an entry that is dirty already: the PTE is not looked at. Without an entry it faults, and that is the end.
        public async KernelTask store_to_page() => await cmpxchg(_cpu, Cpu.TlbValid, Cpu.TlbValid | Cpu.Stored);

        public async KernelTask write_page()
        {
            await bit_lock(PG.Locked, _flags);
            if (await atomic_read(_mapcount) > 0)
            {
                await spin_lock(_ptl);
                var pte = await load(_pte);
                if (pte.HasFlag(Pte.Present))
                {
                    await store(_pte, Pte.Present);
                    await clear_bit(Cpu.TlbValid, _cpu);
                    await set_bit(PG.Dirty, _flags);
                }

                await spin_unlock(_ptl);
            }

            if (await test_and_clear_bit(PG.Dirty, _flags))
            {
                var memory = await READ_ONCE(_cpu);
                await WRITE_ONCE(_diskHasStore, memory.HasFlag(Cpu.Stored));
            }

            await bit_unlock(PG.Locked, _flags);
        }
    }
}
