using System.Runtime.ExceptionServices;
using Microsoft.Coyote.Runtime;
using Microsoft.Coyote.Specifications;

namespace ThpCheck.Coyote;

/// <summary>The threads of an execution, or of several, each on an OS thread of its own and an operation to Coyote.</summary>
/// <remarks>
/// Nothing is rewritten: an operation is under Coyote's control because it says so itself. Coyote ends an execution by never
/// scheduling its operations again, and interrupts only OS threads that it made, so these are interrupted here.
/// </remarks>
internal sealed class Operations
{
    private readonly List<Thread> _threads = [];
    private volatile bool _hasStopped;

    /// <summary>Whether Coyote has ended the execution: whoever wakes then has no turn.</summary>
    public bool HasStopped => _hasStopped;

    /// <summary>What the program threw, or null.</summary>
    public ExceptionDispatchInfo? Fault { get; private set; }

    /// <summary>Makes operations and starts them. Called by an operation, which goes on.</summary>
    /// <param name="count">How many.</param>
    /// <param name="body">What each does.</param>
    /// <exception cref="InvalidOperationException">Coyote is not in control.</exception>
    public void Start(int count, Action<int> body)
    {
        for (var thread = 0; thread < count; thread++)
        {
            var (number, id) = (thread, Operation.CreateNext() ?? throw new InvalidOperationException("Coyote does not control the execution"));
            var osThread = new Thread(() => Run(id, number, body)) { IsBackground = true };
            _threads.Add(osThread);
            Operation.Start(id);
            osThread.Start();
        }
    }

    /// <summary>
    /// Does what an operation does. What that throws ends the execution, as a bug: on an OS thread of ours nobody else would catch it, and on
    /// Coyote's it would pass for a bug of the program's.
    /// </summary>
    /// <param name="action">What it does.</param>
    public void Attempt(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is not ThreadInterruptedException)
        {
            Fault = ExceptionDispatchInfo.Capture(e);
            Specification.Assert(false, "{0}", e.Message);
        }
    }

    /// <summary>Ends the OS threads, once Coyote has ended the execution.</summary>
    public void Stop()
    {
        _hasStopped = true;
        foreach (var thread in _threads)
        {
            thread.Interrupt();
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Run(ulong id, int number, Action<int> body)
    {
        try
        {
            Operation.OnStarted(id);
            Attempt(() => body(number));
            Operation.OnCompleted();
            Operation.ScheduleNext();
        }
        catch (ThreadInterruptedException)
        {
            // The execution has ended: here where it is Coyote that throws, elsewhere where it is Stop.
        }
    }
}
