using System.Security.Cryptography;
using System.Text;
using ThpCheck.Analyzers;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Patching;

/// <summary>Compiled files by what they were compiled from, so that the same is not compiled twice, and other processes find it.</summary>
/// <remarks>A file here is one that this user's compiler wrote. Whoever can write to the folder can do so to the program, too.</remarks>
internal static class CompileCache
{
    private const string Variable = "THPCHECK_CACHE";
    private static readonly TimeSpan KeptUnused = TimeSpan.FromDays(30);

    /// <summary>What stands for these texts and this build of the program.</summary>
    public static string Key(IReadOnlyList<string> texts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var text in texts.Concat(new[] { typeof(Machine), typeof(Instance), typeof(CompileCache), typeof(AwaitOrReturnAnalyzer) }.Select(t => t.Module.ModuleVersionId.ToString())))
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }

    /// <summary>The file that was compiled from the same, or null.</summary>
    public static string? Find(string key)
    {
        var file = FileOf(key);
        return File.Exists(file) ? file : null;
    }

    /// <summary>Compiles, and keeps the result.</summary>
    /// <param name="key">What it is compiled from.</param>
    /// <param name="compile">Makes an assembly of this name.</param>
    /// <exception cref="PatchException">It cannot be kept.</exception>
    public static string Add(string key, Func<string, byte[]> compile)
    {
        var image = compile(Path.GetFileNameWithoutExtension(FileOf(key)));
        try
        {
            return Keep(FileOf(key), image);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PatchException([new Diagnostic(Folder, 0, 0, $"what was compiled cannot be kept in '{Folder}': {e.Message} Set {Variable} to a folder that can be written")]);
        }
    }

    private static string Keep(string file, byte[] image)
    {
        Directory.CreateDirectory(Folder);
        foreach (var old in Directory.EnumerateFiles(Folder, "patch-*.dll").Where(f => DateTime.UtcNow - File.GetLastAccessTimeUtc(f) > KeptUnused))
        {
            File.Delete(old);
        }

        var beside = $"{file}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}";
        File.WriteAllBytes(beside, image);
        File.Move(beside, file, overwrite: true); // at once: another process sees all of it or nothing
        return file;
    }

    private static string Folder
    {
        get
        {
            var chosen = Environment.GetEnvironmentVariable(Variable);
            var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            return !string.IsNullOrEmpty(chosen) ? Path.GetFullPath(chosen) : Path.Combine(local.Length > 0 ? local : Path.GetTempPath(), "thpcheck", "patches");
        }
    }

    private static string FileOf(string key) => Path.Combine(Folder, $"patch-{key}.dll");
}
