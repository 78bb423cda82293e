using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verification;

/// <summary>A variant to explore on a kernel and on the same with a patch.</summary>
/// <param name="Scenario">The scenario's file.</param>
/// <param name="Variant">The variant in it.</param>
internal sealed record Job(string Scenario, string Variant);

/// <summary>What a search says about a property, with the interleaving that breaks it as a report shows it.</summary>
/// <param name="Name">The property's name, or deadlock or livelock.</param>
/// <param name="Form">When it is looked at.</param>
/// <param name="Class">What breaking it means.</param>
/// <param name="Verdict">The verdict.</param>
/// <param name="Message">What breaks it and how, or null.</param>
/// <param name="Promise">What it promises.</param>
internal sealed record PropertyOutcome(string Name, PropertyForm Form, PropertyClass Class, Verdict Verdict, string? Message, string Promise)
{
    /// <summary>The cheapest interleaving that breaks it, or null.</summary>
    public Interleaving? Way { get; init; }

    /// <summary>Of an outcomes property, the values over all End states, as a text.</summary>
    public string? Outcomes { get; init; }
}

/// <summary>An interleaving as reports show it.</summary>
/// <param name="Schedule">It replays the execution.</param>
/// <param name="Switches">How many context switches it takes.</param>
/// <param name="Steps">How many steps.</param>
/// <param name="IsMinimal">Whether none is cheaper.</param>
/// <param name="Text">Its schedule, columns and the command that replays it.</param>
internal sealed record Interleaving(string Schedule, int Switches, int Steps, bool IsMinimal, string Text);

/// <summary>What was found about a variant on one kernel.</summary>
internal sealed record Side
{
    public required long States { get; init; }

    public required long Transitions { get; init; }

    public required int Ends { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Why not everything was explored, or null.</summary>
    public string? Incomplete { get; init; }

    /// <summary>The model's fault, which is the patch's where the kernel has none; or null.</summary>
    public string? Fault { get; init; }

    /// <summary>How the fault is reached, or null.</summary>
    public Interleaving? FaultWay { get; init; }

    public IReadOnlyList<PropertyOutcome> Properties { get; init; } = [];

    /// <summary>The functions that waited for a step, by kernel file and name.</summary>
    public IReadOnlyList<string> Functions { get; init; } = [];

    /// <summary>The changed functions that were entered.</summary>
    public IReadOnlyList<string> Entered { get; init; } = [];

    /// <summary>Whether everything was explored and nothing is wrong with the model.</summary>
    public bool IsWhole => Incomplete is null && Fault is null;
}

/// <summary>What became of a job.</summary>
/// <param name="Job">The job.</param>
internal sealed record Compared(Job Job)
{
    public string Title { get; init; } = "";

    /// <summary>What the verdicts are about.</summary>
    public string Scope { get; init; } = "";

    public string Kernel { get; init; } = "";

    /// <summary>The kernel without the patch, or null.</summary>
    public Side? Base { get; init; }

    /// <summary>The kernel with it; null where the scenario does not come to what it changes.</summary>
    public Side? Patched { get; init; }

    /// <summary>What is wrong in the scenario or the patch, in compiler form.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>Why the process that was to answer did not, or null.</summary>
    public string? Failure { get; init; }

    /// <summary>Whether the kernel without the patch enters what it changes.</summary>
    public bool IsReached => Base is { Entered.Count: > 0 };
}
