using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>A thread is one number: equal stacks have equal ones, and what a path did once after a result it is not asked again.</summary>
public sealed class InterningTests
{
    [Fact]
    public void Equal_stacks_have_equal_numbers_in_all_threads()
    {
        var test = new TestMachine(threads: 3);
        test.Begin(() => Outer(test.Page, 1), () => Outer(test.Page, 1), () => Outer(test.Page, 2));

        Assert.Equal(test.Frame(0), test.Frame(1));
        Assert.NotEqual(test.Frame(0), test.Frame(2));

        test.Step(0);
        Assert.NotEqual(test.Frame(0), test.Frame(1));

        test.Step(1);
        Assert.Equal(test.Frame(0), test.Frame(1));
        Assert.Equal(test.Machine.Frames.HashOf(test.Frame(0)), test.Machine.Frames.HashOf(test.Frame(1)));
    }

    [Fact]
    public void A_stack_keeps_its_callers_frames()
    {
        var test = new TestMachine();
        test.Begin(() => Outer(test.Page, 1));
        var frames = test.Machine.Frames;

        Assert.Equal(2, frames.Depth(test.Frame()));
        Assert.Equal("InterningTests.Inner", frames.Type(test.Frame()).Method);
        var caller = frames.Parent(test.Frame());
        Assert.Equal("InterningTests.Outer", frames.Type(caller).Method);

        test.Step(0);
        Assert.Equal(caller, frames.Parent(test.Frame())); // the caller was not touched
    }

    [Fact]
    public void The_same_path_with_another_operation_pending_is_another_node()
    {
        var test = new TestMachine();
        test.Begin(() => Waits(test.Page, 1));
        var first = test.Stepper.State.Fingerprint;

        var other = new TestMachine();
        other.Begin(() => Waits(other.Page, 2));

        Assert.NotEqual(first, other.Stepper.State.Fingerprint);

        static async KernelTask Waits(Page page, int operand) => await WRITE_ONCE(page.count, operand);
    }

    [Fact]
    public void A_local_that_is_never_read_again_does_not_tell_nodes_apart()
    {
        var test = new TestMachine();
        test.Begin(() => Drops(test.Page));

        var explored = test.Explore();

        // Before the choice, after it, at the end: c is dead at the Yield.
        Assert.Equal(3, test.Machine.Discovered(0).Nodes);
        Assert.Equal(3, explored.States.Count);
        Assert.Equal(5, explored.Transitions.Count); // four choices and the Yield

        static async KernelTask Drops(Page page)
        {
            var c = await Choose(4);
            if (c > 10)
            {
                return;
            }

            await Yield();
        }
    }

    [Fact]
    public void A_local_that_is_read_again_tells_nodes_apart_until_then()
    {
        var test = new TestMachine();
        test.Begin(() => Keeps(test.Page));

        var explored = test.Explore();

        // Before the choice; four with c alive; four stores pending; then c lives on in memory only: a Yield and the end.
        Assert.Equal(1 + 4 + 4 + 1 + 1, test.Machine.Discovered(0).Nodes);
        Assert.Equal(1 + 4 + 4 + 4 + 4, explored.States.Count);

        static async KernelTask Keeps(Page page)
        {
            var c = await Choose(4);
            await Yield();
            await WRITE_ONCE(page.count, c);
            await Yield();
        }
    }

    [Fact]
    public void Two_values_read_and_dropped_converge_to_one_state()
    {
        var test = new TestMachine(threads: 2);
        test.Begin(() => Reads(test.Page), () => Writes(test.Page));

        var explored = test.Explore();

        // Reader at 0, 1 or 2 of its steps, writer at 0 or 1 of its: nothing tells which value was read.
        Assert.Equal(6, explored.States.Count);
        Assert.Equal(3, test.Machine.Discovered(0).Nodes);

        static async KernelTask Reads(Page page)
        {
            var count = await READ_ONCE(page.count);
            if (count < 0)
            {
                return;
            }

            await Yield();
        }

        static async KernelTask Writes(Page page) => await WRITE_ONCE(page.count, 7);
    }

    [Fact]
    public void An_optional_that_has_stepped_is_not_one_that_never_did()
    {
        var stepper = Looping(ThreadKind.Optional);
        var before = stepper.State.Fingerprint;

        stepper.Step(0);
        Assert.True(stepper.HasStarted(0));
        Assert.NotEqual(before, stepper.State.Fingerprint);

        var after = stepper.State.Fingerprint;
        stepper.Step(0);
        Assert.Equal(after, stepper.State.Fingerprint);
    }

