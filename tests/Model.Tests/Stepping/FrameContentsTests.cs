using System.Globalization;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>What a path may keep across an await, and that it comes back exactly.</summary>
public sealed class FrameContentsTests
{
    private readonly TestMachine _test = new();

    [Fact]
    public void What_is_refused_is_named_with_its_source_line_method_field_and_type()
    {
        var fault = _test.FaultOf(static () => KeepsAList(3));

        Assert.Equal(
            $"tests/Model.Tests/Stepping/FrameContentsTests.cs:{LineOfKeepsAList}: FrameContentsTests.KeepsAList keeps a List<Int32> across an await "
            + "(field <list>5__2); a frame may hold integers, bools, enums, registered model objects, and structs, tuples, nullables and fixed arrays of them",
            fault);
    }

    private static int LineOfKeepsAList => Here(+4);

    private static async KernelTask KeepsAList(int first)
    {
        var list = new List<int> { first };
        await Yield();
        list.Clear();
    }

    [Fact]
    public void The_same_type_is_refused_each_time()
    {
        var fault = _test.FaultOf(static () => KeepsAList(3));

        Assert.Equal(fault, new TestMachine().FaultOf(static () => KeepsAList(4)));
    }

    [Fact]
    public void What_is_refused_can_be_asked_before_anything_runs()
    {
        var stateMachine = ((Func<int, KernelTask>)KeepsAList).Method.GetCustomAttributes(typeof(AsyncStateMachineAttribute), false).Cast<AsyncStateMachineAttribute>().Single();

        var fault = Assert.Throws<ModelFaultException>(() => FrameType.Of(stateMachine.StateMachineType));

        Assert.Contains("KeepsAList keeps a List<Int32>", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_string_a_delegate_and_a_float_are_refused()
    {
        Assert.Contains("keeps a String ", Refused("text"), StringComparison.Ordinal);
        Assert.Contains("keeps a Func<Int32> ", Refused<Func<int>>(static () => 3), StringComparison.Ordinal);
        Assert.Contains("keeps a Single ", Refused(1.5f), StringComparison.Ordinal);
        Assert.Contains("keeps a Double ", Refused(1.5), StringComparison.Ordinal);
        Assert.Contains("keeps a IntPtr ", Refused<nint>(3), StringComparison.Ordinal);
        Assert.Contains("keeps a IReadOnlyList<Int32> ", Refused<IReadOnlyList<int>>([]), StringComparison.Ordinal);
        Assert.Contains("keeps a Dictionary<Int32, Int32> ", Refused(new Dictionary<int, int>()), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_refused_is_refused_inside_structs_tuples_and_arrays_too()
    {
        Assert.Contains("keeps a Single inside a ValueTuple<Int32, ValueTuple<Boolean, Single>> ", Refused((1, (true, 1.5f))), StringComparison.Ordinal);
        Assert.Contains("keeps a Double inside a Nullable<Double> ", Refused<double?>(1.5), StringComparison.Ordinal);
        Assert.Contains("keeps a Object inside a ValueTuple<Object, Int32> ", Refused<(object?, int)>((null, 1)), StringComparison.Ordinal);
        Assert.Contains("keeps a String[] ", Refused<string[]>([]), StringComparison.Ordinal);
        Assert.Contains("keeps a Int32[][] ", Refused<int[][]>([]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_struct_whose_elements_are_not_fields_is_refused() =>
        Assert.Contains("keeps a FourWords ", Refused(default(FourWords)), StringComparison.Ordinal);

    [Fact]
    public void A_boxed_value_is_refused_whatever_it_holds()
    {
        Assert.Contains("Boxed keeps a Object across an await (field <box>5__2)", _test.FaultOf(Boxed), StringComparison.Ordinal);
        Assert.Contains("keeps a Object across an await (field sent)", Refused<object?>(null), StringComparison.Ordinal);
        Assert.Contains("keeps a IComparable ", Refused<IComparable>(3), StringComparison.Ordinal);

        static async KernelTask Boxed()
        {
            object box = await Choose(2);
            await Yield();
            await Choose((int)box + 1);
        }
    }

    [Fact]
    public void A_closure_is_refused()
    {
        Assert.Contains("keeps a <>c__DisplayClass", _test.FaultOf(static () => Closure(3)), StringComparison.Ordinal);

        static async KernelTask Closure(int sum)
        {
            await Yield();
            Action<int> add = n => sum += n;
            add(3);
            await Choose(sum);
        }
    }

    [Fact]
    public void A_path_that_captures_variables_is_refused()
    {
        var captured = _test.Page;

        Assert.Contains("keeps a <>c__DisplayClass", _test.FaultOf(async () => await READ_ONCE(captured.count)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_of_a_class_that_is_no_model_object_is_refused() =>
        Assert.Contains("keeps a FrameContentsTests across an await (field <>4__this)", _test.FaultOf(InstancePath), StringComparison.Ordinal);

    private async KernelTask InstancePath()
    {
        await Yield();
        Assert.NotNull(_test);
    }

    [Fact]
    public void An_enumerator_is_refused()
    {
        var witness = _test.Witness<int>();

        Assert.Contains("OverAList keeps a List<Int32> inside a Enumerator<Int32> ", _test.FaultOf(() => OverAList(witness)), StringComparison.Ordinal);
        Assert.Contains("OverAnEnumerable keeps a IEnumerator<Int32> ", new TestMachine().FaultOf(() => OverAnEnumerable(witness)), StringComparison.Ordinal);

        static async KernelTask OverAList(Witness<int> witness)
        {
            foreach (var seen in witness.Seen)
            {
                await Choose(seen);
            }
        }

        static async KernelTask OverAnEnumerable(Witness<int> witness)
        {
            foreach (var seen in (IEnumerable<int>)witness.Seen)
            {
                await Choose(seen);
            }
        }
    }

    [Fact]
    public void A_value_of_any_type_that_ends_before_the_await_is_no_part_of_the_frame()
    {
        Assert.False(_test.Run(static () => Local(3)).IsFinal);

        static async KernelTask Local(int n)
        {
            await Yield();
            var text = string.Create(CultureInfo.InvariantCulture, $"{n}");
            var length = new List<char>(text).Count;
            await Choose(length);
        }
    }

    [Fact]
    public void An_object_that_was_not_registered_is_refused()
    {
        var stranger = new Witness<int>();

        var fault = _test.FaultOf(() => Survivor(stranger, _test.Witness<Witness<int>>()));

        Assert.Contains("FrameContentsTests.Survivor: a frame holds a Witness`1 that was not registered with the machine", fault, StringComparison.Ordinal);
        Assert.StartsWith("tests/Model.Tests/Stepping/FrameContentsTests.cs:", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void An_object_of_another_machine_is_refused()
    {
        var other = new TestMachine().Page;

        Assert.Contains("a frame holds a Page that was not registered", _test.FaultOf(() => Survivor(other, _test.Witness<Page>())), StringComparison.Ordinal);
    }

    [Fact]
    public void An_array_that_was_not_registered_is_refused() =>
        Assert.Contains("a frame holds a Int32[] that was not registered", _test.FaultOf(() => Survivor<int[]>([1], _test.Witness<int[]>())), StringComparison.Ordinal);

    [Fact]
    public void Integers_of_all_sizes_come_back()
    {
        Survive<sbyte>(sbyte.MinValue, -1, 0, sbyte.MaxValue);
        Survive<byte>(0, 1, byte.MaxValue);
        Survive<short>(short.MinValue, -1, short.MaxValue);
        Survive<ushort>(0, ushort.MaxValue);
        Survive(int.MinValue, -1, 0, int.MaxValue);
        Survive(0u, uint.MaxValue);
        Survive(long.MinValue, -1, long.MaxValue);
        Survive(0ul, ulong.MaxValue);
        Survive('\0', 'x', char.MaxValue);
        Survive(true, false);
    }

    [Fact]
    public void Enums_of_every_underlying_type_come_back()
    {
        Survive(OfSByte.Low, OfSByte.High);
        Survive(OfByte.Low, OfByte.High);
        Survive(OfShort.Low, OfShort.High);
        Survive(OfUShort.Low, OfUShort.High);
        Survive(OfInt.Low, OfInt.High);
        Survive(OfUInt.Low, OfUInt.High);
        Survive(OfLong.Low, OfLong.High);
        Survive(OfULong.Low, OfULong.High, (OfULong)12345);
    }

    [Fact]
    public void Nullables_tuples_and_structs_come_back()
    {
        Survive<int?>(null, -1, 0);
        Survive<OfULong?>(null, OfULong.High);
        Survive((1, 2L), (-1, long.MinValue));
        Survive<(byte, (bool, (sbyte, ulong?)))>((255, (true, (-128, ulong.MaxValue))), (0, (false, (0, null))));
        Survive((1, 2, 3, 4, 5, 6, 7, 8, -9, 10));
        Survive(new Range(-3, OfSByte.Low), default);
        Survive<Range?>(new Range(long.MaxValue, OfSByte.High), null);
        Survive(_test.Page.count, default);
    }

    [Fact]
    public void Registered_objects_arrays_and_nulls_come_back()
    {
        var test = new TestMachine();
        var other = test.Add("other", static at => new Page(at));
        var numbers = test.Register<int>([3, 4]);
        var pages = test.Register<Page?>([test.Page, null]);
        var (asPage, asNumbers, asPages, asPair) = (test.Witness<Page?>(), test.Witness<int[]?>(), test.Witness<Page?[]?>(), test.Witness<(Page?, KernelObject)>());

        test.Run(() => Survivor(other, asPage));
        test.Run(() => Survivor(null, asPage));
        test.Run(() => Survivor(numbers, asNumbers!));
        test.Run(() => Survivor(null, asNumbers));
        test.Run(() => Survivor(pages, asPages!));
        test.Run(() => Survivor((null, other), asPair));

        Assert.Equal([other, null], asPage.Seen);
        Assert.Equal([numbers, null], asNumbers.Seen);
        Assert.Same(pages, asPages.Seen.Single());
        Assert.Equal([(null, other)], asPair.Seen);
    }

    /// <summary>Random values of all kinds at once, in fields of one frame that are alive at different awaits.</summary>
    [Fact]
    public void Random_values_come_back_exactly()
    {
        var random = new Random(20240717);
        var witness = _test.Witness<Mixture>();
        for (var i = 0; i < 500; i++)
        {
            var sent = new Mixture(
                Bits<sbyte>(), Bits<byte>(), Bits<short>(), Bits<ushort>(), Bits<int>(), Bits<uint>(), Bits<long>(), Bits<ulong>(),
                random.Next(2) == 0, random.Next(2) == 0 ? null : Bits<short>(), ((OfULong)Bits<ulong>(), (OfSByte)Bits<sbyte>()));

            _test.Run(() => Mixed(sent, witness));

            Assert.Equal([sent], witness.Seen);
            witness.Seen.Clear();
        }

        // Extremes come up as often as everything else.
        T Bits<T>()
            where T : unmanaged
        {
            var word = random.Next(4) switch
            {
                0 => 0L,
                1 => -1L,
                2 => 1L << random.Next(64),
                _ => random.NextInt64(long.MinValue, long.MaxValue),
            };
            return Unsafe.As<long, T>(ref word);
        }

        static async KernelTask Mixed(Mixture all, Witness<Mixture> witness)
        {
            var (a, b, c, d, e, f, g, h, i, j, (k, l)) = all;
            await Yield();
            var (first, second) = (all with { A = a, B = b, C = c, D = d, E = e, F = f }, (g, h, i));
            await Yield();
            witness.See(first with { G = second.g, H = second.h, I = second.i, J = j, K = (k, l) });
        }
    }

    [Fact]
    public void A_thread_can_be_taken_up_again_by_another_stepper()
    {
        var witness = _test.Witness<(int, Page?)>();
        _test.Begin(() => Survivor((-7, _test.Page), witness));
        var elsewhere = new Stepper(_test.Machine);

        elsewhere.State.Load(_test.Stepper.State.Words, 0, 0);
        elsewhere.Step(0);

        Assert.Equal([(-7, _test.Page)], witness.Seen);
    }

    [Fact]
    public void Two_frames_that_differ_in_one_value_are_two_frames()
    {
        var witness = _test.Witness<ulong>();
        var frames = new HashSet<int>();
        foreach (var value in (ulong[])[0, 1, 1ul << 31, 1ul << 32, 1ul << 63, ulong.MaxValue])
        {
            _test.Begin(() => Survivor(value, witness));
            frames.Add(_test.Frame());
        }

        Assert.Equal(6, frames.Count);
    }

    private static async KernelTask Survivor<T>(T sent, Witness<T> witness)
    {
        var value = sent;
        await Yield();
        witness.See(value);
    }

    private static void Survive<T>(params T[] values)
    {
        var test = new TestMachine();
        var witness = test.Witness<T>();
        foreach (var value in values)
        {
            test.Run(() => Survivor(value, witness));
        }

        Assert.Equal(values, witness.Seen);
    }

    private static string Refused<T>(T value)
    {
        var test = new TestMachine();
        return test.FaultOf(() => Survivor(value, test.Witness<T>()));
    }

    private static int Here(int below, [CallerLineNumber] int line = 0) => line + below;

    private enum OfSByte : sbyte
    {
        Low = sbyte.MinValue,
        High = sbyte.MaxValue,
    }

    private enum OfByte : byte
    {
        Low,
        High = byte.MaxValue,
    }

    private enum OfShort : short
    {
        Low = short.MinValue,
        High = short.MaxValue,
    }

    private enum OfUShort : ushort
    {
        Low,
        High = ushort.MaxValue,
    }

    private enum OfInt
    {
        Low = int.MinValue,
        High = int.MaxValue,
    }

    private enum OfUInt : uint
    {
        Low,
        High = uint.MaxValue,
    }

    private enum OfLong : long
    {
        Low = long.MinValue,
        High = long.MaxValue,
    }

    private enum OfULong : ulong
    {
        Low,
        High = ulong.MaxValue,
    }

    private readonly record struct Range(long Start, OfSByte Kind);

    private readonly record struct Mixture(
        sbyte A, byte B, short C, ushort D, int E, uint F, long G, ulong H, bool I, short? J, (OfULong, OfSByte) K);

    [InlineArray(4)]
    private struct FourWords
    {
        private int _first;
    }
}
