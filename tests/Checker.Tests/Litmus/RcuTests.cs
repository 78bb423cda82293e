using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.Interrupts;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>Sections, and what waits for them: grace periods and interrupts to other CPUs.</summary>
public sealed class RcuTests
{
    /// <summary>What the reader's two loads are inside of.</summary>
    public enum Section
    {
        None,
        Rcu,
        NestedRcu,
        TwoRcu,
        Spinlock,
        BitSpinlock,
        PreemptOff,
        IrqOff,
    }

    /// <summary>What the writer does between its two stores.</summary>
    public enum Wait
    {
        None,
        Rcu,
        Ipi,
    }

    /// <summary>
    /// The guarantee: a reader loads x and then y inside one section, a writer stores x, waits, and stores y. If the reader
    /// missed x, its section began before the wait, so the wait outlasts it and the reader misses y too: 0,1 is never read.
    /// </summary>
    /// <remarks>
    /// With neither, by steps of (writer, reader), two each: one state for (0,0) (1,0) (2,0) (0,1) (0,2); x read as 0 or 1 in
    /// (1,1) and (2,1), two each; (1,2): x 0 or 1, y 0: two; (2,2): all four. 15 states; ways out 2 2 1 2 1, 2 x 2, 2 x 1, 2 x 1: 16.
    /// With an RCU section and synchronize_rcu each takes four steps. The states by steps of the writer (rows) and of the
    /// reader, + where a wait is on for the reader, counting what was read:
    /// <code>
    /// before x     1   1     1     1     1     5
    /// x stored     1   1     2     2     2     8
    /// waiting      1   1+1   1+2   1+2   2    11    missed x and left the section: only then both end with rx = 0
    /// waited       1   1     1     1     2     6    inside a section that began later x was seen
    /// y stored     1   1     1     2     3     8    0,0 1,0 1,1
    /// </code>
    /// 38 states. Ways out: two each but one in the last row, in the last column, and where a wait is on: 9 + 14 + 15 + 10 + 5 = 53.
    /// The other rows are counted by the second engine as well.
    /// </remarks>
    [Theory]
    [InlineData(Section.None, Wait.None, "0,0 0,1 1,0 1,1", 15, 16)]
    [InlineData(Section.None, Wait.Rcu, "0,0 0,1 1,0 1,1", 25, 32)]
    [InlineData(Section.Rcu, Wait.None, "0,0 0,1 1,0 1,1", 25, 31)]
    [InlineData(Section.Rcu, Wait.Rcu, "0,0 1,0 1,1", 38, 53)]
    [InlineData(Section.Rcu, Wait.Ipi, "0,0 0,1 1,0 1,1", 41, 59)]
    [InlineData(Section.NestedRcu, Wait.Rcu, "0,0 1,0 1,1", 52, 76)]
    [InlineData(Section.TwoRcu, Wait.Rcu, "0,0 0,1 1,0 1,1", 63, 93)]
    [InlineData(Section.Spinlock, Wait.Rcu, "0,0 1,0 1,1", 38, 53)]
    [InlineData(Section.Spinlock, Wait.Ipi, "0,0 0,1 1,0 1,1", 41, 59)]
    [InlineData(Section.BitSpinlock, Wait.Rcu, "0,0 1,0 1,1", 38, 53)]
    [InlineData(Section.PreemptOff, Wait.Rcu, "0,0 1,0 1,1", 38, 53)]
    [InlineData(Section.PreemptOff, Wait.Ipi, "0,0 0,1 1,0 1,1", 41, 59)]
    [InlineData(Section.IrqOff, Wait.Rcu, "0,0 1,0 1,1", 38, 53)]
    [InlineData(Section.IrqOff, Wait.Ipi, "0,0 1,0 1,1", 38, 53)]
    public void A_wait_outlasts_every_section_of_its_kind_that_began_before_it(Section section, Wait wait, string outcomes, long states, long transitions)
    {
        var result = Small.Expect(Guarantee(section, wait), VariantVerdict.Holds, states, transitions);

        Assert.Equal(outcomes, result.Outcomes("registers"));
    }

