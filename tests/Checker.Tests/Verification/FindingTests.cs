using ThpCheck.Checker.Verdicts;
using ThpCheck.Checker.Verification;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Verification;

public sealed class FindingTests
{
    [Theory]
    [InlineData(PropertyForm.Always, Verdict.Holds, Verdict.Violated, FindingClass.Introduced)]
    [InlineData(PropertyForm.Always, Verdict.Violated, Verdict.Holds, FindingClass.Fixed)]
    [InlineData(PropertyForm.Always, Verdict.Violated, Verdict.Violated, FindingClass.PreExisting)]
    [InlineData(PropertyForm.Always, Verdict.Holds, Verdict.Holds, FindingClass.Unaffected)]
    [InlineData(PropertyForm.AlwaysAt, Verdict.Holds, Verdict.Vacuous, FindingClass.NoLongerReachable)]
    [InlineData(PropertyForm.AlwaysAt, Verdict.Violated, Verdict.Vacuous, FindingClass.NoLongerReachable)]
    [InlineData(PropertyForm.AlwaysAt, Verdict.Vacuous, Verdict.Holds, FindingClass.NowReachable)]
    [InlineData(PropertyForm.AlwaysAt, Verdict.Vacuous, Verdict.Violated, FindingClass.Introduced)]
    [InlineData(PropertyForm.Sometimes, Verdict.Holds, Verdict.Violated, FindingClass.NoLongerReachable)]
    [InlineData(PropertyForm.Sometimes, Verdict.Violated, Verdict.Holds, FindingClass.NowReachable)]
    [InlineData(PropertyForm.Always, Verdict.Holds, Verdict.Incomplete, FindingClass.Open)]
    [InlineData(PropertyForm.Always, Verdict.Incomplete, Verdict.Holds, FindingClass.Open)]
    [InlineData(PropertyForm.Always, Verdict.Incomplete, Verdict.Violated, FindingClass.Open)]
    public void What_a_patch_does_to_a_property_follows_from_the_two_verdicts(PropertyForm form, object before, object after, object expected)
    {
        var finding = Assert.Single(Finding.Of(Compare([Outcome("p", form, (Verdict)before)], [Outcome("p", form, (Verdict)after)])));

        Assert.Equal((FindingClass)expected, finding.Class);
    }

    [Fact]
    public void A_deadlock_that_only_the_patch_has_is_introduced()
    {
        var finding = Assert.Single(Finding.Of(Compare([], [Outcome("deadlock", PropertyForm.KernelBug, Verdict.Violated)])));

        Assert.Equal((FindingClass.Introduced, true), (finding.Class, finding.IsSafety));
    }

    [Fact]
    public void Other_outcomes_are_neither_better_nor_worse()
    {
        var before = Outcome("ends", PropertyForm.Outcomes, Verdict.Holds) with { Outcomes = "(0) (1)" };

        Assert.Equal(FindingClass.Changed, Assert.Single(Finding.Of(Compare([before], [before with { Outcomes = "(0)" }]))).Class);
        Assert.Equal(FindingClass.Unaffected, Assert.Single(Finding.Of(Compare([before], [before]))).Class);
    }

    private static PropertyOutcome Outcome(string name, PropertyForm form, Verdict verdict) => new(name, form, PropertyClass.Safety, verdict, null, "");

    private static Compared Compare(IReadOnlyList<PropertyOutcome> before, IReadOnlyList<PropertyOutcome> after) =>
        new(new Job("a.yaml", "v")) { Base = Side(before), Patched = Side(after) };

    private static Side Side(IReadOnlyList<PropertyOutcome> properties) => new() { States = 1, Transitions = 0, Ends = 1, Seconds = 0, Properties = properties, Entered = ["f.g"] };
}
