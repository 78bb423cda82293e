using System.Text.RegularExpressions;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// A failure as kernel changelogs draw it: plain ASCII, a column for each CPU, only the steps that the failure depends on, then a sentence
/// that says what it is, and one that says how far it was looked.
/// </summary>
internal sealed partial class CommitDiagram
{
    /// <summary>The widest line of a changelog.</summary>
    public const int Width = 75;

    private const int Gap = 2;
    private const int Narrowest = 24; // of a column that others stand beside
    private const int Widest = 40;
    private const int Continued = 2;  // of a line that goes on
    private const string Elided = "...";

    private readonly BoundVariant _bound;
    private readonly Counterexample _way;
    private readonly Failure _failure;
    private readonly IReadOnlyList<TraceStep> _steps;
    private readonly bool[] _isCause;
    private readonly int _failing; // the step that is marked: the last that counts
    private readonly IReadOnlyList<IReadOnlyList<int>> _instances;
    private readonly List<string> _threads; // that have a column
    private readonly List<Row> _rows = [];
    private readonly Dictionary<string, List<int>> _named = []; // for each thread the calls that have a line, the entry first
    private readonly HashSet<string> _owed = []; // threads with steps that were left out since their last line

    private CommitDiagram(BoundVariant bound, Failure failure, Counterexample way)
    {
        _bound = bound;
        _failure = failure;
        _way = way;
        _steps = way.Trace.Steps;
        var schedule = Schedule.Parse(Machine, way.Schedule);
        _isCause = Causes.Of(bound.Instance, schedule, failure.Property);
        _isCause = [.. _isCause, .. Enumerable.Repeat(true, Math.Max(_steps.Count - _isCause.Length, 0))]; // where the model is at fault
        _failing = Array.LastIndexOf(_isCause, true);
        _instances = CallInstances.Of(_steps);
        var waiting = failure.Ending?.Waiting.Select(w => w.Thread) ?? [];
        var seen = _steps.Where((s, i) => _isCause[i] && !s.IsEnvironment).Select(s => s.Thread).Concat(waiting).ToHashSet();
        if (seen.Count == 0)
        {
            seen = [.. _steps.Where(s => !s.IsEnvironment).Select(s => s.Thread)]; // what was not done is no step
        }

        _threads = [.. Enumerable.Range(0, Machine.ThreadCount).Select(Machine.ThreadName).Where(seen.Contains)];
    }

    private Machine Machine => _bound.Instance.Machine;

    /// <summary>The diagram with its two sentences; lines end in \n.</summary>
    public static string Of(BoundVariant bound, Failure failure, Counterexample way) => new CommitDiagram(bound, failure, way).Draw();

    private string Draw()
    {
        MakeRows();
        var sentences = new[] { Consequence(), Scope() };
        var names = new ShortNames(Machine, [.. _rows.Select(r => r.Text), .. sentences]);
        var rows = _rows.Select(r => r with { Text = names.In(r.Text) }).ToArray();
        List<string> lines = [.. _threads.Count == 0 ? [] : Heads(Offsets(rows)), .. Lay(rows, Offsets(rows))];
        foreach (var sentence in sentences)
        {
            lines.Add("");
            lines.AddRange(Prose.Wrap(names.In(sentence), Width));
        }

        return string.Concat(lines.Select(l => $"{Ascii(l.TrimEnd())}\n"));
    }

    private void MakeRows()
    {
        for (var i = 0; i < _steps.Count; i++)
        {
            var step = _steps[i];
            foreach (var other in _owed.Where(t => t != step.Thread).Order(StringComparer.Ordinal).ToArray())
            {
                AddElided(other, _instances[LastOf(other, i)]);
            }

            if (!_isCause[i])
            {
                if (_threads.Contains(step.Thread))
                {
                    _owed.Add(step.Thread);
                }
            }
            else if (step.IsEnvironment)
            {
                _rows.Add(new Row(-1, 0, OperationAsC.Of(Machine, step), false));
            }
            else
            {
                AddStep(i);
            }
        }

        string[] stuck = [.. _failure.Ending?.Waiting.Select(w => w.Thread) ?? []];
        foreach (var thread in _owed.Except(stuck).OrderBy(t => LastOf(t, _steps.Count)).ToArray())
        {
            AddElided(thread, _instances[LastOf(thread, _steps.Count)]); // what is asked in the end is asked after these
        }

        foreach (var waiting in _failure.Ending?.Waiting ?? [])
        {
            AddWaiting(waiting);
        }
    }

