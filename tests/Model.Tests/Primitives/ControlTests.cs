using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class ControlTests
{
    private readonly TestMachine _test = new(threads: 2);

    [Fact]
    public void A_choice_is_one_step_in_as_many_ways()
    {
        _test.Begin(() => Path(_test.Notes));

        Assert.Equal(3, _test.Stepper.Choices(0));
        Assert.Equal(["0", "1", "2"], _test.Explore(view => $"{view.Get(_test.Notes.first)}").Outcomes);

        static async KernelTask Path(Notebook notes) => Ghost(notes.first, await Choose(3));
    }

    [Fact]
    public void A_choice_of_nothing_is_the_models_fault() =>
        Assert.Contains("Choose(0) has nothing to choose from", _test.FaultOf(static async () => await Choose(0)), StringComparison.Ordinal);

    [Theory]
    [InlineData(Comparison.Equal, 2, 1, 2)]
    [InlineData(Comparison.NotEqual, 2, 2, 1)]
    [InlineData(Comparison.BitsClear, 3, 2, 4)]
    [InlineData(Comparison.BitsSet, 3, 1, 7)]
    public void Until_waits_for_its_comparison(Comparison comparison, int operand, int blocked, int enabled)
    {
        _test.Set(_test.Page.count, blocked).Begin(() => Waits(_test.Page, comparison, operand), () => Writes(_test.Page, enabled));

        Assert.False(_test.CanStep(0));
        _test.Step(1);
        Assert.True(_test.CanStep(0));
        Assert.Equal(MemoryOrder.Acquire, _test.Stepper.Pending(0).Order);
        _test.Step(0);
        Assert.True(_test.Stepper.HasEnded(0));

        static async KernelTask Waits(Page page, Comparison comparison, int operand) => await Until(page.count, comparison, operand);

        static async KernelTask Writes(Page page, int value) => await WRITE_ONCE(page.count, value);
    }

    [Fact]
    public void Until_waits_on_flags_and_pointers_too()
    {
        _test.Set(_test.Page.next, _test.Page).Set(_test.Page.flags, PageFlags.Locked).Begin(() => Path(_test.Page), () => Wakes(_test.Page));

        Assert.False(_test.CanStep(0));
        _test.Step(1);
        _test.Step(0);
        Assert.False(_test.CanStep(0));
        _test.Step(1);
        _test.Step(0);
        Assert.True(_test.Stepper.HasEnded(0));

        static async KernelTask Path(Page page)
        {
            await Until(page.next, Comparison.Equal, null);
            await Until(page.flags, Comparison.BitsClear, PageFlags.Locked);
        }

        static async KernelTask Wakes(Page page)
        {
            await WRITE_ONCE(page.next, null);
            await WRITE_ONCE(page.flags, PageFlags.Dirty);
        }
    }

    [Theory]
    [InlineData(Comparison.Equal, true)]
    [InlineData(Comparison.NotEqual, false)]
    public void Until_compares_pointers_by_address_so_generations_are_the_same(Comparison comparison, bool enabled)
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        var (stale, live, other) = ((Page)slab.Slots[0].Generations[0], (Page)slab.Slots[0].Generations[1], (Page)slab.Slots[1].Generations[0]);
        _test.Set(_test.Page.next, live).Begin(() => Waits(_test.Page, stale, comparison), () => Waits(_test.Page, other, comparison));

        Assert.Equal(enabled, _test.CanStep(0));
        Assert.Equal(!enabled, _test.CanStep(1));

        static async KernelTask Waits(Page page, Page pointer, Comparison comparison) => await Until(page.next, comparison, pointer);
    }

    [Theory]
    [InlineData(Comparison.Equal, false)]
    [InlineData(Comparison.NotEqual, true)]
    public void Until_takes_no_pointer_for_null(Comparison comparison, bool enabled)
    {
        _test.Set(_test.Page.next, _test.Page).Begin(() => Waits(_test.Page, comparison));

        Assert.Equal(enabled, _test.CanStep());

        static async KernelTask Waits(Page page, Comparison comparison) => await Until(page.next, comparison, null);
    }

    [Fact]
    public void Until_a_predicate_that_was_not_registered_is_the_models_fault()
    {
        Assert.Contains("Predicate that was not registered with the machine", _test.FaultOf(static async () => await Until(Unregistered)), StringComparison.Ordinal);
    }

    private static readonly Predicate Unregistered = new([], static _ => true);

    [Fact]
    public void Until_a_predicate_waits_for_a_condition_on_the_cells_it_names()
    {
        var equal = _test.Register("counts are equal", new Predicate([CellRef.Of(_test.Page.count), CellRef.Of(_test.Page.mapcount)], static cells => cells[0] == cells[1]));
        _test.Begin(() => Waits(equal), () => Writes(_test.Page));

        Assert.False(_test.CanStep(0)); // 0 and -1
        _test.Step(1);
        Assert.False(_test.CanStep(0)); // 4 and -1
        _test.Step(1);
        Assert.True(_test.CanStep(0)); // 4 and 4

        static async KernelTask Waits(Predicate predicate) => await Until(predicate);

        static async KernelTask Writes(Page page)
        {
            await WRITE_ONCE(page.count, 4);
            await WRITE_ONCE(page.mapcount, 4);
        }
    }

    [Fact]
    public void Until_on_a_freed_object_is_enabled_so_that_its_bug_is_seen()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 1));
        _test.Begin(() => Path(slab));
        _test.Steps(0, 2);

        Assert.True(_test.CanStep(0));
        Assert.Equal(KernelBug.UseAfterFree, _test.Step(0).Bug);

        static async KernelTask Path(SlabCache<Page> slab)
        {
            var page = await kmem_cache_alloc(slab);
            await kmem_cache_free(page);
            await Until(page.count, Comparison.Equal, 1000);
        }
    }

    [Fact]
    public void A_yield_is_a_step_that_does_nothing()
    {
        _test.Begin(static async () => await Yield());
        var cells = _test.Stepper.State.Words[.._test.Machine.NodeWord].ToArray();

        Assert.Equal(0, _test.Step().Value);
        Assert.Equal(cells, _test.Stepper.State.Words[.._test.Machine.NodeWord].ToArray());
    }

    [Fact]
    public void Ghosts_change_with_the_step_before_them()
    {
        _test.Begin(() => Path(_test.Page, _test.Notes));
        _test.Step();
        Assert.Equal((0, 0, null), (_test.Get(_test.Notes.first), _test.Get(_test.Notes.second), _test.Get(_test.Notes.page)));

        var step = _test.Step();

        Assert.Equal((4, -2, _test.Page), (_test.Get(_test.Notes.first), _test.Get(_test.Notes.second), _test.Get(_test.Notes.page)));
        Assert.Equal([EffectKind.GhostSet, EffectKind.GhostAdd, EffectKind.GhostAdd, EffectKind.GhostSet], KindsOf(step));
        _test.Step();
        Assert.Equal(4, _test.Get(_test.Notes.first));

        static async KernelTask Path(Page page, Notebook notes)
        {
            await Yield();
            await Yield();
            Ghost(notes.first, 4);
            GhostAdd(notes.second, 3);
            GhostAdd(notes.second, -5);
            Ghost(notes.page, page);
            await Yield();
        }
    }

    [Fact]
    public void Ghosts_recorded_before_the_first_step_are_there_when_the_thread_has_begun()
    {
        _test.Begin(() => Path(_test.Notes));

        Assert.Equal(4, _test.Get(_test.Notes.first));

        static async KernelTask Path(Notebook notes)
        {
            Ghost(notes.first, 4);
            await Yield();
        }
    }

    [Fact]
    public void A_memoised_step_records_its_effects_again()
    {
        _test.Begin(() => Count(_test.Notes));

        _test.Steps(0, 50);

        Assert.Equal(50, _test.Get(_test.Notes.first));
        Assert.True(_test.Machine.Discovered(0).Runs < 5);

        static async KernelTask Count(Notebook notes)
        {
            while (true)
            {
                await Yield();
                GhostAdd(notes.first, 1);
            }
        }
    }

    [Fact]
    public void An_oracle_names_an_event_and_what_it_is_about()
    {
        _test.Begin(() => Path(_test.Page));

        var step = _test.Step();

        Assert.Equal([("mapped", (long)_test.Page.Id), ("done", 0L)], step.Effects.Where(static e => e.Kind == EffectKind.Oracle).Select(static e => (e.Text, e.Value)));
        Assert.False(step.IsFinal);

        static async KernelTask Path(Page page)
        {
            await Yield();
            Oracle("mapped", page);
            Oracle("done");
        }
    }

    [Fact]
    public void Bug_on_ends_the_execution_with_its_message_when_it_is_true()
    {
        _test.Begin(() => Path(_test.Page));

        Assert.Equal(KernelBug.None, _test.Step().Bug);
        var bug = _test.Step();

        Assert.Equal(KernelBug.BugOn, bug.Bug);
        Assert.Equal("count is zero", bug.Reason);
        Assert.True(bug.IsFinal);

        static async KernelTask Path(Page page)
        {
            BUG_ON(await READ_ONCE(page.count) != 0, "count is not zero");
            BUG_ON(await READ_ONCE(page.count) == 0, "count is zero");
        }
    }

    [Fact]
    public void Effects_after_a_bug_do_not_happen()
    {
        _test.Run(() => Path(_test.Notes));

        Assert.Equal(1, _test.Get(_test.Notes.first));

        static async KernelTask Path(Notebook notes)
        {
            await Yield();
            Ghost(notes.first, 1);
            BUG_ON(true, "now");
            Ghost(notes.first, 2);
        }
    }

    [Fact]
    public void Warn_on_is_recorded_and_the_kernel_goes_on()
    {
        _test.Begin(static () => Path());

        var step = _test.Step();

        Assert.Equal((KernelBug.None, 1 << (int)KernelBug.Warning, "odd"), (step.Bug, step.Tolerated, step.Reason));
        Assert.False(step.IsFinal);
        Assert.Equal(0, _test.Step().Tolerated);

        static async KernelTask Path()
        {
            await Yield();
            WARN_ON(true, "odd");
            WARN_ON(false, "even");
            await Yield();
        }
    }

    [Fact]
    public void Two_warnings_of_one_step_are_both_recorded()
    {
        _test.Begin(static () => Path());

        var step = _test.Step();

        Assert.Equal(1 << (int)KernelBug.Warning, step.Tolerated);
        Assert.Equal(["odd", "odder"], step.Effects.Where(static e => e.Kind == EffectKind.Bug).Select(static e => e.Text));
        Assert.False(step.IsFinal);

        static async KernelTask Path()
        {
            await Yield();
            WARN_ON(true, "odd");
            WARN_ON(true, "odder");
            await Yield();
        }
    }

    [Fact]
    public void A_warning_and_a_tolerated_bug_of_one_step_are_both_met()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.BugOn } });
        test.Begin(static () => Path());

        var step = test.Step();

        Assert.Equal((KernelBug.None, (1 << (int)KernelBug.Warning) | (1 << (int)KernelBug.BugOn)), (step.Bug, step.Tolerated));
        Assert.True(step.Meets(KernelBug.Warning));
        Assert.True(step.Meets(KernelBug.BugOn));
        Assert.False(step.Meets(KernelBug.UseAfterFree));
        Assert.False(test.Step().Meets(KernelBug.BugOn));

        static async KernelTask Path()
        {
            await Yield();
            BUG_ON(true, "tolerable");
            WARN_ON(true, "odd");
            await Yield();
        }
    }

    [Fact]
    public void Tolerated_bugs_of_an_operation_and_of_the_code_after_it_are_all_met()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.SleepInAtomic, KernelBug.UseAfterFree } });
        var slab = test.Pages(new SlabOptions(Objects: 1));
        test.Begin(() => Path((Page)slab.Slots[0].Generations[0]));
        test.Step();

        var step = test.Step();

        Assert.Equal(
            [KernelBug.UseAfterFree, KernelBug.SleepInAtomic, KernelBug.Warning],
            Enum.GetValues<KernelBug>().Where(bug => bug != KernelBug.None && step.Meets(bug)));
        Assert.False(step.IsFinal);

        static async KernelTask Path(Page page)
        {
            await Interrupts.preempt_disable();
            await RwSemaphores.down_read(page.rwsem);
            WARN_ON(true, "odd");
            await Yield();
        }
    }

    [Fact]
    public void A_step_that_warns_and_then_ends_in_a_bug_meets_both()
    {
        _test.Begin(static () => Path());

        var step = _test.Step();

        Assert.Equal((KernelBug.BugOn, 1 << (int)KernelBug.Warning, "over"), (step.Bug, step.Tolerated, step.Reason));
        Assert.True(step.Meets(KernelBug.BugOn));
        Assert.True(step.Meets(KernelBug.Warning));
        Assert.True(step.IsFinal);

        static async KernelTask Path()
        {
            await Yield();
            WARN_ON(true, "odd");
            BUG_ON(true, "over");
        }
    }

    [Fact]
    public void A_bug_before_the_first_step_is_the_models_fault_which_says_whose_and_what()
    {
        Assert.Equal("cpu0 meets a kernel bug before its first step: broken", new TestMachine().FaultOf(Breaks));
        Assert.Equal("cpu0 meets a kernel bug before its first step: odd", new TestMachine().FaultOf(Warns));
        Assert.Equal(
            "cpu0 meets a kernel bug before its first step: BUG: kernel NULL pointer dereference",
            new TestMachine().FaultOf(static () => Dereferences(null)));

        static async KernelTask Breaks()
        {
            BUG_ON(true, "broken");
            await Yield();
        }

        static async KernelTask Warns()
        {
            WARN_ON(true, "odd");
            await Yield();
        }

        static async KernelTask Dereferences(Page? page) => await READ_ONCE(page!.count);
    }

    [Fact]
    public void A_bug_before_the_first_step_is_the_models_fault_even_where_it_is_tolerated()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.BugOn } });

        Assert.Equal("cpu0 meets a kernel bug before its first step: broken", test.FaultOf(Path));

        static async KernelTask Path()
        {
            BUG_ON(true, "broken");
            await Yield();
        }
    }

    [Fact]
    public void What_holds_before_the_first_step_is_no_bug()
    {
        _test.Begin(Path);

        Assert.False(_test.Finish().IsFinal);
        Assert.True(_test.Stepper.HasEnded(0));

        static async KernelTask Path()
        {
            BUG_ON(false, "broken");
            WARN_ON(false, "odd");
            await Yield();
        }
    }

    [Fact]
    public void A_null_dereference_after_a_step_is_a_bug_of_that_step()
    {
        _test.Begin(() => Path(_test.Page));

        var bug = _test.Step();

        Assert.Equal(KernelBug.NullDereference, bug.Bug);
        Assert.Equal("BUG: kernel NULL pointer dereference", bug.Reason);

        static async KernelTask Path(Page page) => await READ_ONCE((await READ_ONCE(page.next))!.count);
    }

    [Fact]
    public void A_bug_that_is_tolerated_is_reported_and_the_thread_goes_on()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.BugOn } });
        test.Begin(static () => Path());

        var step = test.Step();

        Assert.Equal((KernelBug.None, 1 << (int)KernelBug.BugOn), (step.Bug, step.Tolerated));
        Assert.Equal(0, test.Step().Tolerated);
        Assert.True(test.Stepper.HasEnded(0));

        static async KernelTask Path()
        {
            await Yield();
            BUG_ON(true, "tolerable");
            await Yield();
        }
    }

    [Fact]
    public void A_region_lasts_from_enter_to_leave_and_a_path_is_one_by_itself()
    {
        _test.Begin(static () => Outer());
        Assert.True(_test.View.In("Outer"));
        Assert.True(_test.View.In("ControlTests.Outer", 0));
        Assert.False(_test.View.In("Outer", 1));
        Assert.False(_test.View.In("slow"));
        Assert.False(_test.View.In("Inner"));

        _test.Step();
        Assert.True(_test.View.In("slow"));
        Assert.True(_test.View.In("Inner"));
        Assert.True(_test.View.In("Outer"));

        _test.Step();
        Assert.False(_test.View.In("slow"));
        Assert.False(_test.View.In("Inner"));
        Assert.True(_test.View.In("Outer"));

        _test.Step();
        Assert.False(_test.View.In("Outer"));
    }

    private static async KernelTask Outer()
    {
        await Yield();
        Enter("slow");
        await Inner();
        Leave("slow");
        await Yield();
    }

    private static async KernelTask Inner() => await Yield();

    [Fact]
    public void A_held_lock_is_a_region_by_its_name()
    {
        _test.Begin(() => Path(_test.Page));
        Assert.False(_test.View.In("page.ptl", 0));

        _test.Step();
        Assert.True(_test.View.In("page.ptl", 0));
        Assert.False(_test.View.In("page.ptl", 1));

        _test.Step();
        Assert.False(_test.View.In("page.ptl", 0));
        _test.Step();
        Assert.True(_test.View.In("page.rwsem", 0));

        _test.Step();
        Assert.False(_test.View.In("page.rwsem", 0));

        static async KernelTask Path(Page page)
        {
            await spin_lock(page.ptl);
            await spin_unlock(page.ptl);
            await RwSemaphores.down_read(page.rwsem);
            await RwSemaphores.up_read(page.rwsem);
        }
    }

    [Fact]
    public void A_thread_that_ends_inside_a_region_it_entered_is_the_models_fault()
    {
        const string Fault = "cpu0 ends inside the region 'slow', which it has not left";

        Assert.Equal(Fault, new TestMachine().FaultOf(AtOnce));
        Assert.Equal(Fault, new TestMachine().FaultOf(Later));
        Assert.Equal(Fault, new TestMachine().FaultOf(LeavesOneOfTwo));

#pragma warning disable CS1998 // it ends at once
        static async KernelTask AtOnce() => Enter("slow");
#pragma warning restore CS1998

        static async KernelTask Later()
        {
            Enter("slow");
            await Yield();
        }

        static async KernelTask LeavesOneOfTwo()
        {
            Enter("slow");
            await Yield();
            Enter("slow");
            await Yield();
            Leave("slow");
        }
    }

    [Fact]
    public void A_path_may_enter_a_region_that_its_caller_leaves()
    {
        _test.Begin(Caller);
        Assert.True(_test.View.In("slow"));

        _test.Step();
        Assert.True(_test.View.In("slow"));

        _test.Step();
        Assert.False(_test.View.In("slow"));
        Assert.True(_test.Stepper.HasEnded(0));

        static async KernelTask Caller()
        {
            await Enters();
            await Yield();
            Leave("slow");
        }

        static async KernelTask Enters()
        {
            Enter("slow");
            await Yield();
        }
    }

    [Fact]
    public void Leaving_a_region_that_was_not_entered_is_the_models_fault()
    {
        Assert.Contains("Path leaves the region 'slow', which it has not entered", _test.FaultOf(Path), StringComparison.Ordinal);

        static async KernelTask Path()
        {
            await Yield();
            Leave("slow");
        }
    }

    [Fact]
    public void Calls_and_returns_are_recorded_with_what_was_returned()
    {
        _test.Begin(() => Caller(_test.Page));

        var effects = _test.Step().Effects;

        Assert.Equal(
            ["Return ControlTests.Callee = page", "Call ControlTests.Nothing", "Return ControlTests.Nothing"],
            effects.Select(static e => $"{e.Kind} {e.Text}"));
    }

    private static async KernelTask Caller(Page page)
    {
        if (await Callee(page) is not null)
        {
            await Nothing();
        }

        await Yield();
    }

    private static async KernelTask<Page> Callee(Page page)
    {
        await Yield();
        return page;
    }

