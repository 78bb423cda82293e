using System.Diagnostics;
using System.Globalization;
using ThpCheck.Bench;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>
/// A search in a process of its own, so that what the process takes is what the search takes: counters(6, R, 2) within so many
/// MiB, on so many workers, with the cheapest interleaving to its End state.
/// </summary>
internal sealed record MeasuredSearch(long States, long Transitions, string Incomplete, string Schedule, bool Spilled, long PeakMiB)
{
    /// <summary>Runs it in a child process.</summary>
    public static MeasuredSearch Run(int rounds, int limit, int workers)
    {
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList = { typeof(MeasuredSearch).Assembly.Location, $"{rounds}", $"{limit}", $"{workers}" },
            RedirectStandardOutput = true,
        })!;
        var said = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.Equal(0, child.ExitCode);
        var words = said.Trim().Split('|');
        return new(Number(words[0]), Number(words[1]), words[2], words[3], words[4] == "True", Number(words[5]));
    }

    private static int Main(string[] args)
    {
        var (rounds, limit, workers) = ((int)Number(args[0]), Number(args[1]), (int)Number(args[2]));
        using var found = BreadthFirstExplorer.Run(Counters.Instance(6, rounds, 2), new Budget { Bytes = limit << 20, Workers = workers });
        var way = found.Incomplete is null ? new LeastCost(found, found.Graph.Reverse()).To([.. found.Ends.Select(s => new Finding(s, -1))])!.Value.Schedule : [];
        var peak = File.ReadLines("/proc/self/status").Single(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2];
        Console.WriteLine(string.Join('|', found.Graph.StateCount, found.Graph.EdgeCount, found.Incomplete, string.Join(',', way.Select(c => c.Thread)), found.Graph.Memory.MostSpilledBytes > 0, Number(peak) >> 10));
        return 0;
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
