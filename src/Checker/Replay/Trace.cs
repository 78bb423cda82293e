using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>One step of a trace, with the values it read and wrote.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Thread">The thread's name.</param>
/// <param name="Function">The kernel function whose step it is, without its file.</param>
/// <param name="Calls">The functions on the thread's stack, the entry first.</param>
/// <param name="Operation">What it does, such as <c>READ_ONCE(folio.mapping)</c>.</param>
/// <param name="Value">What it returned or stored, or "".</param>
/// <param name="IsSwitch">Whether it is a context switch.</param>
/// <param name="IsPreemption">Whether, besides, the thread before could have gone on.</param>
/// <param name="IsEnvironment">Whether it is hardware or a grace period.</param>
/// <param name="Notes">What was recorded with it: oracles, barriers, warnings.</param>
/// <param name="Frees">The object that it frees or whose slab page it gives back, by number, or 0.</param>
internal sealed record TraceStep(
    int Number, string Thread, string Function, IReadOnlyList<string> Calls, string Operation, string Value,
    bool IsSwitch, bool IsPreemption, bool IsEnvironment, IReadOnlyList<string> Notes, int Frees)
{
    /// <summary>The line of the model's source that it is, or null.</summary>
    public SourceLine? Source { get; init; }

    /// <summary>The operation itself.</summary>
    public Operation Does { get; init; }

    /// <summary>The word it returned, or null when the step was the end.</summary>
    public long? Returned { get; init; }

    /// <summary>The functions that return with it, the innermost first.</summary>
    public IReadOnlyList<PathReturn> Returns { get; init; } = [];
}

/// <summary>A function that returned.</summary>
/// <param name="Function">Its name, without its file.</param>
/// <param name="Value">What it returned, as text, or "".</param>
internal sealed record PathReturn(string Function, string Value);

/// <summary>An execution, step by step.</summary>
/// <param name="Threads">The names of the threads that could step, in the scenario's order.</param>
/// <param name="Steps">The steps.</param>
/// <param name="Outline">The threads in the order of their turns with how many steps each took: <c>exit 12, kswapd 3</c>; <c>/</c> before a turn that is a preemption.</param>
/// <param name="Ending">What it ended in, in a sentence, or null when nothing ended it.</param>
internal sealed record Trace(IReadOnlyList<string> Threads, IReadOnlyList<TraceStep> Steps, string Outline, string? Ending)
{
    /// <summary>How many of its steps are context switches.</summary>
    public int Switches => Steps.Count(s => s.IsSwitch);
}
