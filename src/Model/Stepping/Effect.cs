namespace ThpCheck.Model.Stepping;

/// <summary>What an observation records.</summary>
public enum EffectKind : byte
{
    /// <summary>A ghost cell takes a value.</summary>
    GhostSet,

    /// <summary>A value is added to a ghost cell.</summary>
    GhostAdd,

    /// <summary>An event that a property may look at.</summary>
    Oracle,

    /// <summary>A kernel bug that the path itself found.</summary>
    Bug,

    /// <summary>A path began.</summary>
    Call,

    /// <summary>A path ended.</summary>
    Return,

    /// <summary>A memory barrier, which under sequential consistency is no step.</summary>
    Barrier,
}

/// <summary>
/// What a path records in the local code after a step, atomically with it. Plain data: it changes ghost cells only, so
/// no path can depend on it.
/// </summary>
/// <param name="Kind">What it records.</param>
/// <param name="Cell">The ghost cell, or 0.</param>
/// <param name="Value">The ghost value, an oracle's argument, or the <see cref="KernelBug"/>.</param>
/// <param name="Text">The oracle's, path's or barrier's name, or the bug's message.</param>
public readonly record struct Effect(EffectKind Kind, int Cell, long Value, string Text);
