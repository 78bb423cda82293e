using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using ThpCheck.Checker.Reports;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Caching;

/// <summary>
/// Verdicts of variants that were explored to the end and were as expected, so that they need not be explored again. A file each.
/// </summary>
/// <remarks>
/// A wrong hit is impossible. A search is deterministic: the same code run on the same scenario enters the same paths in the same states.
/// The key is of the scenario's text and path, the variant's name, the checker's and the properties' builds, the runtime, and all of the model's code
/// that is no path. The entry has the hashes of the paths that were entered. Where those are what they were, the search would go the same way
/// step by step: to enter another path, one of them would have to call it, and to call it, it would have to be another. What is only
/// found out in part, or with options that change what is looked at, is neither kept nor looked up.
/// </remarks>
internal sealed class VerdictCache(string folder, CodeHashes code, Action<string> warn)
{
    private const string Magic = "thpcheck verdict 2";
    private static readonly TimeSpan KeptUnused = TimeSpan.FromDays(30);

    private bool _hasWarned;

    /// <summary>Where verdicts are kept unless the environment says otherwise.</summary>
    public static string UsualFolder
    {
        get
        {
            var chosen = Environment.GetEnvironmentVariable("THPCHECK_CACHE");
            var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            return Path.Combine(!string.IsNullOrEmpty(chosen) ? Path.GetFullPath(chosen) : Path.Combine(local.Length > 0 ? local : Path.GetTempPath(), "thpcheck"), "verdicts");
        }
    }

    /// <summary>What is known of a variant, or null.</summary>
    public KnownVerdict? Find(ScenarioFile scenario, VariantSpec variant)
    {
        var file = FileOf(scenario, variant);
        try
        {
            if (!File.Exists(file))
            {
                return null;
            }

            if (Read(File.ReadAllText(file)) is { } entry)
            {
                return entry.Paths.All(p => code.Of(p.Name) == p.Hash) ? entry.Known : null;
            }

            Warn($"'{file}' is damaged or no verdict of this program, and not used");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"a kept verdict cannot be read: {e.Message}");
        }

        return null;
    }

    /// <summary>Keeps what was found.</summary>
    /// <param name="scenario">The scenario.</param>
    /// <param name="variant">The variant in it.</param>
    /// <param name="known">What was found.</param>
    /// <param name="machine">The machine that was explored: it has the paths that were entered.</param>
    public void Add(ScenarioFile scenario, VariantSpec variant, KnownVerdict known, Machine machine)
    {
        var file = FileOf(scenario, variant);
        var paths = machine.Paths.Where(CodeHashes.IsPath).Select(t => (t.IsGenericType ? t.GetGenericTypeDefinition() : t).FullName!).Distinct().Order(StringComparer.Ordinal).ToArray();
        if (paths.Any(p => code.Of(p) is null))
        {
            return; // of another assembly
        }

        string[] lines =
        [
            $"verdict {known.Verdict}", $"counts {known.Counts}", $"tail {known.Tail}", $"odds {known.Odds.ToString("R", CultureInfo.InvariantCulture)}",
            .. known.Details.Select(d => $"detail {d}"), .. known.Json is { } json ? [$"json {Packed(json)}"] : Array.Empty<string>(), .. paths.Select(p => $"path {code.Of(p)} {p}"),
        ];
        try
        {
            Directory.CreateDirectory(folder);
            var beside = $"{file}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}";
            File.WriteAllText(beside, $"{Magic} {HashOf(string.Join('\n', lines))}\n{string.Join('\n', lines)}");
            File.Move(beside, file, overwrite: true); // at once: another process sees all of it or nothing
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"verdicts cannot be kept: {e.Message}");
        }
    }

    /// <summary>Removes what was not used for a month.</summary>
    public void Clean()
    {
        try
        {
            foreach (var old in Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Where(f => DateTime.UtcNow - File.GetLastAccessTimeUtc(f) > KeptUnused) : [])
            {
                File.Delete(old);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warn($"old verdicts cannot be removed: {e.Message}");
        }
    }

    private static (KnownVerdict Known, IReadOnlyList<(string Name, string Hash)> Paths)? Read(string text)
    {
        if (text.Split('\n', 2) is not [var head, var body] || head != $"{Magic} {HashOf(body)}")
        {
            return null;
        }

        var lines = body.Split('\n').Select(l => l.Split(' ', 2)).Where(l => l.Length == 2).ToLookup(l => l[0], l => l[1]);
        return double.TryParse(lines["odds"].FirstOrDefault(), NumberStyles.Float, CultureInfo.InvariantCulture, out var odds)
            ? (new KnownVerdict(lines["verdict"].First(), lines["counts"].First(), lines["tail"].First(), [.. lines["detail"]], odds) { Json = lines["json"].FirstOrDefault() is { } json ? Unpacked(json) : null }, [.. lines["path"].Select(p => p.Split(' ', 2)).Select(p => (p[1], p[0]))])
            : null;
    }

    // Of the text as it was read: the file may have another one by now.
    private string FileOf(ScenarioFile scenario, VariantSpec variant)
    {
        string[] parts =
        [
            Magic, scenario.TextHash, scenario.Path, variant.Name.Value, code.Rest, $"{typeof(Instance).Module.ModuleVersionId:N}", $"{typeof(VerdictCache).Module.ModuleVersionId:N}", Environment.Version.ToString(),
            BitConverter.IsLittleEndian ? "little" : "big",
        ];
        return Path.Combine(folder, $"{HashOf(string.Join('\n', parts))[..40]}.txt");
    }

    // Interleavings repeat themselves: packed they take a twentieth.
    private static string Packed(string text)
    {
        var packed = new MemoryStream();
        using (var zip = new BrotliStream(packed, CompressionLevel.Fastest))
        {
            zip.Write(Encoding.UTF8.GetBytes(text));
        }

        return Convert.ToBase64String(packed.ToArray());
    }

    private static string Unpacked(string packed)
    {
        using var zip = new StreamReader(new BrotliStream(new MemoryStream(Convert.FromBase64String(packed)), CompressionMode.Decompress), Encoding.UTF8);
        return zip.ReadToEnd();
    }

    private void Warn(string sentence)
    {
        if (!_hasWarned)
        {
            _hasWarned = true;
            warn(sentence);
        }
    }

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
