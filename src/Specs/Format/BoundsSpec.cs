namespace ThpCheck.Specs.Format;

/// <summary>When an exploration gives up. What the file leaves open is null. All are at least 1.</summary>
public sealed record BoundsSpec
{
    /// <summary>States.</summary>
    public Located<long>? States { get; init; }

    /// <summary>Memory that the process takes in all, in megabytes of 2^20 bytes.</summary>
    public Located<long>? Memory { get; init; }

    /// <summary>Seconds of wall-clock time.</summary>
    public Located<long>? Seconds { get; init; }
}
