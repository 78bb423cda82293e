using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Takes steps: the seam between the model and whatever decides which thread goes next, be it the exhaustive explorer, a
/// replay, or another engine that runs the same threads.
/// </summary>
/// <threadsafety>Belongs to one worker, as its state does.</threadsafety>
public sealed class Stepper
{
    private const int RecheckEvery = 1024; // one look-up in so many runs the path all the same, and compares

    private readonly Machine _machine;
    private long _lookups;

    /// <summary>Steps in a machine, from its memory as laid out; no thread has begun.</summary>
    public Stepper(Machine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        _machine = machine;
        State = new State(machine);
    }

    /// <summary>The state as it is now.</summary>
    public State State { get; }

    /// <summary>Makes a thread begin with a path; the local code before its first operation runs now.</summary>
    /// <returns>What it recorded.</returns>
    /// <exception cref="ModelFaultException">That code breaks the coroutine contract.</exception>
    public IReadOnlyList<Effect> Begin(int thread, Func<KernelTask> entry)
    {
        var node = _machine.Start(thread, entry, out var effects);
        State.SetNode(thread, node, isSeen: true, []);
        Apply(effects);
        if (State.Outcome != StepOutcome.Done || State.Tolerated != 0)
        {
            var (reason, bug) = (State.Reason, State.Met[^1].Bug);
            State.Undo();
            throw new ModelFaultException($"{_machine.ThreadName(thread)} meets a kernel bug before its first step: {reason}") { Bug = bug };
        }

        State.Commit();
        return effects;
    }

    /// <summary>Whether a thread has ended, or never began.</summary>
    /// <remarks>A thread that ended inside a section has not ended yet: that is a bug, and a step of its own.</remarks>
    public bool HasEnded(int thread) => NodeOf(thread) is var node
        && (node < 0 || ((_machine.Automaton(thread)[node].Flags & NodeFlags.Finished) != 0 && !EndsBadly(_machine.Automaton(thread)[node].Bugs)));

    /// <summary>Whether an optional thread has taken a step. Of other threads it is not remembered.</summary>
    public bool HasStarted(int thread) => NodeOf(thread) is var node && node >= 0 && (_machine.Automaton(thread)[node].Flags & NodeFlags.Started) != 0;

