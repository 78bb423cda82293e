using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.Exploration;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.Slab;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Sampling;

/// <summary>Which first steps of two threads race.</summary>
public sealed class RacesTests
{
    /// <summary>A thread's first step.</summary>
    public enum First
    {
        LoadX,
        StoreX,
        LoadY,
        UntilX,
        LockA,
        ReadLock,
        BeginGracePeriod,
        LoadOfObject,
        FreeOfObject,
        Allocate,
        Nothing,
    }

    [Theory]
    [InlineData(First.LoadX, First.LoadX, false)]
    [InlineData(First.LoadX, First.StoreX, true)]
    [InlineData(First.StoreX, First.StoreX, true)]
    [InlineData(First.StoreX, First.LoadY, false)]
    [InlineData(First.UntilX, First.StoreX, true)]
    [InlineData(First.UntilX, First.LoadX, false)]
    [InlineData(First.UntilX, First.LoadY, false)]
    [InlineData(First.LockA, First.LockA, true)]
    [InlineData(First.LockA, First.StoreX, false)]
    [InlineData(First.ReadLock, First.ReadLock, false)]
    [InlineData(First.ReadLock, First.BeginGracePeriod, true)]
    [InlineData(First.LockA, First.BeginGracePeriod, true)]
    [InlineData(First.BeginGracePeriod, First.StoreX, false)]
    [InlineData(First.LoadOfObject, First.FreeOfObject, true)]
    [InlineData(First.FreeOfObject, First.FreeOfObject, true)]
    [InlineData(First.FreeOfObject, First.Allocate, true)]
    [InlineData(First.Allocate, First.Allocate, true)]
    [InlineData(First.Allocate, First.LoadX, false)]
    [InlineData(First.LoadOfObject, First.LoadOfObject, false)]
    [InlineData(First.FreeOfObject, First.StoreX, false)]
    [InlineData(First.Nothing, First.FreeOfObject, false)]
    public void Steps_race_where_their_order_may_matter(First one, First other, bool race)
    {
        var stepper = Beside(one, other).Begin();
        var (a, b) = (stepper.Pending(0), stepper.Pending(1));

        Assert.Equal((race, race), (Races.Between(stepper.State.Machine, a, b), Races.Between(stepper.State.Machine, b, a)));
    }

    /// <remarks>
    /// In every state of the random programs: steps that are said not to race come to the same state in either order, and
    /// neither keeps the other from stepping.
    /// </remarks>
    [Fact]
    public void Steps_that_do_not_race_can_be_taken_in_either_order()
    {
        var compared = 0;
        foreach (var seed in Enumerable.Range(0, 6))
        {
            var instance = RandomPrograms.Make(seed);
            new ReexecutingEngine(instance) { Watch = (stepper, schedule, result) => compared += result is { IsFinal: true } ? 0 : Compare(instance, stepper, [.. schedule]) }.Run();
        }

        Assert.True(compared > 1000);
    }

    private static int Compare(Instance instance, Stepper at, Checker.Exploration.Choice[] schedule)
    {
        var compared = 0;
        for (var one = 0; one < instance.Machine.ThreadCount; one++)
        {
            for (var other = one + 1; other < instance.Machine.ThreadCount; other++)
            {
                if (at.IsEnabled(one) && at.IsEnabled(other) && !Races.Between(instance.Machine, at.Pending(one), at.Pending(other)))
                {
                    Assert.Equal(After(one, other), After(other, one));
                    compared++;
                }
            }
        }

        return compared;

        (ulong, ulong) After(int first, int second)
        {
            var stepper = instance.Begin();
            Array.ForEach(schedule, c => stepper.Step(c.Thread, c.Pick));
            var isFinal = stepper.Step(first).IsFinal;
            Assert.True(isFinal || stepper.IsEnabled(second));
            return isFinal || stepper.Step(second).IsFinal ? default : stepper.State.Fingerprint;
        }
    }

    private static Instance Beside(First one, First other) => Small.Instance(
        b =>
        {
            var cache = b.Cache("item", at => new Item(at), new SlabOptions(2));
            return b.Object("things", at => new Things(at, cache));
        },
        [new("a", m => m.Begin(one)), new("b", m => m.Begin(other))],
        _ => [],
        setUp: m => m.SetUp());

    private sealed class Item(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> value = at.Cell(0, 1);
    }

    private sealed class Things(Layout at, SlabCache<Item> cache) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");
        private readonly Shared<int> _y = at.Cell(0, 1, 0, "y");
        private readonly spinlock_t _a = new(at, "a");

        private Item Known => (Item)cache.Slots[0].Generations[0];

        public async KernelTask SetUp() => await kmem_cache_alloc(cache);

        public KernelTask Begin(First first) => first switch
        {
            First.LoadX => LoadX(),
            First.StoreX => StoreX(),
            First.LoadY => LoadY(),
            First.UntilX => UntilX(),
            First.LockA => LockA(),
            First.ReadLock => ReadLock(),
            First.BeginGracePeriod => synchronize_rcu(),
            First.LoadOfObject => LoadOfObject(),
            First.FreeOfObject => FreeOfObject(),
            First.Allocate => Allocate(),
            _ => Nothing(),
        };

        private async KernelTask LoadX() => await load(_x);

        private async KernelTask StoreX() => await store(_x, 1);

        private async KernelTask LoadY() => await load(_y);

        private async KernelTask UntilX() => await Until(_x, Comparison.Equal, 1);

        private async KernelTask LockA() => await spin_lock(_a);

        private async KernelTask ReadLock() => await rcu_read_lock();

        private async KernelTask LoadOfObject() => await load(Known.value);

        private async KernelTask FreeOfObject() => await kmem_cache_free(Known);

        private async KernelTask Allocate() => await kmem_cache_alloc(cache);

        private static async KernelTask Nothing() => await Yield();
    }
}
