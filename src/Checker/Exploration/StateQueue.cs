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
        var chunk = (int)(Count / StatesPerChunk);
        if (chunk == _chunks.Count)
        {
            _chunks.Add(GC.AllocateUninitializedArray<ulong>(StatesPerChunk * _stride));
        }

        var at = _chunks[chunk].AsSpan((int)(Count % StatesPerChunk) * _stride, _stride);
        words.CopyTo(at);
        at[^2] = low;
        at[^1] = high;
        Count++;
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