    [Theory]
    [InlineData(ThreadKind.Task)]
    [InlineData(ThreadKind.Environment)]
    public void Of_a_thread_that_owes_the_same_before_and_after_it_is_not_remembered_that_it_stepped(ThreadKind kind)
    {
        var stepper = Looping(kind);
        var before = stepper.State.Fingerprint;

        stepper.Step(0);

        Assert.Equal(before, stepper.State.Fingerprint);
    }

    private static Stepper Looping(ThreadKind kind)
    {
        var builder = new MachineBuilder();
        builder.Thread("looping", kind);
        var stepper = new Stepper(builder.Build());
        stepper.Begin(0, Forever);
        return stepper;

        static async KernelTask Forever()
        {
            while (true)
            {
                await Yield();
            }
        }
    }

    [Fact]
    public void What_a_thread_is_inside_of_tells_nodes_apart()
    {
        var test = new TestMachine();
        test.Begin(Path);

        test.Explore();

        // Before the choice; the Yield inside the region, and the same Yield outside it.
        Assert.Equal(3, test.Machine.Discovered(0).Nodes);

        static async KernelTask Path()
        {
            if (await Choose(2) == 1)
            {
                Enter("slow");
            }

            while (true)
            {
                await Yield();
            }
        }
    }

    [Theory]
    [InlineData(3)] // looked up in an array
    [InlineData(1000)] // looked up in a dictionary
    public void A_node_and_a_result_run_the_path_once(int result)
    {
        var test = new TestMachine();
        var witness = test.Witness<int>();
        test.Set(test.Page.count, result).Begin(() => Reads(test.Page, witness));

        FireAndUndo(test, 500);

        Assert.Equal(1, test.Machine.Discovered(0).Runs);
        Assert.Equal([result], witness.Seen);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1000)]
    public void A_memoised_step_is_run_again_once_in_1024(int result)
    {
        var test = new TestMachine();
        var witness = test.Witness<int>();
        test.Set(test.Page.count, result).Begin(() => Reads(test.Page, witness));

        FireAndUndo(test, 1 + 1024);

        Assert.Equal(2, witness.Seen.Count);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1000)]
    public void Hidden_state_is_found_by_the_check(int result)
    {
        var test = new TestMachine();
        test.Set(test.Page.count, result).Begin(() => CountsItsRuns(test.Page, test.Notes));
        FireAndUndo(test, 1023); // discovered once, then taken from the memo

        var fault = Assert.Throws<ModelFaultException>(() => FireAndUndo(test, 1));

        Assert.StartsWith($"hidden state in InterningTests.CountsItsRuns: after READ_ONCE returned {result} it did two different things", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hidden_state_that_changes_the_next_operation_is_found_too()
    {
        var test = new TestMachine();
        var witness = test.Witness<int>();
        test.Machine.Memo = false;
        test.Begin(() => TakesTurns(test.Page, witness));
        FireAndUndo(test, 1);

        var fault = Assert.Throws<ModelFaultException>(() => FireAndUndo(test, 1));

        Assert.StartsWith("hidden state in InterningTests.Hidden_state_that_changes_the_next_operation_is_found_too.TakesTurns", fault.Message, StringComparison.Ordinal);

        static async KernelTask TakesTurns(Page page, Witness<int> witness)
        {
            await Yield();
            witness.See(0);
            await WRITE_ONCE(page.count, witness.Seen.Count);
        }
    }

    [Fact]
    public void Hidden_state_is_found_at_once_without_the_memo()
    {
        var test = new TestMachine();
        test.Machine.Memo = false;
        test.Begin(() => CountsItsRuns(test.Page, test.Notes));
        FireAndUndo(test, 1);

        Assert.Throws<ModelFaultException>(() => FireAndUndo(test, 1));
    }

    [Fact]
    public void The_memo_changes_no_result()
    {
        var (with, without) = (Contended(), Contended());
        without.Machine.Memo = false;

        var (one, other) = (with.Explore(Outcome(with)), without.Explore(Outcome(without)));

        Assert.Equal(one.States, other.States);
        Assert.Equal(one.Transitions, other.Transitions);
        Assert.Equal(one.Outcomes, other.Outcomes);
        Assert.Equal(["1", "2", "3"], one.Outcomes); // one or two of the three increments can be lost
        Assert.True(with.Machine.Discovered(0).Runs < without.Machine.Discovered(0).Runs);
    }

    [Fact]
    public void Two_machines_built_alike_have_the_same_content_hashes()
    {
        var (one, other) = (Contended(), Contended());

        Assert.Equal(one.Stepper.State.Fingerprint, other.Stepper.State.Fingerprint);
        Assert.Equal(one.Machine.Frames.HashOf(one.Frame()), other.Machine.Frames.HashOf(other.Frame()));
        Assert.Equal(one.Explore().States, other.Explore().States);
    }

    [Fact]
    public void Fingerprints_do_not_depend_on_the_order_of_discovery()
    {
        var (forwards, backwards) = (Branching(), Branching());

        var inOrder = Enumerable.Range(0, 5).Select(choice => After(forwards, choice)).ToList();
        var reversed = Enumerable.Range(0, 5).Reverse().Select(choice => After(backwards, choice)).Reverse().ToList();

        Assert.Equal(inOrder.Select(static after => after.Fingerprint), reversed.Select(static after => after.Fingerprint));
        Assert.NotEqual(inOrder.Select(static after => after.Node), reversed.Select(static after => after.Node));

        static TestMachine Branching()
        {
            var test = new TestMachine();
            test.Begin(() => Branches(test.Page));
            return test;
        }

        static ((ulong, ulong) Fingerprint, int Node) After(TestMachine test, int choice)
        {
            test.Stepper.Fire(0, choice, out _);
            var after = (test.Stepper.State.Fingerprint, test.Stepper.State.NodeOf(0));
            test.Stepper.State.Undo();
            return after;
        }

        static async KernelTask Branches(Page page)
        {
            var c = await Choose(5);
            await WRITE_ONCE(page.count, c);
        }
    }

    [Fact]
    public void A_tables_numbers_start_with_the_empty_stack_and_grow_with_it()
    {
        var table = new FrameTable();
        var test = new TestMachine();
        test.Begin(() => Outer(test.Page, 1));
        var type = test.Machine.Frames.Type(test.Frame());

        var numbers = Enumerable.Range(0, 1000).Select(i => table.Intern(0, type, [i])).ToList();

        Assert.Equal(Enumerable.Range(1, 1000), numbers);
        Assert.Equal(numbers, Enumerable.Range(0, 1000).Select(i => table.Intern(0, type, [i])));
        Assert.Equal(1000, numbers.Select(table.HashOf).Distinct().Count());
        Assert.Equal(0, table.Depth(0));
        Assert.Equal(2, table.Depth(table.Intern(1, type, [0])));
        Assert.NotEqual(table.Intern(1, type, [0]), table.Intern(2, type, [0]));
    }

    private static void FireAndUndo(TestMachine test, int times)
    {
        for (var i = 0; i < times; i++)
        {
            test.Stepper.Fire(0, 0, out _);
            test.Stepper.State.Undo();
        }
    }

    private static async KernelTask Outer(Page page, int n)
    {
        var found = await Inner(page);
        await WRITE_ONCE(page.count, n + found);
    }

    private static async KernelTask<int> Inner(Page page)
    {
        await Yield();
        return await READ_ONCE(page.count);
    }

    private static async KernelTask Reads(Page page, Witness<int> witness)
    {
        var count = await READ_ONCE(page.count);
        witness.See(count);
        await Yield();
    }

    private static int s_runs;

    private static async KernelTask CountsItsRuns(Page page, Notebook notes)
    {
        await READ_ONCE(page.count);
        Ghost(notes.first, Interlocked.Increment(ref s_runs) % 1000);
        await Yield();
    }

    private static TestMachine Contended()
    {
        var test = new TestMachine(threads: 2);
        test.Begin(() => Increments(test.Page, 2), () => Increments(test.Page, 1));
        return test;
    }

    private static Func<StateView, string> Outcome(TestMachine test) => view => $"{view.Get(test.Page.count)}";

    private static async KernelTask Increments(Page page, int times)
    {
        for (var i = 0; i < times; i++)
        {
            var count = await READ_ONCE(page.count);
            await WRITE_ONCE(page.count, count + 1);
        }
    }
}
