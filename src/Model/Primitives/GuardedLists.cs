using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>
/// A list, tree or array of at most so many entries, kept in cells in their order. A change is one step
/// and needs the guard held; a walk takes one element a step, guarded or not.
/// </summary>
/// <remarks>
/// A walk goes by place, so one that is not guarded skips what was removed under it; a kernel list would lead it into the
/// removed entry (hides the use after free of that entry by a walk under the wrong lock).
/// </remarks>
/// <typeparam name="T">What it lists.</typeparam>
public readonly record struct guarded_list<T>
    where T : ModelObject
{
    /// <summary>Lays it out in an object.</summary>
    /// <param name="at">The object's layout.</param>
    /// <param name="capacity">The most entries it can have; one more makes the run incomplete.</param>
    /// <param name="name">The field's name; the compiler gives it.</param>
    public guarded_list(Layout at, int capacity, [CallerMemberName] string name = "")
    {
        ArgumentNullException.ThrowIfNull(at);
        Count = at.Cell(0, capacity, 0, $"{name}.count");
        for (var i = 0; i < capacity; i++)
        {
            at.Cell<T>(null, $"{name}[{i}]");
        }
    }

    internal Shared<int> Count { get; }
}

/// <summary>Operations on guarded lists.</summary>
public static class GuardedLists
{
    /// <summary>Adds an entry at the head. Without the guard held for writing it is list corruption.</summary>
    public static Step list_add<T>(guarded_list<T> list, T entry, rw_semaphore guard)
        where T : ModelObject => Change(OperationCode.list_add, list, entry, guard.Writer.Cell);

    /// <inheritdoc cref="list_add{T}(guarded_list{T}, T, rw_semaphore)"/>
    public static Step list_add<T>(guarded_list<T> list, T entry, spinlock_t guard)
        where T : ModelObject => Change(OperationCode.list_add, list, entry, guard.Locked.Cell);

    /// <summary>Adds an entry at the tail. Without the guard held for writing it is list corruption.</summary>
    public static Step list_add_tail<T>(guarded_list<T> list, T entry, rw_semaphore guard)
        where T : ModelObject => Change(OperationCode.list_add_tail, list, entry, guard.Writer.Cell);

    /// <inheritdoc cref="list_add_tail{T}(guarded_list{T}, T, rw_semaphore)"/>
    public static Step list_add_tail<T>(guarded_list<T> list, T entry, spinlock_t guard)
        where T : ModelObject => Change(OperationCode.list_add_tail, list, entry, guard.Locked.Cell);

    /// <summary>Removes an entry. Without the guard held for writing, or when it is not there, it is list corruption.</summary>
    public static Step list_del<T>(guarded_list<T> list, T entry, rw_semaphore guard)
        where T : ModelObject => Change(OperationCode.list_del, list, entry, guard.Writer.Cell);

    /// <inheritdoc cref="list_del{T}(guarded_list{T}, T, rw_semaphore)"/>
    public static Step list_del<T>(guarded_list<T> list, T entry, spinlock_t guard)
        where T : ModelObject => Change(OperationCode.list_del, list, entry, guard.Locked.Cell);

    /// <summary>The entry at a place, or null past the end.</summary>
    public static Step<T?> list_get<T>(guarded_list<T> list, int index)
        where T : ModelObject => index < 0 ? throw new ModelFaultException($"element {index} of a list is asked for") : Worker.Running.Declare<T?>(new(OperationCode.list_get, MemoryOrder.Plain, list.Count.Object, list.Count.Cell, index));

    /// <summary>How many entries it has.</summary>
    public static Step<int> list_count<T>(guarded_list<T> list)
        where T : ModelObject => Worker.Running.Declare<int>(new(OperationCode.list_count, MemoryOrder.Plain, list.Count.Object, list.Count.Cell));

    private static Step Change<T>(OperationCode code, guarded_list<T> list, T entry, int guard)
        where T : ModelObject => guard == 0
        ? throw new ModelFaultException("the guard of a list is a lock that was never laid out")
        : Worker.Running.Declare(new Operation(code, MemoryOrder.Plain, list.Count.Object, list.Count.Cell, Word<T>.Encode(entry), guard));
}

/// <summary>What the operations on a guarded list do to its cells: the count, then the entries.</summary>
internal static class GuardedList
{
    public static long Execute(State state, in Operation operation)
    {
        var cell = operation.Cell;
        var count = (int)state.Get(cell);
        switch (operation.Code)
        {
            case OperationCode.list_add or OperationCode.list_add_tail:
                if (count == (int)state.Machine.Places[cell].Span)
                {
                    state.Outgrow(state.Machine.Cells[cell - 1].Name);
                    return 0;
                }

                var place = operation.Code == OperationCode.list_add ? 0 : count;
                for (var i = count; i > place; i--)
                {
                    state.Set(cell + 1 + i, state.Get(cell + i));
                }

                state.Set(cell + 1 + place, operation.A);
                state.Set(cell, count + 1);
                return 0;
            case OperationCode.list_del:
                var at = 0;
                while (at < count && !state.IsSame(cell + 1 + at, state.Get(cell + 1 + at), operation.A))
                {
                    at++;
                }

                if (at == count)
                {
                    state.Meets(KernelBug.ListCorruption, operation.Object, cell);
                    return 0;
                }

                for (; at < count - 1; at++)
                {
                    state.Set(cell + 1 + at, state.Get(cell + 2 + at));
                }

                state.Set(cell + count, 0);
                state.Set(cell, count - 1);
                return 0;
            case OperationCode.list_get:
                return operation.A < count ? state.Get(cell + 1 + (int)operation.A) : 0;
            default: // list_count
                return count;
        }
    }
}
