using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>spinlock_t: one bit of memory; who holds it is in the thread's context, as lockdep keeps it.</summary>
public readonly record struct spinlock_t
{
    /// <summary>Lays it out in an object.</summary>
    public spinlock_t(Layout at, [CallerMemberName] string name = "") => Locked = at.Lock(1, name);

    internal Shared<int> Locked { get; }
}

/// <summary>Spinlocks and bit spinlocks. Holding one turns preemption off, which is also an RCU read section (PREEMPT_RT=n).</summary>
/// <remarks>
/// Left out: the queue of waiters, so the order in which waiters get the lock is any (invents nothing that another timing
/// does not give; starvation is out of scope).
/// </remarks>
public static class Spinlocks
{
    /// <summary>spin_lock: waits until it is free. Taking it twice is a bug.</summary>
    public static Step spin_lock(spinlock_t @lock) => Worker.Running.Declare(On(OperationCode.spin_lock, MemoryOrder.Acquire, @lock));

    /// <summary>spin_trylock: whether it was free.</summary>
    public static Step<bool> spin_trylock(spinlock_t @lock) => Worker.Running.Declare<bool>(On(OperationCode.spin_trylock, MemoryOrder.Acquire, @lock));

    /// <summary>spin_unlock. Releasing what this thread does not hold is a bug.</summary>
    public static Step spin_unlock(spinlock_t @lock) => Worker.Running.Declare(On(OperationCode.spin_unlock, MemoryOrder.Release, @lock));

    /// <summary>bit_spin_lock: a spinlock that is one bit of a word other steps may read whole.</summary>
    public static Step bit_spin_lock<T>(T bit, Shared<T> word)
        where T : struct, Enum => Worker.Running.Declare(On(OperationCode.bit_spin_lock, MemoryOrder.Acquire, bit, word));

    /// <summary>bit_spin_trylock: whether it was free.</summary>
    public static Step<bool> bit_spin_trylock<T>(T bit, Shared<T> word)
        where T : struct, Enum => Worker.Running.Declare<bool>(On(OperationCode.bit_spin_trylock, MemoryOrder.Acquire, bit, word));

    /// <summary>bit_spin_unlock.</summary>
    public static Step bit_spin_unlock<T>(T bit, Shared<T> word)
        where T : struct, Enum => Worker.Running.Declare(On(OperationCode.bit_spin_unlock, MemoryOrder.Release, bit, word));

    private static Operation On(OperationCode code, MemoryOrder order, spinlock_t @lock) => new(code, order, @lock.Locked.Object, @lock.Locked.Cell);

    private static Operation On<T>(OperationCode code, MemoryOrder order, T bit, Shared<T> word) => new(code, order, word.Object, word.Cell, Word<T>.Encode(bit));
}
