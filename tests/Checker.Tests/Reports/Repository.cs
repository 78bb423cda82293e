namespace ThpCheck.Checker.Tests.Reports;

/// <summary>Where the repository is on the disk: above the folder that the tests run in.</summary>
internal static class Repository
{
    private const string Mark = "ThpCheck.sln";

    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>A file or folder of it.</summary>
    public static string File(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find(string folder) =>
        System.IO.File.Exists(Path.Combine(folder, Mark))
            ? folder
            : Find(Path.GetDirectoryName(folder) ?? throw new InvalidOperationException($"no {Mark} above {AppContext.BaseDirectory}"));
}
