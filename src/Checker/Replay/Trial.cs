using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Replay;

/// <summary>An execution in which one step finds something else, and what it found stays until it is written: what its thread does then, while the others step as they did.</summary>
/// <param name="recording">The execution.</param>
/// <param name="property">What it breaks; null for a deadlock or livelock.</param>
internal sealed class Trial(Recording recording, Property? property)
{
    private IReadOnlyList<RecordedStep> Steps => recording.Steps;

    private Stepper Stepper => recording.Stepper;

    private Machine Machine => recording.Instance.Machine;

    private int Last => Steps.Count - 1;

    private bool AsksInTheEnd => property is null or { Form: PropertyForm.Finally or PropertyForm.Outcomes };

    /// <summary>Whether the thread still comes to a later step of its: the same operation on the same operands in the same functions.</summary>
    /// <param name="at">The step that finds something else.</param>
    /// <param name="other">What it finds.</param>
    /// <param name="later">The later step.</param>
    public bool StillComesTo(int at, OtherResult other, int later)
    {
        var thread = Steps[at].Choice.Thread;
        try
        {
            if (Divert(at, other) is { IsFinal: true } diverted)
            {
                return IsAssertion(diverted);
            }

            for (var i = at + 1; i < later; i++)
            {
                var choice = Steps[i].Choice;
                if (choice.Thread == thread && IsAbout(thread, later))
                {
                    continue;
                }

                if (CanTake(choice) && Stepper.Step(choice.Thread, choice.Pick) is { IsFinal: true } final)
                {
                    return IsAssertion(final);
                }
            }

            for (var i = 0; i < OtherTurns.MostAlone && !IsAbout(thread, later); i++)
            {
                if (Stepper.HasEnded(thread) || !Stepper.IsEnabled(thread))
                {
                    return false;
                }

                if (Stepper.Step(thread) is { IsFinal: true } final)
                {
                    return IsAssertion(final);
                }
            }

            var isEnd = later == Last && !AsksInTheEnd;
            if (!isEnd && !DependsOnState(Steps[later].Operation.Code))
            {
                return true;
            }

            if (!CanTake(Steps[later].Choice))
            {
                return false;
            }

            var taken = recording.Take(Steps[later].Choice);
            PutBack(other);
            return isEnd ? recording.Breaks(property!, taken) : taken.Writes.Keys.ToHashSet().SetEquals(Steps[later].Writes.Keys);
        }
        catch (Exception e) when (e is ModelFaultException or ArgumentException or OverflowException or IndexOutOfRangeException or NullReferenceException)
        {
            return true; // no value that it can have, or a property that is not made for it
        }
    }

    /// <summary>Whether the thread comes to the same call of the same function, and does there to something else what it did.</summary>
    /// <inheritdoc cref="StillComesTo"/>
    public bool GoesElsewhere(int at, OtherResult other, int later)
    {
        var thread = Steps[at].Choice.Thread;
        bool IsSite(OperationCode code, IReadOnlyList<string> calls) => code == Steps[later].Operation.Code && calls.SequenceEqual(Steps[later].Calls);
        var left = Enumerable.Range(at + 1, later - at).Count(i => IsSite(Steps[i].Operation.Code, Steps[i].Calls));
        try
        {
            if (Divert(at, other).IsFinal)
            {
                return false;
            }

            for (var i = 0; i < OtherTurns.MostAlone && !Stepper.HasEnded(thread) && Stepper.IsEnabled(thread); i++)
            {
                if (IsSite(Stepper.Pending(thread).Code, Stepper.Calls(thread)) && --left == 0)
                {
                    return Stepper.Pending(thread) != Steps[later].Operation;
                }

                if (Stepper.Step(thread).IsFinal)
                {
                    return false;
                }
            }
        }
        catch (Exception e) when (e is ModelFaultException or ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            return false; // no value that it can have
        }

        return false;
    }

    /// <summary>Whether what is asked in the end would be well, all threads having gone on to their ends.</summary>
    /// <inheritdoc cref="StillComesTo"/>
    public bool Mends(int at, OtherResult other)
    {
        try
        {
            if (!AsksInTheEnd || property is null || Divert(at, other).IsFinal)
            {
                return false;
            }

            for (var i = at + 1; i <= Last; i++)
            {
                if (CanTake(Steps[i].Choice) && Stepper.Step(Steps[i].Choice.Thread, Steps[i].Choice.Pick).IsFinal)
                {
                    return false;
                }
            }

            for (var (i, thread) = (0, 0); i < OtherTurns.MostAlone && thread < Machine.ThreadCount && !Stepper.IsEnd; i++)
            {
                if (Machine.ThreadKind(thread) == ThreadKind.Environment || Stepper.HasEnded(thread) || !Stepper.IsEnabled(thread))
                {
                    thread++;
                }
                else if (Stepper.Step(thread).IsFinal)
                {
                    return false;
                }
            }

            PutBack(other);
            return Stepper.IsEnd && !recording.Breaks(property, Steps[Last]);
        }
        catch (Exception e) when (e is ModelFaultException or ArgumentException or OverflowException or IndexOutOfRangeException or NullReferenceException)
        {
            return false;
        }
    }

    // One that would have failed: not a way on which the thread would have gone elsewhere.
    private static bool IsAssertion(StepResult result) => result.Effects.Any(e => e.Kind == EffectKind.Bug);

    // Whether what an operation writes does not follow from its operands.
    private static bool DependsOnState(OperationCode code) => code is OperationCode.mmu_store or OperationCode.kmem_cache_alloc;

    private StepResult Divert(int at, OtherResult other)
    {
        recording.Return(at);
        foreach (var (cell, value) in other.Cells)
        {
            Stepper.State.Set(cell, value);
        }

        Stepper.State.Commit();
        return Stepper.Step(Steps[at].Choice.Thread, Steps[at].Choice.Pick);
    }

    // It was the thread that found something else: memory is asked about as it is.
    private void PutBack(OtherResult other)
    {
        foreach (var (cell, value) in other.Cells)
        {
            if (Stepper.State.Get(cell) == value)
            {
                Stepper.State.Set(cell, recording.CellAfter(Steps.Count, cell));
            }
        }

        Stepper.State.Commit();
    }

    private bool CanTake(Choice choice) => !Stepper.HasEnded(choice.Thread) && Stepper.IsEnabled(choice.Thread) && choice.Pick < Stepper.Choices(choice.Thread);

    private bool IsAbout(int thread, int step) =>
        !Stepper.HasEnded(thread) && Stepper.Pending(thread) == Steps[step].Operation && Stepper.Calls(thread).SequenceEqual(Steps[step].Calls);
}
