using static ThpCheck.Specs.Format.Lists;
using static ThpCheck.Specs.Format.Need;
using static ThpCheck.Specs.Format.Values;

namespace ThpCheck.Specs.Format;

/// <summary>
/// The scenario format: a table per kind of mapping, a row per key, which says whether the key is needed, how its value is read and where
/// it goes. Innermost kinds first. The schema for editors says the same, and a test holds the two together.
/// </summary>
internal static class ScenarioFormat
{
    internal static readonly Shape<LongCall> Call = new("a call", _ => new LongCall())
    {
        { "call", Required, CallReader.Read, (c, v) => c with { Call = v } },
        { "as", Optional, FreeIdentifier, (c, v) => c with { As = v } },
    };

    internal static readonly Shape<ThreadSpec> Thread = new("a thread", at => new ThreadSpec { Position = at })
    {
        { "name", Required, Identifier, (t, v) => t with { Name = v } },
        { "kind", Optional, OneOf(("task", ThreadKind.Task), ("optional", ThreadKind.Optional), ("environment", ThreadKind.Environment)),
            (t, v) => t with { Kind = v.Value } },
        { "calls", Required, CallList.AtLeastOne("call"), (t, v) => t with { Calls = v } },
    };

    internal static readonly Shape<PoolSpec> Pool = new("a pool", _ => new PoolSpec())
    {
        { "objects", Required, Integer(1, PoolSpec.Largest), (p, v) => p with { Objects = v.Map(n => (int)n) } },
        { "generations", Optional, Integer(1, PoolSpec.Largest), (p, v) => p with { Generations = v.Map(n => (int)n) } },
        { "reuse", Optional, Boolean, (p, v) => p with { Reuse = v } },
        { "discard", Optional, Boolean, (p, v) => p with { Discard = v } },
        { "typesafe", Optional, Boolean, (p, v) => p with { Typesafe = v } },
    };

    internal static readonly Shape<BoundsSpec> Bounds = new("the bounds", _ => new BoundsSpec())
    {
        { "states", Optional, Integer(1), (b, v) => b with { States = v } },
        { "memory", Optional, Integer(1), (b, v) => b with { Memory = v } },
        { "seconds", Optional, Integer(1), (b, v) => b with { Seconds = v } },
    };

    internal static readonly Shape<VariantSpec> Variant = new("a variant", at => new VariantSpec { Position = at })
    {
        { "name", Required, Label, (v, x) => v with { Name = x } },
        { "note", Optional, Prose, (v, x) => v with { Note = x } },
        { "facts", Optional, OneOrMore("facts", Fact), (v, x) => v with { Facts = x } },
        { "kernel", Optional, Name, (v, x) => v with { Kernel = x } },
        { "patches", Optional, NamesOf("patch", "patches"), (v, x) => v with { Patches = x } },
        { "toggles", Optional, Settings("toggle names to values", Phrase, BooleanIntegerOrName), (v, x) => v with { Toggles = x } },
        { "config", Optional, Settings("names to values", Identifier, BooleanOrInteger), (v, x) => v with { Config = x } },
        { "arch", Optional, Settings("names to values", Identifier, BooleanIntegerOrName), (v, x) => v with { Arch = x } },
        { "pools", Optional, Pools, (v, x) => v with { Pools = x } },
        { "tolerates", Optional, NamesOf("kernel bug", "kernel bugs"), (v, x) => v with { Tolerates = x } },
        { "expect", Optional, Expectations, (v, x) => v with { Expect = x } },
        { "disagrees", Optional, Prose, (v, x) => v with { Disagrees = x } },
        { "states", Optional, Integer(0), (v, x) => v with { States = x } },
        { "transitions", Optional, Integer(0), (v, x) => v with { Transitions = x } },
        { "outcomes", Optional, Outcomes, (v, x) => v with { Outcomes = x } },
    };

