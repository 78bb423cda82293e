using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ThpCheck.Checker.Exploration;

/// <summary>
/// From the 128-bit fingerprint of a state to its number. It grows by a small segment at a time, so that a search never waits
/// for all of it to move, and no second table stands beside it meanwhile.
/// </summary>
/// <remarks>
/// <para>
/// Extendible hashing (Fagin, Nievergelt, Pippenger, Strong: Extendible Hashing, TODS 1979): the first bits of a hash choose an
/// entry of a directory, which names a segment of 256 KiB; a segment that is eight tenths full is split in two by the next bit.
/// Were all segments to fill alike, all would be split at the same time and the table be half empty after it. So the hash is bent as
/// in spiral storage (Martin: Spiral storage, University of Warwick 1979): the first of the directory's parts get twice as many
/// fingerprints as the last, with all shades between, and by the time the last is split it is the first one's turn again. The
/// table's load is then always the same, some 57 of 100, or 37 bytes a state.
/// </para>
/// <para>
/// A segment is linear probing over lines of 64 bytes: three lower halves of fingerprints, which are compared at once, their upper
/// halves, their numbers, and how many there are. So a look-up is one cache miss.
/// </para>
/// </remarks>
/// <threadsafety>One writer at a time; numbers of different slots may be set at the same time.</threadsafety>
internal sealed unsafe class FingerprintTable : IDisposable
{
    private const int SlotsPerLine = 3;
    private const int WordsPerLine = 8;
    private const int LineMask = (1 << 12) - 1; // of a line's number in its segment
    private const int SegmentBytes = (LineMask + 1) * WordsPerLine * sizeof(ulong);
    private const int Slots = (LineMask + 1) * SlotsPerLine; // of a segment
    private const int Full = Slots * 8 / 10;                 // a segment with more is split
    private const int Crowded = Slots * 93 / 100;            // the most that one may be expected to have before it is split
    private const int Roots = 3;                             // how many segments there are at first
    private const long BiggestBlock = 32L << 20;

    private readonly List<(nint Start, long Bytes)> _blocks = []; // the segments are in
    private readonly List<int> _full = [];                        // segments to be split
    private readonly int[] _ofDepth = new int[64];                // how many segments
    private int* _directory;                                      // by the first bits of the bent hash, the number of a segment
    private int _depth;                                           // how many bits more than the first ones choose an entry
    private Segment* _segments;
    private readonly List<(int Depth, long Prefix)> _places = []; // of each segment: its values are those that begin with these bits
    private int _count;
    private byte* _free; // the rest of the last block
    private long _freeBytes;

    public FingerprintTable()
    {
        _directory = (int*)NativeMemory.Alloc(Roots * sizeof(int));
        for (var root = 0; root < Roots; root++)
        {
            _directory[root] = AddSegment(0, root);
        }
    }

    ~FingerprintTable() => Release();

    public long Count { get; private set; }

    public long Bytes => ((long)_count * (SegmentBytes + sizeof(Segment))) + ((long)Roots << _depth) * sizeof(int);

