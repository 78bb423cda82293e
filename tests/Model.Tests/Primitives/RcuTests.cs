using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Interrupts;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class RcuTests
{
    private readonly TestMachine _test = new(threads: 3);

    [Fact]
    public void A_grace_period_without_readers_takes_two_steps()
    {
        _test.Begin(synchronize_rcu);

        _test.Steps(0, 2);

        Assert.True(_test.Stepper.HasEnded(0));
    }

    [Fact]
    public void A_grace_period_waits_for_the_sections_that_are_open_when_it_begins()
    {
        _test.Begin(synchronize_rcu, Reads, Reads);
        _test.Step(1);
        _test.Step(2);
        _test.Step(0);

        Assert.False(_test.CanStep(0));
        _test.Step(1);
        Assert.False(_test.CanStep(0));
        _test.Step(2);
        Assert.True(_test.CanStep(0));
    }

    [Fact]
    public void A_section_that_begins_later_does_not_delay_it()
    {
        _test.Begin(synchronize_rcu, Reads, Reads);
        _test.Step(1);
        _test.Step(0);
        _test.Step(2);

        _test.Step(1);

        Assert.True(_test.CanStep(0));
    }

    [Fact]
    public void A_reader_that_left_and_entered_again_does_not_delay_it()
    {
        _test.Begin(synchronize_rcu, ReadsTwice);
        _test.Step(1);
        _test.Step(0);
        _test.Steps(1, 2);

        Assert.Equal(1, _test.View.Context(1).RcuNesting);
        Assert.True(_test.CanStep(0));

        static async KernelTask ReadsTwice()
        {
            await rcu_read_lock();
            await rcu_read_unlock();
            await rcu_read_lock();
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void A_nested_section_is_left_with_its_outermost_unlock()
    {
        _test.Begin(synchronize_rcu, Nested);
        _test.Steps(1, 2);
        _test.Step(0);

        _test.Step(1);
        Assert.False(_test.CanStep(0));
        _test.Step(1);
        Assert.True(_test.CanStep(0));

        static async KernelTask Nested()
        {
            await rcu_read_lock();
            await rcu_read_lock();
            await rcu_read_unlock();
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void Spinlocks_preemption_off_and_interrupts_off_are_sections_too()
    {
        var waiter = new TestMachine(threads: 4);
        waiter.Begin(() => Lock(waiter.Page), PreemptOff, IrqOff, synchronize_rcu);
        waiter.Step(0);
        waiter.Step(1);
        waiter.Step(2);
        waiter.Step(3);

        foreach (var thread in (int[])[0, 1, 2])
        {
            Assert.False(waiter.CanStep(3));
            waiter.Step(thread);
        }

        Assert.True(waiter.CanStep(3));

        static async KernelTask Lock(Page page)
        {
            await spin_lock(page.ptl);
            await spin_unlock(page.ptl);
        }

        static async KernelTask PreemptOff()
        {
            await preempt_disable();
            await preempt_enable();
        }
    }

    [Fact]
    public void An_ipi_waits_for_interrupts_off_and_for_nothing_else()
    {
        _test.Begin(smp_call_function, Reads, IrqOff);
        _test.Step(1);
        _test.Step(2);
        _test.Step(0);

        Assert.False(_test.CanStep(0));
        _test.Step(2);
        Assert.True(_test.CanStep(0));
        Assert.Equal(1, _test.View.Context(1).RcuNesting);
    }

    [Fact]
    public void Leaving_the_interrupts_off_inside_a_read_section_ends_one_wait_and_not_the_other()
    {
        _test.Begin(smp_call_function, synchronize_rcu, IrqOffInsideRead);
        _test.Steps(2, 2);
        _test.Step(0);
        _test.Step(1);

        _test.Step(2);
        Assert.True(_test.CanStep(0));
        Assert.False(_test.CanStep(1));

        _test.Step(2);
        Assert.True(_test.CanStep(1));

        static async KernelTask IrqOffInsideRead()
        {
            await rcu_read_lock();
            await local_irq_disable();
            await local_irq_enable();
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void Two_waits_at_a_time_have_their_own_snapshots()
    {
        _test.Begin(synchronize_rcu, synchronize_rcu, Reads);
        _test.Step(0);
        _test.Step(2);
        _test.Step(1);

        Assert.True(_test.CanStep(0));
        Assert.False(_test.CanStep(1));
    }

    [Fact]
    public void No_reader_sees_an_object_that_is_freed_after_a_grace_period()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        var page = (Page)slab.Slots[0].Generations[0];
        Allocate(_test, slab);
        _test.Begin(() => Reader(_test.Page), () => Remover(_test.Page, page));
        _test.Set(_test.Page.next, page);

        Assert.Empty(_test.Explore().Bugs);
    }

    [Fact]
    public void A_reader_sees_an_object_that_is_freed_without_one()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        var page = (Page)slab.Slots[0].Generations[0];
        Allocate(_test, slab);
        _test.Begin(() => Reader(_test.Page), () => HastyRemover(_test.Page, page));
        _test.Set(_test.Page.next, page);

        Assert.Equal([KernelBug.UseAfterFree], _test.Explore().Bugs);

        static async KernelTask HastyRemover(Page head, Page page)
        {
            await MemoryAccess.WRITE_ONCE(head.next, null);
            await kmem_cache_free(page);
        }
    }

    private static async KernelTask Reader(Page head)
    {
        await rcu_read_lock();
        var page = await MemoryAccess.READ_ONCE(head.next);
        if (page is not null)
        {
            await MemoryAccess.READ_ONCE(page.count);
        }

        await rcu_read_unlock();
    }

    private static async KernelTask Remover(Page head, Page page)
    {
        await MemoryAccess.WRITE_ONCE(head.next, null);
        await synchronize_rcu();
        await kmem_cache_free(page);
    }

    [Fact]
    public void A_callback_runs_in_the_environment_after_a_grace_period()
    {
        var (slab, free) = SlabAndFree();
        Allocate(_test, slab);
        _test.Begin(() => Queues((Page)slab.Slots[0].Generations[0], free), Reads);
        _test.Step(1);
        Assert.False(_test.CanStep(_test.Environment));
        _test.Step(0);
        Assert.False(_test.CanStep(_test.Environment));

        _test.Step(1);
        Assert.True(_test.View.IsLive(slab.Slots[0].Generations[0]));
        Assert.Equal(KernelBug.None, _test.Step(_test.Environment).Bug);

        Assert.False(_test.View.IsLive(slab.Slots[0].Generations[0]));
        Assert.False(_test.CanStep(_test.Environment));
    }

    [Fact]
    public void A_callback_may_never_run()
    {
        var (slab, free) = SlabAndFree();
        Allocate(_test, slab);
        _test.Begin(() => Queues((Page)slab.Slots[0].Generations[0], free), Nothing, Nothing);
        _test.Step(0);

        Assert.True(_test.CanStep(_test.Environment));
        Assert.True(_test.Stepper.IsEnd);
    }

    [Fact]
    public void A_callback_waits_for_the_section_that_queued_it()
    {
        var (slab, free) = SlabAndFree();
        Allocate(_test, slab);
        _test.Begin(() => QueuesInside((Page)slab.Slots[0].Generations[0], free));
        _test.Steps(0, 2);
        Assert.False(_test.CanStep(_test.Environment));

        _test.Step(0);
        Assert.True(_test.CanStep(_test.Environment));

        static async KernelTask QueuesInside(Page page, RcuAction action)
        {
            await rcu_read_lock();
            await call_rcu(page, action);
            await rcu_read_unlock();
        }
    }

    [Fact]
    public void Which_of_the_ready_callbacks_runs_first_is_a_choice()
    {
        var (slab, free) = SlabAndFree(objects: 2);
        Allocate(_test, slab);
        Allocate(_test, slab);
        var (a, b) = ((Page)slab.Slots[0].Generations[0], (Page)slab.Slots[1].Generations[0]);
        _test.Begin(() => Queues(a, free), () => Queues(b, free));
        _test.Step(0);
        Assert.Equal(1, _test.Stepper.Choices(_test.Environment));
        _test.Step(1);
        Assert.Equal(2, _test.Stepper.Choices(_test.Environment));

        _test.Step(_test.Environment, choice: 1);

        Assert.True(_test.View.IsLive(a));
        Assert.False(_test.View.IsLive(b));
    }

    [Fact]
    public void More_callbacks_than_there_are_cells_for_is_a_scope_too_small()
    {
        var test = new TestMachine(options: new MachineBuilder { RcuCallbacks = 1 });
        var count = test.Register("count", new RcuAction(new Operation(OperationCode.Yield)));
        test.Begin(() => QueuesTwice(test.Page, count));
        test.Step();

        var step = test.Step();

        Assert.True(step.ScopeTooSmall);
        Assert.True(step.IsFinal);
        Assert.Equal("rcu_callbacks", step.Reason);

        static async KernelTask QueuesTwice(Page page, RcuAction action)
        {
            await call_rcu(page, action);
            await call_rcu(page, action);
        }
    }

    [Fact]
    public void A_callback_frees_up_its_cells_when_it_runs()
    {
        var test = new TestMachine(options: new MachineBuilder { RcuCallbacks = 1 });
        var count = test.Register("count", new RcuAction(new Operation(OperationCode.atomic_inc, MemoryOrder.Relaxed, 0, test.Page.count.Cell, 1)));
        test.Stepper.Begin(test.Environment, rcu_core);
        test.Begin(() => QueuesForever(test.Page, count));
        for (var i = 1; i <= 3; i++)
        {
            test.Step();
            test.Step(test.Environment);
            Assert.Equal(i, test.Get(test.Page.count));
        }

        static async KernelTask QueuesForever(Page page, RcuAction action)
        {
            while (true)
            {
                await call_rcu(page, action);
            }
        }
    }

    [Fact]
    public void A_callback_that_frees_what_was_freed_meanwhile_is_a_double_free()
    {
        var (slab, free) = SlabAndFree();
        Allocate(_test, slab);
        _test.Begin(() => QueuesAndFrees((Page)slab.Slots[0].Generations[0], free));
        _test.Steps(0, 2);

        Assert.Equal(KernelBug.DoubleFree, _test.Step(_test.Environment).Bug);

        static async KernelTask QueuesAndFrees(Page page, RcuAction action)
        {
            await call_rcu(page, action);
            await kmem_cache_free(page);
        }
    }

    [Fact]
    public void A_callback_that_touches_what_was_freed_meanwhile_is_a_use_after_free()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        var page = (Page)slab.Slots[0].Generations[0];
        var touch = _test.Register("touch", new RcuAction(new Operation(OperationCode.atomic_inc, MemoryOrder.Relaxed, 0, page.count.Cell, 1)));
        _test.Stepper.Begin(_test.Environment, rcu_core);
        Allocate(_test, slab);
        _test.Begin(() => QueuesAndFrees(page, touch));
        _test.Steps(0, 2);

        Assert.Equal(KernelBug.UseAfterFree, _test.Step(_test.Environment).Bug);

        static async KernelTask QueuesAndFrees(Page page, RcuAction action)
        {
            await call_rcu(page, action);
            await kmem_cache_free(page);
        }
    }

    [Theory]
    [InlineData(false, KernelBug.UseAfterFree)]
    [InlineData(true, KernelBug.None)]
    public void Queueing_a_callback_on_a_freed_object_is_a_use_after_free_unless_its_cache_is_type_safe(bool typeSafe, KernelBug bug)
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1, TypeSafeByRcu: typeSafe));
        var page = (Page)slab.Slots[0].Generations[0];
        var count = _test.Register("count", new RcuAction(new Operation(OperationCode.Yield)));
        Allocate(_test, slab);
        _test.Begin(() => FreesAndQueues(page, count));
        _test.Step();

        var step = _test.Step();

        Assert.Equal(bug, step.Bug);
        Assert.Equal(bug == KernelBug.None ? 0 : page.Id, step.BugAt.Object);

        static async KernelTask FreesAndQueues(Page page, RcuAction action)
        {
            await kmem_cache_free(page);
            await call_rcu(page, action);
        }
    }

    [Fact]
    public void An_action_that_was_not_registered_is_the_models_fault()
    {
        Assert.Contains("RcuAction that was not registered with the machine", _test.FaultOf(() => Queues(_test.Page)), StringComparison.Ordinal);

        static async KernelTask Queues(Page page) => await call_rcu(page, Unregistered);
    }

    private static readonly RcuAction Unregistered = new(new Operation(OperationCode.Yield));

    private (SlabCache<Page> Slab, RcuAction Free) SlabAndFree(int objects = 1)
    {
        var slab = _test.Pages(new SlabOptions(objects));
        var free = _test.Register("free", new RcuAction(new Operation(OperationCode.kmem_cache_free)));
        _test.Stepper.Begin(_test.Environment, rcu_core);
        return (slab, free);
    }

    private static void Allocate(TestMachine test, SlabCache<Page> slab)
    {
        test.Run(() => Allocates(slab));

        static async KernelTask Allocates(SlabCache<Page> slab) => await kmem_cache_alloc(slab);
    }

    private static async KernelTask Queues(Page page, RcuAction action) => await call_rcu(page, action);

    private static async KernelTask Reads()
    {
        await rcu_read_lock();
        await rcu_read_unlock();
    }

    private static async KernelTask IrqOff()
    {
        await local_irq_disable();
        await local_irq_enable();
    }

#pragma warning disable CS1998 // a thread that has nothing to do
    private static async KernelTask Nothing()
    {
    }
#pragma warning restore CS1998
}
