namespace ThpCheck.Checker.Exploration;

/// <summary>
/// A few OS threads that do one phase after the other together: each phase is done by every member, and the next begins when
/// all are through.
/// </summary>
internal sealed class WorkerTeam : IDisposable
{
    private readonly Barrier? _begin;
    private readonly Barrier? _end;
    private readonly Exception?[] _failures;
    private readonly List<Thread> _members = [];
    private Action<int> _phase = static _ => { };
    private bool _over;

    /// <summary>Starts the team.</summary>
    /// <param name="size">How many members, the calling thread included.</param>
    public WorkerTeam(int size)
    {
        Size = size;
        _failures = new Exception?[size];
        if (size == 1)
        {
            return;
        }

        _begin = new Barrier(size);
        _end = new Barrier(size);
        for (var member = 1; member < size; member++)
        {
            var number = member;
            _members.Add(new Thread(() => Work(number)) { IsBackground = true, Name = $"worker {number}" });
            _members[^1].Start();
        }
    }

    public int Size { get; }

    /// <summary>Does a phase.</summary>
    /// <param name="together">Whether the work is worth it; if not, the calling thread does every member's part.</param>
    /// <param name="phase">The phase; it is given each member's number.</param>
    public void Do(bool together, Action<int> phase)
    {
        if (!together || Size == 1)
        {
            for (var member = 0; member < Size; member++)
            {
                phase(member);
            }

            return;
        }

        _phase = phase;
        _begin!.SignalAndWait();
        Part(0);
        _end!.SignalAndWait();
        if (Array.Find(_failures, f => f is not null) is { } failure)
        {
            Array.Clear(_failures);
            throw new AggregateException(failure);
        }
    }

    public void Dispose()
    {
        _over = true; // which the others see once they are let past the next beginning
        _begin?.SignalAndWait();
        _members.ForEach(m => m.Join());
        _begin?.Dispose();
        _end?.Dispose();
    }

    private void Work(int member)
    {
        while (true)
        {
            _begin!.SignalAndWait();
            if (_over)
            {
                return;
            }

            Part(member);
            _end!.SignalAndWait();
        }
    }

    private void Part(int member)
    {
        try
        {
            _phase(member);
        }
        catch (Exception failure)
        {
            _failures[member] = failure;
        }
    }
}
