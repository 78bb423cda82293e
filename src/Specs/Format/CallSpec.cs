namespace ThpCheck.Specs.Format;

/// <summary>A call as a scenario spells it: <c>[name =] path [(argument {, argument})]</c>.</summary>
/// <remarks>A call without parentheses is one without arguments.</remarks>
public sealed record CallSpec
{
    /// <summary>Where the call starts.</summary>
    public required SourcePosition Position { get; init; }

    /// <summary>The name a later call uses for what this one returns; no other call of the file binds it. Null when unnamed.</summary>
    public Located<string>? Result { get; init; }

    /// <summary>The kernel function.</summary>
    public required DottedName Path { get; init; }

    /// <summary>In the order of the function's parameters.</summary>
    public IReadOnlyList<ArgumentSpec> Arguments { get; init; } = [];

    /// <summary>The call in its short form, spaced evenly.</summary>
    public override string ToString() => $"{(Result is null ? "" : $"{Result} = ")}{Path}({string.Join(", ", Arguments)})";
}

/// <summary><c>name</c> or <c>qualifier.name</c>, such as the kernel file and function <c>rmap.folio_referenced</c>.</summary>
public sealed record DottedName(Located<string>? Qualifier, Located<string> Name)
{
    /// <summary>Where it starts.</summary>
    public SourcePosition Position => (Qualifier ?? Name).Position;

    /// <summary>As in the file, without blanks.</summary>
    public override string ToString() => Qualifier is null ? Name.Value : $"{Qualifier}.{Name}";
}

/// <summary>An argument of a call: one of the records nested here.</summary>
public abstract record ArgumentSpec(SourcePosition Position)
{
    /// <summary>A name bound by another call, or something the kernel or the scenario names.</summary>
    public sealed record Reference(DottedName Name) : ArgumentSpec(Name.Position)
    {
        /// <inheritdoc/>
        public override string ToString() => Name.ToString();
    }

    /// <summary>A 64-bit signed integer.</summary>
    public sealed record Number(SourcePosition Position, long Value) : ArgumentSpec(Position)
    {
        /// <inheritdoc/>
        public override string ToString() => $"{Value}";
    }

    /// <summary><c>true</c> or <c>false</c>.</summary>
    public sealed record Boolean(SourcePosition Position, bool Value) : ArgumentSpec(Position)
    {
        /// <inheritdoc/>
        public override string ToString() => Value ? "true" : "false";
    }

    /// <summary><c>null</c>.</summary>
    public sealed record Null(SourcePosition Position) : ArgumentSpec(Position)
    {
        /// <inheritdoc/>
        public override string ToString() => "null";
    }

    /// <summary>Text in double quotes; it has no escapes, so it holds no double quote.</summary>
    public sealed record Text(SourcePosition Position, string Value) : ArgumentSpec(Position)
    {
        /// <inheritdoc/>
        public override string ToString() => $"\"{Value}\"";
    }
}
