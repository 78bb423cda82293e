namespace ThpCheck.Checker.Exploration;

/// <summary>The states of one level that wait to be expanded, whole and with their fingerprints, first in, first out.</summary>
internal sealed class StateQueue(int wordCount)
{
    private const int StatesPerChunk = 4096;
    private readonly int _stride = wordCount + 2;
    private readonly List<ulong[]> _chunks = [];

    public long Count { get; private set; }

    public long Bytes => (long)_chunks.Count * StatesPerChunk * _stride * sizeof(ulong);

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
        while ((long)_chunks.Count * StatesPerChunk < Count)
        {
            _chunks.Add(GC.AllocateUninitializedArray<ulong>(StatesPerChunk * _stride));
        }

        return first;
    }

    public void Set(long index, ReadOnlySpan<ulong> words, ulong low, ulong high)
    {
        var at = _chunks[(int)(index / StatesPerChunk)].AsSpan((int)(index % StatesPerChunk) * _stride, _stride);
        words.CopyTo(at);
        at[^2] = low;
        at[^1] = high;
    }

    public ReadOnlySpan<ulong> Words(long index, out ulong low, out ulong high)
    {
        var at = _chunks[(int)(index / StatesPerChunk)].AsSpan((int)(index % StatesPerChunk) * _stride, _stride);
        (low, high) = (at[^2], at[^1]);
        return at[..^2];
    }

    /// <summary>Empties it; its memory is kept for the next level.</summary>
    public void Clear() => Count = 0;
}
