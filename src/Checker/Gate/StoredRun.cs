using System.Text.Json;
using ThpCheck.Checker.CommandLine;

namespace ThpCheck.Checker.Gate;

/// <summary>A variant in the report of a run.</summary>
/// <param name="Scenario">The scenario's file.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Verdict">What was found.</param>
/// <param name="IsAsExpected">Whether that is what the scenario says.</param>
/// <param name="Differences">How it is not, a sentence each.</param>
internal sealed record StoredVariant(string Scenario, string Variant, string Verdict, bool IsAsExpected, IReadOnlyList<string> Differences)
{
    /// <summary>What it is called, wherever it ran.</summary>
    public string Name => $"{Scenario.Replace('\\', '/')} {Variant}";
}

/// <summary>What 'check --format json' wrote.</summary>
/// <param name="Path">Where.</param>
/// <param name="ExitCode">How it ended.</param>
/// <param name="Variants">What was checked.</param>
internal sealed record StoredRun(string Path, int ExitCode, IReadOnlyList<StoredVariant> Variants)
{
    private const long MostBytes = 1L << 30;

    /// <summary>Which part of how many it is, or null for all.</summary>
    public (int Part, int Of)? Shard { get; init; }

    /// <summary>Reads a report.</summary>
    /// <exception cref="WrongInputException">It is none.</exception>
    public static StoredRun Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > MostBytes)
            {
                throw new WrongInputException($"'{path}' is too large for a report of 'thpcheck check --format json'");
            }

            using var json = JsonDocument.Parse(file);
            var root = json.RootElement;
            var variants = root.GetProperty("results").EnumerateArray().Select(r => new StoredVariant(
                r.GetProperty("scenario").GetString()!,
                r.GetProperty("variant").GetString()!,
                r.GetProperty("verdict").GetString()!,
                r.GetProperty("asExpected").GetBoolean(),
                [.. r.GetProperty("differences").EnumerateArray().Select(d => d.GetString()!)])).ToArray();
            var shard = root.TryGetProperty("shard", out var text) && text.GetString()!.Split('/') is [var part, var of] ? (int.Parse(part, null), int.Parse(of, null)) : default((int, int)?);
            return new StoredRun(path, root.GetProperty("exitCode").GetInt32(), variants) { Shard = shard };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new WrongInputException($"the report '{path}' cannot be read: {e.Message}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new WrongInputException($"'{path}' is no report of 'thpcheck check --format json', or is damaged");
        }
    }
}
