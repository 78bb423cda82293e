namespace ThpCheck.Model.Stepping;

/// <summary>
/// What steps can read and write, as two sets of numbered things. Two steps whose footprints do not conflict commute: each
/// leaves the other as able to happen as it was, and both orders lead to one state.
/// </summary>
/// <remarks>Compared by content.</remarks>
internal sealed class Footprint : IEquatable<Footprint>
{
    private readonly ulong[] _reads;
    private readonly ulong[] _writes;

    private Footprint(ulong[] reads, ulong[] writes)
    {
        _reads = reads;
        _writes = writes;
    }

    /// <summary>A footprint from its sets, as bits; both of one length.</summary>
    public static Footprint Of(ReadOnlySpan<ulong> reads, ReadOnlySpan<ulong> writes) => new(reads.ToArray(), writes.ToArray());

    /// <summary>A footprint that goes by what is in the arrays, also when that changes.</summary>
    public static Footprint Over(ulong[] reads, ulong[] writes) => new(reads, writes);

    public ReadOnlySpan<ulong> Reads => _reads;

    public ReadOnlySpan<ulong> Writes => _writes;

    /// <summary>Whether one writes what the other reads or writes.</summary>
    public bool ConflictsWith(Footprint other)
    {
        var (reads, writes, otherReads, otherWrites) = (_reads, _writes, other._reads, other._writes);
        for (var i = 0; i < writes.Length; i++)
        {
            if (((writes[i] & (otherReads[i] | otherWrites[i])) | (reads[i] & otherWrites[i])) != 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether it writes anything that the other reads.</summary>
    public bool WritesWhatReads(Footprint other)
    {
        for (var i = 0; i < _writes.Length; i++)
        {
            if ((_writes[i] & other._reads[i]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    public bool Equals(Footprint? other) => other is not null && Reads.SequenceEqual(other.Reads) && Writes.SequenceEqual(other.Writes);

    public override bool Equals(object? obj) => Equals(obj as Footprint);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var word in _reads)
        {
            hash.Add(word);
        }

        foreach (var word in _writes)
        {
            hash.Add(word);
        }

        return hash.ToHashCode();
    }
}

/// <summary>Collects a footprint.</summary>
internal readonly ref struct FootprintBuilder(Span<ulong> reads, Span<ulong> writes)
{
    private readonly Span<ulong> _reads = reads;
    private readonly Span<ulong> _writes = writes;

    public void Read(int thing) => _reads[thing >> 6] |= 1UL << thing;

    public void Write(int thing) => _writes[thing >> 6] |= 1UL << thing;

    public void Add(Footprint footprint)
    {
        for (var i = 0; i < _reads.Length; i++)
        {
            _reads[i] |= footprint.Reads[i];
            _writes[i] |= footprint.Writes[i];
        }
    }
}
