using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>When each form of property is looked at, and what it takes to break it.</summary>
public sealed class PropertyFormTests
{
    /// <remarks>x and y differ between the two stores and nowhere else.</remarks>
    [Fact]
    public void Always_is_looked_at_in_every_state()
    {
        var result = Judged(m => m.StoreBoth(), m => [Property.Always("x-is-y", m.SameOrSay)]);

        AssertBroken(result, "x-is-y", "a", "x is 1 and y is 0");
    }

    [Fact]
    public void Always_is_looked_at_in_the_initial_state()
    {
        var result = Judged(m => m.StoreBoth(), m => [Property.Always("x-is-stored", view => view.Get(m.X) == 0 ? "x is 0" : null)]);

        AssertBroken(result, "x-is-stored", "", "x is 0");
    }

    [Fact]
    public void Always_outside_is_not_looked_at_while_a_thread_is_inside_the_region()
    {
        var entered = Judged(m => m.StoreBothInRegion(), m => [Property.AlwaysOutside("x-is-y", "storing", m.SameOrSay)]);
        var notEntered = Judged(m => m.StoreBoth(), m => [Property.AlwaysOutside("x-is-y", "storing", m.SameOrSay)]);
        var inPath = Judged(m => m.StoreBoth(), m => [Property.AlwaysOutside("x-is-y", "StoreBoth", m.SameOrSay)]);

        Assert.Equal(VariantVerdict.Holds, entered.Verdict);
        AssertBroken(notEntered, "x-is-y", "a", "x is 1 and y is 0");
        Assert.Equal(VariantVerdict.Holds, inPath.Verdict);
    }

    /// <remarks>The event comes with the second store, in the state after it.</remarks>
    [Fact]
    public void Always_at_is_looked_at_with_the_step_that_causes_the_event_only()
    {
        var after = Judged(m => m.StoreBoth(), m => [Property.AlwaysAt("x-is-y", "stored", m.SameOrSay)]);
        var between = Judged(m => m.StoreBoth(), m => [Property.AlwaysAt("x-is-y", "half", m.SameOrSay)]);

        Assert.Equal(VariantVerdict.Holds, after.Verdict);
        AssertBroken(between, "x-is-y", "a", "x is 1 and y is 0");
    }

    [Fact]
    public void A_paths_end_is_an_event_by_its_name()
    {
        var result = Judged(m => m.StoreBoth(), m => [Property.AlwaysAt("x-is-0", "StoreBoth/end", view => view.Get(m.X) == 0 ? null : "x is 1 when the path ends")]);

        AssertBroken(result, "x-is-0", "a*2", "x is 1 when the path ends");
    }

    [Fact]
    public void An_event_says_who_caused_it_and_what_it_is_about_and_states_do_not()
    {
        var seen = new HashSet<(string Event, int Thread, string? About)>();
        Property Recording(string name, string? at) => at is null
            ? Property.Always(name, view => Record(view, name))
            : Property.AlwaysAt(name, at, view => Record(view, name));
        string? Record(StateView view, string name)
        {
            seen.Add((name, view.Thread, view.Argument?.Name));
            return null;
        }

        Small.Judged(Small.Instance(
            at => new Pair(at),
            [new("a", m => m.StoreX()), new("b", m => m.StoreBoth())],
            _ => [Recording("state", null), Recording("half", "half"), Recording("stored", "stored")]));

        Assert.Equal([("half", 1, null), ("state", -1, null), ("stored", 1, "shared")], seen.Order());
    }

    [Fact]
    public void A_property_about_an_event_that_never_occurs_is_vacuous()
    {
        var result = Judged(m => m.StoreBoth(), m => [Property.AlwaysAt("x-is-y", "unmapped", m.SameOrSay)]);

        Assert.Equal((VariantVerdict.Vacuous, Verdict.Vacuous), (result.Verdict, result["x-is-y"].Verdict));
        Assert.Equal("the event 'unmapped' never occurred", result["x-is-y"].Message);
    }

    [Fact]
    public void Sometimes_is_violated_when_nothing_reaches_it_and_holds_when_one_state_does()
    {
        var result = Judged(m => m.StoreBoth(), m =>
        [
            Property.Sometimes("only-x", view => view.Get(m.X) > view.Get(m.Y)),
            Property.Sometimes("only-y", view => view.Get(m.Y) > view.Get(m.X)),
        ]);

        Assert.Equal(VariantVerdict.Violated, result.Verdict);
        Assert.Equal((Verdict.Holds, Verdict.Violated), (result["only-x"].Verdict, result["only-y"].Verdict));
        Assert.Equal(("never reached", null), (result["only-y"].Message, result["only-y"].Counterexample));
    }

