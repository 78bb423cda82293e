namespace ThpCheck.Checker.Reduction;

/// <summary>
/// Ways to explore fewer interleavings and still give every verdict. Symmetry apart, they are choices of a subset of the steps out
/// of a state, which <see cref="AmpleSets"/> makes and says why it may; they differ in what they know of the other threads.
/// </summary>
[Flags]
internal enum Reductions
{
    None = 0,

    /// <summary>Steps that touch nothing that another thread ever touches are taken alone.</summary>
    Unobservable = 1,

    /// <summary>What another thread does behind a lock that is held here is not yet in the way: it has to wait.</summary>
    Guarded = Unobservable | 2,

    /// <summary>What another thread did already is no longer in the way: only what it may still do from where it is.</summary>
    Futures = Unobservable | 4,

    /// <summary>States that differ only in which of several identical threads is where are one: see <see cref="Checker.Reduction.Symmetry"/>.</summary>
    Symmetry = 8,

    All = Guarded | Futures | Symmetry,
}
