using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// Loads, stores and read-modify-writes of one word, each one step, with the ordering the kernel states for it.
/// </summary>
/// <remarks>
/// Under sequential consistency the orderings behave alike: they are recorded and shown. This hides the bugs that need a
/// weaker order; every verdict says SC.
/// </remarks>
public static class MemoryAccess
{
    /// <summary>A plain C load.</summary>
    public static Step<T> load<T>(Shared<T> field) => Read(OperationCode.load, MemoryOrder.Plain, field);

    /// <summary>A plain C store.</summary>
    public static Step store<T>(Shared<T> field, T value) => Write(OperationCode.store, MemoryOrder.Plain, field, value);

    /// <summary>READ_ONCE.</summary>
    public static Step<T> READ_ONCE<T>(Shared<T> field) => Read(OperationCode.READ_ONCE, MemoryOrder.Once, field);

    /// <summary>WRITE_ONCE.</summary>
    public static Step WRITE_ONCE<T>(Shared<T> field, T value) => Write(OperationCode.WRITE_ONCE, MemoryOrder.Once, field, value);

    /// <summary>smp_load_acquire.</summary>
    public static Step<T> smp_load_acquire<T>(Shared<T> field) => Read(OperationCode.smp_load_acquire, MemoryOrder.Acquire, field);

    /// <summary>smp_store_release.</summary>
    public static Step smp_store_release<T>(Shared<T> field, T value) => Write(OperationCode.smp_store_release, MemoryOrder.Release, field, value);

    /// <summary>xchg: stores and returns what was there.</summary>
    public static Step<T> xchg<T>(Shared<T> field, T value) =>
        Worker.Running.Declare<T>(new(OperationCode.xchg, MemoryOrder.Full, field.Object, field.Cell, Word<T>.Encode(value)));

    /// <summary>cmpxchg: stores if the word is <paramref name="old"/>, and returns what was there.</summary>
    public static Step<T> cmpxchg<T>(Shared<T> field, T old, T value) =>
        Worker.Running.Declare<T>(new(OperationCode.cmpxchg, MemoryOrder.Full, field.Object, field.Cell, Word<T>.Encode(old), Word<T>.Encode(value)));

    /// <summary>smp_mb: no step under sequential consistency; it is recorded with the step before it.</summary>
    public static Step smp_mb() => Worker.Running.Pass(nameof(smp_mb));

    /// <summary>smp_rmb: no step under sequential consistency.</summary>
    public static Step smp_rmb() => Worker.Running.Pass(nameof(smp_rmb));

    /// <summary>smp_wmb: no step under sequential consistency.</summary>
    public static Step smp_wmb() => Worker.Running.Pass(nameof(smp_wmb));

    private static Step<T> Read<T>(OperationCode code, MemoryOrder order, Shared<T> field) =>
        Worker.Running.Declare<T>(new(code, order, field.Object, field.Cell));

    private static Step Write<T>(OperationCode code, MemoryOrder order, Shared<T> field, T value) =>
        Worker.Running.Declare(new Operation(code, order, field.Object, field.Cell, Word<T>.Encode(value)));
}
