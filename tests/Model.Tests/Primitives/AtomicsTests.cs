using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;
using static ThpCheck.Model.Primitives.Atomics;
using PageTable = ThpCheck.Model.Objects.PageTable;
using Pte = ThpCheck.Model.Objects.Pte;

namespace ThpCheck.Model.Tests.Primitives;

public sealed class AtomicsTests
{
    private readonly TestMachine _test = new();

    [Fact]
    public void Atomics_that_return_nothing_are_unordered_and_the_others_full()
    {
        _test.Begin(() => All(_test.Page));

        Assert.Equal(
            [
                (OperationCode.atomic_read, MemoryOrder.Once),
                (OperationCode.atomic_set, MemoryOrder.Once),
                (OperationCode.atomic_inc, MemoryOrder.Relaxed),
                (OperationCode.atomic_dec, MemoryOrder.Relaxed),
                (OperationCode.atomic_add, MemoryOrder.Relaxed),
                (OperationCode.atomic_add_return, MemoryOrder.Full),
                (OperationCode.atomic_inc_return, MemoryOrder.Full),
                (OperationCode.atomic_dec_return, MemoryOrder.Full),
                (OperationCode.atomic_inc_and_test, MemoryOrder.Full),
                (OperationCode.atomic_dec_and_test, MemoryOrder.Full),
                (OperationCode.atomic_add_negative, MemoryOrder.Full),
                (OperationCode.atomic_inc_not_zero, MemoryOrder.Full),
                (OperationCode.test_bit, MemoryOrder.Once),
                (OperationCode.set_bit, MemoryOrder.Relaxed),
                (OperationCode.clear_bit, MemoryOrder.Relaxed),
                (OperationCode.test_and_set_bit, MemoryOrder.Full),
                (OperationCode.test_and_clear_bit, MemoryOrder.Full),
            ],
            _test.Pendings());

        static async KernelTask All(Page page)
        {
            await atomic_read(page.count);
            await atomic_set(page.count, 10);
            await atomic_inc(page.count);
            await atomic_dec(page.count);
            await atomic_add(3, page.count);
            await atomic_add_return(3, page.count);
            await atomic_inc_return(page.count);
            await atomic_dec_return(page.count);
            await atomic_inc_and_test(page.count);
            await atomic_dec_and_test(page.count);
            await atomic_add_negative(3, page.count);
            await atomic_inc_not_zero(page.count);
            await test_bit(PageFlags.Dirty, page.flags);
            await set_bit(PageFlags.Dirty, page.flags);
            await clear_bit(PageFlags.Dirty, page.flags);
            await test_and_set_bit(PageFlags.Dirty, page.flags);
            await test_and_clear_bit(PageFlags.Dirty, page.flags);
        }
    }

    public static TheoryData<string, int, long, int> Counts => new()
    {
        // what, from, returns, to
        { "atomic_read", 4, 4, 4 },
        { "atomic_set 7", 4, 0, 7 },
        { "atomic_inc", 4, 0, 5 },
        { "atomic_dec", 4, 0, 3 },
        { "atomic_add 2", 4, 0, 6 },
        { "atomic_add -2", 4, 0, 2 },
        { "atomic_add_return -2", 4, 2, 2 },
        { "atomic_inc_return", -1, 0, 0 },
        { "atomic_dec_return", 0, -1, -1 },
        { "atomic_inc_and_test", -1, 1, 0 },
        { "atomic_inc_and_test", 0, 0, 1 },
        { "atomic_dec_and_test", 1, 1, 0 },
        { "atomic_dec_and_test", 2, 0, 1 },
        { "atomic_dec_and_test", 0, 0, -1 },
        { "atomic_add_negative -1", 0, 1, -1 },
        { "atomic_add_negative -1", 1, 0, 0 },
        { "atomic_inc_not_zero", 0, 0, 0 },
        { "atomic_inc_not_zero", 1, 1, 2 },
        { "atomic_inc_not_zero", -1, 1, 0 },
    };

    [Theory]
    [MemberData(nameof(Counts))]
    public void What_an_atomic_returns_and_leaves(string what, int from, long returns, int to)
    {
        var count = _test.Page.mapcount; // -1..10, as the kernel's _mapcount begins with -1
        _test.Set(count, from).Begin(() => OnCount[what](count));

        Assert.Equal(returns, _test.Step().Value);
        Assert.Equal(to, _test.Get(count));
    }

    private static readonly Dictionary<string, Func<Shared<int>, KernelTask>> OnCount = new()
    {
        ["atomic_read"] = static async count => await atomic_read(count),
        ["atomic_set 7"] = static async count => await atomic_set(count, 7),
        ["atomic_inc"] = static async count => await atomic_inc(count),
        ["atomic_dec"] = static async count => await atomic_dec(count),
        ["atomic_add 2"] = static async count => await atomic_add(2, count),
        ["atomic_add -2"] = static async count => await atomic_add(-2, count),
        ["atomic_add_return -2"] = static async count => await atomic_add_return(-2, count),
        ["atomic_inc_return"] = static async count => await atomic_inc_return(count),
        ["atomic_dec_return"] = static async count => await atomic_dec_return(count),
        ["atomic_inc_and_test"] = static async count => await atomic_inc_and_test(count),
        ["atomic_dec_and_test"] = static async count => await atomic_dec_and_test(count),
        ["atomic_add_negative -1"] = static async count => await atomic_add_negative(-1, count),
        ["atomic_inc_not_zero"] = static async count => await atomic_inc_not_zero(count),
    };

