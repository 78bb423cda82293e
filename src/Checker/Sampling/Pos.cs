using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Partial order sampling (Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018). Every pending operation has a
/// random priority and the highest that can happen does; the operations it races with draw theirs anew. Executions that differ
/// only in the order of operations that do not disturb each other are not drawn more often for being many.
/// </summary>
/// <remarks>The paper's guarantee is in terms of the races of the execution looked for, which are not known; none is stated.</remarks>
internal sealed class Pos(Machine machine, SplitMix64 random) : ISampler
{
    private readonly ulong[] _priorities = new ulong[machine.ThreadCount]; // of each thread's pending operation

    public string Name => "pos";

    public void Begin()
    {
        for (var thread = 0; thread < _priorities.Length; thread++)
        {
            _priorities[thread] = random.Next();
        }
    }

    public Choice Next(Stepper stepper, ReadOnlySpan<int> ways)
    {
        var next = -1;
        for (var thread = 0; thread < ways.Length; thread++)
        {
            if (ways[thread] > 0 && (next < 0 || _priorities[thread] > _priorities[next]))
            {
                next = thread;
            }
        }

        var operation = stepper.Pending(next);
        for (var thread = 0; thread < ways.Length; thread++)
        {
            // What this thread does next is another operation, with a priority of its own.
            if (thread == next || Races.Between(machine, operation, stepper.Pending(thread)))
            {
                _priorities[thread] = random.Next();
            }
        }

        return new Choice(next, random.Below(ways[next]));
    }
}
