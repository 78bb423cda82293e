using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>atomic_t and atomic bit operations, each one step. Those that return nothing are unordered, the others full, as in the kernel.</summary>
/// <remarks>A count that falls below its cell's range is a refcount underflow; one that exceeds it is a model fault.</remarks>
public static class Atomics
{
    /// <summary>atomic_read.</summary>
    public static Step<int> atomic_read(Shared<int> count) =>
        Worker.Running.Declare<int>(new(OperationCode.atomic_read, MemoryOrder.Once, count.Object, count.Cell));

    /// <summary>atomic_set.</summary>
    public static Step atomic_set(Shared<int> count, int value) =>
        Worker.Running.Declare(new Operation(OperationCode.atomic_set, MemoryOrder.Once, count.Object, count.Cell, value));

    /// <summary>atomic_inc.</summary>
    public static Step atomic_inc(Shared<int> count) => Add(OperationCode.atomic_inc, count, 1);

    /// <summary>atomic_dec.</summary>
    public static Step atomic_dec(Shared<int> count) => Add(OperationCode.atomic_dec, count, -1);

    /// <summary>atomic_add, and atomic_sub with a negative value.</summary>
    public static Step atomic_add(int value, Shared<int> count) => Add(OperationCode.atomic_add, count, value);

    /// <summary>atomic_add_return: the new value.</summary>
    public static Step<int> atomic_add_return(int value, Shared<int> count) => AddReturning<int>(OperationCode.atomic_add_return, count, value);

    /// <summary>atomic_inc_return: the new value.</summary>
    public static Step<int> atomic_inc_return(Shared<int> count) => AddReturning<int>(OperationCode.atomic_inc_return, count, 1);

    /// <summary>atomic_dec_return: the new value.</summary>
    public static Step<int> atomic_dec_return(Shared<int> count) => AddReturning<int>(OperationCode.atomic_dec_return, count, -1);

    /// <summary>atomic_inc_and_test: whether the new value is zero.</summary>
    public static Step<bool> atomic_inc_and_test(Shared<int> count) => AddReturning<bool>(OperationCode.atomic_inc_and_test, count, 1);

    /// <summary>atomic_dec_and_test: whether the new value is zero.</summary>
    public static Step<bool> atomic_dec_and_test(Shared<int> count) => AddReturning<bool>(OperationCode.atomic_dec_and_test, count, -1);

    /// <summary>atomic_add_negative: whether the new value is negative.</summary>
    public static Step<bool> atomic_add_negative(int value, Shared<int> count) => AddReturning<bool>(OperationCode.atomic_add_negative, count, value);

    /// <summary>atomic_inc_not_zero: adds one unless the value is zero, and says whether it did.</summary>
    public static Step<bool> atomic_inc_not_zero(Shared<int> count) => AddReturning<bool>(OperationCode.atomic_inc_not_zero, count, 1);

    /// <summary>test_bit. A bit is a value of the word's own type with nothing else in it.</summary>
    public static Step<bool> test_bit<T>(T bit, Shared<T> word)
        where T : struct => Bits<T>(OperationCode.test_bit, MemoryOrder.Once, bit, word);

    /// <summary>set_bit.</summary>
    public static Step set_bit<T>(T bit, Shared<T> word)
        where T : struct => Worker.Running.Declare(new Operation(OperationCode.set_bit, MemoryOrder.Relaxed, word.Object, word.Cell, Word<T>.Encode(bit)));

    /// <summary>clear_bit.</summary>
    public static Step clear_bit<T>(T bit, Shared<T> word)
        where T : struct => Worker.Running.Declare(new Operation(OperationCode.clear_bit, MemoryOrder.Relaxed, word.Object, word.Cell, Word<T>.Encode(bit)));

    /// <summary>test_and_set_bit: whether it was set.</summary>
    public static Step<bool> test_and_set_bit<T>(T bit, Shared<T> word)
        where T : struct => Bits<T>(OperationCode.test_and_set_bit, MemoryOrder.Full, bit, word);

    /// <summary>test_and_clear_bit: whether it was set.</summary>
    public static Step<bool> test_and_clear_bit<T>(T bit, Shared<T> word)
        where T : struct => Bits<T>(OperationCode.test_and_clear_bit, MemoryOrder.Full, bit, word);

    private static Step Add(OperationCode code, Shared<int> count, int value) =>
        Worker.Running.Declare(new Operation(code, MemoryOrder.Relaxed, count.Object, count.Cell, value));

    private static Step<T> AddReturning<T>(OperationCode code, Shared<int> count, int value) =>
        Worker.Running.Declare<T>(new(code, MemoryOrder.Full, count.Object, count.Cell, value));

    private static Step<bool> Bits<T>(OperationCode code, MemoryOrder order, T bit, Shared<T> word) =>
        Worker.Running.Declare<bool>(new(code, order, word.Object, word.Cell, Word<T>.Encode(bit)));
}
