using ThpCheck.Checker.Verdicts;

namespace ThpCheck.Checker.Certificates;

/// <summary>What a search found, or a confirmation found again: what a certificate claims beside its list of states.</summary>
/// <param name="States">How many states there are, those that a kernel bug ends included.</param>
/// <param name="Transitions">How many steps lead from one to another.</param>
/// <param name="Ends">In how many states all threads that must end have ended.</param>
/// <param name="Deadlock">Whether there is a deadlock.</param>
/// <param name="Livelock">Whether there is a livelock.</param>
/// <param name="Properties">Each property's verdict, in the order of the instance's properties.</param>
internal sealed record Claims(long States, long Transitions, long Ends, bool Deadlock, bool Livelock, IReadOnlyList<PropertyClaim> Properties)
{
    /// <summary>What a search found.</summary>
    public static Claims Of(InstanceResult result) => new(
        result.States, result.Transitions, result.Ends, result.Deadlock is not null, result.Livelock is not null,
        [.. result.Properties.Select(p => new PropertyClaim(p.Property.Name, p.Verdict, [.. (p.Outcomes ?? []).Select(PropertyClaim.Text)]))]);
}

/// <summary>What is claimed about one property.</summary>
/// <param name="Name">The property's name.</param>
/// <param name="Verdict">What was found.</param>
/// <param name="Outcomes">For an outcomes property the values over all End states, each as <c>0,1</c>, without order.</param>
internal sealed record PropertyClaim(string Name, Verdict Verdict, IReadOnlyList<string> Outcomes)
{
    /// <summary>The values of an End state as one field.</summary>
    public static string Text(IReadOnlyList<long> values) => string.Join(',', values);
}
