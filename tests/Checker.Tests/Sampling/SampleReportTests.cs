using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Sampling;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Sampling;

/// <summary>What <c>check --sample</c> prints.</summary>
public sealed class SampleReportTests
{
    [Fact]
    public void A_sample_by_pct_states_its_promise() =>
        Approved.Match(Of("check", Scenario("trylock.yaml"), "--sample", "pct", "--depth", "2", "--executions", "1000", "--seed", "7").All);

    [Fact]
    public void A_sample_without_a_promise_says_so() =>
        Approved.Match(Of("check", Scenario("references.yaml"), Scenario("folio-locks.yaml"), "--sample", "pos", "--executions", "50").All);

    [Fact]
    public void A_sample_in_json() =>
        Approved.Match(Of("check", Scenario("trylock.yaml"), "--sample", "pct", "--executions", "100", "--format", "json").All);

    [Fact]
    public void The_usual_sample_is_of_ten_thousand_executions()
    {
        var run = Of("check", Scenario("references.yaml"), "--variant", "as-is", "--sample", "random");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("SAMPLED         10,000 executions", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("  ok ", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("holds", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("junit", "<error message=\"not everything was explored\" type=\"sampled\">")]
    [InlineData("html", "only some executions were looked at, and nothing was shown to hold")]
    public void A_sample_in_which_nothing_breaks_is_no_pass_in_other_forms_either(string format, string said) => Assert.Contains(
        said, Of("check", Scenario("references.yaml"), "--variant", "as-is", "--sample", "random", "--executions", "100", "--format", format).Out, StringComparison.Ordinal);

    [Fact]
    public void A_violation_that_is_not_expected_is_not_as_expected_in_a_sample_either() =>
        Assert.Equal(1, Of("check", Scenario("Wrong", "expectations.yaml"), "--sample", "random", "--executions", "100").ExitCode);

    [Theory]
    [InlineData("--sample cannot be 'dice'; write random, pct or pos", "--sample", "dice")]
    [InlineData("--executions cannot be '0'; write a number of at least 1", "--sample", "pct", "--executions", "0")]
    [InlineData("--seed cannot be '3000000000'; write a number from 0 to 2147483647", "--sample", "pct", "--seed", "3000000000")]
    [InlineData("--depth cannot be '0'; write a number from 1 to 100", "--sample", "pct", "--depth", "0")]
    [InlineData("--depth is about PCT only, so it goes with --sample pct, not with --sample pos", "--sample", "pos", "--depth", "2")]
    [InlineData("--executions says how to sample, so it goes with --sample", "--executions", "100")]
    [InlineData("--seed says how to sample, so it goes with --sample", "--seed", "1")]
    [InlineData("--depth says how to sample, so it goes with --sample", "--depth", "1")]
    [InlineData("--sample and --max-switches exclude each other: the one draws executions, the other explores all within its bound", "--sample", "pct", "--max-switches", "1")]
    [InlineData("--exact is for a search of everything, so it does not go with --sample", "--sample", "pct", "--exact")]
    [InlineData("--certificate is for a search of everything, so it does not go with --max-switches", "--max-switches", "1", "--certificate", "file")]
    public void Wrong_options_are_one_sentence(string sentence, params string[] args) =>
        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: {sentence}\n"), Of(["check", .. args]));

    [Fact]
    public void The_progress_line_counts_executions() => Assert.Equal(
        "v1: 1,500 of 10,000 executions, 750 a second, 42 states",
        ProgressLine.Text("v1", new SampleProgress(1500, 10_000, 42), TimeSpan.FromSeconds(2)));

    [Theory]
    [InlineData(0.125, "0.12")]
    [InlineData(0.5, "0.5")]
    [InlineData(0.00269, "0.0026")]
    [InlineData(0.9999, "0.99")]
    [InlineData(1, "0.99")]
    [InlineData(0, "0")]
    [InlineData(0.0000123, "1.2E-05")]
    public void A_least_chance_is_never_rounded_up(double chance, string text) => Assert.Equal(text, Prose.Chance(chance));
}
