namespace ThpCheck.Specs.Format;

/// <summary>One kernel that the question is asked of, and the answer expected.</summary>
/// <remarks>Lists are in the file's order and empty where the variant has no such key.</remarks>
public sealed record VariantSpec
{
    /// <summary>Where the variant's mapping starts.</summary>
    public required SourcePosition Position { get; init; }

    /// <summary>Unlike any other variant's of the file.</summary>
    public Located<string> Name { get; init; } = Located.Unread;

    /// <summary>What there is to know about the variant, in prose.</summary>
    public Located<string>? Note { get; init; }

    /// <summary>The recorded facts that the variant answers for.</summary>
    public IReadOnlyList<FactReference> Facts { get; init; } = [];

    /// <summary>The release instead of the file's.</summary>
    public Located<string>? Kernel { get; init; }

    /// <summary>The patch series applied, in order.</summary>
    public IReadOnlyList<Located<string>> Patches { get; init; } = [];

    /// <summary>The differences of a line, on or off or named.</summary>
    public IReadOnlyList<Setting> Toggles { get; init; } = [];

    /// <summary>Takes precedence over the file's, name by name.</summary>
    public IReadOnlyList<Setting> Config { get; init; } = [];

    /// <summary>Takes precedence over the file's, name by name.</summary>
    public IReadOnlyList<Setting> Arch { get; init; } = [];

    /// <summary>Takes precedence over the file's, pool by pool.</summary>
    public IReadOnlyList<PoolSpec> Pools { get; init; } = [];

    /// <summary>The kernel bugs that do not end an execution.</summary>
    public IReadOnlyList<Located<string>> Tolerates { get; init; } = [];

    /// <summary>The verdicts that are not <see cref="ExpectedVerdict.Holds"/>; a property not named here must hold.</summary>
    public IReadOnlyList<Expectation> Expect { get; init; } = [];

    /// <summary>Why what was predicted was wrong, in prose.</summary>
    public Located<string>? Disagrees { get; init; }

    /// <summary>The exact number of states, or null when not pinned.</summary>
    public Located<long>? States { get; init; }

    /// <summary>The exact number of transitions, or null when not pinned.</summary>
    public Located<long>? Transitions { get; init; }

    /// <summary>The exact outcomes over all End states, per property.</summary>
    public IReadOnlyList<OutcomesSpec> Outcomes { get; init; } = [];

    /// <summary>The options of a command line that put the variant together; none for one that stands in a file as it is.</summary>
    public IReadOnlyList<string> Added { get; init; } = [];
}

/// <summary>What a variant is expected to do to a property.</summary>
public enum ExpectedVerdict
{
    /// <summary>The property holds in every state.</summary>
    Holds,

    /// <summary>The property is violated.</summary>
    Violated,

    /// <summary>What the property guards against never came up.</summary>
    Vacuous,

    /// <summary>Of a deadlock or livelock, which are no properties: there is one.</summary>
    Found,
}

/// <summary>
/// The verdict expected of a property; or, named <see cref="Deadlock"/> or <see cref="Livelock"/> and only then
/// <see cref="ExpectedVerdict.Found"/>, that there is one.
/// </summary>
public sealed record Expectation(Located<string> Name, Located<ExpectedVerdict> Verdict)
{
    /// <summary>In place of a property's name.</summary>
    public const string Deadlock = "deadlock";

    /// <summary>In place of a property's name.</summary>
    public const string Livelock = "livelock";
}

/// <summary>The exact set of outcomes of a property: different tuples, all of one length, in the file's order.</summary>
public sealed record OutcomesSpec(Located<string> Property, IReadOnlyList<Located<IReadOnlyList<long>>> Tuples);

/// <summary>A recorded fact: <c>file#row</c> or <c>file#row/word</c>, where a row of a table is <c>table/row</c>.</summary>
public sealed record FactReference(SourcePosition Position, string File, string Row, string? Word)
{
    /// <summary>As in the file.</summary>
    public override string ToString() => Word is null ? $"{File}#{Row}" : $"{File}#{Row}/{Word}";
}
