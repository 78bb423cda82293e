using System.Globalization;
using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Replay;

/// <summary>
/// A schedule that names the steps at which it turns to another thread, such as
/// <c>exit=anon_vma_free.kmem_cache_free,kswapd=folio_mapped.atomic_read*2,slab</c>: exit runs until it has done the kmem_cache_free of
/// anon_vma_free(), kswapd until the second atomic_read of folio_mapped() in that turn, then comes one step of slab. It is short enough for a mail, and
/// fits a model in which other steps have come or gone.
/// </summary>
/// <remarks><c>#k</c> behind a step is the k-th other way to take it; in those that are not named the first is taken.</remarks>
internal static class ReplayToken
{
    private const char Names = '=';
    private const int MostSteps = 100_000; // of one turn

    /// <summary>Whether a text is one, and not a list of choices.</summary>
    public static bool IsOne(string text) => text.Contains(Names, StringComparison.Ordinal);

    /// <summary>The token of a trace.</summary>
    /// <param name="choices">Its schedule.</param>
    /// <param name="steps">Its steps, as many.</param>
    public static string Of(IReadOnlyList<Choice> choices, IReadOnlyList<TraceStep> steps)
    {
        var parts = new List<string>();
        var begins = 0;
        for (var i = 0; i < steps.Count; i++)
        {
            // A turn ends before another thread's step, and where it takes another way than the first.
            var ends = i == steps.Count - 1 || steps[i + 1].Thread != steps[i].Thread || choices[i].Pick != 0;
            if (ends)
            {
                parts.Add(Part(steps, begins, i, choices[i].Pick));
                begins = i + 1;
            }
        }

        return string.Join(',', parts);
    }

    /// <summary>The schedule that a token stands for in this model.</summary>
    /// <exception cref="ScheduleException">A step that it names does not come.</exception>
    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public static IReadOnlyList<Choice> Resolve(Instance instance, string token)
    {
        var machine = instance.Machine;
        var stepper = instance.Begin();
        var choices = new List<Choice>();
        var isOver = false;
        foreach (var part in token.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (isOver)
            {
                throw new ScheduleException($"'{part}' does not fit any more: the execution ends at step {choices.Count}");
            }

            if (!part.Contains(Names, StringComparison.Ordinal))
            {
                foreach (var choice in Schedule.Parse(machine, part))
                {
                    isOver = Take(stepper, choice, part, choices);
                }

                continue;
            }

            isOver = Run(stepper, part, choices);
        }

        return choices;
    }

    private static string Part(IReadOnlyList<TraceStep> steps, int begins, int ends, int pick)
    {
        var last = steps[ends];
        var choice = pick == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"#{pick}");
        if (last.IsEnvironment)
        {
            var count = ends - begins + 1;
            return $"{last.Thread}{(count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"*{count}"))}{choice}";
        }

        var name = NameOf(last.Function, last.Does.Code);
        var nth = Enumerable.Range(begins, ends - begins + 1).Count(i => NameOf(steps[i].Function, steps[i].Does.Code) == name);
        return $"{last.Thread}{Names}{name}{(nth == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"*{nth}"))}{choice}";
    }

    private static string NameOf(string function, OperationCode code) => $"{function}.{code}";

    // Whether that was the end of the execution.
    private static bool Run(Stepper stepper, string part, List<Choice> choices)
    {
        var machine = stepper.State.Machine;
        var (name, stop) = (part[..part.IndexOf(Names, StringComparison.Ordinal)], part[(part.IndexOf(Names, StringComparison.Ordinal) + 1)..]);
        var (rest, pick) = Cut(stop, '#', 0, part);
        var (wanted, nth) = Cut(rest, '*', 1, part);
        var thread = Schedule.Parse(machine, name) is [var one] ? one.Thread : throw new ScheduleException($"'{part}' begins with no thread");
        var begin = choices.Count;
        for (var met = 0; ;)
        {
            if (stepper.HasEnded(thread) || !stepper.IsEnabled(thread) || choices.Count - begin == MostSteps)
            {
                var why = stepper.HasEnded(thread) ? "ends" : stepper.IsEnabled(thread) ? $"takes {MostSteps} steps" : $"waits in {OperationText.Of(machine, stepper.Pending(thread))}";
                var which = nth == 1 ? "" : $" for the {nth}. time";
                throw new ScheduleException($"'{part}' does not fit any more: {name} {why} before it does {wanted.Split('.')[^1]} in {wanted.Split('.')[0]}(){which}; the {choices.Count} steps until then fit");
            }

            var calls = stepper.Calls(thread);
            var isWanted = NameOf(calls.Count == 0 ? name : calls[^1], stepper.Pending(thread).Code) == wanted && ++met == nth;
            if (Take(stepper, new Choice(thread, isWanted ? pick : 0), part, choices))
            {
                return isWanted ? true : throw new ScheduleException($"'{part}' does not fit any more: the execution ends before, at step {choices.Count}");
            }

            if (isWanted)
            {
                return false;
            }
        }
    }

    private static bool Take(Stepper stepper, Choice choice, string part, List<Choice> choices)
    {
        if (stepper.HasEnded(choice.Thread) || !stepper.IsEnabled(choice.Thread) || choice.Pick >= stepper.Choices(choice.Thread))
        {
            throw new ScheduleException($"'{part}' does not fit any more after {choices.Count} steps: {stepper.State.Machine.ThreadName(choice.Thread)} cannot do that");
        }

        choices.Add(choice);
        return stepper.Step(choice.Thread, choice.Pick).IsFinal;
    }

    private static (string Text, int Number) Cut(string text, char mark, int without, string whole)
    {
        var at = text.IndexOf(mark, StringComparison.Ordinal);
        return at < 0 ? (text, without)
            : int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= without ? (text[..at], number)
            : throw new ScheduleException($"'{whole}' is no part of a schedule; write thread=function.operation, with *n for the n-th time and #k for the k-th other choice");
    }
}