    private void AddStep(int at)
    {
        var (step, calls) = (_steps[at], _instances[at]);
        if (_owed.Contains(step.Thread))
        {
            AddElided(step.Thread, calls);
        }

        var isFailing = at == _failing && TraceText.Mark(_failure.Property, _failure.Message).Length > 0;
        var condition = isFailing ? null : Condition(at);
        var depth = Enter(step.Thread, step.Calls, calls, condition is null ? calls.Count : calls.Count - 1);
        _rows.Add(new Row(_threads.IndexOf(step.Thread), depth, condition ?? OperationAsC.Of(Machine, step), isFailing));
    }

    // A function that only looks, and whose answer is all there is to say of it: folio_mapped() == true.
    private string? Condition(int at)
    {
        var (step, calls) = (_steps[at], _instances[at]);
        if (calls.Count < 2 || !OperationAsC.IsRead(step.Does.Code) || step.Returns is not [{ Value: [not '(', .. var rest] } answer, ..] || rest.Contains('{', StringComparison.Ordinal) || answer.Function != step.Calls[^1])
        {
            return null;
        }

        var isAlone = !Enumerable.Range(0, _steps.Count).Any(i => i != at && _isCause[i] && _instances[i].Contains(calls[^1]));
        return isAlone ? $"{answer.Function}() == {InC(answer.Value)}" : null;
    }

    private void AddWaiting(WaitingThread waiting)
    {
        var lane = _threads.IndexOf(waiting.Thread);
        if (_owed.Contains(waiting.Thread))
        {
            AddElided(waiting.Thread, _instances[LastOf(waiting.Thread, _steps.Count)]);
        }

        var last = Enumerable.Range(0, _steps.Count).LastOrDefault(i => _steps[i].Thread == waiting.Thread, -1);
        var known = last < 0 ? [] : _instances[last].Zip(_steps[last].Calls).Zip(waiting.Calls).TakeWhile(c => c.First.Second == c.Second).Select(c => c.First.First).ToList();
        int[] calls = [.. known, .. Enumerable.Range(1, waiting.Calls.Count - known.Count).Select(n => -n)]; // new ones are nobody else's
        var depth = Enter(waiting.Thread, waiting.Calls, calls, calls.Length);
        _rows.Add(new Row(lane, depth, Pending(waiting), true));
    }

    private string Pending(WaitingThread waiting)
    {
        var last = Recording.Of(_bound.Instance, Schedule.Parse(Machine, _way.Schedule)).Stepper;
        var thread = Enumerable.Range(0, Machine.ThreadCount).First(t => Machine.ThreadName(t) == waiting.Thread);
        return OperationAsC.Of(Machine, last.Pending(thread));
    }

    // Names the calls that have no line yet; the depth of what is inside.
    private int Enter(string thread, IReadOnlyList<string> functions, IReadOnlyList<int> calls, int count)
    {
        if (!_named.TryGetValue(thread, out var named))
        {
            _named.Add(thread, named = []);
        }

        var common = named.Zip(calls).TakeWhile(c => c.First == c.Second).Count();
        named.RemoveRange(common, named.Count - common);
        for (var depth = common; depth < count; depth++)
        {
            _rows.Add(new Row(_threads.IndexOf(thread), depth, $"{functions[depth]}()", false));
            named.Add(calls[depth]);
        }

        return count;
    }

    // Inside the innermost named function that the left out steps and the next are in.
    private void AddElided(string thread, IReadOnlyList<int> calls)
    {
        _owed.Remove(thread);
        var depth = _named.TryGetValue(thread, out var named) ? named.Zip(calls).TakeWhile(c => c.First == c.Second).Count() : 0;
        var lane = _threads.IndexOf(thread);
        if (depth > 0 || _named.ContainsKey(thread))
        {
            var row = new Row(lane, depth, Elided, false);
            if (_rows[^1] != row)
            {
                _rows.Add(row);
            }
        }
        else
        {
            // Nothing of it is named: what it was called for is, unless that has ended by now.
            var first = _steps.Index().First(s => s.Item.Thread == thread).Index;
            var isInside = calls.Count > 0 && _instances[first].Count > 0 && _instances[first][0] == calls[0];
            _rows.Add(new Row(lane, isInside ? Enter(thread, _steps[first].Calls, calls, 1) : 0, Elided, false));
        }
    }

    private int LastOf(string thread, int before)
    {
        for (var i = before - 1; i >= 0; i--)
        {
            if (_steps[i].Thread == thread)
            {
                return i;
            }
        }

        return 0;
    }

