using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>Diffs of the model itself, whose code is that of this build.</summary>
public sealed class BuiltModelTests : IDisposable
{
    private const string Name = "src/Model/Kernel/truncate.cs";

    private readonly TemporaryFolder _folder = new();
    private readonly string[] _lines = File.ReadAllText(Repository.File("src", "Model", "Kernel", "truncate.cs")).ReplaceLineEndings("\n").Split('\n');

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_diff_that_is_not_in_the_build_is_said_so_and_nothing_is_judged()
    {
        var run = Gate($"--- a/{Name}\n+++ b/{Name}\n@@ -1,2 +1,3 @@\n {_lines[0]}\n+// new\n {_lines[1]}\n");

        Assert.Equal((ExitCodes.Incomplete, $"{Name}: cannot tell: this program is built without the diff; apply the diff, build it, and run the gate of that build\n"), (run.ExitCode, run.Out));
    }

    [Fact]
    public void A_diff_of_other_code_than_the_build_has_is_said_so()
    {
        var other = Gate($"--- a/{Name}\n+++ b/{Name}\n@@ -1,2 +1,2 @@\n nobody wrote this\n-a\n+b\n");
        var missing = Gate("--- /dev/null\n+++ b/src/Model/Kernel/slub.cs\n@@ -0,0 +1 @@\n+// new\n");
        var deleted = Gate($"--- a/{Name}\n+++ /dev/null\n@@ -1 +0,0 @@\n-{_lines[0]}\n");
        var unshown = Gate($"--- a/{Name}\n+++ b/{Name}\n@@ -1 +0,0 @@\n-nobody wrote this\n"); // lines that go without any beside them are nowhere

        Assert.Contains("is built neither with the diff nor without", unshown.Out, StringComparison.Ordinal);
        Assert.Contains("is built neither with the diff nor without", other.Out, StringComparison.Ordinal);
        Assert.Contains("is built without the file", missing.Out, StringComparison.Ordinal);
        Assert.Contains("is built with the file, which the diff deletes", deleted.Out, StringComparison.Ordinal);
        Assert.All([other, missing, deleted, unshown], r => Assert.Equal(ExitCodes.Incomplete, r.ExitCode));
    }

    [Fact]
    public void Patch_checkers_are_told_what_is_not_checked_for_them()
    {
        var built = Gate($"--- a/{Name}\n+++ b/{Name}\n@@ -1,1 +1,2 @@\n {_lines[0]}\n+{_lines[1]}\n", "--checkpatch");
        var other = Gate($"--- a/{Name}\n+++ b/{Name}\n@@ -1,1 +1,2 @@\n {_lines[0]}\n+// new\n", "--checkpatch");

        Assert.Equal((ExitCodes.AsExpected, $"{Name}:1: CHECK: this is of the model itself; the gate without --checkpatch checks what it reaches\n"), (built.ExitCode, built.Out));
        Assert.Equal(ExitCodes.Incomplete, other.ExitCode);
        Assert.StartsWith($"{Name}:1: WARNING: cannot tell: ", other.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_scenario_is_checked_where_the_folder_has_it_with_the_diff()
    {
        const string Scenario = "specs/rmap/exit-against-kswapd.yaml";
        Directory.CreateDirectory(_folder.File("specs/rmap"));
        var text = File.ReadAllText(Repository.File(Scenario.Split('/'))).ReplaceLineEndings("\n");
        var shell = new Shell(_folder.Path) { Environment = { ["THPCHECK_CACHE"] = _folder.File("cache") } };
        _folder.Write("a.diff", $"--- a/{Scenario}\n+++ b/{Scenario}\n@@ -1,1 +1,2 @@\n+# new\n {text.Split('\n')[0]}\n");

        _folder.Write(Scenario, text);
        var without = shell.Run("thpcheck gate --diff a.diff");
        _folder.Write(Scenario, $"# new\n{text}");
        var with = shell.Run("thpcheck gate --diff a.diff");

        Assert.Equal((ExitCodes.Incomplete, $"{Scenario}: cannot tell: this folder has it without the diff; apply the diff\n"), (without.ExitCode, without.Out));
        Assert.Equal(ExitCodes.AsExpected, with.ExitCode);
        Assert.Contains("variants as expected", with.Out, StringComparison.Ordinal);
    }

    private CommandLineRun Gate(string diff, params string[] more) => Of(["gate", "--diff", _folder.Write("a.diff", diff), .. more]);
}
