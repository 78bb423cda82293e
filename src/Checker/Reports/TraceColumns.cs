using System.Globalization;
using ThpCheck.Checker.Replay;

namespace ThpCheck.Checker.Reports;

/// <summary>A thread's column in a trace.</summary>
/// <param name="Thread">The thread's name.</param>
/// <param name="Title">Its name and CPU.</param>
/// <param name="Entry">The call it makes, or "" when it makes several: then each is shown where it begins.</param>
internal sealed record Lane(string Thread, string Title, string Entry);

/// <summary>A trace with all that its columns show.</summary>
/// <param name="Steps">The steps.</param>
/// <param name="Lanes">The columns.</param>
internal sealed record TraceView(IReadOnlyList<TraceStep> Steps, IReadOnlyList<Lane> Lanes)
{
    /// <summary>What the last step is marked with, or "".</summary>
    public string Mark { get; init; } = "";

    /// <summary>Where threads wait after the last step.</summary>
    public IReadOnlyList<WaitingThread> Waiting { get; init; } = [];

    /// <summary>The step after which there is no return, or 0.</summary>
    public int NoReturn { get; init; }

    /// <summary>Whether no step is left out.</summary>
    public bool Full { get; init; }

    /// <summary>The most lines; where there are more, only the causes are shown, and of those the last ones.</summary>
    public int MostLines { get; init; } = int.MaxValue;

    /// <summary>For each step whether the failure depends on it, for where there are too many.</summary>
    public Func<IReadOnlyList<bool>>? Causes { get; init; }
}

/// <summary>
/// A trace as kernel developers draw it: one column for each thread, time downwards, called functions indented. Functions
/// are named where they are first seen inside, steps by their number; <c>/</c> marks a preemption, <c>!</c> the point of no return.
/// </summary>
internal sealed class TraceColumns
{
    private const int Gutter = 6;
    private const int Gap = 3;       // between two columns
    private const int Indent = 2;    // for each call
    private const int Continued = 4; // of a line that goes on
    private const int Narrowest = 24;

    private readonly TraceView _view;
    private readonly List<Row> _rows = [];
    private readonly Dictionary<string, Stack> _stacks;

    private TraceColumns(TraceView view)
    {
        _view = view;
        _stacks = view.Lanes.ToDictionary(l => l.Thread, l => new Stack(l.Entry.Length > 0 ? 1 : 0));
    }

    /// <summary>Writes the columns.</summary>
    public static void Write(Paper paper, TraceView view, int indent)
    {
        var columns = new TraceColumns(view);
        columns.MakeRows(view.Full ? [.. view.Steps.Select(_ => true)] : Elision.Shown(view.Steps));
        var lines = columns.Lay(paper.Width - indent);
        if (!view.Full && lines.Count > view.MostLines && view.Causes is { } causes)
        {
            columns = new TraceColumns(view);
            columns.MakeRows([.. causes()]);
            lines = columns.Lay(paper.Width - indent);
        }

        columns.WriteHeads(paper, indent);
        if (!view.Full && lines.Count > view.MostLines)
        {
            paper.WriteLine($"{new string(' ', indent + Gutter)}... ({Prose.Count(lines.Count - view.MostLines + 1, "line")})", Tone.Faint);
            lines = [.. lines.Skip(lines.Count - view.MostLines + 1)];
        }

        foreach (var (gutter, text, tone) in lines)
        {
            paper.Write(new string(' ', indent) + gutter.PadLeft(Gutter - 2).PadRight(Gutter), gutter.StartsWith('/') ? Tone.Warning : Tone.Faint);
            paper.WriteLine(text, tone);
        }
    }

    private void MakeRows(bool[] shown)
    {
        var steps = _view.Steps;
        for (var i = 0; i < steps.Count;)
        {
            if (shown[i] || steps[i].Number == _view.NoReturn)
            {
                AddStep(steps[i], i == steps.Count - 1 ? _view.Mark : "");
                i++;
            }
            else
            {
                i = AddElided(i, shown);
            }
        }

        foreach (var thread in _view.Waiting)
        {
            var depth = Enter(thread.Thread, thread.Calls);
            _rows.Add(new Row(thread.Thread, "", depth, thread.Operation, thread.IsEnabled ? "<-- for ever" : "<-- waits", Tone.Plain));
        }
    }

    private void AddStep(TraceStep step, string mark)
    {
        var depth = Enter(step.Thread, step.Calls);
        var value = step.Value.Length == 0 ? "" : $" = {step.Value}";
        var notes = string.Concat(step.Notes.Select(n => $"  /* {n} */"));
        var number = step.Number.ToString(CultureInfo.InvariantCulture);
        var gutter = $"{(step.IsPreemption ? "/" : "")}{(step.Number == _view.NoReturn ? "!" : " ")}{number}";
        _rows.Add(new Row(step.Thread, gutter, depth, $"{step.Operation}{value}{notes}", mark.Length == 0 ? "" : $"<-- {mark}", step.IsEnvironment ? Tone.Warning : Tone.Plain));
    }

    // One line for steps that are left out, inside the functions that all of them are in.
    private int AddElided(int first, bool[] shown)
    {
        var steps = _view.Steps;
        var end = first;
        IReadOnlyList<string> common = steps[first].Calls;
        for (; end < shown.Length && !shown[end] && steps[end].Thread == steps[first].Thread && steps[end].Number != _view.NoReturn; end++)
        {
            common = [.. common.Zip(steps[end].Calls).TakeWhile(c => c.First == c.Second).Select(c => c.First)];
        }

        var thread = steps[first].Thread;
        var gutter = steps[first].IsPreemption ? string.Create(CultureInfo.InvariantCulture, $"/ {steps[first].Number}") : "";
        _rows.Add(new Row(thread, gutter, Enter(thread, common), $"... ({Prose.Count(end - first, "step")})", "", Tone.Faint));
        return end;
    }

