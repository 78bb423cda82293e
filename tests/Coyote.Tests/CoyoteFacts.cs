[assembly: CollectionBehavior(DisableTestParallelization = true)] // Coyote counts its engines in statics

namespace ThpCheck.Coyote.Tests;

/// <summary>A fact about Coyote; skipped, with the reason, in a build without it.</summary>
internal sealed class CoyoteFactAttribute : FactAttribute
{
    public CoyoteFactAttribute() => Skip = CoyoteEngine.Missing;
}

/// <summary>The same with data.</summary>
internal sealed class CoyoteTheoryAttribute : TheoryAttribute
{
    public CoyoteTheoryAttribute() => Skip = CoyoteEngine.Missing;
}
