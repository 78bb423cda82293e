using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Gate;

/// <summary>What a diff of the kernel means for the model of a function.</summary>
internal enum GateStatus
{
    /// <summary>Its synchronisation changes: the model is of a kernel that will be gone.</summary>
    OutOfDate,

    /// <summary>It may be out of date.</summary>
    CannotTell,

    /// <summary>What is found of it is found of the kernel with the diff, too.</summary>
    Stands,

    /// <summary>Nothing here is about it.</summary>
    NotModelled,
}

/// <summary>What a diff means for a function.</summary>
/// <param name="Status">What it means.</param>
/// <param name="File">The function's file.</param>
/// <param name="Line">The first line that is changed, after the diff; 0 where it is about the file.</param>
/// <param name="Function">The function, or null.</param>
/// <param name="Why">In a part of a sentence.</param>
internal sealed record GateFinding(GateStatus Status, string File, int Line, string? Function, string Why)
{
    /// <summary>The paths that stand for the function.</summary>
    public IReadOnlyList<ModelledFunction> Paths { get; init; } = [];

    /// <summary>What the paths do, by the names of their operations.</summary>
    public IReadOnlySet<string> Declared { get; init; } = new HashSet<string>();

    public IReadOnlyList<SyncOperation> Gone { get; init; } = [];

    public IReadOnlyList<SyncOperation> New { get; init; } = [];

    /// <summary>All of the function's synchronisation as far as it was compared, in its order, with a sign as in a diff; empty where it stays.</summary>
    public IReadOnlyList<(char Sign, SyncOperation Operation)> Sequence { get; init; } = [];

    /// <summary>The model's text that takes care of it, which comes along; or null.</summary>
    public string? Model { get; init; }

    /// <summary>Whether it keeps the diff from passing.</summary>
    public bool Holds => Status is GateStatus.OutOfDate or GateStatus.CannotTell && Model is null;

    /// <summary>In a sentence, without the place.</summary>
    public string Sentence => Status switch
    {
        GateStatus.OutOfDate => $"model out of date: {Function}, {Why}{Changes}",
        GateStatus.CannotTell => $"cannot tell whether the model is out of date: {(Function is null ? "" : $"{Function}, ")}{Why}",
        GateStatus.Stands => $"{Function}: the verdicts stand: {Why}",
        _ => $"{Function}: {Why}",
    };

    private string Changes => Gone.Count + New.Count == 0 ? ""
        : $": {string.Join(", ", [.. Gone.Select(o => $"-{o.Text}"), .. New.Select(o => $"+{o.Text}")])}";
}
