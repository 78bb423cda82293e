using System.Reflection;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Binding;

/// <summary>A path that a scenario can call.</summary>
/// <param name="File">The kernel file it is in.</param>
/// <param name="Method">The method, in the class that stands for the file.</param>
/// <param name="Target">The kernel file's instance, or null for the model's own environment paths.</param>
public sealed record PathEntry(string File, MethodInfo Method, KernelFile? Target)
{
    /// <summary>The name in scenarios.</summary>
    public string Name => Method.Name;

    /// <summary>What it returns to its caller, or null for nothing.</summary>
    public Type? Result => Method.ReturnType.IsGenericType ? Method.ReturnType.GetGenericArguments()[0] : null;

    /// <summary>The kernel function it stands for, or null.</summary>
    public KernelSourceAttribute? Source => Method.GetCustomAttribute<KernelSourceAttribute>(inherit: true);

    /// <summary>Its name with its parameters.</summary>
    public string Signature => $"{File}.{Name}({string.Join(", ", Method.GetParameters().Select(p => $"{Short(p.ParameterType)} {p.Name}"))})";

    private static string Short(Type type) => type == typeof(int) ? "int" : type == typeof(bool) ? "bool" : type.Name;
}

/// <summary>The paths of a kernel, by name.</summary>
public sealed class PathCatalog
{
    /// <summary>The paths of a kernel and the environment's.</summary>
    public PathCatalog(Kernel kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        Paths =
        [
            .. kernel.Files.SelectMany(f => PathsOf(f.GetType()).Select(m => new PathEntry(f.Name, m, f))),
            new PathEntry("rcu", typeof(Rcu).GetMethod(nameof(Rcu.rcu_core))!, null),
            new PathEntry("mmu", typeof(Mmu).GetMethod(nameof(Mmu.tlb_entries_come_and_go))!, null),
            new PathEntry("slab", typeof(Slab).GetMethod(nameof(Slab.discard_slabs))!, null),
        ];
    }

    /// <summary>In the order of their files' names, then as declared.</summary>
    public IReadOnlyList<PathEntry> Paths { get; }

    /// <summary>The paths of this name; several where several files have one.</summary>
    public IReadOnlyList<PathEntry> Find(string? file, string name) => [.. Paths.Where(p => p.Name == name && (file is null || p.File == file))];

    private static IEnumerable<MethodInfo> PathsOf(Type type) => type
        .GetMethods(BindingFlags.Public | BindingFlags.Instance)
        .Where(m => m.DeclaringType != typeof(object) && !m.IsSpecialName && IsAwaitable(m.ReturnType))
        .OrderBy(m => m.GetBaseDefinition().MetadataToken);

    private static bool IsAwaitable(Type type)
    {
        var open = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return open == typeof(KernelTask) || open == typeof(KernelTask<>) || open == typeof(Step) || open == typeof(Step<>);
    }
}
