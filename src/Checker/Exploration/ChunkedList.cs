using System.Runtime.CompilerServices;

namespace ThpCheck.Checker.Exploration;

/// <summary>A list that grows without copying what it holds, so that a long search does not stop to move gigabytes.</summary>
internal sealed class ChunkedList<T>
    where T : unmanaged
{
    private const int Shift = 16;
    private const int ChunkSize = 1 << Shift;
    private readonly List<T[]> _chunks = [];
    private T[] _last = [];
    private int _used = ChunkSize; // of the last chunk

    public long Count { get; private set; }

    public long Bytes => (long)_chunks.Count * ChunkSize * Unsafe.SizeOf<T>();

    public T this[long index]
    {
        get => _chunks[(int)(index >> Shift)][index & (ChunkSize - 1)];
        set => _chunks[(int)(index >> Shift)][index & (ChunkSize - 1)] = value;
    }

    /// <summary>Makes the list longer by so many elements, to be set by their index; several threads may set different ones.</summary>
    /// <returns>The index of the first.</returns>
    public long Extend(long more)
    {
        var first = Count;
        Count += more;
        while ((long)_chunks.Count * ChunkSize < Count)
        {
            _chunks.Add(GC.AllocateUninitializedArray<T>(ChunkSize));
        }

        _last = _chunks.Count == 0 ? [] : _chunks[^1];
        _used = _chunks.Count == 0 ? ChunkSize : (int)(Count - ((long)(_chunks.Count - 1) * ChunkSize));
        return first;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(T value)
    {
        if (_used == ChunkSize)
        {
            Grow();
        }

        _last[_used++] = value;
        Count++;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow()
    {
        _last = GC.AllocateUninitializedArray<T>(ChunkSize);
        _chunks.Add(_last);
        _used = 0;
    }
}
