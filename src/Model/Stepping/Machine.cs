using System.Collections.Concurrent;
using System.Numerics;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// The modelled machine: the layout of its memory, its objects and threads, and the automata of its threads as far as
/// they have been discovered. It does not change while states are explored, apart from what it learns.
/// </summary>
public sealed class Machine
{
    private readonly MachineParts _parts;
    private readonly ThreadAutomaton[] _own; // each thread's own automaton
    private readonly ThreadAutomaton[] _automata;
    private readonly Dictionary<object, int> _arrays = new(ReferenceEqualityComparer.Instance);
    private readonly ConcurrentDictionary<Type, object> _byType = new();
    private readonly ConcurrentDictionary<string, int> _regions = new();
    private readonly ConcurrentDictionary<string, bool> _entered = new(StringComparer.Ordinal); // a set
    private readonly ConcurrentDictionary<Type, bool> _paths = new(); // a set
    private readonly ulong[] _hashes; // for each cell with few values, the two hashes of each value

    internal Machine(MachineParts parts, MachineBuilder options)
    {
        _parts = parts;
        Key = options.Key;
        Tolerated = options.Tolerated.Aggregate(KernelBug.Warning.Bit(), static (all, bug) => all | bug.Bit());
        KeepsDeadFields = options.KeepsDeadFields;
        Mutation = options.Mutation;
        WaitingWritersHoldOffReaders = options.WaitingWritersHoldOffReaders;
        for (var i = 0; i < parts.Arrays.Length; i++)
        {
            _arrays.Add(parts.Arrays[i], parts.Objects.Length + i);
        }

        Cells = [.. parts.Cells.Select(Resolve)];
        Places = Pack(Cells, out var words, out var hashes);
        _hashes = Hash(hashes);
        NodeWord = words;
        WordCount = words + ((parts.Threads.Length + 1) / 2);
        Lifetimes = [.. parts.Objects.Select(o => o is KernelObject { Slot: { } slot } ? slot.Lifetime : 0)];
        IsReference = [false, .. Cells.Select(c => typeof(ModelObject).IsAssignableFrom(c.Type))];
        LiveWords = [.. parts.Objects.Select(o => o is KernelObject { Slot: not null } k ? SlabSlot.LiveWord(k.Generation) : 0)];
        Discardable = [.. parts.Caches.SelectMany(c => c.Slots).Where(s => s.Snapshot != 0)];
        Frames = new FrameTable();
        _own = [.. parts.Threads.Select((_, t) => new ThreadAutomaton(this, t))];
        _automata = [.. _own];
    }

    /// <summary>How many threads it has, environment included.</summary>
    public int ThreadCount => _parts.Threads.Length;

    /// <summary>Its cells. A cell's number is its index here plus one.</summary>
    public IReadOnlyList<Cell> Cells { get; }

    /// <summary>Its slab caches.</summary>
    public IReadOnlyList<SlabCache> Caches => _parts.Caches;

    /// <summary>Its objects, without a first null.</summary>
    public IEnumerable<ModelObject> Objects => _parts.Objects.Skip(1)!;

    /// <summary>Its objects of one type, each generation by itself.</summary>
    public IReadOnlyList<T> ObjectsOf<T>()
        where T : ModelObject
    {
        return (IReadOnlyList<T>)_byType.GetOrAdd(typeof(T), static (_, objects) => objects.OfType<T>().ToArray(), _parts.Objects);
    }

    /// <summary>The key of its fingerprints.</summary>
    public ulong Key { get; }

    /// <summary>How many 64-bit words a state is.</summary>
    public int WordCount { get; }

    /// <summary>Turns the use of the memo off: every transition runs its path. For comparing with the memo on.</summary>
    public bool Memo { get; set; } = true;

