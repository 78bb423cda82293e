using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>struct rw_semaphore: whether a writer holds it, how many readers do, and how many writers wait.</summary>
public readonly record struct rw_semaphore
{
    /// <summary>Lays it out in an object.</summary>
    public rw_semaphore(Layout at, [CallerMemberName] string name = "")
    {
        ArgumentNullException.ThrowIfNull(at);
        Writer = at.Lock(1, $"{name}.writer");
        at.Lock(2 * at.ThreadCount, $"{name}.readers"); // a thread may hold it once, and once more by a trylock
        at.Lock(at.ThreadCount, $"{name}.waiting");
    }

    internal Shared<int> Writer { get; }
}

/// <summary>
/// rw_semaphore (kernel/locking/rwsem.c). A writer that finds it free takes it in one step; otherwise it queues in one step
/// and acquires in another. While it waits, read trylocks fail, and readers wait as long as others hold the lock; on a lock
/// that nobody holds a reader may come first, as one that was queued before or that steals it.
/// </summary>
/// <remarks>
/// Left out: the order of the queue and handoff, so any waiter may be next (invents orders that the kernel's queue forbids,
/// none of them a new kind of exclusion); a reader that waits sets no bit of its own, and one that queued before a
/// downgrade_write is not let in by it (hides trylocks that fail, and orders of waiters, in the moment of such a downgrade). Where
/// the kernel grants all queued readers at once, only one here passes a waiting writer; the others come to the same by queueing
/// before it.
/// </remarks>
public static class RwSemaphores
{
    /// <summary>down_read. It may sleep, and passes waiting writers only on a lock that nobody holds; taking it twice in one thread is a bug, as a writer can come between.</summary>
    public static Step down_read(rw_semaphore sem) => Worker.Running.Declare(On(OperationCode.down_read, MemoryOrder.Acquire, sem));

    /// <summary>down_read_trylock: never sleeps; fails while a writer holds or waits.</summary>
    public static Step<bool> down_read_trylock(rw_semaphore sem) => Worker.Running.Declare<bool>(On(OperationCode.down_read_trylock, MemoryOrder.Acquire, sem));

    /// <summary>up_read. Releasing what this thread does not hold for reading is a bug.</summary>
    public static Step up_read(rw_semaphore sem) => Worker.Running.Declare(On(OperationCode.up_read, MemoryOrder.Release, sem));

    /// <summary>down_write: one step when it is free, else it queues and then acquires. It may sleep.</summary>
    public static async KernelTask down_write(rw_semaphore sem)
    {
        if (!await TakeOrQueue(sem))
        {
            await Acquire(sem);
        }
    }

    /// <summary>down_write_trylock.</summary>
    public static Step<bool> down_write_trylock(rw_semaphore sem) => Worker.Running.Declare<bool>(On(OperationCode.down_write_trylock, MemoryOrder.Acquire, sem));

    /// <summary>up_write.</summary>
    public static Step up_write(rw_semaphore sem) => Worker.Running.Declare(On(OperationCode.up_write, MemoryOrder.Release, sem));

    /// <summary>downgrade_write: from writing to reading, without a moment in between.</summary>
    public static Step downgrade_write(rw_semaphore sem) => Worker.Running.Declare(On(OperationCode.downgrade_write, MemoryOrder.Release, sem));

    /// <summary>lockdep_assert_held_write: a warning unless this thread holds it for writing. No step: it is about the thread itself.</summary>
    public static void lockdep_assert_held_write(rw_semaphore sem, [CallerArgumentExpression(nameof(sem))] string name = "") =>
        WARN_ON(Worker.Running.Context.ModeOf(sem.Writer.Cell) is not LockMode.Exclusive, $"lockdep_assert_held_write(&{name})");

    /// <summary>rwsem_is_locked: whether anyone holds it or waits for it.</summary>
    public static Step<bool> rwsem_is_locked(rw_semaphore sem) => Worker.Running.Declare<bool>(On(OperationCode.rwsem_is_locked, MemoryOrder.Once, sem));

    private static Step<bool> TakeOrQueue(rw_semaphore sem) => Worker.Running.Declare<bool>(On(OperationCode.down_write, MemoryOrder.Acquire, sem));

    private static Step Acquire(rw_semaphore sem) => Worker.Running.Declare(On(OperationCode.down_write_acquire, MemoryOrder.Acquire, sem));

    private static Operation On(OperationCode code, MemoryOrder order, rw_semaphore sem) => new(code, order, sem.Writer.Object, sem.Writer.Cell);
}

/// <summary>What the operations on an rwsem do to its cells: writer, readers, waiting writers, in this order.</summary>
internal static class RwSemaphore
{
    /// <summary>Where, after the lock's first cell, the count of readers is.</summary>
    public const int Readers = 1;

    /// <summary>Where, after the lock's first cell, the count of waiting writers is.</summary>
    public const int Waiting = 2;

    public static bool IsFree(State state, int cell) => state.Get(cell) == 0 && state.Get(cell + Readers) == 0;

    /// <summary>A reader that tries and does not wait fails as soon as a writer waits.</summary>
    public static bool CanTryRead(State state, int cell) =>
        state.Get(cell) == 0 && (state.Get(cell + Waiting) == 0 || !state.Machine.WaitingWritersHoldOffReaders);

    /// <summary>A reader that waits passes waiting writers while no reader holds the lock: it came first, or it steals the lock.</summary>
    public static bool CanRead(State state, int cell) => CanTryRead(state, cell) || IsFree(state, cell);

    public static long Execute(State state, in Operation operation)
    {
        var cell = operation.Cell;
        switch (operation.Code)
        {
            case OperationCode.down_read:
                Add(state, cell + Readers, 1);
                return 0;
            case OperationCode.down_read_trylock:
                if (!CanTryRead(state, cell))
                {
                    return 0;
                }

                Add(state, cell + Readers, 1);
                return 1;
            case OperationCode.up_read:
                Add(state, cell + Readers, -1);
                return 0;
            case OperationCode.down_write:
                if (IsFree(state, cell) && state.Get(cell + Waiting) == 0)
                {
                    state.Set(cell, 1);
                    return 1;
                }

                Add(state, cell + Waiting, 1);
                return 0;
            case OperationCode.down_write_acquire:
                Add(state, cell + Waiting, -1);
                state.Set(cell, 1);
                return 0;
            case OperationCode.down_write_trylock:
                if (!IsFree(state, cell) || state.Get(cell + Waiting) != 0)
                {
                    return 0;
                }

                state.Set(cell, 1);
                return 1;
            case OperationCode.up_write:
                state.Set(cell, 0);
                return 0;
            case OperationCode.downgrade_write:
                state.Set(cell, 0);
                Add(state, cell + Readers, 1);
                return 0;
            default: // rwsem_is_locked
                return IsFree(state, cell) && state.Get(cell + Waiting) == 0 ? 0 : 1;
        }
    }

    private static void Add(State state, int cell, int value) => state.Set(cell, state.Get(cell) + value);
}
