namespace ThpCheck.Specs.Format;

/// <summary>A value and where the file says it, so that a later check can point at the very word.</summary>
public sealed record Located<T>(T Value, SourcePosition Position)
{
    /// <summary>The value's text alone.</summary>
    public override string ToString() => $"{Value}";

    /// <summary>Another value read from the same place.</summary>
    internal Located<TOther> Map<TOther>(Func<T, TOther> map) => new(map(Value), Position);
}

internal static class Located
{
    /// <summary>Stands in a record whose key was not read; the reader returns no such record.</summary>
    internal static readonly Located<string> Unread = new("", default);
}