    /// <summary>The functions that were entered of those that a patch changes, as <see cref="Countdown.Enter"/> was told.</summary>
    public IReadOnlyList<string> Entered => [.. _entered.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The state machines of all paths that were entered, whether they waited for a step or not.</summary>
    internal ICollection<Type> Paths => _paths.Keys;

    internal FrameTable Frames { get; }

    internal void Enter(string function) => _entered.TryAdd(function, true);

    internal void Enter(Type stateMachine) => _paths.TryAdd(stateMachine, true);

    // The bugs after which an execution goes on, as a mask: warnings, and what the variant tolerates.
    internal int Tolerated { get; }

    internal bool WaitingWritersHoldOffReaders { get; }

    internal bool KeepsDeadFields { get; }

    // In what its threads' kernel differs from the one they were written for, or null. The environment is as it is.
    internal Mutation? Mutation { get; }

    // Whether any thread has come to where it differs.
    internal bool IsMutated { get; set; }

    // Where each cell is in a state's words; [0] is unused.
    internal CellPlace[] Places { get; }

    internal int NodeWord { get; }

    // The memory of slab caches whose pages may go once nobody waits for it.
    internal SlabSlot[] Discardable { get; }

    // Whether a cell holds a pointer; [0] is unused.
    internal bool[] IsReference { get; }

    // For each object the cell of its lifetime, or 0, and the word it has while this generation lives.
    internal int[] Lifetimes { get; }

    internal long[] LiveWords { get; }

    internal CallbackCells[] Callbacks => _parts.Callbacks;

    internal ReadOnlySpan<ulong> Hashes => _hashes;

    /// <summary>A thread's name.</summary>
    public string ThreadName(int thread) => _parts.Threads[thread].Name;

    /// <summary>What a thread owes.</summary>
    public ThreadKind ThreadKind(int thread) => _parts.Threads[thread].Kind;

    /// <summary>An object by its number; null for 0.</summary>
    public ModelObject? Object(int number) => _parts.Objects[number];

    /// <summary>What was discovered of a thread so far: its nodes, and how many transitions ran its path.</summary>
    public (int Nodes, long Runs) Discovered(int thread) => (_automata[thread].NodeCount, _automata[thread].Runs);

    /// <summary>The regions that have a number.</summary>
    internal IReadOnlyDictionary<string, int> Regions => _regions;

    /// <summary>A number for a region's name, the same for as long as this machine is there.</summary>
    internal int RegionNumber(string name)
    {
        if (_regions.TryGetValue(name, out var number))
        {
            return number;
        }

        lock (_regions)
        {
            return _regions.GetOrAdd(name, static (_, regions) => regions.Count, _regions);
        }
    }

    /// <summary>The name of the lock that begins at a cell, such as <c>mm.mmap_lock</c>.</summary>
    internal string LockName(int cell) =>
        Cells[cell - 1].Name is var name && name.EndsWith(".writer", StringComparison.Ordinal) ? name[..^".writer".Length] : name;

    /// <summary>Makes a thread begin with a path. Its local code before the first operation runs now.</summary>
    /// <exception cref="ModelFaultException">That code breaks the coroutine contract.</exception>
    internal int Start(int thread, Func<KernelTask> entry, out Effect[] effects) => _automata[thread].Start(entry, out effects);

    internal ThreadAutomaton Automaton(int thread) => _automata[thread];

    /// <summary>Whether any path has asked which thread runs it.</summary>
    internal bool TellsThreadsApart { get; set; }

    /// <summary>
    /// Makes the threads of each group share the automaton of its first, so that their nodes have the same numbers and hashes:
    /// fingerprints, being sums, are then those of the state with these threads in any order. States from before mean
    /// nothing afterwards. Without a group each has its own again.
    /// </summary>
    internal void Share(IReadOnlyList<int[]> groups)
    {
        _own.CopyTo(_automata, 0);
        foreach (var group in groups)
        {
            foreach (var thread in group)
            {
                _automata[thread] = _own[group[0]];
            }
        }
    }

    internal int WaitCell(int thread, SectionKinds kind) => _parts.WaitCells[thread, kind == SectionKinds.Rcu ? 0 : 1];

    internal int[] Snapshots(SectionKinds kind) => kind == SectionKinds.Rcu ? _parts.RcuSnapshots : _parts.IrqSnapshots;

    internal long NumberOf(object? reference)
    {
        if (reference is null)
        {
            return 0;
        }

        if (reference is ModelObject { Id: > 0 } known && known.Id < _parts.Objects.Length && ReferenceEquals(_parts.Objects[known.Id], known))
        {
            return known.Id;
        }

        return _arrays.TryGetValue(reference, out var array)
            ? array
            : throw new ModelFaultException($"a frame holds a {reference.GetType().Name} that was not registered with the machine; make it during set-up");
    }

    internal object? Reference(int number) =>
        number < _parts.Objects.Length ? _parts.Objects[number] : _parts.Arrays[number - _parts.Objects.Length];

    // Cells are packed from the widest to the narrowest, none across a word, so that they fill their words.
    private static CellPlace[] Pack(IReadOnlyList<Cell> cells, out int words, out int hashes)
    {
        var places = new CellPlace[cells.Count + 1];
        var free = new List<int>();
        hashes = 0;
        foreach (var (cell, bits, index) in cells.Select((c, i) => (Cell: c, Bits: BitsOf(c), Index: i)).OrderByDescending(c => c.Bits).ThenBy(c => c.Index))
        {
            var word = free.FindIndex(f => f >= bits);
            if (word < 0)
            {
                word = free.Count;
                free.Add(64);
            }

            var span = (ulong)(cell.Max - cell.Min);
            var tabled = span < MaxTabled;
            places[index + 1] = new CellPlace(word, 64 - free[word], bits == 64 ? ulong.MaxValue : (1UL << bits) - 1, cell.Min, span, tabled ? hashes : -1);
            hashes += tabled ? (int)span + 1 : 0;
            free[word] -= bits;
        }

        words = free.Count;
        return places;
    }

    private const ulong MaxTabled = 4096;

    private static int BitsOf(Cell cell) => Math.Max(1, 64 - BitOperations.LeadingZeroCount((ulong)(cell.Max - cell.Min)));

    private ulong[] Hash(int count)
    {
        var hashes = new ulong[count * 2];
        for (var cell = 1; cell < Places.Length; cell++)
        {
            for (var value = 0; Places[cell].Hash >= 0 && value <= (int)Places[cell].Span; value++)
            {
                var (low, high) = Fingerprint.Of(Key, cell, (ulong)value);
                hashes[2 * (Places[cell].Hash + value)] = low;
                hashes[(2 * (Places[cell].Hash + value)) + 1] = high;
            }
        }

        return hashes;
    }

    // A reference's range is that of the objects of its type.
    private Cell Resolve(Cell cell) => typeof(ModelObject).IsAssignableFrom(cell.Type)
        ? cell with { Max = _parts.Objects.Where(o => o is not null && cell.Type.IsInstanceOfType(o)).Select(o => (long)o!.Id).DefaultIfEmpty(0).Max() }
        : cell;
}

/// <summary>Where a cell is in a state's words.</summary>
/// <param name="Word">The word.</param>
/// <param name="Shift">Its lowest bit there.</param>
/// <param name="Mask">Its bits, shifted down.</param>
/// <param name="Min">The value that is stored as 0.</param>
/// <param name="Span">The largest stored value.</param>
/// <param name="Hash">The first of its precomputed hashes, or -1.</param>
internal readonly record struct CellPlace(int Word, int Shift, ulong Mask, long Min, ulong Span, int Hash);
