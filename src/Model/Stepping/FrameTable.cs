namespace ThpCheck.Model.Stepping;

/// <summary>
/// Interned frames: immutable nodes (parent, path, words), so that a whole stack is one number and equal stacks have
/// equal numbers. Numbers are of this run; <see cref="HashOf"/> is of the content and the same in every run.
/// </summary>
/// <threadsafety>Interning takes a lock; reading a number that was handed out takes none.</threadsafety>
internal sealed class FrameTable
{
    private readonly Dictionary<Key, int> _numbers = [];
    private readonly Lock _lock = new();
    private Entry[] _entries = new Entry[256]; // [0] is the empty stack
    private int _count = 1;

    public int Count => _count;

    public int Parent(int frame) => Volatile.Read(ref _entries)[frame].Parent;

    public FrameType Type(int frame) => Volatile.Read(ref _entries)[frame].Type;

    public long[] Words(int frame) => Volatile.Read(ref _entries)[frame].Words;

    public int Depth(int frame) => Volatile.Read(ref _entries)[frame].Depth;

    public (ulong Low, ulong High) HashOf(int frame) => (Volatile.Read(ref _entries)[frame].Low, Volatile.Read(ref _entries)[frame].High);

    /// <summary>Every path that has a frame, by file and name; those that primitives are made of left out.</summary>
    public IEnumerable<string> Methods() => _entries.Take(_count).Skip(1).Where(e => e.Type.IsShown).Select(e => e.Type.Method).Distinct();

    public int Intern(int parent, FrameType type, long[] words)
    {
        var key = new Key(parent, type, words);
        lock (_lock)
        {
            if (_numbers.TryGetValue(key, out var number))
            {
                return number;
            }

            if (_count == _entries.Length)
            {
                var larger = new Entry[_count * 2];
                _entries.CopyTo(larger, 0);
                Volatile.Write(ref _entries, larger);
            }

            var (low, high) = HashOf(parent);
            Fingerprint.Fold(ref low, ref high, type.ContentKey);
            foreach (var word in words)
            {
                Fingerprint.Fold(ref low, ref high, (ulong)word);
            }

            number = _count;
            _entries[number] = new Entry(parent, type, words, Depth(parent) + 1, low, high);
            _numbers.Add(key, number);
            _count++;
            return number;
        }
    }

    private readonly record struct Entry(int Parent, FrameType Type, long[] Words, int Depth, ulong Low, ulong High);

    private readonly struct Key(int parent, FrameType type, long[] words) : IEquatable<Key>
    {
        private readonly int _parent = parent;
        private readonly FrameType _type = type;
        private readonly long[] _words = words;

        public bool Equals(Key other) => _parent == other._parent && _type == other._type && _words.AsSpan().SequenceEqual(other._words);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.Add(_parent);
            hash.Add(_type.ContentKey);
            foreach (var word in _words)
            {
                hash.Add(word);
            }

            return hash.ToHashCode();
        }
    }
}
