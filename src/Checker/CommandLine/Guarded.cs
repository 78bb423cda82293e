using System.Diagnostics;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verification;

namespace ThpCheck.Checker.CommandLine;

/// <summary>
/// Runs a command again in a child process where it would run code that is not part of the tool, and passes on what it writes. What the child
/// wrote before it had to be ended stands.
/// </summary>
internal static class Guarded
{
    private const string Variable = "THPCHECK_GUARDED";

    /// <summary>Whether a command has to be run in a child.</summary>
    public static bool Applies(UserCode code, bool inProcess) => !inProcess && code.IsCode;

    /// <summary>Runs a command.</summary>
    /// <param name="words">The command line.</param>
    /// <param name="bytes">The most memory that it may take.</param>
    /// <param name="streams">Where it writes.</param>
    /// <returns>Its exit code.</returns>
    /// <exception cref="WrongInputException">It had to be ended, or ended by itself where it should not.</exception>
    public static int Run(IEnumerable<string> words, long bytes, Streams streams)
    {
        var (program, before) = ComparingProcess.Self();
        var start = new ProcessStartInfo(program, [.. before, .. words, "--in-process"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        ComparingProcess.Limit(start, bytes);
        start.Environment[Variable] = "1";
        using var process = Process.Start(start)!;
        var errors = new List<string>();
        process.ErrorDataReceived += (_, line) => Add(errors, line.Data);
        process.BeginErrorReadLine();
        var ended = default(string);
        using var watch = new Timer(_ => ended ??= EndIfTooLarge(process, bytes), null, ComparingProcess.Pause, ComparingProcess.Pause);
        while (process.StandardOutput.ReadLine() is { } line)
        {
            streams.Out.Write($"{line}\n");
            streams.Out.Flush();
        }

        process.WaitForExit();
        if (ended is null && process.ExitCode is ExitCodes.AsExpected or ExitCodes.NotAsExpected or ExitCodes.WrongInput or ExitCodes.Incomplete or ExitCodes.Defect or ExitCodes.Interrupted)
        {
            foreach (var error in errors)
            {
                streams.Error.WriteLine(error);
            }

            return process.ExitCode;
        }

        throw new WrongInputException(ended ?? ComparingProcess.WhyEnded(errors, process.ExitCode, bytes));
    }

    /// <summary>In such a child: ends it where code does not come to a step.</summary>
    public static Stuck? Watch(Streams streams) => Environment.GetEnvironmentVariable(Variable) != "1" ? null : new Stuck(sentence =>
    {
        streams.Error.WriteLine($"thpcheck: {sentence}");
        streams.Out.Flush();
        Environment.Exit(ExitCodes.WrongInput);
    });

    private static string? EndIfTooLarge(Process process, long bytes)
    {
        try
        {
            process.Refresh();
            if (ComparingProcess.IsTooLarge(process, bytes))
            {
                process.Kill(entireProcessTree: true);
                return $"it took more than {Prose.Bytes(bytes)} of memory; does it allocate without bound? --max-memory gives it more";
            }
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }

        return null;
    }

    private static void Add(List<string> errors, string? line)
    {
        const int Most = 1000;
        lock (errors)
        {
            if (line is not null && errors.Count < Most)
            {
                errors.Add(line);
            }
        }
    }
}
