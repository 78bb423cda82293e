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
    private const string Stopped = "stopped: "; // what the child's last line begins with where it stopped itself
    private const int StoppedCode = 71;

    /// <summary>Whether a command has to be run in a child.</summary>
    public static bool Applies(UserCode code, bool inProcess) => !inProcess && code.IsCode;

    /// <summary>Whether this process is such a child.</summary>
    public static bool IsChild => Environment.GetEnvironmentVariable(Variable) == "1";

    /// <summary>Runs a command.</summary>
    /// <param name="words">The command line.</param>
    /// <param name="bytes">The most memory that it may take.</param>
    /// <param name="streams">Where it writes.</param>
    /// <returns>Its exit code.</returns>
    /// <exception cref="WrongInputException">It had to be ended, or ended by itself where it should not.</exception>
    public static int Run(IReadOnlyList<string> words, long bytes, Streams streams)
    {
        var (code, why) = Start(words, bytes, streams, static _ => { });
        return why is null ? code : throw new WrongInputException(why);
    }

    /// <summary>Runs a command about scenarios; where its process ends in one of them, another goes on with those after it.</summary>
    /// <param name="words">The command line.</param>
    /// <param name="paths">The files and folders among the words.</param>
    /// <param name="isText">Whether the report is one for people, which can be put together from several.</param>
    /// <param name="bytes">The most memory that it may take.</param>
    /// <param name="streams">Where it writes.</param>
    /// <returns>Its exit code.</returns>
    public static int RunEach(IReadOnlyList<string> words, IReadOnlyList<string> paths, bool isText, long bytes, Streams streams)
    {
        var files = isText ? ScenarioFiles.Find(paths, []) : [];
        if (files.Count < 2)
        {
            return Run(words, bytes, streams);
        }

        var others = words.Where(w => !paths.Contains(w)).ToArray();
        var isCutShort = false;
        for (var next = 0; next < files.Count;)
        {
            var at = next - 1; // the scenario whose heading was written last
            var (code, why) = Start(isCutShort ? [.. others, .. files.Skip(next)] : words, bytes, streams, line =>
            {
                if (at + 1 < files.Count && line.StartsWith($"{files[at + 1]}  ", StringComparison.Ordinal))
                {
                    at++;
                }
            });
            if (why is null)
            {
                return isCutShort ? ExitCodes.WrongInput : code;
            }

            if (at < next)
            {
                throw new WrongInputException(why);
            }

            streams.Error.WriteLine($"thpcheck: {files[at]}: {why}");
            (next, isCutShort) = (at + 1, true);
        }

        return ExitCodes.WrongInput;
    }

    // What it came to, or why it came to nothing.
    private static (int Code, string? Why) Start(IReadOnlyList<string> words, long bytes, Streams streams, Action<string> look)
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
            look(line);
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

            return (process.ExitCode, null);
        }

        return (ExitCodes.WrongInput, ended ?? errors.FirstOrDefault(e => e.StartsWith(Stopped, StringComparison.Ordinal))?[Stopped.Length..] ?? ComparingProcess.WhyEnded(errors, process.ExitCode, bytes));
    }

    /// <summary>In such a child: ends it where code does not come to a step.</summary>
    public static Stuck? Watch(Streams streams) => !IsChild ? null : new Stuck(sentence =>
    {
        streams.Out.Flush();
        streams.Error.WriteLine($"{Stopped}{sentence}");
        Environment.Exit(StoppedCode);
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
