using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.GuardedLists;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.RwSemaphores;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Model.Tests.Primitives;

/// <summary>An operation on a field that was never laid out would read and write nothing, and be believed.</summary>
public sealed class NoCellTests
{
    public static TheoryData<OperationCode> Codes => [.. OnNothing.Keys];

    [Theory]
    [MemberData(nameof(Codes))]
    public void An_operation_that_names_no_cell_is_the_models_fault(OperationCode code)
    {
        var test = new TestMachine();

        var fault = test.FaultOf(() => OnNothing[code](test.Page));

        Assert.StartsWith($"{code} in ", fault, StringComparison.Ordinal);
        Assert.EndsWith("names no cell; is it given a field that was never laid out?", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void The_fault_names_the_operation_and_the_path()
    {
        Assert.Equal(
            "READ_ONCE in NoCellTests.Reads names no cell; is it given a field that was never laid out?",
            new TestMachine().FaultOf(static () => Reads(default)));
    }

    [Fact]
    public void Every_operation_on_a_cell_is_among_these()
    {
        // down_write_acquire follows a down_write of the same lock.
        var needing = Enum.GetValues<OperationCode>().Where(static code => code != OperationCode.down_write_acquire && Operations.NeedsCell(new(code, B: 1)));

        Assert.Equal(needing.Order(), OnNothing.Keys.Order());
    }

    [Fact]
    public void An_operation_that_is_about_no_cell_needs_none()
    {
        var test = new TestMachine();
        var always = test.Register("always", new Predicate([], static _ => true));

        Assert.False(test.Run(() => Path(always)).IsFinal);
        Assert.True(test.Stepper.HasEnded(0));

        static async KernelTask Path(Predicate always)
        {
            await Yield();
            await Choose(2);
            await Until(always);
            await Rcu.rcu_read_lock();
            await Rcu.rcu_read_unlock();
        }
    }

    private static async KernelTask Reads(Shared<int> field) => await READ_ONCE(field);

    private static readonly Dictionary<OperationCode, Func<Page, KernelTask>> OnNothing = new()
    {
        [OperationCode.load] = static async _ => await load(default(Shared<int>)),
        [OperationCode.store] = static async _ => await store(default(Shared<int>), 0),
        [OperationCode.READ_ONCE] = static async _ => await READ_ONCE(default(Shared<int>)),
        [OperationCode.WRITE_ONCE] = static async _ => await WRITE_ONCE(default(Shared<int>), 0),
        [OperationCode.smp_load_acquire] = static async _ => await smp_load_acquire(default(Shared<int>)),
        [OperationCode.smp_store_release] = static async _ => await smp_store_release(default(Shared<int>), 0),
        [OperationCode.xchg] = static async _ => await xchg(default(Shared<int>), 0),
        [OperationCode.cmpxchg] = static async _ => await cmpxchg(default(Shared<int>), 0, 1),
        [OperationCode.atomic_read] = static async _ => await atomic_read(default),
        [OperationCode.atomic_set] = static async _ => await atomic_set(default, 0),
        [OperationCode.atomic_inc] = static async _ => await atomic_inc(default),
        [OperationCode.atomic_dec] = static async _ => await atomic_dec(default),
        [OperationCode.atomic_add] = static async _ => await atomic_add(2, default),
        [OperationCode.atomic_add_return] = static async _ => await atomic_add_return(2, default),
        [OperationCode.atomic_inc_return] = static async _ => await atomic_inc_return(default),
        [OperationCode.atomic_dec_return] = static async _ => await atomic_dec_return(default),
        [OperationCode.atomic_inc_and_test] = static async _ => await atomic_inc_and_test(default),
        [OperationCode.atomic_dec_and_test] = static async _ => await atomic_dec_and_test(default),
        [OperationCode.atomic_add_negative] = static async _ => await atomic_add_negative(2, default),
        [OperationCode.atomic_inc_not_zero] = static async _ => await atomic_inc_not_zero(default),
        [OperationCode.test_bit] = static async _ => await test_bit(PageFlags.Busy, default),
        [OperationCode.set_bit] = static async _ => await set_bit(PageFlags.Busy, default),
        [OperationCode.clear_bit] = static async _ => await clear_bit(PageFlags.Busy, default),
        [OperationCode.test_and_set_bit] = static async _ => await test_and_set_bit(PageFlags.Busy, default),
        [OperationCode.test_and_clear_bit] = static async _ => await test_and_clear_bit(PageFlags.Busy, default),
        [OperationCode.spin_lock] = static async _ => await spin_lock(default),
        [OperationCode.spin_trylock] = static async _ => await spin_trylock(default),
        [OperationCode.spin_unlock] = static async _ => await spin_unlock(default),
        [OperationCode.bit_spin_lock] = static async _ => await bit_spin_lock(PageFlags.Busy, default),
        [OperationCode.bit_spin_trylock] = static async _ => await bit_spin_trylock(PageFlags.Busy, default),
        [OperationCode.bit_spin_unlock] = static async _ => await bit_spin_unlock(PageFlags.Busy, default),
        [OperationCode.down_read] = static async _ => await down_read(default),
        [OperationCode.down_read_trylock] = static async _ => await down_read_trylock(default),
        [OperationCode.up_read] = static async _ => await up_read(default),
        [OperationCode.down_write] = static async _ => await down_write(default),
        [OperationCode.down_write_trylock] = static async _ => await down_write_trylock(default),
        [OperationCode.up_write] = static async _ => await up_write(default),
        [OperationCode.downgrade_write] = static async _ => await downgrade_write(default),
        [OperationCode.rwsem_is_locked] = static async _ => await rwsem_is_locked(default),
        [OperationCode.folio_lock] = static async _ => await bit_lock(PageFlags.Locked, default),
        [OperationCode.folio_trylock] = static async _ => await bit_trylock(PageFlags.Locked, default),
        [OperationCode.folio_unlock] = static async _ => await bit_unlock(PageFlags.Locked, default),
        [OperationCode.list_add] = static async page => await list_add(default, page, page.ptl),
        [OperationCode.list_add_tail] = static async page => await list_add_tail(default, page, page.ptl),
        [OperationCode.list_del] = static async page => await list_del(default, page, page.ptl),
        [OperationCode.list_get] = static async _ => await list_get(default(guarded_list<Page>), 0),
        [OperationCode.list_count] = static async _ => await list_count(default(guarded_list<Page>)),
        [OperationCode.Until] = static async _ => await Until(default(Shared<int>), Comparison.Equal, 1),
    };
}
