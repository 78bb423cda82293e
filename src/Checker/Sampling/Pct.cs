using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Sampling;

/// <summary>
/// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatti: A Randomized Scheduler with Probabilistic
/// Guarantees of Finding Bugs, ASPLOS 2010). Threads have random priorities and the highest that can step does; at d-1 random
/// steps the thread whose turn it is falls below all others. Of n threads and k steps, each execution finds a bug of depth d with
/// a chance of at least 1/(n k^(d-1)).
/// </summary>
/// <remarks>
/// k is not known before. It is the smallest power of two that no execution which came to its end has exceeded: a power of two, so
/// that it soon stays as it is; and the promise is made of the executions since. A step of the environment is an event of
/// its own, so it counts as a thread of one step, and the next has another random priority. Which of its several ways a thread's
/// step goes is drawn evenly, and not part of the promise.
/// A thread that spins, or an environment that never rests, could keep all below it from stepping for ever. So an execution that is
/// long beyond reason goes on as a random walk, which starves nobody; k is not taken from it.
/// </remarks>
internal sealed class Pct : ISampler
{
    private const int LongBeyondReason = SampleExplorer.MostSteps / 2;

    private readonly SplitMix64 _random;
    private readonly RandomWalk _walk;
    private readonly bool[] _isEnvironment;
    private readonly ulong[] _priorities; // of each thread; below the number of change points once it was lowered
    private readonly int[] _changes;      // before which step, from 1, each change is; change i lowers to priority i
    private int _steps;                   // of this execution
    private int _environmentSteps;
    private int _longest = 1;             // k
    private int _mostEnvironmentSteps;
    private long _executions;             // that began since k changed

    public Pct(Machine machine, int depth, SplitMix64 random)
    {
        _random = random;
        _walk = new RandomWalk(random);
        _isEnvironment = [.. Enumerable.Range(0, machine.ThreadCount).Select(t => machine.ThreadKind(t) == ThreadKind.Environment)];
        _priorities = new ulong[machine.ThreadCount];
        _changes = new int[depth - 1];
    }

    public string Name => "pct";

    public Guarantee? Guarantee => new(_isEnvironment.Count(e => !e) + _mostEnvironmentSteps, _longest, _changes.Length + 1, _executions);

    public void Begin()
    {
        _executions++;
        (_steps, _environmentSteps) = (0, 0);
        for (var thread = 0; thread < _priorities.Length; thread++)
        {
            _priorities[thread] = High();
        }

        for (var i = 0; i < _changes.Length; i++)
        {
            _changes[i] = 1 + _random.Below(_longest);
        }
    }

    public Choice Next(Stepper stepper, ReadOnlySpan<int> ways)
    {
        if (++_steps > LongBeyondReason)
        {
            return _walk.Next(stepper, ways);
        }

        var thread = Highest(ways);
        for (var i = 0; i < _changes.Length; i++)
        {
            if (_changes[i] == _steps)
            {
                _priorities[thread] = (ulong)i;
                thread = Highest(ways);
            }
        }

        if (_isEnvironment[thread])
        {
            _environmentSteps++;
            _priorities[thread] = High();
        }

        return new Choice(thread, _random.Below(ways[thread]));
    }

    public void Finish(int steps)
    {
        if (steps > LongBeyondReason)
        {
            return;
        }

        _mostEnvironmentSteps = Math.Max(_mostEnvironmentSteps, _environmentSteps);
        while (_longest < steps)
        {
            (_longest, _executions) = (_longest * 2, 0);
        }
    }

    // Two that are equal are too rare to matter; the first thread then goes first.
    private int Highest(ReadOnlySpan<int> ways)
    {
        var highest = -1;
        for (var thread = 0; thread < ways.Length; thread++)
        {
            if (ways[thread] > 0 && (highest < 0 || _priorities[thread] > _priorities[highest]))
            {
                highest = thread;
            }
        }

        return highest;
    }

    // Above all that a change can give.
    private ulong High() => _random.Next() | (1UL << 63);
}
