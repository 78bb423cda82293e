using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Bounds;

/// <summary>What <c>check --max-switches</c> prints.</summary>
public sealed class BoundReportTests
{
    [Fact]
    public void What_holds_within_a_bound_does_not_look_like_a_pass() =>
        Approved.Match(Of("check", Scenario("trylock.yaml"), Scenario("references.yaml"), "--max-switches", "1").All);

    [Fact]
    public void A_bound_that_cuts_nothing_off_is_said_to() => Approved.Match(Of("check", Scenario("trylock.yaml"), "--max-switches", "9").All);

    [Fact]
    public void A_bounded_search_in_json() => Approved.Match(Of("check", Scenario("folio-locks.yaml"), "--max-switches", "1", "--format", "json").All);

    [Fact]
    public void A_violation_that_is_not_expected_is_not_as_expected_within_a_bound_either()
    {
        var run = Of("check", Scenario("Wrong", "expectations.yaml"), "--max-switches", "2");

        Assert.Equal(1, run.ExitCode);
    }

    [Fact]
    public void A_violation_that_is_expected_and_not_found_within_the_bound_is_no_contradiction()
    {
        var run = Of("check", Scenario("trylock.yaml"), "--max-switches", "0");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("no-bad-unlock: expected violated, not found within 0 context switches", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("two")]
    [InlineData("1000001")]
    public void A_bound_that_is_none_is_one_sentence(string bound) => Assert.Equal(
        new(2, "", $"thpcheck: --max-switches cannot be '{bound}'; write a number from 0 to 1000000\n"),
        Of("check", $"--max-switches={bound}"));
}
