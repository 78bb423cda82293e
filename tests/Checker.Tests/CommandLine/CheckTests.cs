using System.Text.Json;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class CheckTests
{
    [Fact]
    public void Check_of_one_scenario_shows_expected_violations_too() => Approved.Match(Of("check", Scenario("trylock.yaml")).All);

    [Fact]
    public void Check_of_a_deadlock_shows_who_waits() => Approved.Match(Of("check", Scenario("folio-locks.yaml")).All);

    [Fact]
    public void Check_of_several_scenarios_is_a_line_a_variant() =>
        Approved.Match(Of("check", Scenario("trylock.yaml"), Scenario("references.yaml"), Scenario("three-threads.yaml"), Scenario("folio-locks.yaml")).All);

    [Fact]
    public void Check_shows_what_is_not_expected_at_any_rate() =>
        Approved.Match(Of("check", Scenario("trylock.yaml"), Scenario("Wrong", "expectations.yaml")).All);

    [Fact]
    public void Check_of_wrong_files_still_checks_the_others() =>
        Approved.Match(Of("check", Scenario("Wrong"), Scenario("trylock.yaml")).All);

    [Fact]
    public void Check_in_json() => Approved.Match(Of("check", Scenario("trylock.yaml"), Scenario("folio-locks.yaml"), "--format", "json").All);

    [Fact]
    public void Check_in_json_holds_the_errors() =>
        Approved.Match(Of("check", Scenario("Wrong", "key.yaml"), Scenario("Wrong", "path.yaml"), "--format", "json").All);

    [Fact]
    public void Check_of_disagreements_says_why() => Approved.Match(Of("check", Scenario("references.yaml"), "--disagreements").All);

    [Fact]
    public void Check_says_what_a_limit_left_open() =>
        Approved.Match(Of("check", Scenario("three-threads.yaml"), Scenario("trylock.yaml"), "--max-states", "5000").All);

    [Fact]
    public void Traces_of_expected_violations_are_shown_for_several_scenarios_on_demand()
    {
        var without = Of("check", Scenario("trylock.yaml"), Scenario("references.yaml"));
        var with = Of("check", Scenario("trylock.yaml"), Scenario("references.yaml"), "--traces");

        Assert.DoesNotContain("thpcheck replay", without.Out, StringComparison.Ordinal);
        Assert.Contains("thpcheck replay", with.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_variant_is_chosen_by_name()
    {
        var run = Of("check", Scenario("references.yaml"), "--variant", "as-is", "--variant", "with-two-mms");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("2 variants as expected, 0 not.", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("predicted-to-break", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_looked_through_and_its_files_are_checked_once()
    {
        var run = Of("check", Scenario(), Scenario("trylock.yaml"));

        Assert.Equal(
            ["Wrong/expectations.yaml", "bounded.yaml", "folio-locks.yaml", "references.yaml", "three-threads.yaml", "trylock.yaml"],
            run.Out.Split('\n').Where(l => l.StartsWith(Scenario(), StringComparison.Ordinal)).Select(l => l.Split("  ")[0][(Scenario().Length + 1)..])
                .Where(f => f != "Wrong/path.yaml"));
    }

    [Theory]
    [InlineData("three-threads.yaml", "4000", "4000")]
    [InlineData("bounded.yaml", "4000", "4000")]
    [InlineData("bounded.yaml", "6000", "5000")]
    public void The_smaller_of_the_files_and_the_command_lines_limit_counts(string scenario, string option, string limit)
    {
        var run = Of("check", Scenario(scenario), "--max-states", option);

        Assert.Contains($"the limit of {limit} states was reached", run.Out, StringComparison.Ordinal);
        Assert.Equal(3, run.ExitCode);
    }

    [Fact]
    public void A_limit_on_memory_is_incomplete()
    {
        var run = Of("check", Scenario("three-threads.yaml"), "--max-memory", "1M");

        Assert.Contains("INCOMPLETE", run.Out, StringComparison.Ordinal);
        Assert.Contains("the limit of 1 MiB was reached", run.Out, StringComparison.Ordinal);
        Assert.Equal(3, run.ExitCode);
    }

    [Fact]
    public void An_incomplete_variant_is_never_called_ok_or_as_expected()
    {
        var run = Of("check", Scenario("bounded.yaml"));

        Assert.DoesNotContain("  ok ", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("holds ", run.Out.Split('\n').First(l => l.StartsWith("  --", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("0 variants as expected, 0 not, 1 incomplete.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_can_go_to_a_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            var run = Of("check", Scenario("trylock.yaml"), "--format", "json", "--output", file);

            Assert.Equal((0, "", ""), (run.ExitCode, run.Out, run.Error));
            using var report = JsonDocument.Parse(File.ReadAllText(file));
            Assert.Equal("violated", report.RootElement.GetProperty("results")[0].GetProperty("verdict").GetString());
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void What_is_wrong_outweighs_what_is_not_expected_and_that_what_is_incomplete()
    {
        var (wrong, unexpected, incomplete) = (Scenario("Wrong", "key.yaml"), Scenario("Wrong", "expectations.yaml"), Scenario("bounded.yaml"));

        Assert.Equal(3, Of("check", incomplete).ExitCode);
        Assert.Equal(1, Of("check", unexpected, incomplete).ExitCode);
        Assert.Equal(2, Of("check", wrong, unexpected, incomplete).ExitCode);
    }

    [Fact]
    public void No_line_of_a_report_ends_in_blanks_or_is_wider_than_the_page()
    {
        const int Width = 140;
        var lines = Approved.Normal(Of("check", Scenario("references.yaml"), Scenario("Wrong", "expectations.yaml"), "--verbose").Out).Split('\n');

        Assert.DoesNotContain(lines, l => l.EndsWith(' '));
        Assert.DoesNotContain(lines, l => l.Length > Width && !l.Contains("thpcheck replay", StringComparison.Ordinal));
    }
}
