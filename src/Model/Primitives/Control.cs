using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>What is the model's own: choices, waits, and observations that no path can depend on.</summary>
public static class Control
{
    /// <summary>A choice that is not scheduling: each of 0 to <paramref name="n"/> - 1 is explored.</summary>
    public static Step<int> Choose(int n) => n > 0
        ? Worker.Running.Declare<int>(new(OperationCode.Choose, A: n))
        : throw new ModelFaultException($"Choose({n}) has nothing to choose from");

    /// <summary>Waits until the field compares with the value as said.</summary>
    public static Step Until<T>(Shared<T> field, Comparison comparison, T value) => comparison == Comparison.None
        ? throw new ModelFaultException("Until compares a field with no comparison; name one, or wait for a predicate")
        : Worker.Running.Declare(new Operation(OperationCode.Until, MemoryOrder.Acquire, field.Object, field.Cell, Word<T>.Encode(value), (long)comparison));

    /// <summary>Waits until a registered predicate holds.</summary>
    public static Step Until(Predicate predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return Worker.Running.Declare(new Operation(OperationCode.Until, MemoryOrder.Acquire, A: Word<Predicate>.Encode(predicate)));
    }

    /// <summary>A step that does nothing: cpu_relax, cond_resched, local work that should be visible in the schedule.</summary>
    public static Step Yield() => Worker.Running.Declare(new Operation(OperationCode.Yield));

    /// <summary>Records a value for properties, atomically with the step before.</summary>
    public static void Ghost<T>(Ghost<T> cell, T value) => Worker.Running.Record(new(EffectKind.GhostSet, cell.Cell, Word<T>.Encode(value), ""));

    /// <summary>Adds to a value for properties, atomically with the step before.</summary>
    public static void GhostAdd(Ghost<int> cell, int value) => Worker.Running.Record(new(EffectKind.GhostAdd, cell.Cell, value, ""));

    /// <summary>An event that properties can look at, atomically with the step before.</summary>
    /// <param name="name">The event's name.</param>
    /// <param name="argument">What it is about.</param>
    public static void Oracle(string name, ModelObject? argument = null) =>
        Worker.Running.Record(new(EffectKind.Oracle, 0, Worker.Running.Machine.NumberOf(argument), name));

    /// <summary>Marks the thread as inside a named part of its path. Every path and held lock is a region by itself.</summary>
    public static void Enter(string region) => Worker.Running.EnterRegion(region);

    /// <summary>Ends what <see cref="Enter"/> began.</summary>
    public static void Leave(string region) => Worker.Running.LeaveRegion(region);

    /// <summary>BUG_ON: a kernel bug when the condition, which the path has already loaded, is true.</summary>
    public static void BUG_ON(bool condition, string message) => Report(condition, KernelBug.BugOn, message);

    /// <summary>WARN_ON: recorded; the kernel goes on.</summary>
    public static void WARN_ON(bool condition, string message) => Report(condition, KernelBug.Warning, message);

    /// <summary>might_sleep: a kernel bug in atomic context. No step, as it reads nothing that another thread could change.</summary>
    public static void might_sleep() => Report(Worker.Running.Context.IsAtomic, KernelBug.SleepInAtomic, "sleeping function called from invalid context");

    private static void Report(bool condition, KernelBug bug, string message)
    {
        if (condition)
        {
            Worker.Running.Record(new(EffectKind.Bug, 0, (long)bug, message));
        }
    }
}
