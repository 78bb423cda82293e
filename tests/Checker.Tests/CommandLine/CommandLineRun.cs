using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <summary>What a command line came to.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Out">What it wrote to the standard output.</param>
/// <param name="Error">What it wrote to the standard error.</param>
internal sealed record CommandLineRun(int ExitCode, string Out, string Error)
{
    /// <summary>Both outputs with the exit code, for an approved text.</summary>
    public string All => $"{Out}{(Error.Length == 0 ? "" : $"--- standard error ---\n{Error}")}--- exit code {ExitCode} ---\n";

    /// <summary>Runs the program inside the test.</summary>
    public static CommandLineRun Of(params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = App.Run(args, new Streams(output, error), CancellationToken.None);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>One of the tests' own scenarios.</summary>
    public static string Scenario(params string[] parts) => Repository.File(["tests", "Checker.Tests", "CommandLine", "Scenarios", .. parts]);
}
