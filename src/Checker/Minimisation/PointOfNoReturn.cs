using System.Collections;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Minimisation;

/// <summary>
/// Where an interleaving is lost: the first step after which every continuation fails, and the choice there that could still have
/// avoided it. After that step no way through the graph leads to an End state without breaking the property.
/// </summary>
/// <param name="Step">The step's number, from 1; 0 where every execution fails, from the beginning.</param>
/// <param name="Instead">The steps that could have been taken in its place and after which it need not fail.</param>
/// <param name="CouldEnd">Whether the execution could have ended there, no thread having to step.</param>
internal sealed record PointOfNoReturn(int Step, IReadOnlyList<OtherStep> Instead, bool CouldEnd);

/// <summary>A step that could have been taken.</summary>
/// <param name="Thread">The thread's name.</param>
/// <param name="Function">The kernel function it is in, or the thread's name.</param>
/// <param name="Operation">What it would have done.</param>
internal sealed record OtherStep(string Thread, string Function, string Operation);

/// <summary>
/// Finds points of no return: one backward search from the End states that are good, over the steps and states that do not break the
/// property, and a walk along the interleaving.
/// </summary>
internal sealed class PointsOfNoReturn(Exploration.Exploration exploration, ReverseGraph reverse, CancellationToken stop)
{
    private readonly StateGraph _graph = exploration.Graph;

    /// <summary>The point of no return of an interleaving that breaks a property; null where a graph that is not whole says nothing of it.</summary>
    /// <param name="schedule">The interleaving.</param>
    /// <param name="findings">All places where the property is broken.</param>
    /// <param name="property">The property; null for a deadlock or livelock, from which no End state is reached anyway.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public PointOfNoReturn? Of(IReadOnlyList<Choice> schedule, IReadOnlyList<Finding> findings, Property? property)
    {
        if (!exploration.IsComplete || exploration.IsReduced)
        {
            return null;
        }

        var badStates = findings.Where(f => f.Edge < 0).Select(f => f.State).ToHashSet();
        var badEdges = findings.Where(f => f.Edge >= 0).Select(f => f.Edge).ToHashSet();
        var goodEnds = exploration.Ends.Where(e => !badStates.Contains(e)).ToHashSet();
        // What is looked at in the end is broken nowhere else: such a state may be gone through.
        var blocked = property?.Form is PropertyForm.Finally or PropertyForm.Outcomes or null ? [] : badStates;
        var avoiding = Avoiding(goodEnds, blocked, badEdges);
        var state = 0;
        if (!avoiding[0])
        {
            return new(0, [], false);
        }

        for (var i = 0; i < schedule.Count; i++)
        {
            var edge = EdgeOf(state, schedule[i]);
            if (badEdges.Contains(edge) || !avoiding[_graph.Target(edge)])
            {
                return new(i + 1, Instead(schedule, i, state, avoiding, badEdges), goodEnds.Contains(state));
            }

            state = _graph.Target(edge);
        }

        return null;
    }

    // The states from which an execution can end without breaking the property.
    private BitArray Avoiding(HashSet<int> goodEnds, HashSet<int> badStates, HashSet<long> badEdges)
    {
        var avoiding = new BitArray(_graph.StateCount);
        var closed = new BitArray(_graph.StateCount); // found, or bad
        var stack = new Stack<int>();
        foreach (var bad in badStates)
        {
            closed[bad] = true;
        }

        foreach (var end in goodEnds)
        {
            avoiding[end] = closed[end] = true;
            stack.Push(end);
        }

        while (stack.TryPop(out var state))
        {
            stop.ThrowIfCancellationRequested();
            _graph.Memory.Touch(2);
            for (var i = reverse.First[state]; i < reverse.First[state + 1]; i++)
            {
                var source = reverse.Sources[i];
                if (!closed[source] && (badEdges.Count == 0 || !badEdges.Contains(reverse.Edges[i])))
                {
                    avoiding[source] = closed[source] = true;
                    stack.Push(source);
                }
            }
        }

        return avoiding;
    }

    private IReadOnlyList<OtherStep> Instead(IReadOnlyList<Choice> schedule, int at, int state, BitArray avoiding, HashSet<long> badEdges)
    {
        var machine = exploration.Instance.Machine;
        var stepper = exploration.Instance.Begin();
        for (var i = 0; i < at; i++)
        {
            stepper.Step(schedule[i].Thread, schedule[i].Pick);
        }

        var (first, end) = _graph.Edges(state);
        var instead = new List<OtherStep>();
        for (var edge = first; edge < end; edge++)
        {
            if (!badEdges.Contains(edge) && avoiding[_graph.Target(edge)])
            {
                var thread = _graph.Label(edge).Thread;
                var calls = stepper.Calls(thread);
                instead.Add(new(machine.ThreadName(thread), calls.Count == 0 ? machine.ThreadName(thread) : calls[^1], OperationText.Of(machine, stepper.Pending(thread))));
            }
        }

        return [.. instead.Distinct()];
    }

    private long EdgeOf(int state, Choice choice)
    {
        var (first, end) = _graph.Edges(state);
        for (var edge = first; edge < end; edge++)
        {
            if (_graph.Label(edge) == choice)
            {
                return edge;
            }
        }

        throw new InvalidOperationException($"state {state} has no step {choice}");
    }
}
