using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// Which properties have read which cells, regions and threads' contexts, in any state so far. A property that read none of what
/// a step changes says after the step what it said before: its check runs the same way over the same values.
/// </summary>
/// <threadsafety>Belongs to one worker; merged with the others' between batches.</threadsafety>
internal sealed class ReadLog
{
    private readonly ulong[] _cells;   // for each cell the properties that read it, as bits
    private readonly ulong[] _threads; // for each thread those that read its context, or whether it has ended
    private ulong[] _regions = [];     // for each region those that asked whether a thread is inside

    public ReadLog(Machine machine)
    {
        _cells = new ulong[machine.Cells.Count + 1];
        _threads = new ulong[machine.ThreadCount];
    }

    /// <summary>All it knows of cells, for a checkpoint to keep and put back; of threads; and of regions there are the methods.</summary>
    public ulong[] Cells => _cells;

    /// <inheritdoc cref="Cells"/>
    public ulong[] Threads => _threads;

    /// <summary>The bit of the property that is being checked; 0 for none.</summary>
    public ulong Reader { get; set; }

    /// <summary>Whether anything was added since it was merged.</summary>
    public bool HasNews { get; private set; }

    /// <summary>Whether any property asked about a thread by its number, so that it may tell apart threads that run the same.</summary>
    public bool TellsThreadsApart { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ReadCell(int cell) => Add(ref _cells[cell]);

    public void ReadThread(int thread)
    {
        AskWhichThread();
        Add(ref _threads[thread]);
    }

    /// <summary>A property asks about a certain thread.</summary>
    public void AskWhichThread()
    {
        HasNews |= !TellsThreadsApart;
        TellsThreadsApart = true;
    }

    public void ReadRegion(int region)
    {
        if (region >= _regions.Length)
        {
            Array.Resize(ref _regions, region + 1);
        }

        Add(ref _regions[region]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadersOfCell(int cell) => _cells[cell];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong ReadersOfThread(int thread) => _threads[thread];

    public ulong ReadersOfRegion(int region) => region < _regions.Length ? _regions[region] : 0;

    /// <summary>Says of a region what a checkpoint kept.</summary>
    public void Restore(int region, ulong readers)
    {
        var reader = Reader;
        Reader = readers;
        ReadRegion(region);
        Reader = reader;
    }

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

    /// <summary>Whether it says all that another says.</summary>
    public bool Covers(ReadLog other) =>
        (TellsThreadsApart || !other.TellsThreadsApart) && Covers(_cells, other._cells) && Covers(_threads, other._threads) && Covers(_regions, other._regions);

    /// <summary>Says what another says, too.</summary>
    public void TakeOver(ReadLog other)
    {
        if (other._regions.Length > _regions.Length)
        {
            Array.Resize(ref _regions, other._regions.Length);
        }

        TellsThreadsApart |= other.TellsThreadsApart;
        Join(_cells, other._cells);
        Join(_threads, other._threads);
        Join(_regions, other._regions);
    }

    private static bool Covers(ulong[] readers, ulong[] others)
    {
        for (var i = 0; i < others.Length; i++)
        {
            if ((others[i] & ~(i < readers.Length ? readers[i] : 0)) != 0)
            {
                return false;
            }
        }

        return true;
    }

    private static void Join(ulong[] readers, ulong[] others)
    {
        for (var i = 0; i < others.Length; i++)
        {
            readers[i] |= others[i];
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
