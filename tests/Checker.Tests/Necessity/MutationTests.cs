using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Necessity;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.GuardedLists;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Rcu;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Necessity;

/// <summary>What a program does without one of its operations, beside one that was written without it.</summary>
public sealed class MutationTests
{
    [Fact]
    public void Without_the_lock_an_update_is_lost()
    {
        Assert.Equal("2", As(m => m.Increment(), m => m.Increment()).Outcomes("x"));
        Assert.Equal("1 2", Without(SiteKind.Lock, m => m.Increment(), m => m.Increment()).Outcomes("x"));
    }

    [Fact]
    public void Where_one_function_locks_and_another_unlocks_nothing_is_unlocked_that_was_not_locked()
    {
        var result = Without(SiteKind.Lock, m => m.IncrementBetweenCalls(), m => m.IncrementBetweenCalls());

        Assert.Equal("1 2", result.Outcomes("x"));
        Assert.Equal(VariantVerdict.Holds, result.Verdict);
    }

    [Fact]
    public void A_trylock_without_its_lock_always_succeeds_and_its_unlock_does_nothing()
    {
        Assert.Equal("1 2", As(m => m.TryIncrement(), m => m.TryIncrement()).Outcomes("x"));
        Assert.Equal("1 2", Without(SiteKind.Trylock, m => m.TryIncrement(), m => m.TryIncrement()).Outcomes("x"));
        Assert.Equal("1", As(m => m.TryWhatIsHeld()).Outcomes("r1"));
        Assert.Equal("0", Without(SiteKind.Trylock, m => m.TryWhatIsHeld()).Outcomes("r1"));
    }

    [Fact]
    public void The_thread_believes_to_hold_what_was_taken_away_for_writing_until_it_unlocks_it()
    {
        var result = Without(SiteKind.Lock, m => m.AssertHeld());

        Assert.Equal(Verdict.Holds, result["no-warning"].Verdict);
    }

    // Inner sections end first: without the outer one, what comes after the inner one's end is outside.
    [Theory]
    [InlineData(0, "0,0 0,1 1,0 1,1")]
    [InlineData(1, "0,0 1,0 1,1")]
    public void Nested_sections_end_from_the_inside_whichever_of_them_is_taken_away(int which, string outcomes)
    {
        var result = Without(SiteKind.Section, which, m => m.ReadNested(), m => m.WriteAndWait());

        Assert.Equal(outcomes, result.Outcomes("r"));
    }

    [Fact]
    public void Without_its_wait_a_writer_does_not_wait_for_readers()
    {
        Assert.Equal("0,0 1,0 1,1", As(m => m.ReadNested(), m => m.WriteAndWait()).Outcomes("r"));
        Assert.Equal("0,0 0,1 1,0 1,1", Without(SiteKind.Wait, m => m.ReadNested(), m => m.WriteAndWait()).Outcomes("r"));
    }

    [Fact]
    public void Without_a_reference_its_release_does_nothing()
    {
        var result = Without(SiteKind.Reference, m => m.GetAndPut(), m => m.GetAndPut());

        Assert.Equal(VariantVerdict.Holds, result.Verdict);
        Assert.Equal("0", result.Outcomes("x")); // nobody sees the other's
    }

