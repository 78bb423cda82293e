using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.RwSemaphores;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Readers and writers of one rw_semaphore.</summary>
public sealed class RwSemaphoreTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_waiting_writer_holds_off_new_readers_and_read_trylocks_unless_the_toggle_says_otherwise(bool holdsOff)
    {
        var stepper = Crowd(holdsOff).Begin();
        var (reader, writer, late, trying) = (0, 1, 2, 3);

        stepper.Step(reader); // down_read
        Assert.True(stepper.IsEnabled(late));
        stepper.Step(writer); // down_write: it queues

        Assert.False(stepper.IsEnabled(writer));
        Assert.Equal(!holdsOff, stepper.IsEnabled(late));
        Assert.Equal(holdsOff ? 0 : 1, stepper.Step(trying).Value);
    }

    /// <remarks>
    /// The reader is before, inside or after; the writer before, queued, inside or after. Queued only where the reader was
    /// inside: (inside, queued) and (after, queued). Both inside never. With the writer before: 3 states, queued: 2, inside: 2,
    /// after: 3; 10 in all. Ways out: writer before: 2 2 1; queued: the reader's 1, then its own 1; inside: 1 1; after: 1 1 0: 11.
    /// </remarks>
    [Fact]
    public void A_writer_that_finds_a_reader_queues_in_one_step_and_acquires_in_another()
    {
        var instance = Small.Instance(at => new Semaphore(at), [new("reader", m => m.Read()), new("writer", m => m.Write())], m => [m.WriterIsAlone(2)]);

        Small.Expect(instance, VariantVerdict.Holds, states: 10, transitions: 11);
    }

    /// <remarks>
    /// Two readers, a writer, and one that only tries; the second engine counts the same states and steps.
    /// </remarks>
    [Theory]
    [InlineData(true, 109, 222)]
    [InlineData(false, 101, 221)]
    public void A_writer_is_alone_and_readers_are_not(bool holdsOff, long states, long transitions)
    {
        var result = Small.Expect(Crowd(holdsOff), VariantVerdict.Holds, states, transitions);

        Assert.Equal(Verdict.Holds, result["writer-is-alone"].Verdict);
        Assert.Equal(Verdict.Holds, result["two-readers-at-once"].Verdict);
        Assert.Equal("0 1", result.Outcomes("trylock"));
    }

    /// <remarks>The bug is seen at the second down_read, before any writer comes: one thread, two steps.</remarks>
    [Fact]
    public void Taking_a_read_lock_twice_is_a_bug_at_the_step()
    {
        var result = Small.Judged(Recursion(tolerated: false, holdsOff: true));

        var bug = result["no-recursive-lock"].Counterexample!;
        Assert.Equal(("reader*2", 0, 2), (bug.Schedule, bug.Switches, bug.Steps));
        Assert.Equal("recursive lock: reader in ReadTwice() does down_read(shared.sem), a lock it holds already", bug.Trace.Ending);
        Assert.Null(result.Deadlock);
    }

    /// <remarks>
    /// Tolerated, the thread goes on as without the check: it waits for the writer that waits for it. Where writers don't hold
    /// readers off there is nothing to wait for.
    /// </remarks>
    [Fact]
    public void Taking_a_read_lock_twice_stands_for_a_deadlock_with_a_writer_in_between()
    {
        var fair = Small.Judged(Recursion(tolerated: true, holdsOff: true));
        var unfair = Small.Judged(Recursion(tolerated: true, holdsOff: false));

        Assert.Equal(("reader,writer", 1, 2), (fair.Deadlock?.Schedule, fair.Deadlock?.Switches, fair.Deadlock?.Steps));
        Assert.Equal(Verdict.Violated, fair["no-recursive-lock"].Verdict);
        Assert.Null(unfair.Deadlock);
        Assert.Equal(Verdict.Violated, unfair["no-recursive-lock"].Verdict);
    }

    /// <remarks>The same deadlock with the two read locks in two threads, where no thread does anything forbidden: found without the check.</remarks>
    [Fact]
    public void A_reader_that_waits_for_a_younger_reader_deadlocks_with_a_writer_in_between()
    {
        var result = Small.Judged(Small.Instance(
            at => new Semaphore(at),
            [new("older", m => m.ReadUntilOther()), new("writer", m => m.Write()), new("younger", m => m.ReadAndTell())],
            _ => []));

        Assert.Equal(VariantVerdict.Deadlock, result.Verdict);
        Assert.Equal(("older,writer", 1, 2), (result.Deadlock!.Schedule, result.Deadlock.Switches, result.Deadlock.Steps));
    }

    [Fact]
    public void A_writer_that_downgrades_lets_readers_in_and_no_writer()
    {
        var result = Small.Judged(Small.Instance(
            at => new Semaphore(at),
            [new("first", m => m.WriteThenRead()), new("reader", m => m.Read()), new("second", m => m.Write())],
            m => [m.WriterIsAlone(3), m.TwoReaders(3)]));

        Assert.Equal(VariantVerdict.Holds, result.Verdict);
    }

    internal static Instance Crowd(bool holdsOff) => Small.Instance(
        at => new Semaphore(at),
        [new("reader", m => m.Read()), new("writer", m => m.Write()), new("late", m => m.Read()), new("trying", m => m.TryRead())],
        m => [m.WriterIsAlone(4), m.TwoReaders(4), m.Trylock],
        new MachineBuilder { RcuCallbacks = 0, WaitingWritersHoldOffReaders = holdsOff });

    internal static Instance Recursion(bool tolerated, bool holdsOff) => Small.Instance(
        at => new Semaphore(at),
        [new("reader", m => m.ReadTwice()), new("writer", m => m.Write())],
        _ => [],
        new MachineBuilder
        {
            RcuCallbacks = 0,
            WaitingWritersHoldOffReaders = holdsOff,
            Tolerated = tolerated ? new HashSet<KernelBug> { KernelBug.RecursiveLock } : new HashSet<KernelBug>(),
        });

    private sealed class Semaphore(Layout at) : KernelObject(at)
    {
        private readonly rw_semaphore _sem = new(at, "sem");
        private readonly Shared<bool> _told = at.Cell(false, "told");
        private readonly Ghost<bool> _taken = at.Ghost(false, "taken");

        public Property Trylock => Property.Outcomes("trylock", view => [view.Get(_taken) ? 1 : 0]);

        public Property WriterIsAlone(int threads) => Property.Always("writer-is-alone", view => Holders(view, threads, LockMode.Exclusive) is > 0 and var writers
            && writers + Holders(view, threads, LockMode.Shared) > 1 ? "a writer shares the semaphore" : null);

        public Property TwoReaders(int threads) => Property.Sometimes("two-readers-at-once", view => Holders(view, threads, LockMode.Shared) == 2);

        public async KernelTask Read()
        {
            await down_read(_sem);
            await up_read(_sem);
        }

        public async KernelTask TryRead()
        {
            var taken = await down_read_trylock(_sem);
            Ghost(_taken, taken);
            if (taken)
            {
                await up_read(_sem);
            }
        }

        public async KernelTask Write()
        {
            await down_write(_sem);
            await up_write(_sem);
        }

        public async KernelTask WriteThenRead()
        {
            await down_write(_sem);
            await downgrade_write(_sem);
            await up_read(_sem);
        }

        public async KernelTask ReadTwice()
        {
            await down_read(_sem);
            await down_read(_sem);
            await up_read(_sem);
            await up_read(_sem);
        }

        public async KernelTask ReadUntilOther()
        {
            await down_read(_sem);
            await Until(_told, Comparison.Equal, true);
            await up_read(_sem);
        }

        public async KernelTask ReadAndTell()
        {
            await down_read(_sem);
            await WRITE_ONCE(_told, true);
            await up_read(_sem);
        }

        private int Holders(StateView view, int threads, LockMode mode) =>
            Enumerable.Range(0, threads).Count(t => view.Context(t).ModeOf(_sem.Writer.Cell) == mode);
    }
}
