using System.Runtime.ExceptionServices;
using Microsoft.Coyote.Runtime;
using Microsoft.Coyote.Specifications;

namespace ThpCheck.Coyote;

/// <summary>
/// One execution as Coyote schedules it. Each thread is an operation; before each of its steps is a scheduling point; where it
/// cannot step it is paused, so that Coyote sees a deadlock; which way a step goes is Coyote's choice, too.
/// </summary>
/// <remarks>
/// An operation that could step once, was passed over, and cannot step any more is still enabled to Coyote. When it is
/// scheduled it takes no step and is paused then: a wake-up for nothing, as from a lock that somebody else has got first.
/// </remarks>
internal sealed class SampledExecution(IProgram program, CoyoteStrategy strategy, ICoyoteRuntime runtime)
{
    private readonly Operations _operations = new();
    private Standing _standing;

    /// <summary>Whether it came to its end.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Whether Coyote should have reported a bug.</summary>
    public bool IsBad => IsWhole && (_standing == Standing.Deadlock || program.Broken is not null);

    /// <summary>Why it cannot go on, nor any other; or null.</summary>
    public string? Refusal { get; private set; }

    /// <summary>What it threw, or null.</summary>
    public ExceptionDispatchInfo? Fault => _operations.Fault;

    /// <summary>The execution's first operation: starts the others, and waits for the end.</summary>
    public void Run() => _operations.Attempt(Begin);

    /// <summary>Coyote has ended it.</summary>
    public void Stop() => _operations.Stop();

    private void Begin()
    {
        if (strategy == CoyoteStrategy.QLearning)
        {
            Specification.RegisterStateHashingFunction(() => program.StateHash);
        }

        Arrive(program.Begin());
        if (IsWhole && _standing == Standing.Over)
        {
            return;
        }

        _operations.Start(program.Threads, Walk);
        Operation.PauseUntil(() => _standing == Standing.Over);
    }

    private void Walk(int thread)
    {
        if (strategy == CoyoteStrategy.Pos)
        {
            Announce(thread);
        }

        while (!program.HasEnded(thread))
        {
            Operation.PauseUntil(() => CanStep(thread));
            if (_operations.HasStopped || !CanStep(thread))
            {
                return;
            }

            Arrive(program.Step(thread, Choose(program.Ways(thread))));
            if (CanStep(thread))
            {
                Announce(thread);
            }
        }
    }

    private bool CanStep(int thread) => _standing == Standing.GoesOn && program.Ways(thread) > 0;

    private int Choose(int ways)
    {
        if (ways == 1)
        {
            return 0;
        }

        if (strategy == CoyoteStrategy.Dfs)
        {
            Refusal = "a step has several ways, which Coyote's dfs enumerates wrongly; another strategy draws them";
            Specification.Assert(false, "{0}", Refusal);
        }

        return runtime.RandomInteger(ways);
    }

    private void Announce(int thread)
    {
        switch (strategy == CoyoteStrategy.Pos ? program.Access(thread) : default)
        {
            case (null, _):
                SchedulingPoint.Interleave();
                break;
            case (var place, true):
                SchedulingPoint.Write(place);
                break;
            case (var place, false):
                SchedulingPoint.Read(place);
                break;
        }
    }

    // An assertion that fails ends the execution here. That is at its end, as more can break after the first.
    private void Arrive(Standing standing)
    {
        _standing = standing;
        IsWhole = standing != Standing.GoesOn;
        if (standing == Standing.Over && program.Broken is { } broken)
        {
            Specification.Assert(false, "{0}", broken);
        }
    }
}
