using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.Interrupts;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// khugepaged frees a page table, its lock inside, under walkers that hold none of the locks it takes: GUP-fast with
/// interrupts off (mm/khugepaged.c, mm/gup.c; 2ba99c5e08812 waits for an IPI), and a walker inside an RCU section that takes
/// the table's lock (as since 6.6).
/// </summary>
/// <remarks>Left out: mmap_lock, i_mmap and anon_vma (hides bugs of walkers that rely on them: none here does), the reference that GUP takes.</remarks>
public sealed class TableFreeTests
{
    /// <summary>How the collapse lets the table go.</summary>
    public enum Free
    {
        Now,
        AfterIpi,
        ByRcu,
    }

    /// <remarks>
    /// An irq-off walk is an RCU section too, so a free by RCU waits for both; an IPI only for those with interrupts off. The
    /// walker in an RCU section may also hold the lock when the table is freed around it.
    /// </remarks>
    [Theory]
    [InlineData(true, Free.Now, false)]
    [InlineData(true, Free.AfterIpi, true)]
    [InlineData(true, Free.ByRcu, true)]
    [InlineData(false, Free.Now, false)]
    [InlineData(false, Free.AfterIpi, false)]
    [InlineData(false, Free.ByRcu, true)]
    public void A_walked_page_table_lives_as_long_as_its_free_waits_for_the_walker(bool irqOff, Free free, bool holds)
    {
        var result = Small.Judged(Collapse(irqOff, free));

        Assert.Equal(holds ? VariantVerdict.Holds : VariantVerdict.Violated, result.Verdict);
        string[] broken = irqOff ? ["no-use-after-free"] : ["no-use-after-free", "no-free-of-held-lock"];
        Assert.Equal(holds ? [] : broken, result.Properties.Where(p => p.Verdict == Verdict.Violated).Select(p => p.Property.Name));
    }

    [Fact]
    public void Gup_fast_reads_a_freed_table_when_nothing_waits_for_it()
    {
        var bug = Small.Judged(Collapse(irqOff: true, Free.Now))["no-use-after-free"].Counterexample!;

        Assert.Equal(("walker*2,khugepaged*5,walker", 2, 8), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.Equal(
            "use after free: walker in gup_fast() does READ_ONCE(table0.pte), but table0 was freed by khugepaged in collapse_and_free_pmd() (step 7)",
            bug.Trace.Ending);
    }

    [Fact]
    public void Locking_the_lock_of_a_freed_table_is_a_use_after_free()
    {
        var bug = Small.Judged(Collapse(irqOff: false, Free.AfterIpi))["no-use-after-free"].Counterexample!;

        Assert.Equal(("walker*2,khugepaged*7,walker", 2, 10), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.StartsWith("use after free: walker in walk_under_rcu() does spin_lock(table0.ptl)", bug.Trace.Ending, StringComparison.Ordinal);
    }

    internal static Instance Collapse(bool irqOff, Free free) => Small.Instance(
        b =>
        {
            var cache = b.Cache("table", at => new PageTable(at), new SlabOptions(1));
            var later = b.Register(new RcuAction(new Operation(OperationCode.kmem_cache_free)), "pte_free_now");
            return b.Object("mm", at => new Mm(at, cache, later));
        },
        [
            new("walker", m => irqOff ? m.gup_fast() : m.walk_under_rcu()),
            new("khugepaged", m => m.collapse_and_free_pmd(free)),
            new("rcu", _ => rcu_core(), ThreadKind.Environment),
        ],
        m => [m.TableIsWalked],
        m => m.pte_alloc(),
        new MachineBuilder { RcuCallbacks = 1 });

    private sealed class PageTable(Layout at) : KernelObject(at)
    {
        public readonly spinlock_t ptl = new(at, "ptl");
        public readonly Shared<int> pte = at.Cell(0, 1, 1, "pte");
    }

    private sealed class Mm(Layout at, SlabCache<PageTable> cache, RcuAction later) : KernelObject(at)
    {
        private readonly Shared<PageTable?> _pmd = at.Cell<PageTable?>(null, "pmd");
        private readonly Ghost<bool> _walked = at.Ghost(false, "walked");

        public Property TableIsWalked => Property.Sometimes("table-is-walked", view => view.Get(_walked));

        public async KernelTask pte_alloc()
        {
            var table = await kmem_cache_alloc(cache);
            await store(_pmd, table);
        }

        public async KernelTask gup_fast()
        {
            await local_irq_disable();
            var table = await READ_ONCE(_pmd);
            if (table is not null)
            {
                var pte = await READ_ONCE(table.pte);
                Ghost(_walked, pte == 1);
            }

            await local_irq_enable();
        }

        public async KernelTask walk_under_rcu()
        {
            await rcu_read_lock();
            var table = await READ_ONCE(_pmd);
            if (table is not null)
            {
                await spin_lock(table.ptl);
                var pte = await load(table.pte);
                Ghost(_walked, pte == 1);
                await spin_unlock(table.ptl);
            }

            await rcu_read_unlock();
        }

        public async KernelTask collapse_and_free_pmd(Free free)
        {
            var table = (await READ_ONCE(_pmd))!;
            await spin_lock(table.ptl);
            await WRITE_ONCE(_pmd, null);
            await spin_unlock(table.ptl);
            if (free == Free.ByRcu)
            {
                await call_rcu(table, later);
                return;
            }

            if (free == Free.AfterIpi)
            {
                await smp_call_function();
            }

            await kmem_cache_free(table);
        }
    }
}
