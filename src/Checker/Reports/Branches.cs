using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>Another choice than the one a trace took, and one execution that it leads to.</summary>
/// <param name="Of">The branch that it leaves, by its place among all; -1 for the trace itself.</param>
/// <param name="At">After how many steps of that.</param>
/// <param name="Choices">The choice, and how it went on: each thread as far as it comes, one after the other.</param>
/// <param name="Leads">What that came to, in a sentence.</param>
internal sealed record Branch(int Of, int At, IReadOnlyList<Choice> Choices, string Leads);

/// <summary>Finds what else could have happened at each step of an execution.</summary>
/// <remarks>
/// Of the executions that another choice leads to it follows one: the thread goes on as long as it can, then the first that can, as long as it can; hardware only where
/// nobody else can. What that one does not break, another may: so there are branches of branches, at the first steps of each, as far as there is room for them.
/// </remarks>
internal sealed class Branches
{
    private const int MostSteps = 400; // of a branch
    private const int MostPicks = 4;   // of one thread at one step
    private const int Share = 10;      // a branch's own may take one of so many parts of the room that is left

    private readonly Property? _property;
    private readonly List<Branch> _found = [];
    private Recording _recording; // of the trace, or of the branch whose own are looked for
    private int _of = -1;

    private Branches(Instance instance, IReadOnlyList<Choice> schedule, Property? property)
    {
        _recording = Recording.Of(instance, schedule);
        _property = property;
    }

    private Stepper Stepper => _recording.Stepper;

    private Machine Machine => _recording.Instance.Machine;

    /// <param name="instance">What it is an execution of.</param>
    /// <param name="schedule">The execution.</param>
    /// <param name="property">What it breaks, or null.</param>
    /// <param name="room">How many steps branches of branches may have in all.</param>
    public static IReadOnlyList<Branch> Of(Instance instance, IReadOnlyList<Choice> schedule, Property? property, int room)
    {
        var branches = new Branches(instance, schedule, property);
        for (var at = 0; at < branches._recording.Steps.Count; at++)
        {
            branches.FindAt(at);
        }

        // The last ones first: they are the shortest, and the nearest to the failure.
        for (var of = branches._found.Count - 1; of >= 0; of--)
        {
            room -= branches.FindOf(of, schedule, room / Share);
        }

        return branches._found;
    }

    // As many as there is room for, and how many steps they have.
    private int FindOf(int of, IReadOnlyList<Choice> schedule, int room)
    {
        var used = 0;
        var branch = _found[of];
        _of = of;
        _recording = Recording.Of(_recording.Instance, [.. schedule.Take(branch.At), .. branch.Choices]);
        for (var at = branch.At + 1; at < _recording.Steps.Count; at++)
        {
            var count = _found.Count;
            FindAt(at);
            var more = _found.Skip(count).Sum(b => b.Choices.Count);
            if (used + more > room)
            {
                _found.RemoveRange(count, _found.Count - count);
                break;
            }

            used += more;
        }

        return used;
    }

    private void FindAt(int at)
    {
        var taken = _recording.Steps[at].Choice;
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            _recording.Return(at);
            var ways = CanStep(thread) ? Math.Min(Stepper.Choices(thread), MostPicks) : 0;
            for (var pick = 0; pick < ways; pick++)
            {
                if (new Choice(thread, pick) != taken)
                {
                    _recording.Return(at);
                    Follow(at, new Choice(thread, pick));
                }
            }
        }
    }

    private void Follow(int at, Choice first)
    {
        var choices = new List<Choice>();
        var choice = first;
        string? leads = null;
        try
        {
            while (leads is null)
            {
                choices.Add(choice);
                var result = Stepper.Step(choice.Thread, choice.Pick);
                leads = EndOf(result) ?? (choices.Count == MostSteps ? $"It goes on for more than {MostSteps} steps." : null);
                if (leads is null && Next(choice.Thread) is var next)
                {
                    leads = next is null ? (Stepper.IsEnd ? "In this order all of it ends, and nothing of the kind happens." : $"Nobody can go on: {Ending.Of(Stepper).Deadlock}.") : null;
                    choice = next ?? choice;
                }
            }
        }
        catch (ModelFaultException e)
        {
            leads = $"The model is at fault: {e.Message}";
            choices.RemoveAt(choices.Count - 1); // it cannot be shown
        }

        if (choices.Count > 0)
        {
            _found.Add(new Branch(_of, at, choices, leads!));
        }
    }

    private string? EndOf(in StepResult result) =>
        result.ScopeTooSmall ? $"It needs more of {result.Reason} than the scenario has."
        : result.Bug != KernelBug.None ? $"It breaks {KernelBugProperties.For(result.Bug).Name}."
        : _property is { Form: PropertyForm.Always } && _property.Check(new StateView(Stepper.State)) is { } sentence ? $"It breaks the same: {sentence}."
        : null;

    // Whoever stepped last, as long as it can; hardware, when nobody else can go on and it would not go on for ever.
    private Choice? Next(int last)
    {
        var candidates = Enumerable.Range(0, Machine.ThreadCount).Where(CanStep).ToArray();
        var isOwed = !Stepper.IsEnd;
        foreach (var thread in candidates.OrderBy(t => t == last ? 0 : 1))
        {
            if (Machine.ThreadKind(thread) == ThreadKind.Task || (Machine.ThreadKind(thread) == ThreadKind.Optional && Stepper.HasStarted(thread)))
            {
                return new Choice(thread, 0);
            }
        }

        return isOwed && candidates.Length > 0 ? new Choice(candidates[0], 0) : null;
    }

    private bool CanStep(int thread) => !Stepper.HasEnded(thread) && Stepper.IsEnabled(thread) && Stepper.Choices(thread) > 0;
}
