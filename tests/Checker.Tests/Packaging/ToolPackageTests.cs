using System.Diagnostics;
using System.Runtime.InteropServices;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;

namespace ThpCheck.Checker.Tests.Packaging;

public sealed class ToolPackageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_package_installs_from_a_local_feed_and_the_tool_checks_a_scenario()
    {
        var configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)))!;
        Run(Dotnet, "pack", Repository.File("src", "Checker"), "--no-build", "-c", configuration, "-o", _folder.File("feed"), "-v", "q", "-nologo");
        var sources = _folder.Write("nuget.config", $"<configuration><packageSources><clear/><add key=\"local\" value=\"{_folder.File("feed")}\"/></packageSources></configuration>");

        Run(Dotnet, "tool", "install", "ThpCheck", "--tool-path", _folder.File("tools"), "--configfile", sources);
        var said = Run(_folder.File(Path.Combine("tools", "thpcheck")), "check", Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), "--variant", "final");

        Run(_folder.File(Path.Combine("tools", "thpcheck")), "new", "patch", "mine", "--function", "rmap.folio_lock_anon_vma_read");

        Assert.Contains("1 variant as expected", said, StringComparison.Ordinal);
        Assert.Contains("await down_read_trylock(root_anon_vma!.rwsem)", File.ReadAllText(_folder.File("mine.cs")), StringComparison.Ordinal); // without a checkout
    }

    // The runtime that the tests run on: <root>/shared/Microsoft.NETCore.App/<version>/.
    private static string Dotnet => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    private string Run(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path };
        start.Environment["DOTNET_ROOT"] = Path.GetDirectoryName(Dotnet);
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["THPCHECK_CACHE"] = _folder.File("cache");
        if (args[0] == "tool")
        {
            start.Environment["NUGET_PACKAGES"] = _folder.File("packages"); // a package of the same version from another day is another package
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)} ended with {process.ExitCode}:\n{output}{errors.Result}");
        return output;
    }
}
