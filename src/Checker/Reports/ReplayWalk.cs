using System.Globalization;
using ThpCheck.Checker.Replay;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>A replayed schedule, step by step, as its reader says: forward, back, to the next switch, what is in an object.</summary>
internal sealed class ReplayWalk
{
    private const string Help = """
          Enter, f [N]   N steps forward          n   to the next switch        o NAME   what is in an object
          b [N]          N steps back             p   to the switch before      o        which objects there are
          g N            to after step N          t   where the threads are     l        the steps around
          h              this                     q   end
        """;

    private const int Around = 5;

    private readonly Replayed _replayed;
    private readonly Paper _paper;
    private int _at; // how many steps have been taken

    private ReplayWalk(Replayed replayed, Paper paper)
    {
        _replayed = replayed;
        _paper = paper;
    }

    private IReadOnlyList<TraceStep> Steps => _replayed.Trace.Steps;

    // None after a step in which the model is at fault.
    private int Last => Math.Min(Steps.Count, _replayed.States.Count - 1);

    private StateSnapshot State => _replayed.States[_at];

    /// <summary>Walks until the reader has enough.</summary>
    /// <param name="replayed">The schedule.</param>
    /// <param name="paper">Where to write.</param>
    /// <param name="input">What the reader says, a line at a time.</param>
    public static void Run(Replayed replayed, Paper paper, TextReader input)
    {
        var walk = new ReplayWalk(replayed, paper);
        paper.WriteLine($"{replayed.Bound.Scenario.Path}  {replayed.Bound.Variant.Name}: {TraceText.Turns(replayed.Trace)}", Tone.Heading);
        paper.WriteLine("h says what can be said here.", Tone.Faint);
        walk.Show();
        for (string? line; walk.Ask(input, out line);)
        {
            if (!walk.Obey(line.Trim()))
            {
                return;
            }
        }
    }

    private bool Ask(TextReader input, out string line)
    {
        _paper.Write($"[{Number(_at)}/{Number(Steps.Count)}] ", Tone.Heading);
        var said = input.ReadLine();
        if (said is null)
        {
            _paper.WriteLine();
        }

        line = said ?? "";
        return said is not null;
    }

    private bool Obey(string line)
    {
        var words = line.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var (command, rest) = (words.ElementAtOrDefault(0) ?? "f", words.ElementAtOrDefault(1) ?? "");
        switch (command)
        {
            case "q":
                return false;
            case "f" or "b" or "g" when Count(rest, command == "g" ? null : 1) is { } count:
                Go(command == "g" ? count : command == "f" ? _at + count : _at - count);
                break;
            case "n":
                Go(Enumerable.Range(_at + 1, Math.Max(Last - _at, 0)).FirstOrDefault(i => i < Steps.Count && Steps[i].Thread != Steps[i - 1].Thread, Last));
                break;
            case "p" when rest.Length > 0: // as debuggers print
                ShowObject(rest);
                break;
            case "p":
                Go(Enumerable.Range(1, Math.Max(_at - 1, 0)).Reverse().FirstOrDefault(i => Steps[i].Thread != Steps[i - 1].Thread, 0));
                break;
            case "t":
                foreach (var (thread, text) in State.Threads)
                {
                    Item($"{thread}  {text}", false);
                }

                break;
            case "o" when rest.Length == 0:
                Item(string.Join(", ", Owners()), false);
                break;
            case "o":
                ShowObject(rest);
                break;
            case "l":
                foreach (var step in Steps.Skip(_at - Around).Take(2 * Around))
                {
                    _paper.WriteLine($"{(step.Number == _at ? "  > " : "    ")}{Number(step.Number),4}  {step.Thread}: {Text(step)}", step.Number == _at ? Tone.Heading : Tone.Plain);
                }

                break;
            case "h":
                _paper.WriteLine(Help);
                break;
            default:
                _paper.WriteLine($"  '{line}' says nothing here; h says what does", Tone.Warning);
                break;
        }

        return true;
    }

    private static int? Count(string text, int? unless) =>
        text.Length == 0 ? unless : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private void Go(int to)
    {
        _at = Math.Clamp(to, 0, Last);
        Show();
    }

    private void Show()
    {
        if (_at == 0)
        {
            _paper.WriteLine("  the initial state");
        }
        else
        {
            var step = Steps[_at - 1];
            _paper.Write($"  {Number(step.Number),4}  {step.Thread}: ", step.IsPreemption ? Tone.Warning : Tone.Plain);
            _paper.WriteLine(Text(step), Tone.Heading);
            if (step.Calls.Count > 0)
            {
                _paper.WriteLine($"        in {string.Join(" > ", step.Calls)}{(step.Source is null ? "" : $"  {step.Source}")}", Tone.Faint);
            }

            foreach (var cell in State.ChangedSince(_replayed.States[_at - 1]))
            {
                Item($"{cell.Cell} = {cell.Value}{(cell.IsGhost ? "  (ghost)" : "")}", true);
            }
        }

        if (_at == Last)
        {
            var broken = _replayed.Broken.Count > 0 ? string.Join("; ", _replayed.Broken.Select(b => b.Sentence)) : _replayed.Trace.Ending ?? "";
            _paper.WriteLine($"  the end{(broken.Length == 0 ? "" : $": {broken}")}", broken.Length == 0 ? Tone.Good : Tone.Bad);
        }
    }

    private void ShowObject(string name)
    {
        var cells = State.All().Where(c => c.Cell == name || c.Cell.StartsWith($"{name}.", StringComparison.Ordinal)).ToArray();
        if (cells.Length == 0)
        {
            _paper.WriteLine($"  there is no '{name}'.{NearestName.Hint(name, [.. Owners()])}", Tone.Warning);
            return;
        }

        var before = _at == 0 ? [] : State.ChangedSince(_replayed.States[_at - 1]).Select(c => c.Number).ToHashSet();
        foreach (var cell in cells)
        {
            Item($"{cell.Cell} = {cell.Value}{(cell.IsGhost ? "  (ghost)" : "")}", before.Contains(cell.Number));
        }
    }

    private IEnumerable<string> Owners() => State.All().Select(c => c.Cell.Split('.')[0]).Distinct();

    private void Item(string text, bool isChanged)
    {
        _paper.Write(isChanged ? "      * " : "        ", Tone.Warning);
        _paper.WriteLine(text, isChanged ? Tone.Plain : Tone.Faint);
    }

    private static string Text(TraceStep step) => $"{step.Operation}{(step.Value.Length == 0 ? "" : $" = {step.Value}")}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
