using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;

namespace ThpCheck.Checker.CrossChecking;

/// <summary>Another way to search, which must come to the same verdicts and End states.</summary>
/// <param name="Name">As a sentence goes on after "the search with": what is different.</param>
/// <param name="Of">The search's budget, from that of the search it is compared with.</param>
internal sealed record Alternative(string Name, Func<Budget, Budget> Of)
{
    /// <summary>Whether frames keep what their dead fields hold: the machine is another one then, with more states.</summary>
    public bool KeepsDeadFields { get; init; }

    /// <summary>Whether it leaves out interleavings: what it finds are verdicts, and ways only by the whole graph.</summary>
    public bool IsReduced => Of(new Budget()).Reductions != Reductions.None;

    /// <summary>Whether it finds the same number of states and transitions, too.</summary>
    public bool HasSameGraph => !KeepsDeadFields && !IsReduced;

    /// <summary>Whether another does all that it does, and more; then the oracles look at it by itself, and a cross-check does not.</summary>
    public bool IsPart { get; init; }

    /// <summary>All there are; another is one more line here, and the oracles' tests and <c>check --cross-check</c> look at it.</summary>
    public static IReadOnlyList<Alternative> All { get; } =
    [
        new("dead fields kept", static budget => budget) { KeepsDeadFields = true },
        new("exact states", static budget => budget with { Exact = true }),
        new("one worker", static budget => budget with { Workers = 1 }),
        new("two workers", static budget => budget with { Workers = 2 }),
        Reduced("unobservable", Reductions.Unobservable) with { IsPart = true },
        Reduced("guarded", Reductions.Guarded) with { IsPart = true },
        Reduced("futures", Reductions.Futures) with { IsPart = true },
        Reduced("symmetry", Reductions.Symmetry) with { IsPart = true },
        Reduced("all", Reductions.All),
    ];

    /// <summary>Whether it is another search than one with this budget.</summary>
    public bool IsOtherThan(Budget budget) => KeepsDeadFields || Of(budget) != budget;

    private static Alternative Reduced(string name, Reductions reductions) =>
        new($"reduction {name}", budget => budget with { Reductions = reductions, Exact = false }); // symmetric states differ as a whole
}