    // The last column is as wide as it needs, the others share what is left; a line may run on below its neighbour's.
    private int[] Offsets(IReadOnlyList<Row> rows)
    {
        if (_threads.Count < 2)
        {
            return new int[_threads.Count];
        }

        var last = _threads.Count - 1;
        var wanted = rows.Where(r => r.Lane == last).Select(r => r.Depth + r.Text.Length).Append(Head(last).Length).Max();
        var offset = Math.Clamp(Width - wanted, last * Narrowest / Math.Max(1, last - 1 + 1), Math.Max(Widest, Width - Width / _threads.Count));
        return [.. Enumerable.Range(0, _threads.Count).Select(i => i * offset / last)];
    }

    private string Head(int lane) => $"CPU {lane} ({_threads[lane]})";

    private IEnumerable<string> Heads(int[] offsets)
    {
        var heads = "";
        for (var lane = 0; lane < offsets.Length; lane++)
        {
            heads = heads.PadRight(offsets[lane]) + Head(lane) + new string(' ', Gap);
        }

        yield return heads;
    }

    private static IEnumerable<string> Lay(IReadOnlyList<Row> rows, int[] offsets)
    {
        foreach (var row in rows)
        {
            var margin = new string(' ', row.Lane < 0 ? Gap : offsets[row.Lane] + row.Depth);
            var room = Width - margin.Length;
            var lines = Prose.Wrap(row.Text, Math.Max(room, 1)).ToList();
            if (lines.Count > 1)
            {
                lines = [lines[0], .. Prose.Wrap(row.Text[lines[0].Length..].TrimStart(), Math.Max(room - Continued, 1)).Select(l => new string(' ', Continued) + l)];
            }

            foreach (var line in lines)
            {
                yield return margin + line;
            }

            if (row.IsFailing)
            {
                yield return margin + new string('^', lines.Max(l => l.Length));
            }
        }
    }

    private string Consequence()
    {
        var message = StepNumber().Replace(TraceText.Message(_bound.Scenario, _failure), "").Replace("!.", "->", StringComparison.Ordinal);
        message = Came().Replace(After().Replace(Does().Replace(message, "loads $1"), "after $1 == "), "$1 == ");
        var first = message.Split(' ')[0];
        message = message.StartsWith("the ", StringComparison.Ordinal) || message.StartsWith("after ", StringComparison.Ordinal) || _failure.Property?.Form is null or PropertyForm.KernelBug && first.TrimEnd(':').All(char.IsAsciiLetter) ? char.ToUpperInvariant(message[0]) + message[1..] : message;
        return message.EndsWith('.') ? message : $"{message}.";
    }

    private string Scope()
    {
        var variant = _bound.Variant;
        string[] changes = [.. variant.Patches.Select(p => p.Value), .. _bound.Toggles.Select(t => $"{t.Key}={(t.Value ? "on" : "off")}")];
        var kernel = $"{_bound.Scenario.KernelOf(variant).Value}{(changes.Length == 0 ? "" : $" with {Prose.List(changes)}")}";
        var tasks = _steps.Where(s => !s.IsEnvironment).Select(s => s.Thread).Distinct().Count();
        var takes = $"It takes {Prose.Count(tasks, "thread")} and {Prose.Count(_way.Switches, "context switch")}";
        return _way.IsMinimal
            ? $"{takes}; none smaller exists in ThpCheck's model of {kernel}, under sequential consistency."
            : $"{takes} in ThpCheck's model of {kernel}, under sequential consistency; whether a smaller one exists was not shown.";
    }

    private static string InC(string value) => value switch
    {
        "True" => "true",
        "False" => "false",
        "null" => "NULL",
        _ => value,
    };

    // What a scenario's author writes may be anything; a changelog is ASCII.
    private static string Ascii(string line) => string.Concat(line.Select(c => char.IsAscii(c) ? c : '?'));

    [GeneratedRegex(@" \(step \d+\)")]
    private static partial Regex StepNumber();

    // A plain access has no name in C.
    [GeneratedRegex(@"\bdoes load\(([^()]*)\)")]
    private static partial Regex Does();

    [GeneratedRegex(@"\bafter load\(([^()]*)\) = ")]
    private static partial Regex After();

    // What a condition came to; C would assign it.
    [GeneratedRegex(@"(\bafter \w+\(.*\)) = ")]
    private static partial Regex Came();

    /// <summary>A line of one column, or of none.</summary>
    private sealed record Row(int Lane, int Depth, string Text, bool IsFailing);
}
