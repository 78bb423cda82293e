using ThpCheck.Checker.CommandLine;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <summary>One sentence on the standard error, exit code 2, never a stack trace.</summary>
public sealed class WrongInputTests
{
    [Theory]
    [InlineData("no command 'chekc'. Did you mean 'check'? 'thpcheck --help' names them", "chekc")]
    [InlineData("no command 'kernel'. Did you mean 'kernels'? 'thpcheck list --help' names them", "list", "kernel")]
    [InlineData("say what to list: scenarios, kernels, patches, toggles, paths and properties", "list")]
    [InlineData("no option '--vairant'. Did you mean '--variant'? 'thpcheck check --help' names them", "check", "--vairant", "v1")]
    [InlineData("no option '--frobnicate'. 'thpcheck replay --help' names them", "replay", "x.yaml", "--variant", "v", "--schedule", "s", "--frobnicate")]
    [InlineData("'y.yaml' is one argument too many", "replay", "x.yaml", "y.yaml", "--variant", "v", "--schedule", "s")]
    [InlineData("required argument missing for option: '--variant'", "check", "--variant")]
    [InlineData("option '--schedule' is required", "replay", "x.yaml", "--variant", "v")]
    [InlineData("--format cannot be 'xml'; write text, html, commit, repro, json, junit, sarif or ktap", "check", "--format", "xml")]
    [InlineData("--max-memory cannot be '12'; write a size such as 512M or 2G", "check", "--max-memory", "12")]
    [InlineData("--max-memory cannot be '99999999999G'; write a size such as 512M or 2G", "check", "--max-memory", "99999999999G")]
    [InlineData("--max-states cannot be '-1'; write a number of at least 1", "check", "--max-states=-1")]
    [InlineData("--timeout cannot be 'soon'; write a time such as 90s or 5m", "check", "--timeout", "soon")]
    [InlineData("no kernel 'linux-6.l'. Did you mean 'linux-6.1'? 'thpcheck list kernels' names them", "list", "paths", "--kernel", "linux-6.l")]
    [InlineData("no patch 'delay-rmap-v2'. Did you mean 'delay-rmap-v1'? 'thpcheck list patches' names them", "list", "paths", "--patch", "delay-rmap-v2")]
    public void A_wrong_command_line_is_one_sentence(string sentence, params string[] args) =>
        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: {sentence}\n"), Of(args));

    [Theory]
    [InlineData("trylokc.yaml", "trylock.yaml")]
    [InlineData("Wrnog", "Wrong")]
    public void A_missing_path_is_answered_with_the_nearest_name(string missing, string nearest)
    {
        var message = $"thpcheck: no file or folder '{Scenario(missing)}'. Did you mean '{Scenario(nearest)}'?\n";

        Assert.Equal((2, message), Short(Of("check", Scenario(missing))));
        Assert.Equal((2, message), Short(Of("list", "scenarios", Scenario(missing))));
        Assert.Equal((2, message), Short(Of("replay", Scenario(missing), "--variant", "v", "--schedule", "s")));
    }

    [Fact]
    public void A_missing_folder_on_the_way_is_named_too() => Assert.Equal(
        (2, $"thpcheck: no file or folder '{Scenario("Wrnog", "key.yaml")}'. Did you mean '{Scenario("Wrong")}'?\n"),
        Short(Of("check", Scenario("Wrnog", "key.yaml"))));

    [Fact]
    public void A_folder_without_scenarios_is_an_error()
    {
        var empty = Directory.CreateTempSubdirectory();
        try
        {
            Assert.Equal((2, $"thpcheck: no scenario in '{empty.FullName}': it holds no *.yaml\n"), Short(Of("check", empty.FullName)));
        }
        finally
        {
            empty.Delete();
        }
    }

    [Fact]
    public void A_variant_that_no_scenario_has_is_answered_with_the_nearest_name()
    {
        Assert.Equal(
            (2, $"thpcheck: no variant 'as-iz' in {Scenario("references.yaml")}. Did you mean 'as-is'?\n"),
            Short(Of("check", Scenario("references.yaml"), "--variant", "as-iz")));
        Assert.Equal(
            (2, $"thpcheck: no variant 'as-iz' in any of the 2 scenarios. Did you mean 'as-is'?\n"),
            Short(Of("check", Scenario("references.yaml"), Scenario("trylock.yaml"), "--variant", "as-iz")));
        Assert.Equal(
            (2, $"thpcheck: no variant 'as-iz' in {Scenario("references.yaml")}. Did you mean 'as-is'?\n"),
            Short(Of("replay", Scenario("references.yaml"), "--variant", "as-iz", "--schedule", "first")));
    }

    [Fact]
    public void What_is_wrong_in_a_file_is_said_at_its_place()
    {
        var check = Of("check", Scenario("Wrong", "path.yaml"));
        var replay = Of("replay", Scenario("Wrong", "path.yaml"), "--variant", "other", "--schedule", "first");

        Assert.Equal(2, check.ExitCode);
        Assert.StartsWith($"{Scenario("Wrong", "path.yaml")}:12:32: no path 'folio_unlok'. Did you mean 'folio_unlock'?", check.Error, StringComparison.Ordinal);
        Assert.Equal((2, check.Error), Short(replay));
    }

    [Fact]
    public void Replay_takes_one_scenario() => Assert.Equal(
        (2, $"thpcheck: '{Scenario()}' is a folder; name one scenario\n"),
        Short(Of("replay", Scenario(), "--variant", "v", "--schedule", "s")));

    [Fact]
    public void A_report_that_cannot_be_written_is_noticed_before_anything_is_explored()
    {
        var run = Of("check", Scenario("trylock.yaml"), "--output", Scenario("no-such-folder", "report.txt"));

        Assert.Equal((2, ""), (run.ExitCode, run.Out));
        Assert.StartsWith($"thpcheck: the report cannot be written to '{Scenario("no-such-folder", "report.txt")}': ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_defect_of_the_program_is_one_line_too()
    {
        using var error = new StringWriter { NewLine = "\n" };

        var code = App.Run(["check", Scenario("trylock.yaml")], new Streams(new BrokenWriter(), error), CancellationToken.None);

        Assert.Equal(70, code);
        Assert.Equal(
            "thpcheck: internal error: InvalidOperationException in BrokenWriter.Write: out of paper; please report it with the command line and the scenario\n",
            error.ToString());
    }

    private static (int ExitCode, string Error) Short(CommandLineRun run) => (run.ExitCode, run.Error);

    private sealed class BrokenWriter : StringWriter
    {
        public override void Write(string? value) => throw new InvalidOperationException("out of\npaper");
    }
}
