using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Which properties have read which cells and which threads' contexts, in any state so far. A property that read none of what
/// a step changes says after the step what it said before: its check runs the same way over the same values.
/// </summary>
/// <threadsafety>Belongs to one worker; merged with the others' between batches.</threadsafety>
internal sealed class ReadLog
{
    private readonly ulong[] _cells;   // for each cell the properties that read it, as bits
    private readonly ulong[] _threads; // for each thread those that read what it is inside of

    public ReadLog(Machine machine)
    {
        _cells = new ulong[machine.Cells.Count + 1];
        _threads = new ulong[machine.ThreadCount];
    }

    /// <summary>The bit of the property that is being checked; 0 for none.</summary>
    public ulong Reader { get; set; }

    /// <summary>Whether anything was added since it was merged.</summary>
    public bool HasNews { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReadCell(int cell) => Add(ref _cells[cell]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReadThread(int thread) => Add(ref _threads[thread]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadersOfCell(int cell) => _cells[cell];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadersOfThread(int thread) => _threads[thread];

    /// <summary>Makes all logs say what any of them says.</summary>
    public static void Merge(ReadOnlySpan<ReadLog> logs)
    {
        foreach (var log in logs)
        {
            for (var from = 0; log.HasNews && from < logs.Length; from++)
            {
                logs[from].TakeOver(log);
            }

            log.HasNews = false;
        }
    }

    private void TakeOver(ReadLog other)
    {
        for (var i = 0; i < _cells.Length; i++)
        {
            _cells[i] |= other._cells[i];
        }

        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] |= other._threads[i];
        }
    }

    private void Add(ref ulong readers)
    {
        if ((readers & Reader) != Reader)
        {
            readers |= Reader;
            HasNews = true;
        }
    }
}
