namespace ThpCheck.Specs.Format;

/// <summary>Whether a thread must run.</summary>
public enum ThreadKind
{
    /// <summary>Always runs to its end.</summary>
    Task,

    /// <summary>May never start; once started, it must end.</summary>
    Optional,

    /// <summary>Hardware and the like: single steps, endless, never a context switch.</summary>
    Environment,
}

/// <summary>A thread: a name and the calls it makes, one after the other.</summary>
public sealed record ThreadSpec
{
    /// <summary>Where the thread's mapping starts.</summary>
    public required SourcePosition Position { get; init; }

    /// <summary>An identifier, unlike any other thread's.</summary>
    public Located<string> Name { get; init; } = Located.Unread;

    /// <summary>A task unless the file says otherwise.</summary>
    public ThreadKind Kind { get; init; } = ThreadKind.Task;

    /// <summary>At least one.</summary>
    public IReadOnlyList<CallSpec> Calls { get; init; } = [];
}
