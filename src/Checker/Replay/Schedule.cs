using System.Globalization;
using System.Text;
using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Replay;

/// <summary>
/// A list of choices as text: <c>exit*12,kswapd*3,slab,exit#1</c> is twelve steps of exit, three of kswapd, one of slab, and
/// one of exit in its second way. It replays an execution exactly.
/// </summary>
internal static class Schedule
{
    public static string Format(Machine machine, IReadOnlyList<Choice> choices)
    {
        var text = new StringBuilder();
        for (var i = 0; i < choices.Count;)
        {
            var run = 1;
            while (i + run < choices.Count && choices[i + run] == choices[i])
            {
                run++;
            }

            text.Append(i == 0 ? "" : ",").Append(machine.ThreadName(choices[i].Thread));
            text.Append(choices[i].Pick == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"#{choices[i].Pick}"));
            text.Append(run == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"*{run}"));
            i += run;
        }

        return text.ToString();
    }

    /// <exception cref="ScheduleException">It is not a schedule of this machine.</exception>
    public static IReadOnlyList<Choice> Parse(Machine machine, string text)
    {
        const int MostSteps = 1_000_000;
        var choices = new List<Choice>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, repeat) = Cut(part, '*', 1, part);
            var (thread, pick) = Cut(name, '#', 0, part);
            var number = Enumerable.Range(0, machine.ThreadCount).FirstOrDefault(t => machine.ThreadName(t) == thread, -1);
            if (number < 0)
            {
                var names = Enumerable.Range(0, machine.ThreadCount).Select(machine.ThreadName).ToArray();
                throw new ScheduleException($"no thread '{thread}' in this scenario.{Specs.Format.NearestName.Hint(thread, names)}");
            }

            if (choices.Count + repeat > MostSteps)
            {
                throw new ScheduleException($"a schedule of more than {MostSteps} steps is refused");
            }

            choices.AddRange(Enumerable.Repeat(new Choice(number, pick), repeat));
        }

        return choices;
    }

    private static (string Text, int Number) Cut(string text, char mark, int without, string whole)
    {
        var at = text.IndexOf(mark, StringComparison.Ordinal);
        if (at < 0)
        {
            return (text, without);
        }

        return int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= without && number <= Choice.MaxPick * 1000
            ? (text[..at], number)
            : throw new ScheduleException($"'{whole}' is no part of a schedule; write thread, thread*steps or thread#choice");
    }
}

/// <summary>A schedule does not fit its scenario.</summary>
/// <param name="message">One sentence: which step, and why not.</param>
internal sealed class ScheduleException(string message) : Exception(message);
