namespace ThpCheck.Checker.Exploration;

/// <summary>Every state whole, by its number: what an exact search compares where fingerprints are equal.</summary>
internal sealed class StateStore(int wordCount)
{
    private const int StatesPerChunk = 4096;
    private readonly List<ulong[]> _chunks = [];
    private long _count;

    public long Bytes => (long)_chunks.Count * StatesPerChunk * wordCount * sizeof(ulong);

    public ReadOnlySpan<ulong> this[int state] => Place(state);

    /// <summary>Makes room for so many states more, to be set by their number; several threads may set different ones.</summary>
    public void Extend(long more)
    {
        _count += more;
        while ((long)_chunks.Count * StatesPerChunk < _count)
        {
            _chunks.Add(GC.AllocateUninitializedArray<ulong>(StatesPerChunk * wordCount));
        }
    }

    public void Set(int state, ReadOnlySpan<ulong> words) => words.CopyTo(Place(state));

    private Span<ulong> Place(int state) => _chunks[state / StatesPerChunk].AsSpan(state % StatesPerChunk * wordCount, wordCount);
}
