using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.Interrupts;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

/// <summary>What is a bug because of where the thread is, whatever memory holds.</summary>
public sealed class SectionTests
{
    public static TheoryData<string, string> SleepsInSections
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var section in Sections.Keys)
            {
                foreach (var sleep in Sleeps.Keys)
                {
                    data.Add(section, sleep);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(SleepsInSections))]
    public void Sleeping_inside_a_section_is_a_bug_even_where_nothing_would_block(string section, string sleep)
    {
        var test = new TestMachine();
        test.Begin(() => Both(test.Page, section, sleep));
        test.Step();

        var bug = test.Step();

        Assert.Equal(KernelBug.SleepInAtomic, bug.Bug);
        Assert.True(bug.IsFinal);
    }

    [Theory]
    [MemberData(nameof(SleepsInSections))]
    public void Sleeping_after_the_section_is_none(string section, string sleep)
    {
        var test = new TestMachine();

        var last = test.Run(() => OneAfterTheOther(test.Page, section, sleep));

        Assert.NotEqual(KernelBug.SleepInAtomic, last.Bug);
    }

    [Fact]
    public void A_tolerated_bug_does_not_hide_another_of_the_same_operation()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.RecursiveLock } });
        test.Begin(() => ReadTwiceUnderRcu(test.Page));
        test.Step();
        test.Step();

        Assert.Equal(KernelBug.SleepInAtomic, test.Step().Bug);
    }

    [Fact]
    public void A_tolerated_bug_at_a_threads_end_is_met_by_its_last_step()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.UnbalancedSection } });
        test.Begin(OnlyEnter);

        var last = test.Step();

        Assert.True(last.Meets(KernelBug.UnbalancedSection));
        Assert.True(test.Stepper.IsEnd);
        Assert.True(test.View.HasEnded(0));
    }

    [Fact]
    public void States_that_differ_in_preemption_alone_are_two_even_where_rcu_nesting_is_below_zero()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.UnbalancedSection } });
        test.Begin(UnlockThenDisable);
        var seen = new HashSet<(ulong, ulong)> { test.Stepper.State.Fingerprint };

        for (var step = 0; step < 4; step++)
        {
            test.Step();
            seen.Add(test.Stepper.State.Fingerprint);
        }

        Assert.Equal(5, seen.Count);
    }

    public static TheoryData<string> AllSections => [.. Sections.Keys];

    [Theory]
    [MemberData(nameof(AllSections))]
    public void An_allocation_may_sleep_so_inside_a_section_it_is_a_bug(string section)
    {
        var test = new TestMachine();
        var slab = test.Pages(new SlabOptions(Objects: 1));
        test.Begin(() => Allocates(test.Page, slab, Index(Sections, section)));
        test.Step();

        Assert.Equal(KernelBug.SleepInAtomic, test.Step().Bug);
        Assert.DoesNotContain(test.View.Live<Page>(), static page => page.Slot is not null);

        static async KernelTask Allocates(Page page, SlabCache<Page> slab, int section)
        {
            await Sections.Values.ElementAt(section).Enter(page);
            await kmem_cache_alloc(slab);
        }
    }

    [Fact]
    public void An_allocation_after_the_section_and_with_an_rwsem_held_is_none()
    {
        var test = new TestMachine();
        var slab = test.Pages(new SlabOptions(Objects: 1));

        Assert.Equal(KernelBug.None, test.Run(() => Allocates(test.Page, slab)).Bug);
        Assert.True(test.Stepper.HasEnded(0));
        Assert.True(test.View.IsLive(slab.Slots[0].Generations[0]));

        static async KernelTask Allocates(Page page, SlabCache<Page> slab)
        {
            await spin_lock(page.ptl);
            await spin_unlock(page.ptl);
            await down_write(page.rwsem);
            await kmem_cache_alloc(slab);
            await up_write(page.rwsem);
        }
    }

    [Theory]
    [MemberData(nameof(AllSections))]
    public void Might_sleep_inside_a_section_is_a_bug_of_the_step_before_it(string section)
    {
        var test = new TestMachine();
        test.Begin(() => Might(test.Page, Index(Sections, section)));

        var bug = test.Step();

        Assert.Equal(KernelBug.SleepInAtomic, bug.Bug);
        Assert.Equal("sleeping function called from invalid context", bug.Reason);

        static async KernelTask Might(Page page, int section)
        {
            await Sections.Values.ElementAt(section).Enter(page);
            might_sleep();
            await Sections.Values.ElementAt(section).Leave(page);
        }
    }

    [Fact]
    public void Might_sleep_outside_of_sections_and_with_an_rwsem_held_is_nothing_and_no_step()
    {
        var test = new TestMachine();
        test.Begin(() => Might(test.Page));

        Assert.Equal(
            [OperationCode.rcu_read_lock, OperationCode.rcu_read_unlock, OperationCode.down_read, OperationCode.up_read],
            test.Pendings().Select(static pending => pending.Code));

        static async KernelTask Might(Page page)
        {
            might_sleep();
            await rcu_read_lock();
            await rcu_read_unlock();
            might_sleep();
            await down_read(page.rwsem);
            might_sleep();
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void A_trylock_does_not_sleep()
    {
        var test = new TestMachine();

        Assert.False(test.Run(() => Tries(test.Page)).IsFinal);

        static async KernelTask Tries(Page page)
        {
            await rcu_read_lock();
            await down_read_trylock(page.rwsem);
            await up_read(page.rwsem);
            await down_write_trylock(page.rwsem);
            await up_write(page.rwsem);
            await bit_trylock(PageFlags.Locked, page.flags);
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void Waiting_for_interrupts_is_a_bug_with_interrupts_off_only()
    {
        Assert.Equal(KernelBug.SleepInAtomic, new TestMachine().Run(InIrqOff).Bug);
        Assert.Equal(KernelBug.None, new TestMachine().Run(InRcu).Bug);

        static async KernelTask InIrqOff()
        {
            await local_irq_disable();
            await smp_call_function();
            await local_irq_enable();
        }

        static async KernelTask InRcu()
        {
            await rcu_read_lock();
            await smp_call_function();
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void Leaving_a_section_that_was_not_entered_is_a_bug()
    {
        Assert.Equal(KernelBug.UnbalancedSection, new TestMachine().Run(static async () => await rcu_read_unlock()).Bug);
        Assert.Equal(KernelBug.UnbalancedSection, new TestMachine().Run(static async () => await preempt_enable()).Bug);
        Assert.Equal(KernelBug.UnbalancedSection, new TestMachine().Run(static async () => await local_irq_enable()).Bug);
    }

    [Fact]
    public void Sections_nest()
    {
        var test = new TestMachine();
        test.Begin(Nested);

        test.Steps(0, 3);
        Assert.Equal(1, test.View.Context(0).RcuNesting);
        Assert.True(test.View.Context(0).IsAtomic);

        test.Steps(0, 1);
        Assert.Equal(0, test.View.Context(0).RcuNesting);
        Assert.Equal(KernelBug.UnbalancedSection, test.Step().Bug);

        static async KernelTask Nested()
        {
            await rcu_read_lock();
            await rcu_read_lock();
            await rcu_read_unlock();
            await rcu_read_unlock();
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void A_spinlock_counts_as_preemption_off_and_as_a_section()
    {
        var test = new TestMachine();
        test.Begin(() => Locks(test.Page));
        test.Step();

        Assert.Equal(1, test.View.Context(0).PreemptDepth);
        Assert.Equal(SectionKinds.Rcu, test.View.Context(0).Sections);

        test.Step();
        Assert.Equal(SectionKinds.None, test.View.Context(0).Sections);

        static async KernelTask Locks(Page page)
        {
            await spin_lock(page.ptl);
            await spin_unlock(page.ptl);
            await Yield();
        }
    }

    [Fact]
    public void Interrupts_off_is_both_kinds_of_section()
    {
        var test = new TestMachine();
        test.Begin(Off);
        test.Step();

        Assert.Equal(SectionKinds.Rcu | SectionKinds.IrqOff, test.View.Context(0).Sections);

        static async KernelTask Off()
        {
            await local_irq_disable();
            await local_irq_enable();
        }
    }

    public static TheoryData<string> Entered => [.. Sections.Keys, "down_read", "down_write"];

    [Theory]
    [MemberData(nameof(Entered))]
    public void A_thread_that_ends_inside_a_section_or_with_a_lock_held_is_a_bug_of_one_more_step(string entered)
    {
        var test = new TestMachine();
        test.Begin(() => (Sections.GetValueOrDefault(entered).Enter ?? Sleeps[entered])(test.Page));
        Assert.False(test.Step().IsFinal);

        Assert.False(test.Stepper.HasEnded(0));
        Assert.False(test.Stepper.IsEnd);
        Assert.True(test.CanStep());
        var bug = test.Step();
        Assert.Equal(KernelBug.UnbalancedSection, bug.Bug);
        Assert.True(bug.IsFinal);
    }

    [Theory]
    [MemberData(nameof(Entered))]
    public void An_end_inside_a_section_that_is_tolerated_is_an_end(string entered)
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.UnbalancedSection } });
        test.Begin(() => (Sections.GetValueOrDefault(entered).Enter ?? Sleeps[entered])(test.Page));
        Assert.False(test.Stepper.HasEnded(0));

        Assert.False(test.Step().IsFinal);

        Assert.True(test.Stepper.HasEnded(0));
        Assert.True(test.Stepper.IsEnd);
        Assert.False(test.CanStep());
    }

    [Fact]
    public void An_optional_that_ends_inside_a_section_still_owes_its_bug()
    {
        var builder = new MachineBuilder();
        var optional = builder.Thread("optional", ThreadKind.Optional);
        var stepper = new Stepper(builder.Build());
        stepper.Begin(optional, static async () => await rcu_read_lock());
        Assert.True(stepper.IsEnd);

        stepper.Step(optional);

        Assert.False(stepper.IsEnd);
        Assert.Equal(KernelBug.UnbalancedSection, stepper.Step(optional).Bug);
    }

    [Fact]
    public void No_schedule_of_a_thread_that_leaks_a_lock_is_an_end()
    {
        var test = new TestMachine(threads: 2);
        test.Begin(() => Leaks(test.Page), () => Yields(test.Page));

        var explored = test.Explore(static _ => "end");

        Assert.Empty(explored.Outcomes);
        Assert.Equal([KernelBug.UnbalancedSection], explored.Bugs);

        static async KernelTask Leaks(Page page) => await spin_lock(page.ptl);

        static async KernelTask Yields(Page page) => await Yield();
    }

    [Fact]
    public void A_thread_that_ends_outside_of_everything_has_no_step_left()
    {
        var test = new TestMachine();

        test.Run(static async () => await Yield());

        Assert.True(test.Stepper.HasEnded(0));
        Assert.False(test.CanStep());
        Assert.True(test.Stepper.IsEnd);
    }

    private static readonly Dictionary<string, (Func<Page, KernelTask> Enter, Func<Page, KernelTask> Leave)> Sections = new()
    {
        ["rcu_read_lock"] = (static async _ => await rcu_read_lock(), static async _ => await rcu_read_unlock()),
        ["preempt_disable"] = (static async _ => await preempt_disable(), static async _ => await preempt_enable()),
        ["local_irq_disable"] = (static async _ => await local_irq_disable(), static async _ => await local_irq_enable()),
        ["spin_lock"] = (static async page => await spin_lock(page.ptl), static async page => await spin_unlock(page.ptl)),
        ["bit_spin_lock"] = (static async page => await bit_spin_lock(PageFlags.Busy, page.flags), static async page => await bit_spin_unlock(PageFlags.Busy, page.flags)),
    };

    private static readonly Dictionary<string, Func<Page, KernelTask>> Sleeps = new()
    {
        ["down_read"] = static async page => await down_read(page.rwsem),
        ["down_write"] = static async page => await down_write(page.rwsem),
        ["folio_lock"] = static async page => await bit_lock(PageFlags.Locked, page.flags),
        ["synchronize_rcu"] = static async _ => await synchronize_rcu(),
    };

    // Names, as a frame holds no delegates; the tables are not state, they never change.
    private static KernelTask Both(Page page, string section, string sleep) => Then(page, Index(Sections, section), -1, Index(Sleeps, sleep));

    private static KernelTask OneAfterTheOther(Page page, string section, string sleep) => Then(page, Index(Sections, section), Index(Sections, section), Index(Sleeps, sleep));

    private static async KernelTask Then(Page page, int enter, int leave, int sleep)
    {
        await Sections.Values.ElementAt(enter).Enter(page);
        if (leave >= 0)
        {
            await Sections.Values.ElementAt(leave).Leave(page);
        }

        await Sleeps.Values.ElementAt(sleep)(page);
    }

    private static int Index<T>(Dictionary<string, T> table, string name) => table.Keys.ToList().IndexOf(name);

    private static async KernelTask ReadTwiceUnderRcu(Page page)
    {
        await down_read(page.rwsem);
        await rcu_read_lock();
        await down_read(page.rwsem);
    }

    private static async KernelTask OnlyEnter() => await rcu_read_lock();

    // The step after each unlock is the same one, so that only the context tells the states apart.
    private static async KernelTask UnlockThenDisable()
    {
        await rcu_read_unlock();
        for (var i = 0; i < 3; i++)
        {
            await preempt_disable();
            i = 0;
        }
    }
}
