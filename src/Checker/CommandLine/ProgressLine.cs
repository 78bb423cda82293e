using System.Diagnostics;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Sampling;

namespace ThpCheck.Checker.CommandLine;

/// <summary>One line on a terminal that says how far a search is, written over itself.</summary>
internal sealed class ProgressLine(TextWriter writer, int width, string variant)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _next = Pause; // a search that ends before says nothing
    private int _written;           // characters of the line that is there

    /// <summary>Shows how far the search is, a few times a second.</summary>
    public void Show(Progress progress)
    {
        if (_clock.Elapsed >= _next)
        {
            Write(Text(variant, progress, _clock.Elapsed));
        }
    }

    /// <summary>Shows how far a sample is.</summary>
    public void Show(SampleProgress progress)
    {
        if (_clock.Elapsed >= _next)
        {
            Write(Text(variant, progress, _clock.Elapsed));
        }
    }

    private void Write(string text)
    {
        _next = _clock.Elapsed + Pause;
        text = text.Length < width ? text : text[..(width - 1)];
        writer.Write($"\r{text.PadRight(_written)}");
        _written = text.Length;
    }

    /// <summary>Takes the line away.</summary>
    public void Clear()
    {
        if (_written > 0)
        {
            writer.Write($"\r{new string(' ', _written)}\r");
            _written = 0;
        }
    }

    /// <summary>The line's text.</summary>
    public static string Text(string variant, in Progress progress, TimeSpan elapsed)
    {
        var rate = (long)((progress.States - progress.Before) / Math.Max(elapsed.TotalSeconds, 0.001));
        var of = progress.Estimate is { } estimate && estimate.States > progress.States ? $" of {estimate}" : "";
        var left = progress.Left is { } time ? $", {Left(time)} left" : ""; // early, as a narrow terminal cuts the line off
        return $"{variant}: level {Prose.Number(progress.Level)}, {Prose.Count(progress.States, "state")}{of}{left}, {Prose.Number(rate)} a second, "
            + $"{Prose.Number(progress.Frontier)} waiting, {Prose.Bytes(progress.Bytes)}";
    }

    // In the unit that suits it, rounded up: nobody knows better.
    private static string Left(TimeSpan left)
    {
        var (amount, unit) = left switch
        {
            { TotalSeconds: < 100 } => (Math.Ceiling(left.TotalSeconds / 5) * 5, "s"),
            { TotalMinutes: < 100 } => (left.TotalMinutes, "min"),
            { TotalHours: < 100 } => (left.TotalHours, "h"),
            _ => (left.TotalDays, "days"),
        };
        return $"about {Prose.Number((long)Math.Ceiling(amount))} {unit}";
    }

    /// <summary>The line's text for a sample.</summary>
    public static string Text(string variant, in SampleProgress progress, TimeSpan elapsed)
    {
        var rate = (long)(progress.Executions / Math.Max(elapsed.TotalSeconds, 0.001));
        return $"{variant}: {Prose.Number(progress.Executions)} of {Prose.Count(progress.Of, "execution")}, {Prose.Number(rate)} a second, {Prose.Count(progress.States, "state")}";
    }
}
