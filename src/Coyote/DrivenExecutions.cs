using System.Runtime.ExceptionServices;
using Microsoft.Coyote.Runtime;

namespace ThpCheck.Coyote;

/// <summary>
/// Executions that an explorer chooses. It owns a turn, and each operation is paused until the turn is its own: Coyote schedules
/// every step, but has one operation to schedule. They follow one another inside one iteration of Coyote's, which takes longer to begin than
/// a short execution takes.
/// </summary>
internal sealed class DrivenExecutions(IProgram program, IExplorer explorer, int most)
{
    private const int Nobody = -1; // the first operation goes on

    private readonly Operations _operations = new();
    private int _turn = Nobody;
    private int _way;

    /// <summary>How many came to their end.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the explorer may have more.</summary>
    public bool HasMore { get; private set; } = true;

    /// <summary>What was thrown, or null.</summary>
    public ExceptionDispatchInfo? Fault => _operations.Fault;

    /// <summary>The first operation: begins one execution after the other.</summary>
    public void Run() => _operations.Attempt(Lead);

    /// <summary>Coyote has ended the iteration.</summary>
    public void Stop() => _operations.Stop();

    private void Lead()
    {
        _operations.Start(program.Threads, Walk);
        while (Count < most && (HasMore = explorer.Begin()))
        {
            HandOver(program.Begin());
            Operation.PauseUntil(() => _turn == Nobody);
            program.End(isWhole: true);
            Count++;
        }
    }

    private void Walk(int thread)
    {
        while (true)
        {
            Operation.PauseUntil(() => _turn == thread);
            if (_operations.HasStopped || _turn != thread)
            {
                return;
            }

            HandOver(program.Step(thread, _way));
            if (_turn == thread)
            {
                SchedulingPoint.Interleave();
            }
        }
    }

    private void HandOver(Standing standing) => (_turn, _way) = standing == Standing.GoesOn ? explorer.Next(program) : (Nobody, 0);
}
