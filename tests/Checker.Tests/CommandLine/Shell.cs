using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <summary>Scripts as CI and people run them, in a folder, where <c>thpcheck</c> is the program under test.</summary>
internal sealed class Shell(string folder)
{
    /// <summary>What scripts find in their environment.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>The runtime that the tests run on: <c>root/shared/Microsoft.NETCore.App/version/</c>.</summary>
    public static string Dotnet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    /// <summary>Runs a script.</summary>
    /// <param name="script">What follows the options of bash: errors end it.</param>
    /// <param name="input">The standard input.</param>
    public CommandLineRun Run(string script, string input = "")
    {
        var programs = $"thpcheck() {{ '{Dotnet}' '{Path.Combine(AppContext.BaseDirectory, "thpcheck.dll")}' \"$@\"; }}\ndotnet() {{ '{Dotnet}' \"$@\"; }}\nexport -f thpcheck dotnet\n";
        var start = new ProcessStartInfo("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", programs + script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return new(process.ExitCode, output.Result, errors.Result);
    }
}