#pragma warning disable CS1998 // it completes at once
    private static async KernelTask Nothing()
    {
    }
#pragma warning restore CS1998

    [Fact]
    public void An_optional_thread_owes_nothing_until_it_has_taken_a_step()
    {
        var builder = new MachineBuilder();
        var optional = builder.Thread("optional", ThreadKind.Optional);
        var environment = builder.Thread("clock", ThreadKind.Environment);
        var stepper = new Stepper(builder.Build());
        stepper.Begin(optional, Twice);
        stepper.Begin(environment, Forever);

        Assert.True(stepper.IsEnd);
        stepper.Step(environment);
        Assert.True(stepper.IsEnd);
        stepper.Step(optional);
        Assert.False(stepper.IsEnd);
        stepper.Step(optional);
        Assert.True(stepper.IsEnd);

        static async KernelTask Twice()
        {
            await Yield();
            await Yield();
        }

        static async KernelTask Forever()
        {
            while (true)
            {
                await Yield();
            }
        }
    }

    [Fact]
    public void Effects_inside_a_section_belong_to_the_step_that_entered_it()
    {
        _test.Begin(() => Path(_test.Page, _test.Notes));

        Assert.Equal([EffectKind.GhostSet], KindsOf(_test.Step()));

        static async KernelTask Path(Page page, Notebook notes)
        {
            await spin_lock(page.ptl);
            Ghost(notes.first, 1);
            await spin_unlock(page.ptl);
        }
    }

    private static IEnumerable<EffectKind> KindsOf(StepResult step) =>
        step.Effects.Select(static e => e.Kind).Where(static kind => kind is not (EffectKind.Call or EffectKind.Return));
}