    /// <remarks>
    /// The reader is before, twice inside (1, 2), or after (3); the writer before, waiting or after. Not waiting: 4 and 4
    /// states. Waiting: it waits for the reader, who is inside (2 states), or for nobody (4 states, one for each place). 14.
    /// Ways out: before: 2 2 2 1; waiting for the reader: 1 1; for nobody: 2 2 2 1; after: 1 1 1 0. 7 + 2 + 7 + 3 = 19.
    /// </remarks>
    [Fact]
    public void A_wait_that_is_over_before_the_section_begins_does_not_wait()
    {
        var result = Small.Expect(WaitBesideSection(), VariantVerdict.Holds, states: 14, transitions: 19);

        Assert.Equal(Verdict.Holds, result["wait-ends-inside-a-younger-section"].Verdict);
    }

    [Fact]
    public void An_older_section_blocks_a_wait_until_it_is_left_and_a_younger_one_does_not()
    {
        var stepper = WaitBesideSection().Begin();
        var (writer, reader) = (0, 1);

        stepper.Step(reader); // rcu_read_lock
        stepper.Step(writer); // the wait begins
        Assert.False(stepper.IsEnabled(writer));
        stepper.Step(reader);
        Assert.False(stepper.IsEnabled(writer));
        stepper.Step(reader); // rcu_read_unlock
        Assert.True(stepper.IsEnabled(writer));

        stepper = WaitBesideSection().Begin();
        stepper.Step(writer);
        stepper.Step(reader);
        Assert.True(stepper.IsEnabled(writer));
    }

    /// <remarks>
    /// Two tasks of one step each, x and call_rcu, and a callback: (0 or 1 for the other task) by (not queued, queued, run), 6
    /// states; ways out 2 1, 2 1, 1 0 for queueing, running and the other task: 7. End states: queued and run, with the other done.
    /// </remarks>
    [Fact]
    public void A_callback_may_never_run()
    {
        var result = Small.Expect(Callback(), VariantVerdict.Holds, states: 6, transitions: 7);

        Assert.Equal("0 1", result.Outcomes("ran"));
        Assert.Equal(2, result.Ends);
    }

    [Fact]
    public void A_callback_does_not_run_before_the_sections_that_were_open_when_it_was_queued_are_left()
    {
        var stepper = CallbackBesideSection().Begin();
        var (writer, reader, environment) = (0, 1, 2);

        stepper.Step(reader);
        stepper.Step(writer);
        Assert.False(stepper.IsEnabled(environment));
        stepper.Step(reader);
        stepper.Step(reader);
        Assert.True(stepper.IsEnabled(environment));
        stepper.Step(environment);
        Assert.False(stepper.IsEnabled(environment));
    }

    [Fact]
    public void Waiting_for_a_grace_period_inside_a_section_is_sleeping_in_atomic_context()
    {
        var instance = Small.Instance(at => new Words(at), [new("a", m => m.WaitInside())], _ => []);

        var result = Small.Expect(instance, VariantVerdict.Violated, states: 3, transitions: 2);

        Assert.Equal("sleeping in atomic context: a in WaitInside() does synchronize_rcu() begins", result["no-sleep-in-atomic"].Message);
    }

    [Fact]
    public void Leaving_a_section_twice_is_a_bug_and_so_is_ending_inside_one()
    {
        var twice = Small.Judged(Small.Instance(at => new Words(at), [new("a", m => m.LeaveTwice())], _ => []));
        var never = Small.Judged(Small.Instance(at => new Words(at), [new("a", m => m.NeverLeave())], _ => []));

        Assert.Equal("unbalanced section: a in LeaveTwice() does rcu_read_unlock() without having entered one", twice["no-unbalanced-section"].Message);
        Assert.Equal("a ended inside a section or with a lock held", never["no-unbalanced-section"].Message);
    }

    internal static Instance Guarantee(Section section, Wait wait) => Small.Instance(
        at => new Words(at),
        [new("writer", m => m.Write(wait)), new("reader", m => m.Read(section))],
        m => [m.Registers]);

    internal static Instance WaitBesideSection() => Small.Instance(
        at => new Words(at),
        [new("writer", m => m.WaitOnly()), new("reader", m => m.ReadNothing())],
        _ => [Property.Sometimes("wait-ends-inside-a-younger-section", view => view.HasEnded(0) && view.Context(1).RcuNesting > 0)]);

