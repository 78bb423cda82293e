using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>A kernel bug as one sentence that names the thread, the function, the object, and who made it so.</summary>
internal static class BugSentence
{
    /// <param name="machine">The machine.</param>
    /// <param name="met">The bug, and what it is about.</param>
    /// <param name="steps">The trace up to and with the step that is the bug.</param>
    public static string Of(Machine machine, MetBug met, IReadOnlyList<TraceStep> steps)
    {
        var step = steps[^1];
        var who = step.Function == step.Thread ? step.Thread : $"{step.Thread} in {step.Function}()";
        var what = met.Object != 0 ? machine.Object(met.Object)!.Name : met.Cell != 0 ? machine.Cells[met.Cell - 1].Name : "";
        return met.Bug switch
        {
            KernelBug.UseAfterFree => $"use after free: {who} does {step.Operation}, but {Fate(machine, met.Object, what, steps)}",
            KernelBug.DoubleFree => $"double free: {who} does {step.Operation}, but {Fate(machine, met.Object, what, steps)}",
            KernelBug.BadUnlock => $"bad unlock: {who} does {step.Operation}, a lock it does not hold",
            KernelBug.RecursiveLock => $"recursive lock: {who} does {step.Operation}, a lock it holds already",
            KernelBug.FreeOfHeldLock => $"held lock freed: {who} frees {what} while {machine.Cells[met.Cell - 1].Name} is not 0",
            KernelBug.SleepInAtomic => $"sleeping in atomic context: {who} does {step.Operation}",
            KernelBug.RefcountUnderflow => $"count below zero: {who} does {step.Operation}",
            KernelBug.UnbalancedSection when step.Operation == "none()" => $"{step.Thread} ended inside a section or with a lock held",
            KernelBug.UnbalancedSection => $"unbalanced section: {who} does {step.Operation} without having entered one",
            KernelBug.ListCorruption when met.Message is { } how => $"list corruption: {who} does {step.Operation}, {how}",
            KernelBug.ListCorruption => $"list corruption: {who} does {step.Operation} without the list's lock, or the entry is not in it",
            KernelBug.NullDereference => $"NULL pointer dereference: {who}, after {step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}",
            KernelBug.BugOn or KernelBug.MisreadPmd => $"{met.Message}: {who}, after {step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}",
            _ => $"warning: {met.Message}: {who}",
        };
    }

    // What became of an object: the last step that freed it or gave its slab page back.
    private static string Fate(Machine machine, int @object, string name, IReadOnlyList<TraceStep> steps)
    {
        var slot = (machine.Object(@object) as KernelObject)?.Slot;
        var freeing = steps.Take(steps.Count - 1).LastOrDefault(s => s.Frees != 0 && (machine.Object(s.Frees) as KernelObject)?.Slot == slot);
        return freeing is null ? $"{name} is not allocated"
            : freeing.IsEnvironment ? $"the slab page of {name} was given back (step {freeing.Number})"
            : $"{name} was freed by {freeing.Thread} in {freeing.Function}() (step {freeing.Number})";
    }
}
