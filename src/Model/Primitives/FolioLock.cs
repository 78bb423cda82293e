using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>A page's PG_locked: a bit that one thread may take and another release; it has no owner. Waiting for it sleeps.</summary>
/// <remarks>Left out: the wait queue's order and PG_waiters (hides nothing here: any waiter may be next).</remarks>
public static class FolioLock
{
    /// <summary>folio_lock: waits until the bit is clear and sets it.</summary>
    public static Step bit_lock<T>(T bit, Shared<T> flags)
        where T : struct, Enum => Worker.Running.Declare(On(OperationCode.folio_lock, MemoryOrder.Acquire, bit, flags));

    /// <summary>folio_trylock: whether it set the bit.</summary>
    public static Step<bool> bit_trylock<T>(T bit, Shared<T> flags)
        where T : struct, Enum => Worker.Running.Declare<bool>(On(OperationCode.folio_trylock, MemoryOrder.Acquire, bit, flags));

    /// <summary>folio_unlock. Unlocking what is not locked is a bug.</summary>
    public static Step bit_unlock<T>(T bit, Shared<T> flags)
        where T : struct, Enum => Worker.Running.Declare(On(OperationCode.folio_unlock, MemoryOrder.Release, bit, flags));

    private static Operation On<T>(OperationCode code, MemoryOrder order, T bit, Shared<T> flags) => new(code, order, flags.Object, flags.Cell, Word<T>.Encode(bit));
}
