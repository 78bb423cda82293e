namespace ThpCheck.Model.Stepping;

/// <summary>
/// A condition on shared memory that a thread can wait for with <c>Until</c>. It has a name and says which cells it reads,
/// so that what can end the wait is known without running it.
/// </summary>
/// <param name="reads">The cells it reads. Reading another is a model fault.</param>
/// <param name="holds">The condition; a function of the cells' values in the order of <paramref name="reads"/>.</param>
public sealed class Predicate(IReadOnlyList<CellRef> reads, Func<ReadOnlySpan<long>, bool> holds) : ModelObject
{
    /// <summary>The cells it reads.</summary>
    public IReadOnlyList<CellRef> Reads { get; } = reads.All(r => r.Cell != 0)
        ? reads
        : throw new ModelFaultException("a predicate reads a field that was never laid out");

    internal bool Holds(State state)
    {
        Span<long> values = stackalloc long[Reads.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = state.Get(Reads[i].Cell);
        }

        return holds(values);
    }
}

/// <summary>A cell without its type, where only its word matters.</summary>
public readonly record struct CellRef
{
    private CellRef(int cell) => Cell = cell;

    internal int Cell { get; }

    /// <summary>The cell of a field.</summary>
    public static CellRef Of<T>(Shared<T> field) => new(field.Cell);
}
