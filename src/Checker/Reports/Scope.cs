using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Reports;

/// <summary>What a verdict is about, in a line: the kernel, the memory model, the threads, how many objects there are.</summary>
internal static class Scope
{
    /// <summary>Sequential consistency: all accesses of all CPUs in one order.</summary>
    public const string MemoryModel = "SC";

    /// <summary>The scope of a file's variants that have none of their own.</summary>
    public static string Of(ScenarioFile file) =>
        Line(file.Kernel.Value, file.Config, file.Pools, $"; threads {string.Join(", ", file.Threads.Select(Thread))}");

    /// <summary>The scope of a variant that has its own, or null.</summary>
    public static string? Own(ScenarioFile file, VariantSpec variant) =>
        variant.Kernel is null && variant.Config.Count == 0 && variant.Pools.Count == 0
            ? null
            : Line(file.KernelOf(variant).Value, file.ConfigOf(variant), file.PoolsOf(variant), "");

    private static string Line(string kernel, IReadOnlyList<Setting> config, IReadOnlyList<PoolSpec> pools, string threads)
    {
        var settings = string.Concat(config.Select(s => $", {s.Name}={s.Value}"));
        var named = pools.Select(p => p.Name.Value).ToHashSet();
        var others = Caches.Defaults.Where(d => d.Value.Objects > 0 && !named.Contains(d.Key)).Select(d => $"{d.Key} {d.Value.Objects}");
        return $"{kernel}{settings}, {MemoryModel}{threads}; objects {string.Join(", ", pools.Select(Pool).Concat(others))}";
    }

    private static string Thread(ThreadSpec thread) => thread.Kind switch
    {
        ThreadKind.Optional => $"{thread.Name} (optional)",
        ThreadKind.Environment => $"{thread.Name} (environment)",
        _ => thread.Name.Value,
    };

    private static string Pool(PoolSpec pool)
    {
        string?[] notes =
        [
            pool.Generations is { Value: > 1 } generations ? $"{generations} generations" : null,
            pool.Reuse is { Value: true } ? "reuse" : null,
            pool.Discard is { Value: true } ? "discard" : null,
        ];
        var text = string.Join(", ", notes.OfType<string>());
        return $"{pool.Name} {pool.Objects}{(text.Length == 0 ? "" : $" ({text})")}";
    }
}
