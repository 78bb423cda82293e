namespace ThpCheck.Checker.Exploration;

/// <summary>The states of one level that wait to be expanded, whole and with their fingerprints, first in, first out.</summary>
/// <remarks>
/// They are written and read in order, so those that do not fit into memory are written to a file as they are and read again when
/// it is their turn.
/// </remarks>
internal sealed unsafe class StateQueue(int wordCount, SearchMemory? memory = null)
{
    private const int Shift = 12;
    private const int StatesPerChunk = 1 << Shift;
    private readonly int _stride = wordCount + 2;
    private readonly SearchMemory _memory = memory ?? new();
    private readonly Stack<nint> _free = []; // chunks to be used again
    private ulong*[] _chunks = new ulong*[16]; // null where one is not in memory
    private long[] _places = new long[16];     // of those, where they are in the file
    private int _chunkCount;
    private int _inMemory; // chunks, the free ones not among them
    private int _left;     // chunks left behind
    private ulong* _window; // a chunk to look at one that is in the file
    private int _inWindow = -1;

    public long Count { get; private set; }

    /// <summary>How many bytes of memory it has.</summary>
    public long Bytes => (_inMemory + _free.Count + (_window is null ? 0 : 1)) * ChunkBytes;

    private long ChunkBytes => (long)StatesPerChunk * _stride * sizeof(ulong);

    public void Add(ReadOnlySpan<ulong> words, ulong low, ulong high)
    {
        Set(Extend(1), words, low, high);
    }

    /// <summary>Makes room for so many states, to be set by their index; several threads may set different ones.</summary>
    /// <returns>The index of the first.</returns>
    public long Extend(long more)
    {
        var first = Count;
        Count += more;
        while ((long)_chunkCount << Shift < Count)
        {
            if (_chunkCount == _chunks.Length)
            {
                var longer = new ulong*[_chunkCount * 2];
                Array.Copy(_chunks, longer, _chunkCount);
                _chunks = longer;
                Array.Resize(ref _places, _chunkCount * 2);
            }

            _chunks[_chunkCount++] = Take();
        }

        return first;
    }

    public void Set(long index, ReadOnlySpan<ulong> words, ulong low, ulong high)
    {
        var at = new Span<ulong>(_chunks[(int)(index >> Shift)] + ((index & (StatesPerChunk - 1)) * _stride), _stride);
        words.CopyTo(at);
        at[^2] = low;
        at[^1] = high;
        GC.KeepAlive(this);
    }

    /// <summary>
    /// The state of an index, until another one is asked for; the queue has to live as long as it is used. Several threads may ask
    /// for those that <see cref="Load"/> has brought into memory.
    /// </summary>
    public ReadOnlySpan<ulong> Words(long index, out ulong low, out ulong high)
    {
        var chunk = _chunks[(int)(index >> Shift)];
        chunk = chunk is null ? Look((int)(index >> Shift)) : chunk;
        var at = new ReadOnlySpan<ulong>(chunk + ((index & (StatesPerChunk - 1)) * _stride), _stride);
        (low, high) = (at[^2], at[^1]);
        return at[..^2];
    }

    /// <summary>Empties it; its memory is kept for the next level.</summary>
    public void Clear()
    {
        Leave((long)_chunkCount << Shift, this);
        (Count, _chunkCount, _left, _inWindow) = (0, 0, 0, -1);
    }

    /// <summary>Brings states into memory, to be read by several threads.</summary>
    public void Load(long from, long count)
    {
        for (var chunk = (int)(from >> Shift); (long)chunk << Shift < from + count; chunk++)
        {
            if (_chunks[chunk] is null)
            {
                _chunks[chunk] = Take();
                _memory.Read(_places[chunk], _chunks[chunk], ChunkBytes);
                _memory.Forget(_places[chunk], ChunkBytes);
            }
        }
    }

    /// <summary>The states before an index are not needed any more: their memory goes to another queue.</summary>
    public void Leave(long before, StateQueue heir)
    {
        for (; (long)(_left + 1) << Shift <= before; _left++)
        {
            if (_chunks[_left] is not null)
            {
                heir._free.Push((nint)_chunks[_left]);
                _chunks[_left] = null;
                _inMemory--;
            }
            else
            {
                _memory.Forget(_places[_left], ChunkBytes);
            }
        }
    }

    /// <summary>Writes states from an index on to the file as far as there is a chunk full of them, and gives the memory back.</summary>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void Spill(long from)
    {
        for (var chunk = (int)((from + StatesPerChunk - 1) >> Shift); (long)(chunk + 1) << Shift <= Count; chunk++)
        {
            if (_chunks[chunk] is not null)
            {
                _places[chunk] = _memory.Write(_chunks[chunk], ChunkBytes);
                _memory.Free(_chunks[chunk]);
                _chunks[chunk] = null;
                _inMemory--;
            }
        }

        FreeSpare();
    }

    /// <summary>Gives all its memory back; it is empty then.</summary>
    public void Free()
    {
        Clear();
        FreeSpare();
    }

    private void FreeSpare()
    {
        while (_free.TryPop(out var free))
        {
            _memory.Free((void*)free);
        }

        if (_window is not null)
        {
            _memory.Free(_window);
        }

        _window = null;
        _inWindow = -1;
    }

    private ulong* Take()
    {
        _inMemory++;
        return (ulong*)(_free.TryPop(out var free) ? (void*)free : _memory.Allocate(ChunkBytes, big: false, mayBeFile: false));
    }

    private ulong* Look(int chunk)
    {
        if (_window is null)
        {
            _window = (ulong*)_memory.Allocate(ChunkBytes, big: false, mayBeFile: false);
        }

        if (_inWindow != chunk)
        {
            _memory.Read(_places[chunk], _window, ChunkBytes);
            _inWindow = chunk;
        }

        return _window;
    }
}
