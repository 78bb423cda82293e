using ThpCheck.Checker.CommandLine;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Verification;

/// <summary>What a verification sets out to do.</summary>
/// <param name="Patches">The files of the series.</param>
/// <param name="Jobs">What is compared.</param>
/// <param name="Kernels">The releases.</param>
/// <param name="Others">How many variants are about other releases.</param>
/// <param name="Unfit">The kernels that the patch does not fit, each with the first reason.</param>
/// <param name="Changed">What the patch changes, in the order of its files.</param>
internal sealed record Plan(
    IReadOnlyList<string> Patches, IReadOnlyList<Job> Jobs, IReadOnlyList<string> Kernels, int Others, IReadOnlyList<(string Kernel, string Why)> Unfit,
    IReadOnlyList<ChangedFunction> Changed);

/// <summary>Takes what <c>verify</c> finds, as it is found.</summary>
internal interface IVerifyReport
{
    /// <summary>Comparisons follow.</summary>
    void Begin(Plan plan);

    /// <summary>One is done.</summary>
    void Add(Compared compared);

    /// <summary>That was all.</summary>
    void Finish(VerifySummary summary);
}

/// <summary>What a verification comes to.</summary>
internal sealed class VerifySummary(Plan plan)
{
    private readonly List<Compared> _all = [];

    public Plan Plan => plan;

    public IReadOnlyList<Compared> All => _all;

    /// <summary>What is wrong with the input.</summary>
    public IReadOnlyList<string> Errors { get; set; } = [];

    public bool Interrupted { get; set; }

    /// <summary>The comparisons that come to what the patch changes.</summary>
    public IEnumerable<Compared> Reached => _all.Where(c => c.IsReached);

    /// <summary>Those that ended in an error, a failure or a fault of the patch.</summary>
    public IEnumerable<Compared> Failed => _all.Where(c => c.Errors.Count > 0 || c.Failure is not null || (c.Patched ?? c.Base)?.Fault is not null);

    /// <summary>What the patch does to the properties of all of them; of those that ended in a fault there is nothing to say.</summary>
    public IReadOnlyList<Finding> Findings => [.. _all.Except(Failed).SelectMany(Finding.Of)];

    /// <summary>The changed functions that no comparison enters, so that nothing can be said about them; none while some have not said what they enter.</summary>
    public IReadOnlyList<ChangedFunction> NotCovered
    {
        get
        {
            var entered = _all.SelectMany(c => (c.Base?.Entered ?? []).Concat(c.Patched?.Entered ?? [])).ToHashSet();
            return Interrupted || Failed.Any() ? [] : [.. plan.Changed.Where(c => !c.IsObserver && !entered.Contains(c.Name))];
        }
    }

    /// <summary>The functions that ran in comparisons without the patch, and do not run anywhere with it.</summary>
    public IReadOnlyList<string> NoLongerReachable
    {
        get
        {
            if (Interrupted)
            {
                return []; // another scenario may run them
            }

            var whole = Reached.Where(c => c.Patched is { IsWhole: true }).ToArray();
            var still = _all.Except(whole).SelectMany(c => FunctionsOf(c.Base)).Concat(whole.SelectMany(c => FunctionsOf(c.Patched))).ToHashSet();
            return [.. whole.SelectMany(c => FunctionsOf(c.Base)).Distinct().Where(f => !still.Contains(f)).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Whether the patch makes no difference to anything that was explored: the graphs are as large, and what they say is the same.</summary>
    public bool ChangesNothing => Reached.Any() && !Failed.Any() && Findings.All(f => f.Class is FindingClass.Unaffected or FindingClass.PreExisting)
        && Reached.All(c => (c.Base!.States, c.Base.Transitions, c.Base.Ends) == (c.Patched!.States, c.Patched.Transitions, c.Patched.Ends));

    public int ExitCode =>
        Interrupted ? ExitCodes.Interrupted
        : Errors.Count > 0 || Failed.Any() ? ExitCodes.WrongInput
        : Findings.Any(f => f is { Class: FindingClass.Introduced, IsSafety: true }) ? ExitCodes.NotAsExpected
        : NotCovered.Count > 0 || !Reached.Any() || _all.Any(c => c is { Base.IsWhole: false } or { Patched.IsWhole: false }) ? ExitCodes.Incomplete
        : ExitCodes.AsExpected;

    public void Add(Compared compared) => _all.Add(compared);

    private static IEnumerable<string> FunctionsOf(Side? side) => side is null ? [] : side.Functions.Concat(side.Entered);
}
