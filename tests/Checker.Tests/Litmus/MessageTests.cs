using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>
/// Two words and two threads: store buffering and message passing. The names of the tests are what sequential
/// consistency says; a model with store buffers will have to change the first.
/// </summary>
public sealed class MessageTests
{
    /// <remarks>
    /// By (steps of p0, steps of p1), two each. Final: one state for (0,0) (1,0) (2,0) (0,1) (0,2) (1,1). At (2,1) p0 read 0
    /// if it came from (2,0) and 1 if from (1,1): two states; likewise (1,2). At (2,2): 0,1 and 1,0 and 1,1, never 0,0.
    /// 6 + 2 + 2 + 3 = 13 states; ways out: 2 2 1 2 1 2, then 2 x 1 and 2 x 1: 14.
    /// </remarks>
    [Fact]
    public void Two_threads_that_store_and_then_load_the_other_word_never_both_read_the_old_value()
    {
        var result = Small.Expect(StoreBuffering(), VariantVerdict.Holds, states: 13, transitions: 14);

        Assert.Equal("0,1 1,0 1,1", result.Outcomes("registers"));
        Assert.Equal((4, 3), (result.Depth, result.Ends));
    }

    /// <remarks>A barrier is recorded with the step before it and is none itself: the same 13 and 14.</remarks>
    [Fact]
    public void A_full_barrier_is_no_step_under_sequential_consistency()
    {
        var result = Small.Expect(StoreBuffering(barriers: true), VariantVerdict.Holds, states: 13, transitions: 14);

        Assert.Equal("0,1 1,0 1,1", result.Outcomes("registers"));
    }

    /// <remarks>
    /// By (steps of the writer, steps of the reader). The reader's first step reads 0 before (2,0) and 1 from it on:
    /// (0,0) (1,0) (2,0) and (0,1) (1,1): one state each; (2,1): flag 0 or 1: two. After its second step: (0,2): 0,0: one;
    /// (1,2): 0,0 and 0,1: two; (2,2): 0,0 and 0,1 and 1,1: three, never 1,0. 7 + 1 + 2 + 3 = 13.
    /// Ways out: 2 2 1, 2 2, 2 x 1, 1, 2 x 1, none: 14.
    /// </remarks>
    [Fact]
    public void Who_sees_the_flag_sees_the_data_that_was_stored_before_it()
    {
        var result = Small.Expect(MessagePassing(), VariantVerdict.Holds, states: 13, transitions: 14);

        Assert.Equal("0,0 0,1 1,1", result.Outcomes("registers"));
    }

    /// <remarks>
    /// The flag is stored first, so 1,0 can be read. (0,0) (1,0) (2,0) (0,1) (0,2): one state each; (1,1) and (2,1): flag 0 or 1,
    /// two each; (1,2): 0,0 and 1,0; (2,2): all four. 5 + 4 + 2 + 4 = 15. Ways out: 2 2 1 2 1, 2 x 2, 2 x 1, 2 x 1, none: 16.
    /// </remarks>
    [Fact]
    public void Who_sees_a_flag_that_is_stored_before_the_data_may_miss_the_data()
    {
        var result = Small.Expect(MessagePassing(flagFirst: true), VariantVerdict.Holds, states: 15, transitions: 16);

        Assert.Equal("0,0 0,1 1,0 1,1", result.Outcomes("registers"));
    }

    internal static Instance StoreBuffering(bool barriers = false) => Small.Instance(
        at => new TwoWords(at),
        [new("p0", m => m.StoreXLoadY(barriers)), new("p1", m => m.StoreYLoadX(barriers))],
        m => [m.Registers]);

    internal static Instance MessagePassing(bool flagFirst = false) => Small.Instance(
        at => new TwoWords(at),
        [new("writer", m => m.Send(flagFirst)), new("reader", m => m.Receive())],
        m => [m.Registers]);

    private sealed class TwoWords(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 1, 0, "y");
        private readonly Ghost<int> _r0 = at.Ghost(0, 1, 0, "r0");
        private readonly Ghost<int> _r1 = at.Ghost(0, 1, 0, "r1");

        public Property Registers => Property.Outcomes("registers", view => [view.Get(_r0), view.Get(_r1)]);

        public async KernelTask StoreXLoadY(bool barrier)
        {
            await WRITE_ONCE(_x, 1);
            if (barrier)
            {
                await smp_mb();
            }

            Ghost(_r0, await READ_ONCE(_y));
        }

        public async KernelTask StoreYLoadX(bool barrier)
        {
            await WRITE_ONCE(_y, 1);
            if (barrier)
            {
                await smp_mb();
            }

            Ghost(_r1, await READ_ONCE(_x));
        }

        // x is the data, y the flag.
        public async KernelTask Send(bool flagFirst)
        {
            if (flagFirst)
            {
                await smp_store_release(_y, 1);
                await store(_x, 1);
                return;
            }

            await store(_x, 1);
            await smp_store_release(_y, 1);
        }

        public async KernelTask Receive()
        {
            Ghost(_r0, await smp_load_acquire(_y));
            Ghost(_r1, await load(_x));
        }
    }
}