    /// <summary>The whole file; its path is put in by the reader.</summary>
    internal static readonly Shape<ScenarioFile> Scenario = new("a scenario", at => new ScenarioFile { Path = "", Position = at })
    {
        { "title", Required, OneLine, (s, v) => s with { Title = v } },
        { "question", Required, Prose, (s, v) => s with { Question = v } },
        { "origin", Optional, ListOf("mails and commits", OneLine), (s, v) => s with { Origin = v } },
        { "kernel", Required, Name, (s, v) => s with { Kernel = v } },
        { "config", Optional, Settings("names to values", Identifier, BooleanOrInteger), (s, v) => s with { Config = v } },
        { "arch", Optional, Settings("names to values", Identifier, BooleanIntegerOrName), (s, v) => s with { Arch = v } },
        { "pools", Optional, Pools, (s, v) => s with { Pools = v } },
        { "setup", Optional, CallList, (s, v) => s with { Setup = v } },
        { "threads", Required, ListOf("threads", Thread.Read).AtLeastOne("thread").Distinct("thread", t => t.Name),
            (s, v) => s with { Threads = v } },
        { "teardown", Optional, CallList, (s, v) => s with { Teardown = v } },
        { "properties", Optional, NamesOf("property", "properties"), (s, v) => s with { Properties = v } },
        { "bounds", Optional, Bounds.Read, (s, v) => s with { Bounds = v } },
        { "variants", Required, ListOf("variants", Variant.Read).AtLeastOne("variant").Distinct("variant", x => x.Name),
            (s, v) => s with { Variants = v } },
    };

    /// <summary>A call in its long form.</summary>
    internal sealed record LongCall(CallSpec? Call = null, Located<string>? As = null);

    private static NodeReader<IReadOnlyList<CallSpec>> CallList => (node, report) =>
        ListOf<CallSpec>("calls", ReadCall)(node is YamlList { Flow: true } list ? CallReader.WithoutRests(list) : node, report);

    private static NodeReader<IReadOnlyList<PoolSpec>> Pools => MapOf<PoolSpec, PoolSpec>(
        "cache names to capacities", Identifier, _ => ReadPool, (name, pool) => pool with { Name = name });

    private static NodeReader<IReadOnlyList<Expectation>> Expectations => MapOf<Located<ExpectedVerdict>, Expectation>(
        "property names to verdicts",
        Name,
        name => name is Expectation.Deadlock or Expectation.Livelock
            ? OneOf(("found", ExpectedVerdict.Found))
            : OneOf(("holds", ExpectedVerdict.Holds), ("violated", ExpectedVerdict.Violated), ("vacuous", ExpectedVerdict.Vacuous)),
        (name, verdict) => new(name, verdict));

    private static NodeReader<IReadOnlyList<OutcomesSpec>> Outcomes => MapOf<IReadOnlyList<Located<IReadOnlyList<long>>>, OutcomesSpec>(
        "property names to outcomes", Name, _ => ReadTuples, (name, tuples) => new(name, tuples));

    private static NodeReader<IReadOnlyList<Located<string>>> NamesOf(string one, string many) =>
        ListOf(many, Name).Distinct(one, name => name);

    private static NodeReader<IReadOnlyList<Setting>> Settings(
        string what, NodeReader<Located<string>> name, NodeReader<Located<SettingValue>> value) =>
        MapOf<Located<SettingValue>, Setting>(what, name, _ => value, (n, v) => new(n, v));

    private static CallSpec? ReadCall(YamlNode node, DiagnosticList report)
    {
        if (node is not YamlMapping mapping)
            return CallReader.Read(node, report);
        if (Call.Read(CallReader.WithoutRests(mapping), report) is not { Call: { } call, As: var name })
            return null;
        if (name is null)
            return call;
        if (call.Result is null)
            return call with { Result = name };

        report.Add(name.Position, $"the call at {call.Position} names its result '{call.Result}' already; keep one of the two names.");
        return null;
    }

    private static PoolSpec? ReadPool(YamlNode node, DiagnosticList report) => node switch
    {
        YamlMapping => Pool.Read(node, report),
        YamlScalar => Integer(1, PoolSpec.Largest)(node, report) is { } n ? new() { Objects = n.Map(v => (int)v) } : null,
        _ => Expected.Other<PoolSpec>(node, "a capacity or a mapping of pool options", report),
    };

    private static IReadOnlyList<Located<IReadOnlyList<long>>>? ReadTuples(YamlNode node, DiagnosticList report)
    {
        var tuples = ListOf<Located<IReadOnlyList<long>>>("tuples", ReadTuple)(node, report);
        foreach (var tuple in tuples ?? [])
        {
            if (tuple.Value.Count != tuples![0].Value.Count)
                report.Add(tuple.Position, $"this tuple has {tuple.Value.Count} integers, the first one has {tuples[0].Value.Count}.");
        }

        ReportTwins((tuples ?? []).Select(t => t.Map(v => $"[{string.Join(", ", v)}]")), twin => $"the tuple {twin} is here twice", report);
        return tuples;
    }

    private static Located<IReadOnlyList<long>>? ReadTuple(YamlNode node, DiagnosticList report) =>
        ListOf("integers", AnyInteger).AtLeastOne("integer")(node, report) is { } values
            ? new([.. values.Select(v => v.Value)], node.Position)
            : null;
}
