using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Verification;

/// <summary>
/// A child process that does comparisons, one after the other: code that is not part of the tool runs there and not here. It is given limits, ended
/// when it exceeds them, and started again for the next comparison.
/// </summary>
/// <remarks>It has the user's rights. What keeps mistakes in does not keep out what wants out.</remarks>
internal sealed class ComparingProcess(IReadOnlyList<string> arguments, long bytes) : IDisposable
{
    /// <summary>How the processes write and read what they tell each other, a line each.</summary>
    public static readonly JsonSerializerOptions Format = new() { WriteIndented = false };

    /// <summary>The time between two looks at how much memory a child takes.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly List<string> _errors = []; // lines; locked by itself
    private Process? _process;
    private string? _ended; // why it was ended from here

    /// <summary>Has a comparison done, whatever becomes of the process.</summary>
    public Compared Compare(Job job)
    {
        var process = _process ??= Start();
        using var watch = new Timer(_ => Watch(process), null, Pause, Pause);
        try
        {
            process.StandardInput.WriteLine(JsonSerializer.Serialize(job, Format));
            process.StandardInput.Flush();
            if (process.StandardOutput.ReadLine() is { } line && JsonSerializer.Deserialize<Compared>(line, Format) is { } compared)
            {
                if (compared.Failure is not null)
                {
                    Dispose(); // it said so with its last breath
                }

                return compared;
            }
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            // It is gone, or something else wrote where it answers.
        }

        return new Compared(job) { Failure = WhyEnded(process) };
    }

    public void Dispose()
    {
        if (_process is { } process)
        {
            _process = null;
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }

            process.Dispose();
        }
    }

    /// <summary>How this very program is started again.</summary>
    public static (string Program, string[] Before) Self()
    {
        var program = typeof(ComparingProcess).Assembly.Location;
        var host = Environment.ProcessPath ?? "";
        return Path.GetFileNameWithoutExtension(host) == Path.GetFileNameWithoutExtension(program)
            ? (host, [])
            // The runtime that this one runs on: <root>/shared/Microsoft.NETCore.App/<version>/.
            : (Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet")), [program]);
    }

    /// <summary>How a child is told the most memory that its objects may take.</summary>
    public static void Limit(ProcessStartInfo start, long bytes)
    {
        start.Environment["DOTNET_GCHeapHardLimit"] = $"0x{bytes:X}";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
    }

    private Process Start()
    {
        var (program, before) = Self();
        var start = new ProcessStartInfo(program, [.. before, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Limit(start, bytes);
        lock (_errors)
        {
            _errors.Clear();
        }

        _ended = null;
        var process = new Process { StartInfo = start };
        process.ErrorDataReceived += (_, line) =>
        {
            const int Most = 200;
            lock (_errors)
            {
                if (_errors.Count < Most && !string.IsNullOrWhiteSpace(line.Data))
                {
                    _errors.Add(line.Data);
                }
            }
        };
        process.Start();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Whether a child takes more than it was told to. What is no object of .NET counts, but not before there is much of it.</summary>
    public static bool IsTooLarge(Process process, long bytes) => process.WorkingSet64 > bytes + (bytes / 4) + (256L << 20);

    private void Watch(Process process)
    {
        try
        {
            process.Refresh();
            if (IsTooLarge(process, bytes))
            {
                _ended = $"it took more than {Prose.Bytes(bytes)} of memory; does it allocate without bound? --max-memory gives it more";
                process.Kill(entireProcessTree: true);
            }
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    private string WhyEnded(Process process)
    {
        if (!process.WaitForExit(TimeSpan.FromSeconds(5)))
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        var code = process.ExitCode;
        Dispose();
        lock (_errors)
        {
            return _ended ?? WhyEnded(_errors, code, bytes);
        }
    }

    /// <summary>Why a child ended that should not have, in a sentence.</summary>
    /// <param name="errors">What it wrote as errors.</param>
    /// <param name="code">Its exit code.</param>
    /// <param name="bytes">What memory it had.</param>
    public static string WhyEnded(IReadOnlyList<string> errors, int code, long bytes)
    {
        var at = errors.FirstOrDefault(l => l.StartsWith("   at ", StringComparison.Ordinal) && !l.Contains("Countdown", StringComparison.Ordinal))?.Trim();
        return errors.Any(l => l.StartsWith("Stack overflow", StringComparison.Ordinal)) ? $"the stack overflowed {at}; does it call itself without end?"
            : errors.Any(l => l.Contains("Out of memory", StringComparison.OrdinalIgnoreCase)) ? $"memory ran out ({Prose.Bytes(bytes)}); does it allocate without bound? --max-memory gives it more"
            : $"the process that ran it ended with code {code}{(errors.Count == 0 ? "" : $": {errors[0]}")}{(at is null ? "" : $" {at}")}";
    }
}