    /// <remarks>Y is stored by the tear-down only, so an End state has 1,0 before it and 1,1 after.</remarks>
    [Fact]
    public void Finally_and_outcomes_are_looked_at_after_tear_down_and_always_before_it()
    {
        IReadOnlyList<Property> Promises(Pair m) =>
        [
            Property.Finally("x-is-y", m.SameOrSay),
            Property.Outcomes("values", view => [view.Get(m.X), view.Get(m.Y)]),
            Property.Always("y-is-0", view => view.Get(m.Y) == 0 ? null : "y is 1"),
        ];

        var with = Small.Judged(Small.Instance(at => new Pair(at), [new("a", m => m.StoreX())], Promises, null, m => m.StoreY()));
        var without = Small.Judged(Small.Instance(at => new Pair(at), [new("a", m => m.StoreX())], Promises));

        Assert.Equal((VariantVerdict.Holds, "1,1"), (with.Verdict, with.Outcomes("values")));
        Assert.Equal((VariantVerdict.Violated, "1,0"), (without.Verdict, without.Outcomes("values")));
        Assert.Equal((2, 1L), (with.States, with.Transitions));
        AssertBroken(without, "x-is-y", "a", "x is 1 and y is 0");
    }

    [Fact]
    public void A_sentence_of_finally_is_about_the_state_after_tear_down_in_the_trace_too()
    {
        var result = Small.Judged(Small.Instance(
            at => new Pair(at),
            [new("a", m => m.StoreX())],
            m => [Property.Finally("y-is-0", view => view.Get(m.Y) == 0 ? null : "y is 1 in the end")],
            null,
            m => m.StoreY()));

        AssertBroken(result, "y-is-0", "a", "y is 1 in the end");
    }

    [Fact]
    public void Only_a_safety_property_makes_a_variant_violated()
    {
        var result = Judged(m => m.StoreBoth(), m => [Property.Always("x-is-y", m.SameOrSay) with { Class = PropertyClass.Hygiene }]);

        Assert.Equal((VariantVerdict.Holds, Verdict.Violated), (result.Verdict, result["x-is-y"].Verdict));
        Assert.Equal("a", result["x-is-y"].Counterexample!.Schedule);
    }

    /// <remarks>
    /// a stores x and y, b stores x. Each promise is broken at another place; the cheapest way to each: a's first step; b's
    /// step, which is b's first; both threads done.
    /// </remarks>
    [Fact]
    public void Every_violated_property_gets_its_own_minimal_trace()
    {
        var result = Small.Judged(Small.Instance(
            at => new Pair(at),
            [new("a", m => m.StoreBoth()), new("b", m => m.StoreX())],
            m =>
            [
                Property.Always("x-is-y", m.SameOrSay),
                Property.Always("b-stays", view => view.HasEnded(1) ? "b has ended" : null),
                Property.Always("not-both", view => view.HasEnded(0) && view.HasEnded(1) ? "both have ended" : null),
                Property.Finally("x-is-0", view => view.Get(m.X) == 0 ? null : "x is 1"),
                Property.Always("y-stays", view => view.Get(m.Y) == 0 ? null : "y is 1"),
            ]));

        AssertBroken(result, "x-is-y", "a", "x is 1 and y is 0");
        AssertBroken(result, "b-stays", "b", "b has ended");
        AssertBroken(result, "not-both", "a*2,b", "both have ended");
        AssertBroken(result, "x-is-0", "a*2,b", "x is 1");
        AssertBroken(result, "y-stays", "a*2", "y is 1");
    }

    private static InstanceResult Judged(Func<Pair, KernelTask> path, Func<Pair, IReadOnlyList<Property>> properties) =>
        Small.Judged(Small.Instance(at => new Pair(at), [new("a", path)], properties));

    private static void AssertBroken(InstanceResult result, string property, string schedule, string sentence)
    {
        var found = result[property];
        Assert.Equal((Verdict.Violated, schedule, sentence), (found.Verdict, found.Counterexample!.Schedule, found.Message));
        Assert.Equal(sentence, found.Counterexample.Trace.Ending);
        Assert.True(found.Counterexample.IsMinimal);
    }

    private sealed class Pair(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> X = at.Cell(0, 1, 0, "x");
        public readonly Shared<int> Y = at.Cell(0, 1, 0, "y");

        public string? SameOrSay(StateView view) => view.Get(X) == view.Get(Y) ? null : $"x is {view.Get(X)} and y is {view.Get(Y)}";

        public async KernelTask StoreX() => await store(X, 1);

        public async KernelTask StoreY() => await store(Y, 1);

        public async KernelTask StoreBoth()
        {
            await store(X, 1);
            Oracle("half");
            await store(Y, 1);
            Oracle("stored", this);
        }

        public async KernelTask StoreBothInRegion()
        {
            await store(X, 1);
            Enter("storing");
            await store(Y, 1);
            Leave("storing");
        }
    }
}