    // Names the functions that were entered since the thread's last line; the depth of what is inside them.
    private int Enter(string thread, IReadOnlyList<string> calls)
    {
        var stack = _stacks[thread];
        foreach (var (function, depth) in stack.Enter(calls))
        {
            _rows.Add(new Row(thread, "", depth, $"{function}()", "", Tone.Heading));
        }

        return stack.Depth;
    }

    private void WriteHeads(Paper paper, int indent)
    {
        var lanes = _view.Lanes;
        var (widths, offsets) = Places(paper.Width - indent);
        var margin = new string(' ', indent + Gutter);
        paper.WriteLine(margin + Across(lanes.Select(l => l.Title), offsets), Tone.Heading);
        if (lanes.Any(l => l.Entry.Length > 0))
        {
            paper.WriteLine(margin + Across(lanes.Select((l, i) => Fit(l.Entry, widths[i])), offsets), Tone.Heading);
        }

        paper.WriteLine(margin + Across(widths.Select(w => new string('-', w)), offsets), Tone.Faint);
    }

    private List<(string Gutter, string Text, Tone Tone)> Lay(int width)
    {
        var lines = new List<(string, string, Tone)>();
        var lanes = _view.Lanes.ToList();
        var (widths, offsets) = Places(width);
        foreach (var row in _rows)
        {
            var lane = lanes.FindIndex(l => l.Thread == row.Thread);
            var gutter = row.Gutter;
            foreach (var (text, tone) in row.Lines(widths[lane]))
            {
                lines.Add((gutter, new string(' ', offsets[lane]) + text, tone));
                gutter = "";
            }
        }

        return lines;
    }

    private (int[] Widths, int[] Offsets) Places(int width)
    {
        var widths = Widths(width - Gutter);
        var offsets = new int[widths.Length];
        for (var i = 1; i < widths.Length; i++)
        {
            offsets[i] = offsets[i - 1] + widths[i - 1] + Gap;
        }

        return (widths, offsets);
    }

    // As wide as its content; when all do not fit, the widest give way.
    private int[] Widths(int room)
    {
        var lanes = _view.Lanes;
        var wanted = lanes.Select(l => _rows.Where(r => r.Thread == l.Thread).Select(r => r.Width).Append(l.Title.Length).Append(Math.Min(l.Entry.Length, Narrowest)).Max()).ToArray();
        var widths = new int[lanes.Count];
        room -= Gap * (lanes.Count - 1);
        var left = lanes.Count;
        foreach (var i in Enumerable.Range(0, lanes.Count).OrderBy(i => wanted[i]))
        {
            widths[i] = Math.Min(wanted[i], Math.Max(room / left, Narrowest));
            room -= widths[i];
            left--;
        }

        return widths;
    }

    private static string Across(IEnumerable<string> texts, int[] offsets)
    {
        var line = "";
        foreach (var (i, text) in texts.Index())
        {
            line = line.PadRight(offsets[i]) + text;
        }

        return line.TrimEnd();
    }

    private static string Fit(string text, int width) => text.Length <= width ? text : $"{text[..Math.Max(width - 3, 0)]}...";

    /// <summary>A line, or several when it does not fit, in one thread's column.</summary>
    private readonly record struct Row(string Thread, string Gutter, int Depth, string Text, string Mark, Tone Tone)
    {
        public int Width => (Depth * Indent) + Text.Length + (Mark.Length == 0 ? 0 : 3 + Mark.Length);

        public IEnumerable<(string Text, Tone Tone)> Lines(int width)
        {
            var indent = new string(' ', Depth * Indent);
            var tone = Mark.Length == 0 ? Tone : Tone.Bad;
            if (Width <= width)
            {
                yield return (Mark.Length == 0 ? $"{indent}{Text}" : $"{indent}{Text}   {Mark}", tone);
                yield break;
            }

            var isFirst = true;
            foreach (var line in Prose.Wrap(Text, width - indent.Length - Continued))
            {
                yield return (isFirst ? $"{indent}{line}" : $"{indent}{new string(' ', Continued)}{line}", tone);
                isFirst = false;
            }

            if (Mark.Length > 0)
            {
                yield return ($"{indent}{Mark.Replace("<--", "^^^", StringComparison.Ordinal)}", tone);
            }
        }
    }

    /// <summary>Where a thread is, and which of its functions have been named.</summary>
    private sealed class Stack(int hidden)
    {
        private readonly List<string> _named = [];

        public int Depth => Math.Max(_named.Count - hidden, 0);

        // What has been left is taken off, so that it is named again when it is called again.
        public IEnumerable<(string Function, int Depth)> Enter(IReadOnlyList<string> calls)
        {
            var common = _named.Zip(calls).TakeWhile(c => c.First == c.Second).Count();
            _named.RemoveRange(common, _named.Count - common);
            while (_named.Count < calls.Count)
            {
                _named.Add(calls[_named.Count]);
                if (_named.Count > hidden)
                {
                    yield return (_named[^1], _named.Count - hidden - 1);
                }
            }
        }
    }
}