    [Fact]
    public void A_lock_bit_that_another_thread_releases_cannot_be_taken_away()
    {
        var result = Without(SiteKind.Lock, m => m.LockPage(), m => m.UnlockPageWhenLocked());

        Assert.Contains("is released by another, b", result.Fault!.Value.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_changes_of_a_list_that_only_the_lock_kept_apart_are_list_corruption()
    {
        Assert.Equal(VariantVerdict.Holds, As(m => m.AddToList(), m => m.AddToList()).Verdict);

        var result = Without(SiteKind.Lock, m => m.AddToList(), m => m.AddToList());

        Assert.Equal(Verdict.Violated, result["no-list-corruption"].Verdict);
        Assert.Equal(VariantVerdict.Holds, Without(SiteKind.Lock, m => m.AddToList()).Verdict);
    }

    [Fact]
    public void A_delayed_store_is_seen_after_the_next()
    {
        Assert.Equal("0,0 0,1 1,1", As(m => m.StoreBoth(), m => m.LoadBothTheOtherWayRound()).Outcomes("r"));
        Assert.Equal("0,0 0,1 1,0 1,1", Without(SiteKind.Order, m => m.StoreBoth(), m => m.LoadBothTheOtherWayRound()).Outcomes("r"));
    }

    [Fact]
    public void A_thread_sees_its_own_stores_in_order()
    {
        var result = Without(SiteKind.Order, m => m.StoreAndLoad());

        Assert.Equal("1,0", result.Outcomes("r"));
    }

    [Fact]
    public void A_delayed_step_that_is_a_threads_last_still_happens() =>
        Assert.Equal("1", Without(SiteKind.Order, m => m.StoreLast()).Outcomes("x"));

    private static InstanceResult As(params Func<Shop, KernelTask>[] paths) => Judge.Run(Of(null, paths), new Budget());

    private static InstanceResult Without(SiteKind kind, params Func<Shop, KernelTask>[] paths) => Without(kind, 0, paths);

    // Without one of the places of a kind, by its number in the order of the code.
    private static InstanceResult Without(SiteKind kind, int which, params Func<Shop, KernelTask>[] paths)
    {
        var whole = Of(null, paths);
        Judge.Run(whole, new Budget());
        var sites = SiteFinder.Sites(whole.Machine, new HashSet<Type>()).Where(s => s.Kind == kind).OrderBy(s => s.Line?.Line).ThenBy(s => s.Mutation!.Site.Await).ToArray();
        return Judge.Run(Of(sites[which].Mutation, paths), new Budget());
    }

    private static Instance Of(Mutation? mutation, Func<Shop, KernelTask>[] paths) => Small.Instance(
        at => new Shop(at),
        [.. paths.Select((p, i) => new Role<Shop>(((char)('a' + i)).ToString(), p))],
        m => [Property.Outcomes("x", view => [view.Get(m.X)]), Property.Outcomes("r1", view => [view.Get(m.R1)]), Property.Outcomes("r", view => [view.Get(m.R1), view.Get(m.R2)])],
        new MachineBuilder { RcuCallbacks = 0, Mutation = mutation });

    [Flags]
    private enum Flags
    {
        None = 0,
        Locked = 1,
    }

    private sealed class Shop(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> X = at.Cell(0, 4, 0, "x");
        public readonly Shared<int> R1 = at.Cell(0, 4, 0, "r1");
        public readonly Shared<int> R2 = at.Cell(0, 4, 0, "r2");
        private readonly Shared<int> _y = at.Cell(0, 4, 0, "y");
        private readonly Shared<int> _refcount = at.Cell(0, 4, 1, "refcount");
        private readonly Shared<Flags> _flags = at.Cell<Flags>(name: "flags");
        private readonly spinlock_t _lock = new(at, "lock");
        private readonly rw_semaphore _sem = new(at, "sem");
        private readonly guarded_list<KernelObject> _list = new(at, 2, "list");

        public async KernelTask Increment()
        {
            await spin_lock(_lock);
            var x = await load(X);
            await store(X, x + 1);
            await spin_unlock(_lock);
        }

        public async KernelTask IncrementBetweenCalls()
        {
            await Begin();
            var x = await load(X);
            await store(X, x + 1);
            await End();
        }

        public async KernelTask TryIncrement()
        {
            if (!await spin_trylock(_lock))
            {
                return;
            }

            var x = await load(X);
            await store(X, x + 1);
            await spin_unlock(_lock);
        }

        // For a writer of its own a reader's trylock fails.
        public async KernelTask TryWhatIsHeld()
        {
            await down_write(_sem);
            await store(R1, 1);
            if (await down_read_trylock(_sem))
            {
                await store(R1, 0);
            }

            await up_write(_sem);
        }

        public async KernelTask AssertHeld()
        {
            await down_write(_sem);
            lockdep_assert_held_write(_sem);
            await store(X, 1);
            await up_write(_sem);
        }

        public async KernelTask ReadNested()
        {
            await rcu_read_lock();
            await rcu_read_lock();
            var x = await load(X);
            await rcu_read_unlock();
            var y = await load(_y);
            await rcu_read_unlock();
            await store(R1, x);
            await store(R2, y);
        }

        public async KernelTask WriteAndWait()
        {
            await store(X, 1);
            await synchronize_rcu();
            await store(_y, 1);
        }

        public async KernelTask GetAndPut()
        {
            await atomic_inc(_refcount);
            if (await atomic_read(_refcount) > 1)
            {
                await store(X, 1);
            }

            if (await atomic_dec_and_test(_refcount))
            {
                await store(X, 2);
            }
        }

        public async KernelTask LockPage()
        {
            await bit_lock(Flags.Locked, _flags);
            await store(X, 1);
            await store(_y, 1);
        }

        public async KernelTask UnlockPageWhenLocked()
        {
            if (await load(_y) == 1)
            {
                await bit_unlock(Flags.Locked, _flags);
            }
        }

        public async KernelTask AddToList()
        {
            await spin_lock(_lock);
            await list_add(_list, this, _lock);
            await spin_unlock(_lock);
        }

        public async KernelTask StoreBoth()
        {
            await store(X, 1);
            await store(_y, 1);
            await load(_flags);
        }

        // What the first store was, as R1, and the second, as R2: R1 is read last.
        public async KernelTask LoadBothTheOtherWayRound()
        {
            var y = await load(_y);
            var x = await load(X);
            await store(R1, y);
            await store(R2, x);
        }

        public async KernelTask StoreAndLoad()
        {
            await store(X, 1);
            var x = await load(X);
            await store(R1, x);
        }

        public async KernelTask StoreLast()
        {
            await load(_y);
            await load(_y);
            await store(X, 1);
        }

        private async KernelTask Begin() => await spin_lock(_lock);

        private async KernelTask End() => await spin_unlock(_lock);
    }
}
