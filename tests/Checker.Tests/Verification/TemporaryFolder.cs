using System.Runtime.CompilerServices;

namespace ThpCheck.Checker.Tests.Verification;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("thpcheck-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file and names it.</summary>
    public string Write(string name, string text)
    {
        System.IO.File.WriteAllText(File(name), text);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>What tests compile is kept with them, not with what the user compiled.</summary>
internal static class CacheOfTheTests
{
    [ModuleInitializer]
    internal static void Choose() => Environment.SetEnvironmentVariable("THPCHECK_CACHE", System.IO.Path.Combine(AppContext.BaseDirectory, "patches"));
}