    /// <summary>Asks for the memory that looking this fingerprint up will touch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(ulong low)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(_segments[_directory[Bent(low) >> (62 - _depth)]].Lines + ((low & LineMask) * WordsPerLine));
        }
    }

    /// <summary>Makes room for so many new fingerprints, so that none of them moves another.</summary>
    public void Reserve(long more)
    {
        if (Inflow(more, Array.FindIndex(_ofDepth, n => n > 0)) > Crowded - Full)
        {
            for (var segment = 0; segment < _count; segment++)
            {
                while (_segments[segment].Count + Inflow(more, _places[segment].Depth) > Crowded)
                {
                    Split(segment);
                }
            }
        }

        for (var i = 0; i < _full.Count; i++)
        {
            while (_segments[_full[i]].Count > Full)
            {
                Split(_full[i]);
            }
        }

        _full.Clear();
    }

    /// <summary>The number of the state with this fingerprint; a new one is given the number <paramref name="next"/>.</summary>
    /// <returns>Whether it is new.</returns>
    public bool Add(ulong low, ulong high, int next, out int number)
    {
        Reserve(1);
        return Add(low, high, next, out number, out _);
    }

    /// <summary>The same, where room has been made.</summary>
    /// <param name="low">The fingerprint's lower half.</param>
    /// <param name="high">Its upper half.</param>
    /// <param name="next">The number a new one is given.</param>
    /// <param name="number">The number it has now.</param>
    /// <param name="slot">Where it is, until the next <see cref="Reserve"/>; not negative.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Add(ulong low, ulong high, int next, out int number, out long slot)
    {
        var segment = _segments + _directory[Bent(low) >> (62 - _depth)];
        var lines = segment->Lines;
        for (var at = low; ; at++)
        {
            var line = lines + ((at & LineMask) * WordsPerLine);
            for (var candidates = Candidates(line, low); candidates != 0; candidates &= candidates - 1)
            {
                var i = BitOperations.TrailingZeroCount(candidates);
                if (line[SlotsPerLine + i] == high)
                {
                    slot = (long)NumberAt(line, i);
                    number = *(int*)slot;
                    return false;
                }
            }

            if (*Used(line) < SlotsPerLine)
            {
                slot = (long)Append(line, low, high, next);
                number = next;
                Count++;
                if (++segment->Count > Full)
                {
                    OnFull(segment);
                }

                return true;
            }
        }
    }

    /// <summary>The number of the state with this fingerprint, or -1. Several threads may ask while nobody adds.</summary>
    public int Find(ulong low, ulong high)
    {
        var lines = _segments[_directory[Bent(low) >> (62 - _depth)]].Lines;
        for (var at = low; ; at++)
        {
            var line = lines + ((at & LineMask) * WordsPerLine);
            for (var candidates = Candidates(line, low); candidates != 0; candidates &= candidates - 1)
            {
                var i = BitOperations.TrailingZeroCount(candidates);
                if (line[SlotsPerLine + i] == high)
                {
                    return *NumberAt(line, i);
                }
            }

            if (*Used(line) < SlotsPerLine)
            {
                return -1;
            }
        }
    }

    /// <summary>Gives the fingerprint in a slot, of whichever table, another number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetNumber(long slot, int number) => *(int*)slot = number;

    /// <summary>Hands out every fingerprint with its number, in no particular order.</summary>
    public void ForEach(Action<ulong, ulong, int> take)
    {
        for (var segment = 0; segment < _count; segment++)
        {
            for (var at = 0; at <= LineMask; at++)
            {
                var line = _segments[segment].Lines + (at * WordsPerLine);
                for (var i = 0; i < *Used(line); i++)
                {
                    take(line[i], line[SlotsPerLine + i], *NumberAt(line, i));
                }
            }
        }
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    // In 2^64ths, x/2 + x^2/4 of the fraction x that the hash is: among its values, which end at 3/4, the first are twice as
    // likely as the last. The product makes every bit count, also where a test wants only few of them to differ.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Bent(ulong low)
    {
        var hash = low * 0x9E37_79B9_7F4A_7C15;
        return (hash >> 1) + (Math.BigMul(hash, hash, out _) >> 2);
    }

    // How many of so many fingerprints are expected in a segment of a depth, at most: it is a quarter of all values, halved so
    // many times, and none is more than twice as likely as another.
    private static long Inflow(long more, int depth) => more >> (depth + 1);

    // The slots of a line that have this lower half, as bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Candidates(ulong* line, ulong low) =>
        Vector256.Equals(Vector256.Load(line), Vector256.Create(low)).ExtractMostSignificantBits() & ((1U << *Used(line)) - 1);

    // Takes the next slot of a line that has one; says where its number is.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Append(ulong* line, ulong low, ulong high, int number)
    {
        var i = (*Used(line))++;
        (line[i], line[SlotsPerLine + i]) = (low, high);
        *NumberAt(line, i) = number;
        return NumberAt(line, i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Used(ulong* line) => NumberAt(line, SlotsPerLine);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* NumberAt(ulong* line, int slot) => (int*)(line + (2 * SlotsPerLine)) + slot;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void OnFull(Segment* segment)
    {
        if (segment->Count == Full + 1)
        {
            _full.Add((int)(segment - _segments));
        }
        else if (segment->Count == Slots)
        {
            // A look-up ends at a line with a free slot, so there has to be one. By chance this does not happen in the life of the universe.
            throw new UnreachableException("the fingerprints are not spread");
        }
    }

    private int AddSegment(int depth, long prefix)
    {
        if (_freeBytes == 0)
        {
            _freeBytes = Math.Clamp((long)_count * SegmentBytes, Roots * SegmentBytes, BiggestBlock);
            _free = (byte*)Pages.Allocate(_freeBytes, huge: _count > Roots);
            _blocks.Add(((nint)_free, _freeBytes));
        }

        if (int.IsPow2(_count + 1))
        {
            _segments = (Segment*)NativeMemory.Realloc(_segments, (nuint)((_count + 1) * 2 * sizeof(Segment)));
        }

        _segments[_count] = new Segment { Lines = (ulong*)_free };
        _places.Add((depth, prefix));
        _ofDepth[depth]++;
        _free += SegmentBytes;
        _freeBytes -= SegmentBytes;
        return _count++;
    }

    // The upper half of a segment's values goes to a new one.
    private void Split(int segment)
    {
        var (depth, prefix) = _places[segment];
        if (depth == _depth)
        {
            DoubleDirectory();
        }

        _ofDepth[depth]--;
        _ofDepth[depth + 1]++;
        _places[segment] = (depth + 1, 2 * prefix);
        var other = AddSegment(depth + 1, (2 * prefix) + 1);
        var entries = 1L << (_depth - depth - 1);
        new Span<int>(_directory + (((2 * prefix) + 1) * entries), (int)entries).Fill(other);
        Share(_segments + segment, _segments + other, 61 - depth);
        if (_segments[other].Count > Full)
        {
            _full.Add(other);
        }
    }

    private void DoubleDirectory()
    {
        var entries = (long)Roots << _depth++;
        _directory = (int*)NativeMemory.Realloc(_directory, (nuint)(entries * 2 * sizeof(int)));
        for (var entry = entries - 1; entry >= 0; entry--)
        {
            _directory[2 * entry] = _directory[(2 * entry) + 1] = _directory[entry];
        }
    }

    // Every fingerprint is put where it belongs as if it were new. No row of lines goes on beyond one with a free slot, so from
    // there on each comes into its own line or one before, and none of those that are still to come is in its way.
    private static void Share(Segment* lower, Segment* upper, int bit)
    {
        var gap = 0UL;
        while (*Used(lower->Lines + (gap * WordsPerLine)) == SlotsPerLine)
        {
            gap++;
        }

        var taken = stackalloc ulong[WordsPerLine];
        lower->Count = 0;
        for (var at = gap + 1; at <= gap + LineMask + 1; at++)
        {
            var line = lower->Lines + ((at & LineMask) * WordsPerLine);
            new Span<ulong>(line, WordsPerLine).CopyTo(new Span<ulong>(taken, WordsPerLine));
            *Used(line) = 0;
            for (var i = 0; i < *Used(taken); i++)
            {
                Put(((Bent(taken[i]) >> bit) & 1) == 0 ? lower : upper, taken[i], taken[SlotsPerLine + i], *NumberAt(taken, i));
            }
        }
    }

    private static void Put(Segment* segment, ulong low, ulong high, int number)
    {
        segment->Count++;
        for (var at = low; ; at++)
        {
            var line = segment->Lines + ((at & LineMask) * WordsPerLine);
            if (*Used(line) < SlotsPerLine)
            {
                Append(line, low, high, number);
                return;
            }
        }
    }

    private void Release()
    {
        foreach (var (start, bytes) in _blocks)
        {
            Pages.Free((void*)start, bytes);
        }

        _blocks.Clear();
        NativeMemory.Free(_directory);
        NativeMemory.Free(_segments);
        _directory = null;
        _segments = null;
    }

    private struct Segment
    {
        public ulong* Lines;
        public int Count;
    }
}
