namespace ThpCheck.Model.Stepping;

/// <summary>
/// A field that several threads may touch: the object it belongs to, whose lifetime each access checks, and its cell.
/// Kernel code reaches it by awaiting an operation; there is no synchronous accessor.
/// </summary>
/// <typeparam name="T">What the cell holds: an integer, a bool, an enum, an <see cref="IWord{TSelf}"/> or a model object.</typeparam>
/// <remarks>The default names no cell; an operation on it is a model fault. A frame may hold one: it is two integers.</remarks>
public readonly record struct Shared<T>
{
    internal Shared(int @object, int cell)
    {
        Object = @object;
        Cell = cell;
    }

    internal int Object { get; }

    internal int Cell { get; }
}

/// <summary>
/// A cell that only observers see: paths write it as an effect of a step, properties read it, no path can branch on it.
/// </summary>
/// <typeparam name="T">As for <see cref="Shared{T}"/>.</typeparam>
public readonly record struct Ghost<T>
{
    internal Ghost(int cell) => Cell = cell;

    internal int Cell { get; }
}

/// <summary>A value that the kernel keeps in one word and accesses as one, such as a page-table entry.</summary>
/// <typeparam name="TSelf">The implementing type: a readonly struct of integers, bools and enums.</typeparam>
public interface IWord<TSelf>
    where TSelf : struct, IWord<TSelf>
{
    /// <summary>How many bits <see cref="ToWord"/> uses, from 1 to 62.</summary>
    static abstract int Bits { get; }

    /// <summary>The value of a word that <see cref="ToWord"/> made.</summary>
    static abstract TSelf FromWord(long word);

    /// <summary>The value as a non-negative word; equal values, and only they, have equal words.</summary>
    long ToWord();
}

/// <summary>How a <typeparamref name="T"/> is written to one word, and what words it can have.</summary>
internal static class Word<T>
{
    private static readonly IWordFormat<T> Format = WordFormats.For<T>();

    /// <summary>The smallest and the largest word of the type itself; a model object's largest depends on the machine.</summary>
    public static (long Min, long Max) Range => Format.Range;

    public static bool IsObject => typeof(ModelObject).IsAssignableFrom(typeof(T));

    public static long Encode(T value) => Format.Encode(value);

    public static T Decode(long word, Machine machine) => Format.Decode(word, machine);
}

internal interface IWordFormat<T>
{
    (long Min, long Max) Range { get; }

    long Encode(T value);

    T Decode(long word, Machine machine);
}

internal static class WordFormats
{
    /// <exception cref="ModelFaultException">The type has no one-word form.</exception>
    public static IWordFormat<T> For<T>()
    {
        var type = typeof(T);
        if (typeof(ModelObject).IsAssignableFrom(type))
        {
            return Make<T>(typeof(ObjectFormat<>), type);
        }

        if (type.IsEnum)
        {
            return Make<T>(typeof(EnumFormat<>), type);
        }

        if (type.IsValueType && type.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IWord<>)))
        {
            return Make<T>(typeof(StructFormat<>), type);
        }

        object? format =
            type == typeof(bool) ? new BoolFormat()
            : type == typeof(int) ? new IntFormat()
            : type == typeof(long) ? new LongFormat()
            : type == typeof(byte) ? new ByteFormat()
            : null;
        return (IWordFormat<T>?)format
            ?? throw new ModelFaultException($"{type.Name} does not fit one word; a cell or a step's result is an integer, a bool, an enum, a model object, or implements IWord");
    }

    private static IWordFormat<T> Make<T>(Type open, Type argument) => (IWordFormat<T>)Activator.CreateInstance(open.MakeGenericType(argument))!;

    private sealed class BoolFormat : IWordFormat<bool>
    {
        public (long Min, long Max) Range => (0, 1);

        public long Encode(bool value) => value ? 1 : 0;

        public bool Decode(long word, Machine machine) => word != 0;
    }

    private sealed class IntFormat : IWordFormat<int>
    {
        public (long Min, long Max) Range => (int.MinValue, int.MaxValue);

        public long Encode(int value) => value;

        public int Decode(long word, Machine machine) => (int)word;
    }

    private sealed class LongFormat : IWordFormat<long>
    {
        public (long Min, long Max) Range => (long.MinValue, long.MaxValue);

        public long Encode(long value) => value;

        public long Decode(long word, Machine machine) => word;
    }

    private sealed class ByteFormat : IWordFormat<byte>
    {
        public (long Min, long Max) Range => (0, byte.MaxValue);

        public long Encode(byte value) => value;

        public byte Decode(long word, Machine machine) => (byte)word;
    }

    private sealed class EnumFormat<TEnum> : IWordFormat<TEnum>
        where TEnum : struct, Enum
    {
        // A flags enum takes every combination of its members.
        public (long Min, long Max) Range { get; } = RangeOf();

        public long Encode(TEnum value) => Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture);

        public TEnum Decode(long word, Machine machine) => (TEnum)Enum.ToObject(typeof(TEnum), word);

        private static (long Min, long Max) RangeOf()
        {
            var values = Enum.GetValues<TEnum>().Select(v => Convert.ToInt64(v, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            return typeof(TEnum).IsDefined(typeof(FlagsAttribute), false)
                ? (0, values.Aggregate(0L, static (all, v) => all | v))
                : (values.Min(), values.Max());
        }
    }

    private sealed class StructFormat<TStruct> : IWordFormat<TStruct>
        where TStruct : struct, IWord<TStruct>
    {
        public (long Min, long Max) Range { get; } = (0, (1L << TStruct.Bits) - 1);

        public long Encode(TStruct value) => value.ToWord();

        public TStruct Decode(long word, Machine machine) => TStruct.FromWord(word);
    }

    private sealed class ObjectFormat<TObject> : IWordFormat<TObject>
        where TObject : ModelObject?
    {
        // The largest number is the machine's to say.
        public (long Min, long Max) Range => (0, 0);

        public long Encode(TObject value) => value is null ? 0 : Worker.Running.Machine.NumberOf(value);

        public TObject Decode(long word, Machine machine) => (TObject)(ModelObject)machine.Object((int)word)!;
    }
}
