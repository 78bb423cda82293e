namespace ThpCheck.Coyote;

/// <summary>Takes the place of the engine in a build without Microsoft.Coyote.</summary>
public static class CoyoteEngine
{
    /// <summary>Why there is no engine and what brings it, in a sentence; null where there is one.</summary>
    public static string? Missing => "this build is without Microsoft.Coyote; 'dotnet build -c Release src/Checker -p:WithCoyote=true' brings it in, and 'dotnet run' with the same -p, where a package source has Microsoft.Coyote.Core and Microsoft.Coyote.Test 1.7.11";

    /// <summary>Never does.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public static CoyoteRun Sample(IProgram program, CoyoteOptions options, Func<bool> goesOn) => throw new InvalidOperationException(Missing);

    /// <summary>Never does.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public static long Explore(IProgram program, IExplorer explorer) => throw new InvalidOperationException(Missing);
}
