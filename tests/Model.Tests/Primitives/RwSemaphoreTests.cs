using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.RwSemaphores;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class RwSemaphoreTests
{
    private readonly TestMachine _test = new(threads: 3);

    [Fact]
    public void Readers_share_it()
    {
        _test.Begin(() => Reads(_test.Page), () => Reads(_test.Page), () => Reads(_test.Page));

        _test.Step(0);
        _test.Step(1);
        _test.Step(2);
        Assert.Equal(3, Readers);

        _test.Step(1);
        Assert.Equal(2, Readers);
    }

    [Fact]
    public void A_writer_that_finds_it_free_takes_it_in_one_step()
    {
        _test.Begin(() => Writes(_test.Page));

        Assert.Equal(1, _test.Step().Value);
        Assert.Equal(LockMode.Exclusive, ModeOf(0));
        Assert.Equal((1, 0, 0), (Writer, Readers, Waiting));
    }

    [Fact]
    public void The_assertion_that_it_is_held_for_writing_warns_who_only_reads()
    {
        _test.Begin(() => Read(_test.Page), () => Written(_test.Page));

        var reader = _test.Step(0);

        Assert.True(reader.Meets(KernelBug.Warning));
        Assert.Equal("lockdep_assert_held_write(&page.rwsem)", reader.Reason);
        _test.Step(0);
        Assert.False(_test.Step(1).Meets(KernelBug.Warning));

        static async KernelTask Read(Page page)
        {
            await down_read(page.rwsem);
            lockdep_assert_held_write(page.rwsem);
            await up_read(page.rwsem);
        }

        static async KernelTask Written(Page page)
        {
            await down_write(page.rwsem);
            lockdep_assert_held_write(page.rwsem);
            await up_write(page.rwsem);
        }
    }

    [Fact]
    public void A_writer_that_finds_a_reader_queues_and_then_acquires()
    {
        _test.Begin(() => Reads(_test.Page), () => Writes(_test.Page));
        _test.Step(0);

        Assert.Equal(0, _test.Step(1).Value);
        Assert.Equal((0, 1, 1), (Writer, Readers, Waiting));
        Assert.Null(ModeOf(1));
        Assert.False(_test.CanStep(1));

        _test.Step(0);
        Assert.Equal(OperationCode.down_write_acquire, _test.Stepper.Pending(1).Code);
        _test.Step(1);
        Assert.Equal((1, 0, 0), (Writer, Readers, Waiting));
        Assert.Equal(LockMode.Exclusive, ModeOf(1));

        _test.Step(1);
        Assert.Equal((0, 0, 0), (Writer, Readers, Waiting));
        Assert.True(_test.Stepper.HasEnded(1));
    }

    [Fact]
    public void A_writer_queues_behind_a_waiting_writer()
    {
        _test.Begin(() => Writes(_test.Page), () => Writes(_test.Page), () => Writes(_test.Page));
        _test.Step(0);
        _test.Step(1);
        _test.Step(0); // free, with a waiter

        Assert.Equal(0, _test.Step(2).Value);
        Assert.Equal(2, Waiting);
        Assert.True(_test.CanStep(1));
        Assert.True(_test.CanStep(2)); // any waiter may be next
    }

    [Fact]
    public void A_writer_holds_off_readers_and_writers()
    {
        _test.Begin(() => Writes(_test.Page), () => Reads(_test.Page), () => Tries(_test.Page));
        _test.Step(0);

        Assert.False(_test.CanStep(1));
        Assert.Equal(0, _test.Step(2).Value);
        Assert.Equal(0, _test.Step(2).Value);
    }

    [Fact]
    public void A_waiting_writer_holds_off_readers_and_read_trylocks()
    {
        _test.Begin(() => Reads(_test.Page), () => Writes(_test.Page), () => Tries(_test.Page));
        _test.Step(0);
        _test.Step(1);

        Assert.Equal(0, _test.Step(2).Value);

        var readers = new TestMachine(threads: 3);
        readers.Begin(() => Reads(readers.Page), () => Writes(readers.Page), () => Reads(readers.Page));
        readers.Step(0);
        readers.Step(1);
        Assert.False(readers.CanStep(2));
    }

    [Fact]
    public void A_reader_waits_for_a_waiting_writer_only_while_another_reader_holds_it()
    {
        _test.Begin(() => Reads(_test.Page), () => Writes(_test.Page), () => Reads(_test.Page));
        _test.Step(0);
        _test.Step(1);
        Assert.Equal((0, 1, 1), (Writer, Readers, Waiting));
        Assert.False(_test.CanStep(2));

        _test.Step(0); // free, with a waiter

        Assert.True(_test.CanStep(1));
        _test.Step(2);
        Assert.Equal((0, 1, 1), (Writer, Readers, Waiting));
        Assert.Equal(LockMode.Shared, ModeOf(2));
        Assert.False(_test.CanStep(1));

        _test.Step(2);
        Assert.True(_test.CanStep(1));
    }

    [Fact]
    public void A_read_trylock_never_passes_a_waiting_writer_although_nobody_holds_it()
    {
        _test.Begin(() => Writes(_test.Page), () => Writes(_test.Page), () => Tries(_test.Page));
        _test.Step(0);
        _test.Step(1);
        _test.Step(0);
        Assert.Equal((0, 0, 1), (Writer, Readers, Waiting));

        Assert.Equal(0, _test.Step(2).Value);
        Assert.Null(ModeOf(2));
    }

    [Fact]
    public void A_writer_that_waited_has_it_first_or_after_a_reader_that_came_later()
    {
        _test.Set(_test.Page.count, 1).Begin(() => Writes(_test.Page), () => Doubles(_test.Page), () => Notes(_test.Page, _test.Notes));
        _test.Step(0);
        _test.Step(1);
        Assert.False(_test.CanStep(2));

        Assert.Equal(["1", "2"], _test.Explore(view => $"{view.Get(_test.Notes.first)}").Outcomes);

        static async KernelTask Doubles(Page page)
        {
            await down_write(page.rwsem);
            await WRITE_ONCE(page.count, 2);
            await up_write(page.rwsem);
        }

        static async KernelTask Notes(Page page, Notebook notes)
        {
            await down_read(page.rwsem);
            Ghost(notes.first, await READ_ONCE(page.count));
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void A_read_trylock_on_top_of_a_read_lock_is_held_twice_and_each_release_drops_one()
    {
        _test.Begin(() => ReadsAndTries(_test.Page));

        Assert.Equal((1, 1), TakenAfterStep());
        Assert.Equal((2, 2), TakenAfterStep());
        Assert.Equal((1, 1), TakenAfterStep());
        Assert.Equal(LockMode.Shared, ModeOf(0));
        Assert.Equal((0, 0), TakenAfterStep());
        Assert.Equal(KernelBug.BadUnlock, _test.Step().Bug);

        static async KernelTask ReadsAndTries(Page page)
        {
            await down_read(page.rwsem);
            await down_read_trylock(page.rwsem);
            await up_read(page.rwsem);
            await up_read(page.rwsem);
            await up_read(page.rwsem);
        }

        (int Readers, int Held) TakenAfterStep()
        {
            Assert.False(_test.Step().IsFinal);
            return (Readers, _test.View.Context(0).Held.Length);
        }
    }

    [Fact]
    public void A_read_trylock_on_top_of_a_read_lock_that_fails_is_not_held()
    {
        _test.Begin(() => ReadsAndTries(_test.Page), () => Writes(_test.Page));
        _test.Step(0);
        _test.Step(1);

        Assert.Equal(0, _test.Step(0).Value);
        Assert.Equal((1, 1), (Readers, _test.View.Context(0).Held.Length));
        _test.Step(0);
        Assert.True(_test.Stepper.HasEnded(0));

        static async KernelTask ReadsAndTries(Page page)
        {
            await down_read(page.rwsem);
            if (await down_read_trylock(page.rwsem))
            {
                await up_read(page.rwsem);
            }

            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void A_thread_that_releases_one_of_two_read_locks_ends_with_a_lock_held()
    {
        Assert.Equal(KernelBug.UnbalancedSection, BugOf(static async page =>
        {
            await down_read(page.rwsem);
            await down_read_trylock(page.rwsem);
            await up_read(page.rwsem);
        }));
    }

    [Fact]
    public void Every_thread_may_hold_it_twice_at_a_time()
    {
        _test.Begin(() => ReadsTwice(_test.Page), () => ReadsTwice(_test.Page), () => ReadsTwice(_test.Page));
        _test.Steps(0, 2);
        _test.Steps(1, 2);
        _test.Steps(2, 2);

        Assert.Equal(6, Readers);

        static async KernelTask ReadsTwice(Page page)
        {
            await down_read(page.rwsem);
            await down_read_trylock(page.rwsem);
            await up_read(page.rwsem);
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void With_the_toggle_off_a_waiting_writer_holds_off_nobody()
    {
        var test = new TestMachine(threads: 3, new MachineBuilder { WaitingWritersHoldOffReaders = false });
        test.Begin(() => Reads(test.Page), () => Writes(test.Page), () => Tries(test.Page));
        test.Step(0);
        test.Step(1);

        Assert.Equal(1, test.Step(2).Value);
        Assert.Equal(2, test.Get(new Shared<int>(test.Page.Id, test.Page.rwsem.Writer.Cell + 1)));
    }

    [Fact]
    public void Write_trylock_takes_a_free_one_only()
    {
        _test.Begin(() => TriesToWrite(_test.Page), () => TriesToWrite(_test.Page));

        Assert.Equal(1, _test.Step(0).Value);
        Assert.Equal(LockMode.Exclusive, ModeOf(0));
        Assert.Equal(0, _test.Step(1).Value);
        Assert.Null(ModeOf(1));
    }

    [Fact]
    public void Write_trylock_fails_while_there_is_a_reader()
    {
        _test.Begin(() => Reads(_test.Page), () => TriesToWrite(_test.Page));
        _test.Step(0);

        Assert.Equal(0, _test.Step(1).Value);
    }

    [Fact]
    public void Write_trylock_fails_while_a_writer_waits_although_it_is_free()
    {
        _test.Begin(() => Writes(_test.Page), () => Writes(_test.Page), () => TriesToWrite(_test.Page));
        _test.Step(0);
        _test.Step(1);
        _test.Step(0);

        Assert.Equal(0, _test.Step(2).Value);
    }

    private static async KernelTask TriesToWrite(Page page)
    {
        if (await down_write_trylock(page.rwsem))
        {
            await up_write(page.rwsem);
        }
    }

    [Fact]
    public void Downgrading_lets_readers_in_and_writers_not()
    {
        _test.Begin(() => Downgrades(_test.Page), () => TriesToWrite(_test.Page), () => Reads(_test.Page));
        _test.Steps(0, 2);

        Assert.Equal((0, 1, 0), (Writer, Readers, Waiting));
        Assert.Equal(LockMode.Shared, ModeOf(0));
        Assert.Equal(0, _test.Step(1).Value);
        _test.Step(2);

        Assert.False(_test.Finish(0).IsFinal);
        Assert.Equal(1, Readers);

        static async KernelTask Downgrades(Page page)
        {
            await down_write(page.rwsem);
            await downgrade_write(page.rwsem);
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void It_is_locked_while_someone_holds_it_or_waits_for_it()
    {
        _test.Begin(() => Writes(_test.Page), () => Writes(_test.Page), () => Asks(_test.Page));

        Assert.Equal(0, _test.Step(2).Value);
        _test.Step(0);
        Assert.Equal(1, _test.Step(2).Value);
        _test.Step(1);
        _test.Step(0); // free, with a waiter
        Assert.Equal(1, _test.Step(2).Value);
        _test.Steps(1, 2);
        Assert.Equal(0, _test.Step(2).Value);

        static async KernelTask Asks(Page page)
        {
            await rwsem_is_locked(page.rwsem);
            await rwsem_is_locked(page.rwsem);
            await rwsem_is_locked(page.rwsem);
            await rwsem_is_locked(page.rwsem);
        }
    }

    [Fact]
    public void It_is_locked_while_someone_reads()
    {
        _test.Begin(() => Reads(_test.Page), () => Asks(_test.Page));
        _test.Step(0);

        Assert.Equal(1, _test.Step(1).Value);

        static async KernelTask Asks(Page page) => await rwsem_is_locked(page.rwsem);
    }

    [Fact]
    public void Orderings_are_those_of_locks()
    {
        _test.Begin(() => All(_test.Page));

        Assert.Equal(
            [
                (OperationCode.down_read, MemoryOrder.Acquire),
                (OperationCode.up_read, MemoryOrder.Release),
                (OperationCode.down_read_trylock, MemoryOrder.Acquire),
                (OperationCode.up_read, MemoryOrder.Release),
                (OperationCode.down_write_trylock, MemoryOrder.Acquire),
                (OperationCode.up_write, MemoryOrder.Release),
                (OperationCode.down_write, MemoryOrder.Acquire),
                (OperationCode.downgrade_write, MemoryOrder.Release),
                (OperationCode.rwsem_is_locked, MemoryOrder.Once),
                (OperationCode.up_read, MemoryOrder.Release),
            ],
            _test.Pendings());

        static async KernelTask All(Page page)
        {
            await down_read(page.rwsem);
            await up_read(page.rwsem);
            await down_read_trylock(page.rwsem);
            await up_read(page.rwsem);
            await down_write_trylock(page.rwsem);
            await up_write(page.rwsem);
            await down_write(page.rwsem);
            await downgrade_write(page.rwsem);
            await rwsem_is_locked(page.rwsem);
            await up_read(page.rwsem);
        }
    }

    [Fact]
    public void Taking_it_twice_is_a_bug_in_each_mode()
    {
        Assert.Equal(KernelBug.RecursiveLock, BugOf(static async page =>
        {
            await down_read(page.rwsem);
            await down_read(page.rwsem);
        }));
        Assert.Equal(KernelBug.RecursiveLock, BugOf(static async page =>
        {
            await down_read(page.rwsem);
            await down_write(page.rwsem);
        }));
        Assert.Equal(KernelBug.RecursiveLock, BugOf(static async page =>
        {
            await down_write(page.rwsem);
            await down_read(page.rwsem);
        }));
        Assert.Equal(KernelBug.RecursiveLock, BugOf(static async page =>
        {
            await down_write(page.rwsem);
            await down_write(page.rwsem);
        }));
    }

    [Fact]
    public void Releasing_what_is_not_held_in_that_mode_is_a_bug()
    {
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page => await up_read(page.rwsem)));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page => await up_write(page.rwsem)));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page => await downgrade_write(page.rwsem)));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page =>
        {
            await down_read(page.rwsem);
            await up_write(page.rwsem);
        }));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page =>
        {
            await down_write(page.rwsem);
            await up_read(page.rwsem);
        }));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page =>
        {
            await down_read(page.rwsem);
            await downgrade_write(page.rwsem);
        }));
        Assert.Equal(KernelBug.BadUnlock, BugOf(static async page =>
        {
            await down_write(page.rwsem);
            await downgrade_write(page.rwsem);
            await up_write(page.rwsem);
        }));
    }

    [Fact]
    public void Readers_and_a_writer_end_in_every_schedule()
    {
        _test.Begin(() => Reads(_test.Page), () => Writes(_test.Page), () => Writes(_test.Page));

        var explored = _test.Explore(view => $"{Writer} {Readers} {Waiting}");

        Assert.Equal(["0 0 0"], explored.Outcomes);
        Assert.Empty(explored.Bugs);
    }

    private static KernelBug BugOf(Func<Page, KernelTask> path)
    {
        var test = new TestMachine();
        return test.Run(() => path(test.Page)).Bug;
    }

    private int Writer => _test.Get(_test.Page.rwsem.Writer);

    private int Readers => _test.Get(new Shared<int>(_test.Page.Id, _test.Page.rwsem.Writer.Cell + 1));

    private int Waiting => _test.Get(new Shared<int>(_test.Page.Id, _test.Page.rwsem.Writer.Cell + 2));

    private LockMode? ModeOf(int thread) => _test.View.Context(thread).ModeOf(_test.Page.rwsem.Writer.Cell);

    private static async KernelTask Reads(Page page)
    {
        await down_read(page.rwsem);
        await up_read(page.rwsem);
    }

    private static async KernelTask Writes(Page page)
    {
        await down_write(page.rwsem);
        await up_write(page.rwsem);
    }

    private static async KernelTask Tries(Page page)
    {
        for (var i = 0; i < 2; i++)
        {
            if (await down_read_trylock(page.rwsem))
            {
                await up_read(page.rwsem);
            }
        }
    }
}
