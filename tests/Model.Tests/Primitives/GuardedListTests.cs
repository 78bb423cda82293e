using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.GuardedLists;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class GuardedListTests
{
    private readonly TestMachine _test = new(threads: 2);
    private readonly Page _head;
    private readonly Page _a;
    private readonly Page _b;
    private readonly Page _c;

    public GuardedListTests()
    {
        _head = _test.Page;
        (_a, _b, _c) = (Page("a"), Page("b"), Page("c"));

        Page Page(string name) => _test.Add(name, static at => new Page(at));
    }

    [Fact]
    public void An_entry_is_added_at_the_head_or_at_the_tail_and_the_others_stay_in_their_order()
    {
        _test.Run(() => Path(_head, _a, _b, _c));

        Assert.Equal([_b, _a, _c], Entries());

        static async KernelTask Path(Page head, Page a, Page b, Page c)
        {
            await spin_lock(head.ptl);
            await list_add_tail(head.list, a, head.ptl);
            await list_add_tail(head.list, b, head.ptl);
            await list_add_tail(head.list, c, head.ptl);
            await list_del(head.list, b, head.ptl);
            await list_add(head.list, b, head.ptl);
            await spin_unlock(head.ptl);
        }
    }

    [Fact]
    public void Entries_added_at_the_head_are_in_reverse_order_and_those_added_at_the_tail_in_theirs()
    {
        _test.Run(() => Path(_head, _a, _b, _c));
        Assert.Equal([_c, _b, _a], Entries(_head));
        Assert.Equal([_a, _b, _c], Entries(_a));

        static async KernelTask Path(Page head, Page a, Page b, Page c)
        {
            await down_write(head.rwsem);
            await list_add(head.list, a, head.rwsem);
            await list_add(head.list, b, head.rwsem);
            await list_add(head.list, c, head.rwsem);
            await list_add_tail(a.list, a, head.rwsem);
            await list_add_tail(a.list, b, head.rwsem);
            await list_add_tail(a.list, c, head.rwsem);
            await up_write(head.rwsem);
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void A_removal_goes_by_address_so_a_pointer_of_another_generation_removes_the_entry(int added, int removed)
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        var (entry, pointer) = ((Page)slab.Slots[0].Generations[added], (Page)slab.Slots[0].Generations[removed]);

        Assert.Equal(KernelBug.None, _test.Run(() => AddAndRemove(_head, _a, entry, pointer)).Bug);

        Assert.Equal([_a], Entries());
    }

    [Fact]
    public void A_removal_by_the_pointer_of_another_object_of_the_slab_is_corruption()
    {
        var slab = _test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        var (entry, other) = ((Page)slab.Slots[0].Generations[0], (Page)slab.Slots[1].Generations[0]);

        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => AddAndRemove(_head, _a, entry, other)).Bug);

        Assert.Equal([entry, _a], Entries());
    }

    private static async KernelTask AddAndRemove(Page head, Page other, Page entry, Page pointer)
    {
        await spin_lock(head.ptl);
        await list_add_tail(head.list, entry, head.ptl);
        await list_add_tail(head.list, other, head.ptl);
        await list_del(head.list, pointer, head.ptl);
        await spin_unlock(head.ptl);
    }

    [Fact]
    public void An_element_before_the_first_is_the_models_fault()
    {
        Assert.Contains("element -1 of a list is asked for", _test.FaultOf(() => Path(_head)), StringComparison.Ordinal);

        static async KernelTask Path(Page head) => await list_get(head.list, -1);
    }

    [Fact]
    public void The_order_is_part_of_the_state()
    {
        _test.Begin(() => Add(_head, _a), () => Add(_head, _b));

        var orders = _test.Explore(_ => string.Join(' ', Entries())).Outcomes;

        Assert.Equal(["a b", "b a"], orders);
    }

    [Fact]
    public void An_emptied_list_is_the_same_state_as_one_that_never_was_filled()
    {
        var words = _test.Stepper.State.Words.ToArray();

        _test.Run(() => Path(_head, _a, _b));

        Assert.Equal(words[.._test.Machine.NodeWord], _test.Stepper.State.Words[.._test.Machine.NodeWord].ToArray());

        static async KernelTask Path(Page head, Page a, Page b)
        {
            await spin_lock(head.ptl);
            await list_add(head.list, a, head.ptl);
            await list_add(head.list, b, head.ptl);
            await list_del(head.list, a, head.ptl);
            await list_del(head.list, b, head.ptl);
            await spin_unlock(head.ptl);
        }
    }

    [Fact]
    public void A_change_without_the_guard_is_corruption()
    {
        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => AddHead(_head, _a)).Bug);
        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => AddTail(_head, _a)).Bug);
        Assert.Equal([], Entries());

        static async KernelTask AddHead(Page head, Page a) => await list_add(head.list, a, head.ptl);

        static async KernelTask AddTail(Page head, Page a) => await list_add_tail(head.list, a, head.ptl);
    }

    [Fact]
    public void A_removal_without_the_guard_is_corruption()
    {
        _test.Run(() => Add(_head, _a));

        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => Remove(_head, _a)).Bug);

        static async KernelTask Remove(Page head, Page a) => await list_del(head.list, a, head.ptl);
    }

    [Fact]
    public void A_change_with_another_lock_held_is_corruption()
    {
        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => Path(_head, _a)).Bug);

        static async KernelTask Path(Page head, Page a)
        {
            await spin_lock(a.ptl);
            await list_add(head.list, a, head.ptl);
        }
    }

    [Fact]
    public void An_rwsem_guards_changes_when_it_is_held_for_writing_only()
    {
        Assert.Equal(KernelBug.None, _test.Run(() => Writing(_head, _a)).Bug);
        Assert.Equal([_a], Entries());
        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => Reading(_head, _b)).Bug);

        static async KernelTask Writing(Page head, Page entry)
        {
            await down_write(head.rwsem);
            await list_add(head.list, entry, head.rwsem);
            await list_del(head.list, entry, head.rwsem);
            await list_add(head.list, entry, head.rwsem);
            await up_write(head.rwsem);
        }

        static async KernelTask Reading(Page head, Page entry)
        {
            await down_read(head.rwsem);
            await list_add(head.list, entry, head.rwsem);
        }
    }

    [Fact]
    public void Removing_what_is_not_in_it_is_corruption()
    {
        _test.Run(() => Add(_head, _a));

        Assert.Equal(KernelBug.ListCorruption, _test.Run(() => Path(_head, _b)).Bug);
        Assert.Equal([_a], Entries());

        static async KernelTask Path(Page head, Page entry)
        {
            await spin_lock(head.ptl);
            await list_del(head.list, entry, head.ptl);
        }
    }

    [Fact]
    public void One_entry_too_many_is_a_scope_too_small()
    {
        var step = _test.Run(() => Path(_head, _a));

        Assert.True(step.ScopeTooSmall);
        Assert.Equal("page.list.count", step.Reason);

        static async KernelTask Path(Page head, Page a)
        {
            await spin_lock(head.ptl);
            for (var i = 0; i < 4; i++)
            {
                await list_add(head.list, a, head.ptl);
            }
        }
    }

    [Fact]
    public void A_walk_without_the_guard_goes_element_by_element_and_may_miss_one()
    {
        _test.Run(() => Add(_head, _a));
        _test.Run(() => Add(_head, _b));
        _test.Begin(() => Walk(_head, _test.Notes), () => RemoveFirst(_head, _a));

        var seen = _test.Explore(view => $"{view.Get(_test.Notes.first)}").Outcomes;

        // Both; b alone, when a went before the walk; a alone, when b took a's place after the walk had passed it.
        Assert.Equal(["1", "2"], seen);

        static async KernelTask Walk(Page head, Notebook notes)
        {
            for (var i = 0; await list_get(head.list, i) is not null; i++)
            {
                GhostAdd(notes.first, 1);
            }
        }

        static async KernelTask RemoveFirst(Page head, Page a)
        {
            await spin_lock(head.ptl);
            await list_del(head.list, a, head.ptl);
            await spin_unlock(head.ptl);
        }
    }

    [Fact]
    public void Its_count_and_what_lies_past_its_end_can_be_read_without_the_guard()
    {
        _test.Run(() => Add(_head, _a));
        _test.Begin(() => Path(_head));

        Assert.Equal(1, _test.Step().Value);
        Assert.Equal(_a.Id, _test.Step().Value);
        Assert.Equal(0, _test.Step().Value);
        Assert.Equal(0, _test.Step().Value);

        static async KernelTask Path(Page head)
        {
            await list_count(head.list);
            await list_get(head.list, 0);
            await list_get(head.list, 1);
            await list_get(head.list, 1000);
        }
    }

    private static async KernelTask Add(Page head, Page entry)
    {
        await spin_lock(head.ptl);
        await list_add_tail(head.list, entry, head.ptl);
        await spin_unlock(head.ptl);
    }

    private List<Page> Entries() => Entries(_head);

    private List<Page> Entries(Page head) =>
        [.. Enumerable.Range(0, _test.Get(head.list.Count)).Select(i => _test.Get(new Shared<Page>(head.Id, head.list.Count.Cell + 1 + i)))];
}
