using System.Diagnostics.CodeAnalysis;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Whole states as rows of words: the cells as the machine packs them, then each thread's node by its number in the
/// certificate, then the kernel bug that ends the execution there, if one does. Equal states, and only they, have equal rows.
/// </summary>
/// <remarks>Rows are told apart by all of their words; the dictionary's hash finds a row and proves nothing.</remarks>
internal sealed class StateRows
{
    private readonly Dictionary<ulong[], int> _numbers = new(RowComparer.Instance);
    private readonly List<ulong[]> _rows = [];

    public int Count => _rows.Count;

    public ReadOnlySpan<ulong> this[int index] => _rows[index];

    /// <summary>Adds a row; false when it is there.</summary>
    public bool Add(ReadOnlySpan<ulong> row)
    {
        var own = row.ToArray();
        if (!_numbers.TryAdd(own, _rows.Count))
        {
            return false;
        }

        _rows.Add(own);
        return true;
    }

    /// <summary>The index of a row, or -1.</summary>
    public int Find(ReadOnlySpan<ulong> row) => _numbers.GetAlternateLookup<ReadOnlySpan<ulong>>().TryGetValue(row, out var index) ? index : -1;

    /// <summary>How many words a row of a machine's states has.</summary>
    public static int WidthOf(Machine machine) => machine.WordCount + 1;

    /// <summary>Writes the row of a state.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="row">Takes it.</param>
    /// <param name="state">Its cells.</param>
    /// <param name="nodes">Each thread's node by its number in the certificate.</param>
    /// <param name="ending">The bug that ends the execution, or the default.</param>
    public static void Write(Machine machine, Span<ulong> row, State state, ReadOnlySpan<int> nodes, Ending ending)
    {
        row.Clear();
        state.Words[..machine.NodeWord].CopyTo(row);
        for (var thread = 0; thread < nodes.Length; thread++)
        {
            row[machine.NodeWord + (thread / 2)] |= (ulong)(uint)nodes[thread] << (thread % 2 * 32);
        }

        row[^1] = ending.ToWord();
    }

    /// <summary>A thread's node in a row, by its number in the certificate.</summary>
    public static int NodeOf(Machine machine, ReadOnlySpan<ulong> row, int thread) => (int)(row[machine.NodeWord + (thread / 2)] >> (thread % 2 * 32));

    /// <summary>The bug that ends the execution in a row's state, or the default.</summary>
    public static Ending EndingOf(ReadOnlySpan<ulong> row) => Ending.FromWord(row[^1]);

    private sealed class RowComparer : IEqualityComparer<ulong[]>, IAlternateEqualityComparer<ReadOnlySpan<ulong>, ulong[]>
    {
        public static readonly RowComparer Instance = new();

        public bool Equals(ulong[]? x, ulong[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<ulong> alternate, ulong[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] ulong[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<ulong> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(alternate));
            return hash.ToHashCode();
        }

        public ulong[] Create(ReadOnlySpan<ulong> alternate) => alternate.ToArray();
    }
}

/// <summary>The kernel bug that ends an execution. The default is none.</summary>
/// <param name="Bug">The bug.</param>
/// <param name="Thread">Whose step it was.</param>
/// <param name="Pick">Which of several ways of it.</param>
internal readonly record struct Ending(KernelBug Bug, int Thread, int Pick)
{
    public ulong ToWord() => ((ulong)(uint)Bug << 48) | ((ulong)(uint)Thread << 32) | (uint)Pick;

    public static Ending FromWord(ulong word) => new((KernelBug)(int)(word >> 48), (int)(word >> 32) & 0xFFFF, (int)(uint)word);
}
