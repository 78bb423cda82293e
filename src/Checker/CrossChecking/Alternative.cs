using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.CrossChecking;

/// <summary>Another way to search, which must come to the same verdicts, End states and least costs.</summary>
/// <param name="Name">As a sentence goes on after "the search with": what is different.</param>
/// <param name="Of">The search's budget, from that of the search it is compared with.</param>
internal sealed record Alternative(string Name, Func<Budget, Budget> Of)
{
    /// <summary>Whether frames keep what their dead fields hold: the machine is another one then.</summary>
    public bool KeepsDeadFields { get; init; }

    /// <summary>Whether it finds the same number of states and transitions, too.</summary>
    public bool HasSameGraph { get; init; } = true;

    /// <summary>All there are; a reduction is one more line here, and the oracles' tests and <c>check --cross-check</c> look at it.</summary>
    public static IReadOnlyList<Alternative> All { get; } =
    [
        new("dead fields kept", static budget => budget) { KeepsDeadFields = true, HasSameGraph = false },
        new("exact states", static budget => budget with { Exact = true }),
        new("one worker", static budget => budget with { Workers = 1 }),
        new("two workers", static budget => budget with { Workers = 2 }),
    ];

    /// <summary>Whether it is another search than one with this budget.</summary>
    public bool IsOtherThan(Budget budget) => KeepsDeadFields || Of(budget) != budget;
}