    /// <summary>Whether all tasks and all started optionals have ended.</summary>
    public bool IsEnd
    {
        get
        {
            for (var thread = 0; thread < _machine.ThreadCount; thread++)
            {
                var owes = _machine.ThreadKind(thread) switch
                {
                    ThreadKind.Task => true,
                    ThreadKind.Optional => HasStarted(thread),
                    _ => false,
                };
                if (owes && !HasEnded(thread))
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>
    /// In how many ways a thread can take its step now, 0 when it cannot: what <see cref="IsEnabled"/>, <see cref="Choices"/> and
    /// <see cref="IsEnd"/> say, at one look.
    /// </summary>
    /// <param name="thread">The thread.</param>
    /// <param name="isEnd">Becomes false when the thread owes its end.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Ways(int thread, ref bool isEnd)
    {
        var number = NodeOf(thread);
        if (number < 0)
        {
            isEnd &= _machine.ThreadKind(thread) != ThreadKind.Task || HasEnded(thread);
            return 0;
        }

        ref readonly var node = ref _machine.Automaton(thread)[number];
        isEnd &= (node.Flags & (NodeFlags.Finished | NodeFlags.Owes)) != NodeFlags.Owes;
        if ((node.Flags & (NodeFlags.Finished | NodeFlags.CanBlock | NodeFlags.HasChoices)) == 0)
        {
            return 1;
        }

        return EnabledWays(thread, node, ref isEnd);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int EnabledWays(int thread, in Node node, ref bool isEnd)
    {
        if ((node.Flags & NodeFlags.Finished) != 0)
        {
            isEnd &= !EndsBadly(node.Bugs) || (node.Flags & NodeFlags.Owes) == 0;
            return EndsBadly(node.Bugs) ? 1 : 0;
        }

        return (node.Flags & NodeFlags.CanBlock) != 0 && !Operations.IsEnabled(State, thread, node) ? 0
            : (node.Flags & NodeFlags.HasChoices) != 0 ? Operations.Choices(State, node.Operation)
            : 1;
    }

    /// <summary>Whether a thread can take its step now.</summary>
    public bool IsEnabled(int thread)
    {
        var number = NodeOf(thread);
        if (number < 0)
        {
            return false;
        }

        ref readonly var node = ref _machine.Automaton(thread)[number];
        if ((node.Flags & NodeFlags.Finished) != 0)
        {
            return EndsBadly(node.Bugs);
        }

        return (node.Flags & NodeFlags.CanBlock) == 0 || Operations.IsEnabled(State, thread, node);
    }

    /// <summary>In how many ways an enabled thread can take its step.</summary>
    public int Choices(int thread)
    {
        ref readonly var node = ref _machine.Automaton(thread)[NodeOf(thread)];
        return (node.Flags & NodeFlags.HasChoices) == 0 ? 1 : Operations.Choices(State, node.Operation);
    }

    /// <summary>What a thread will do next; the default once it has ended.</summary>
    public Operation Pending(int thread) => NodeOf(thread) is >= 0 and var node ? _machine.Automaton(thread)[node].Operation : default;

    /// <summary>The kernel functions a thread is inside of, its entry first, without the parts that primitives are made of.</summary>
    public IReadOnlyList<string> Calls(int thread)
    {
        var calls = new List<string>();
        var node = NodeOf(thread);
        for (var frame = node < 0 ? 0 : _machine.Automaton(thread).Details(node).Frame; frame != 0; frame = _machine.Frames.Parent(frame))
        {
            if (_machine.Frames.Type(frame) is { IsShown: true } type)
            {
                calls.Insert(0, type.Name);
            }
        }

        return calls;
    }

    /// <summary>Where in the source each of a thread's <see cref="Calls"/> is: the line of its await, or null without symbols.</summary>
    internal IReadOnlyList<SourceLine?> Sources(int thread)
    {
        var lines = new List<SourceLine?>();
        var node = NodeOf(thread);
        for (var frame = node < 0 ? 0 : _machine.Automaton(thread).Details(node).Frame; frame != 0; frame = _machine.Frames.Parent(frame))
        {
            if (_machine.Frames.Type(frame) is { IsShown: true } type)
            {
                lines.Insert(0, type.LineOf(_machine.Frames.Words(frame)));
            }
        }

        return lines;
    }

    /// <summary>Takes a thread's step and keeps it.</summary>
    /// <exception cref="ModelFaultException">The model is wrong.</exception>
    public StepResult Step(int thread, int choice = 0)
    {
        var transition = Fire(thread, choice, out var value);
        var result = new StepResult(
            State.Bug, State.Tolerated, [.. State.Met], State.Outcome == StepOutcome.ScopeTooSmall, State.Reason, value,
            transition < 0 ? [] : _machine.Automaton(thread).TransitionAt(transition).Effects);
        State.Commit();
        return result;
    }

    /// <summary>Takes a thread's step; <see cref="State.Undo"/> takes it back.</summary>
    /// <returns>The transition, or -1 when the step did not come that far.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Fire(int thread, int choice, out long value)
    {
        var number = NodeOf(thread);
        var automaton = _machine.Automaton(thread);
        ref readonly var node = ref automaton[number];
        value = Operations.Execute(State, thread, node, choice);
        if (State.Outcome != StepOutcome.Done)
        {
            return -1;
        }

        var recheck = !_machine.Memo || ++_lookups % RecheckEvery == 0;
        var transition = automaton.Next(number, value, recheck, out var fault);
        if (fault is not null)
        {
            throw fault;
        }

        ref readonly var taken = ref automaton.TransitionAt(transition);
        State.SetNode(thread, taken.Next, taken.IsSeen, taken.Regions);
        if (taken.Leaves != SectionKinds.None)
        {
            State.LeaveSections(thread, taken.Leaves);
        }

        if (taken.HasEffects)
        {
            Apply(taken.Effects);
        }

        return transition;
    }

    private bool EndsBadly(int bugs) => (bugs & ~_machine.Tolerated) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int NodeOf(int thread) => State.NodeOf(thread);

    private void Apply(Effect[] effects)
    {
        foreach (var effect in effects)
        {
            switch (effect.Kind)
            {
                case EffectKind.GhostSet:
                    State.Set(effect.Cell, effect.Value);
                    break;
                case EffectKind.GhostAdd:
                    State.Set(effect.Cell, State.Get(effect.Cell) + effect.Value);
                    break;
                case EffectKind.Bug when !State.Meets((KernelBug)effect.Value, 0, 0, effect.Text):
                    return;
                default:
                    break;
            }
        }
    }
}

/// <summary>What a step came to.</summary>
/// <param name="Bug">The kernel bug it is, which ends the execution.</param>
/// <param name="Tolerated">The warnings, and the bugs that are tolerated, as a mask of 1 &lt;&lt; bug; the execution goes on.</param>
/// <param name="Met">Each bug that was met, in that order, with what it is about.</param>
/// <param name="ScopeTooSmall">Whether a pool was used up, which ends the execution.</param>
/// <param name="Reason">The message of a BUG_ON, or the pool.</param>
/// <param name="Value">The word that the operation returned.</param>
/// <param name="Effects">What the thread recorded.</param>
public readonly record struct StepResult(
    KernelBug Bug, int Tolerated, IReadOnlyList<MetBug> Met, bool ScopeTooSmall, string? Reason, long Value, IReadOnlyList<Effect> Effects)
{
    /// <summary>What the last bug is about: an object and a cell, by number, or 0.</summary>
    public (int Object, int Cell) BugAt => Met.Count == 0 ? default : (Met[^1].Object, Met[^1].Cell);

    /// <summary>Whether the step met a bug, be it the end or tolerated.</summary>
    public bool Meets(KernelBug bug) => Bug == bug || (Tolerated & bug.Bit()) != 0;

    /// <summary>Whether the execution ends here.</summary>
    public bool IsFinal => Bug != KernelBug.None || ScopeTooSmall;
}
