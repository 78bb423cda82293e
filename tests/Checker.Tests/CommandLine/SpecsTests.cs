using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using Xunit.Abstractions;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class SpecsTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_scenario_is_as_expected()
    {
        var run = Of("check", Repository.File(ScenarioFiles.Default));

        output.WriteLine(Approved.Normal(run.Out));
        Assert.Equal("", run.Error);
        Assert.True(run.ExitCode == 0, run.Out);
    }
}
