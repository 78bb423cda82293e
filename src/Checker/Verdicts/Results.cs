using ThpCheck.Checker.Bounds;
using ThpCheck.Checker.CrossChecking;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Sampling;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verdicts;

/// <summary>What a search says about a property.</summary>
internal enum Verdict
{
    /// <summary>Every state was explored, and none breaks it; or, for <c>sometimes</c>, one reaches it.</summary>
    Holds,

    /// <summary>An interleaving breaks it; or, for <c>sometimes</c>, none reaches it.</summary>
    Violated,

    /// <summary>The event it is about never occurred.</summary>
    Vacuous,

    /// <summary>Not everything was explored, and nothing that was breaks it.</summary>
    Incomplete,

    /// <summary>Every execution with at most so many context switches was explored, and none breaks it.</summary>
    HoldsWithinBound,

    /// <summary>Some executions were looked at, and none of them breaks it.</summary>
    Sampled,
}

/// <summary>What a search says about a whole variant. The worst applies.</summary>
internal enum VariantVerdict
{
    Holds,
    Violated,
    Vacuous,
    Deadlock,
    Livelock,
    Incomplete,
    ModelFault,

    /// <summary>Nothing is broken by an execution with at most so many context switches.</summary>
    HoldsWithinBound,

    /// <summary>Some executions were looked at, and nothing was found.</summary>
    Sampled,
}

/// <summary>What was found about one property.</summary>
/// <param name="Property">The property.</param>
/// <param name="Verdict">The verdict.</param>
/// <param name="Message">The sentence that says what breaks it and how, or null.</param>
/// <param name="Counterexample">The cheapest interleaving that breaks it, or null.</param>
/// <param name="Outcomes">For an outcomes property, the values over all End states in order.</param>
internal sealed record PropertyResult(
    Property Property, Verdict Verdict, string? Message, Counterexample? Counterexample, IReadOnlyCollection<IReadOnlyList<long>>? Outcomes = null);

/// <summary>An interleaving that fails.</summary>
/// <param name="Schedule">It replays the execution.</param>
/// <param name="Trace">What happens in it.</param>
/// <param name="Switches">How many context switches it takes.</param>
/// <param name="Steps">How many steps.</param>
/// <param name="IsMinimal">Whether it was proven that none is cheaper; if not, it is the least that was found.</param>
internal sealed record Counterexample(string Schedule, Trace Trace, int Switches, int Steps, bool IsMinimal)
{
    /// <summary>Whether the user would not wait for the cheapest: it has the fewest steps that were found, context switches aside.</summary>
    public bool IsCutShort { get; init; }

    /// <summary>The schedule by the names of the steps at which it turns to another thread.</summary>
    public string Token(Machine machine) => ReplayToken.Of(Replay.Schedule.Parse(machine, Schedule), Trace.Steps);

    /// <summary>The step after which every continuation fails, or null where that is not known.</summary>
    public PointOfNoReturn? NoReturn { get; init; }

    /// <summary>The execution of a sample that it is, or null.</summary>
    public Hit? Hit { get; init; }
}

/// <summary>What was found about an instance.</summary>
internal sealed record InstanceResult
{
    public required VariantVerdict Verdict { get; init; }

    public required IReadOnlyList<PropertyResult> Properties { get; init; }

    /// <summary>The cheapest way into a deadlock, or null.</summary>
    public Counterexample? Deadlock { get; init; }

    /// <summary>The cheapest way into a livelock, or null.</summary>
    public Counterexample? Livelock { get; init; }

    /// <summary>Why not everything was explored that should have been, or null.</summary>
    public string? Incomplete { get; init; }

    /// <summary>The bound on context switches that the search was given, or null.</summary>
    public SwitchBound? Bound { get; init; }

    /// <summary>The sample that was looked at instead of everything, or null.</summary>
    public Sample? Sample { get; init; }

    /// <summary>What the other searches of a cross-check came to, or null when none was asked for.</summary>
    public IReadOnlyList<OtherSearch>? CrossCheck { get; init; }

    /// <summary>Whether everything was explored.</summary>
    public bool IsComplete => Incomplete is null && Bound is not { IsHit: true } && Sample is null;

    /// <summary>The model's fault and how it was reached, or null.</summary>
    public (string Message, Counterexample? Way)? Fault { get; init; }

    public required long States { get; init; }

    public required long Transitions { get; init; }

    public required int Depth { get; init; }

    /// <summary>How many End states there are.</summary>
    public required int Ends { get; init; }

    public required TimeSpan Time { get; init; }

    /// <summary>About how many states there are, as was estimated on the way; or null.</summary>
    public SizeEstimate? Estimate { get; init; }

    /// <summary>Whether whole states were compared where fingerprints were equal.</summary>
    public bool IsExact { get; init; }

    /// <summary>How much memory the search took for each state.</summary>
    public double BytesPerState { get; init; }

    /// <summary>How much went to a file for each state, because it did not fit into memory.</summary>
    public double SpilledBytesPerState { get; init; }

    /// <summary>The bound on the chance that two states shared a fingerprint and one was missed; 0 for an exact search.</summary>
    public double OddsOfMissedState => IsExact ? 0 : States * (double)(States - 1) / Math.Pow(2, 129);

    /// <summary>The reduced search that was made first, or alone; null for none.</summary>
    public ReducedSearch? Reduced { get; init; }

    /// <summary>Whether the counts are of a reduced graph, as the whole one was not needed, or too large.</summary>
    public bool CountsReduced { get; init; }

    /// <summary>Which functions ran: every path that was entered, by file and name.</summary>
    public required IReadOnlyList<string> Functions { get; init; }

    /// <summary>The machine's key, printed so that another can be tried.</summary>
    public required ulong Key { get; init; }

    public PropertyResult this[string property] => Properties.First(p => p.Property.Name == property);
}

/// <summary>A search that left out interleavings which the verdicts do not depend on.</summary>
/// <param name="States">How many states its graph has.</param>
/// <param name="Transitions">How many steps.</param>
/// <param name="Searches">How many searches it took until one discovered nothing that it should have known before.</param>
internal sealed record ReducedSearch(long States, long Transitions, int Searches);

/// <summary>What a search says, without interleavings.</summary>
/// <param name="Properties">Of each property, in their order.</param>
/// <param name="Deadlock">Whether there is a deadlock.</param>
/// <param name="Livelock">Whether there is a livelock.</param>
internal sealed record VerdictsAlone(IReadOnlyList<PropertyResult> Properties, bool Deadlock, bool Livelock);