    public static TheoryData<string, PageFlags, long, PageFlags> Bits => new()
    {
        { "test_bit", PageFlags.Busy, 0, PageFlags.Busy },
        { "test_bit", PageFlags.Busy | PageFlags.Dirty, 1, PageFlags.Busy | PageFlags.Dirty },
        { "set_bit", PageFlags.Busy, 0, PageFlags.Busy | PageFlags.Dirty },
        { "clear_bit", PageFlags.Busy | PageFlags.Dirty, 0, PageFlags.Busy },
        { "test_and_set_bit", PageFlags.Busy, 0, PageFlags.Busy | PageFlags.Dirty },
        { "test_and_set_bit", PageFlags.Dirty, 1, PageFlags.Dirty },
        { "test_and_clear_bit", PageFlags.Busy, 0, PageFlags.Busy },
        { "test_and_clear_bit", PageFlags.Busy | PageFlags.Dirty, 1, PageFlags.Busy },
    };

    [Theory]
    [MemberData(nameof(Bits))]
    public void What_a_bit_operation_on_dirty_returns_and_leaves(string what, PageFlags from, long returns, PageFlags to)
    {
        var flags = _test.Page.flags;
        _test.Set(flags, from).Begin(() => OnDirty[what](flags));

        Assert.Equal(returns, _test.Step().Value);
        Assert.Equal(to, _test.Get(flags));
    }

    private static readonly Dictionary<string, Func<Shared<PageFlags>, KernelTask>> OnDirty = new()
    {
        ["test_bit"] = static async flags => await test_bit(PageFlags.Dirty, flags),
        ["set_bit"] = static async flags => await set_bit(PageFlags.Dirty, flags),
        ["clear_bit"] = static async flags => await clear_bit(PageFlags.Dirty, flags),
        ["test_and_set_bit"] = static async flags => await test_and_set_bit(PageFlags.Dirty, flags),
        ["test_and_clear_bit"] = static async flags => await test_and_clear_bit(PageFlags.Dirty, flags),
    };

    // One word with several fields; a bit is a value of the type with nothing else in it.
    private static readonly Pte Mapped = new(Present: true, Write: false, Dirty: true, Young: false, Pfn: 3);

    [Theory]
    [InlineData("test_bit", true, 1, true)]
    [InlineData("test_bit", false, 0, false)]
    [InlineData("set_bit", false, 0, true)]
    [InlineData("set_bit", true, 0, true)]
    [InlineData("clear_bit", true, 0, false)]
    [InlineData("clear_bit", false, 0, false)]
    [InlineData("test_and_set_bit", false, 0, true)]
    [InlineData("test_and_set_bit", true, 1, true)]
    [InlineData("test_and_clear_bit", true, 1, false)]
    [InlineData("test_and_clear_bit", false, 0, false)]
    public void A_bit_operation_on_the_young_bit_of_a_pte_leaves_its_other_fields(string what, bool from, long returns, bool to)
    {
        var table = _test.Add("table", static at => new PageTable(at, 2));
        var pte = table.pte[1];
        _test.Set(pte, Mapped with { Young = from }).Begin(() => OnYoung[what](pte));

        Assert.Equal(returns, _test.Step().Value);
        Assert.Equal(Mapped with { Young = to }, _test.Get(pte));
        Assert.Equal(default, _test.Get(table.pte[0]));
    }

    private static readonly Dictionary<string, Func<Shared<Pte>, KernelTask>> OnYoung = new()
    {
        ["test_bit"] = static async pte => await test_bit(new Pte { Young = true }, pte),
        ["set_bit"] = static async pte => await set_bit(new Pte { Young = true }, pte),
        ["clear_bit"] = static async pte => await clear_bit(new Pte { Young = true }, pte),
        ["test_and_set_bit"] = static async pte => await test_and_set_bit(new Pte { Young = true }, pte),
        ["test_and_clear_bit"] = static async pte => await test_and_clear_bit(new Pte { Young = true }, pte),
    };

    [Theory]
    [InlineData("atomic_dec")]
    [InlineData("atomic_add -2")]
    [InlineData("atomic_add_return -2")]
    [InlineData("atomic_dec_return")]
    [InlineData("atomic_dec_and_test")]
    [InlineData("atomic_add_negative -1")]
    public void A_count_below_its_range_is_an_underflow(string what)
    {
        _test.Set(_test.Page.mapcount, -1).Begin(() => OnCount[what](_test.Page.mapcount));

        var bug = _test.Step();

        Assert.Equal(KernelBug.RefcountUnderflow, bug.Bug);
        Assert.Equal("page.mapcount", _test.Machine.Cells[bug.BugAt.Cell - 1].Name);
        Assert.Equal(-1, _test.Get(_test.Page.mapcount));
    }

    [Theory]
    [InlineData("atomic_inc")]
    [InlineData("atomic_inc_return")]
    [InlineData("atomic_inc_not_zero")]
    public void A_count_above_its_range_is_the_models_fault(string what)
    {
        _test.Set(_test.Page.mapcount, 10).Begin(() => OnCount[what](_test.Page.mapcount));

        Assert.Contains("page.mapcount is given 11", Assert.Throws<ModelFaultException>(() => _test.Step()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_underflow_that_is_tolerated_leaves_the_count_and_the_thread_goes_on()
    {
        var test = new TestMachine(options: new MachineBuilder { Tolerated = new HashSet<KernelBug> { KernelBug.RefcountUnderflow } });
        test.Begin(() => OnCount["atomic_dec"](test.Page.count));

        var step = test.Step();

        Assert.False(step.IsFinal);
        Assert.Equal(1 << (int)KernelBug.RefcountUnderflow, step.Tolerated);
        Assert.True(step.Meets(KernelBug.RefcountUnderflow));
        Assert.Equal(0, test.Get(test.Page.count));
        Assert.True(test.Stepper.HasEnded(0));
    }
}
