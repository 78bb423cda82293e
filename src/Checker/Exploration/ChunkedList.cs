using System.Runtime.CompilerServices;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// A list that grows without copying what it holds, so that a long search does not stop to move gigabytes; and what it holds may
/// move to a file, where it can still be read and set.
/// </summary>
internal sealed unsafe class ChunkedList<T>(SearchMemory? memory = null)
    where T : unmanaged
{
    private const int Shift = 20;
    private const int ChunkSize = 1 << Shift;
    private readonly SearchMemory _memory = memory ?? new();
    private T*[] _chunks = new T*[4];
    private int _chunkCount;
    private int _moved; // so many chunks

    public long Count { get; private set; }

    /// <summary>How many bytes of it are in memory.</summary>
    public long Bytes => (Count - Math.Min(Count, (long)_moved << Shift)) * sizeof(T);

    // The memory goes with the last reference to it: so the list has to be alive until it was used.
    public T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var value = _chunks[(int)(index >> Shift)][index & (ChunkSize - 1)];
            GC.KeepAlive(this);
            return value;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        set
        {
            _chunks[(int)(index >> Shift)][index & (ChunkSize - 1)] = value;
            GC.KeepAlive(this);
        }
    }

    /// <summary>The elements from an index on that lie together; the list has to live as long as they are used.</summary>
    public Span<T> From(long index)
    {
        var within = (int)(index & (ChunkSize - 1));
        return new Span<T>(_chunks[(int)(index >> Shift)] + within, (int)Math.Min(ChunkSize - within, Count - index));
    }

    /// <summary>Makes the list longer by so many elements, to be set by their index; several threads may set different ones.</summary>
    /// <returns>The index of the first.</returns>
    /// <exception cref="SpillException">There is room neither in memory nor in the file.</exception>
    public long Extend(long more)
    {
        var first = Count;
        Count += more;
        while ((long)_chunkCount << Shift < Count)
        {
            Grow();
        }

        return first;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(T value)
    {
        if (Count == (long)_chunkCount << Shift)
        {
            Grow();
        }

        this[Count++] = value;
    }

    /// <summary>Moves all that is full to the file.</summary>
    /// <exception cref="SpillException">There is no room for the file.</exception>
    public void Spill()
    {
        for (; (long)(_moved + 1) << Shift <= Count; _moved++)
        {
            _memory.Move(_chunks[_moved]);
        }
    }

    /// <summary>Empties it; its memory is kept.</summary>
    public void Clear() => Count = 0;

    /// <summary>Gives its memory back; it is empty then.</summary>
    public void Free()
    {
        for (var chunk = 0; chunk < _chunkCount; chunk++)
        {
            _memory.Free(_chunks[chunk]);
        }

        (Count, _chunkCount, _moved) = (0, 0, 0);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow()
    {
        if (_chunkCount == _chunks.Length)
        {
            var longer = new T*[_chunkCount * 2];
            Array.Copy(_chunks, longer, _chunkCount);
            _chunks = longer;
        }

        _chunks[_chunkCount] = (T*)_memory.Allocate((long)ChunkSize * sizeof(T), big: _chunkCount > 0, mayBeFile: true);
        _chunkCount++;
    }
}
