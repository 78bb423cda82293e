using System.Text.RegularExpressions;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed partial class HelpTests
{
    [Fact]
    public void Help() => Approved.Match(Of("--help").All);

    [Fact]
    public void Help_of_check() => Approved.Match(Of("check", "--help").All);

    [Fact]
    public void Help_of_verify() => Approved.Match(Of("verify", "--help").All);

    [Fact]
    public void Help_of_replay() => Approved.Match(Of("replay", "--help").All);

    [Fact]
    public void Help_of_list() => Approved.Match(Of("list", "--help").All);

    [Fact]
    public void Without_a_command_there_is_help() => Assert.Equal(Of("--help"), Of());

    [Fact]
    public void The_version_is_three_numbers() => Assert.Matches(ThreeNumbers(), Of("--version").Out);

    [GeneratedRegex(@"^thpcheck \d+\.\d+\.\d+\n$")]
    private static partial Regex ThreeNumbers();
}
