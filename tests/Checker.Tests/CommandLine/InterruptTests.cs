using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class InterruptTests
{
    [Fact]
    public void What_was_found_before_an_interrupt_is_reported()
    {
        using var stop = new CancellationTokenSource();
        using var output = new StopsAfter("as-is", stop) { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };

        var code = App.Run(["check", Scenario("references.yaml"), Scenario("trylock.yaml")], new Streams(output, error), stop.Token);

        Approved.Match(new CommandLineRun(code, output.ToString(), error.ToString()).All);
    }

    [Fact]
    public void A_report_in_json_is_whole_after_an_interrupt()
    {
        using var output = new StringWriter();

        var code = App.Run(["check", Scenario("trylock.yaml"), "--format", "json"], new Streams(output, output), new CancellationToken(canceled: true));

        Assert.Equal(130, code);
        Assert.Equal("{\n  \"results\": [],\n  \"errors\": [],\n  \"interrupted\": true,\n  \"notChecked\": 1,\n  \"exitCode\": 130\n}\n", output.ToString());
    }

    /// <summary>Asks for a stop once a text was written.</summary>
    private sealed class StopsAfter(string text, CancellationTokenSource stop) : StringWriter
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (value?.Contains(text, StringComparison.Ordinal) == true)
            {
                stop.Cancel();
            }
        }
    }
}