    internal static Instance Callback() => Small.Instance(
        b => Lay(b),
        [new("a", m => m.Queue()), new("b", m => m.Touch()), new("rcu", _ => rcu_core(), ThreadKind.Environment)],
        m => [m.Ran],
        null,
        new MachineBuilder { RcuCallbacks = 1 });

    private static Instance CallbackBesideSection() => Small.Instance(
        b => Lay(b),
        [new("writer", m => m.Queue()), new("reader", m => m.ReadNothing()), new("rcu", _ => rcu_core(), ThreadKind.Environment)],
        m => [m.Ran],
        null,
        new MachineBuilder { RcuCallbacks = 1 });

    private static Words Lay(MachineBuilder builder)
    {
        var words = builder.Object("shared", at => new Words(at));
        words.SetRan = builder.Register(new RcuAction(words.StoreOneToY), "set_ran");
        return words;
    }

    [Flags]
    private enum Bits
    {
        Lock = 1,
    }

    private sealed class Words(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 1, 0, "y");
        private readonly Ghost<int> _rx = at.Ghost(0, 1, 0, "rx");
        private readonly Ghost<int> _ry = at.Ghost(0, 1, 0, "ry");
        private readonly spinlock_t _lock = new(at, "lock");
        private readonly Shared<Bits> _bits = at.Cell(default(Bits), "bits");

        public RcuAction SetRan { get; set; } = null!;

        public Operation StoreOneToY => new(OperationCode.store, MemoryOrder.Plain, 0, _y.Cell, 1);

        public Property Registers => Property.Outcomes("registers", view => [view.Get(_rx), view.Get(_ry)]);

        public Property Ran => Property.Outcomes("ran", view => [view.Get(_y)]);

        public async KernelTask Write(Wait wait)
        {
            await store(_x, 1);
            if (wait == Wait.Rcu)
            {
                await synchronize_rcu();
            }
            else if (wait == Wait.Ipi)
            {
                await smp_call_function();
            }

            await store(_y, 1);
        }

        public async KernelTask Read(Section section)
        {
            await Enter(section);
            Ghost(_rx, await load(_x));
            if (section is Section.NestedRcu or Section.TwoRcu)
            {
                await rcu_read_unlock();
            }

            if (section == Section.TwoRcu)
            {
                await rcu_read_lock();
            }

            Ghost(_ry, await load(_y));
            await Leave(section);
        }

        public async KernelTask WaitOnly() => await synchronize_rcu();

        public async KernelTask ReadNothing()
        {
            await rcu_read_lock();
            await Yield();
            await rcu_read_unlock();
        }

        public async KernelTask Queue() => await call_rcu(this, SetRan);

        public async KernelTask Touch() => await store(_x, 1);

        public async KernelTask WaitInside()
        {
            await rcu_read_lock();
            await synchronize_rcu();
            await rcu_read_unlock();
        }

        public async KernelTask LeaveTwice()
        {
            await rcu_read_lock();
            await rcu_read_unlock();
            await rcu_read_unlock();
        }

        public async KernelTask NeverLeave() => await rcu_read_lock();

        private async KernelTask Enter(Section section)
        {
            switch (section)
            {
                case Section.Rcu or Section.TwoRcu:
                    await rcu_read_lock();
                    break;
                case Section.NestedRcu:
                    await rcu_read_lock();
                    await rcu_read_lock();
                    break;
                case Section.Spinlock:
                    await spin_lock(_lock);
                    break;
                case Section.BitSpinlock:
                    await bit_spin_lock(Bits.Lock, _bits);
                    break;
                case Section.PreemptOff:
                    await preempt_disable();
                    break;
                case Section.IrqOff:
                    await local_irq_disable();
                    break;
                default:
                    break;
            }
        }

        private async KernelTask Leave(Section section)
        {
            switch (section)
            {
                case Section.Rcu or Section.NestedRcu or Section.TwoRcu:
                    await rcu_read_unlock();
                    break;
                case Section.Spinlock:
                    await spin_unlock(_lock);
                    break;
                case Section.BitSpinlock:
                    await bit_spin_unlock(Bits.Lock, _bits);
                    break;
                case Section.PreemptOff:
                    await preempt_enable();
                    break;
                case Section.IrqOff:
                    await local_irq_enable();
                    break;
                default:
                    break;
            }
        }
    }
}
