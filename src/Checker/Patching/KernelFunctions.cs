using System.Reflection;
using ThpCheck.Checker.Drift;
using ThpCheck.Model.Kernel;

namespace ThpCheck.Checker.Patching;

/// <summary>A function of a kernel as a patch can override it.</summary>
/// <param name="File">The class that stands for its file, by whose name a patch calls it.</param>
/// <param name="Method">Its path in a release.</param>
/// <param name="Source">What it stands for.</param>
internal sealed record KernelFunction(Type File, MethodInfo Method, KernelSourceAttribute Source)
{
    /// <summary>Its name for people: <c>rmap.folio_lock_anon_vma_read</c>.</summary>
    public string Name => $"{File.Name}.{Method.Name}";

    /// <summary>What it says of itself.</summary>
    public ModelledFunction Path => ModelledFunction.Of(Method, Source);
}

/// <summary>The functions of a release that can be overridden.</summary>
internal static class KernelFunctions
{
    /// <summary>The release that is meant where none is said.</summary>
    public const string Usual = "linux-6.1";

    /// <summary>All of them, by file and in the order of the source.</summary>
    public static IEnumerable<KernelFunction> Of(string release) =>
        from file in Releases.Compose(release, []).Files.OrderBy(f => f.Key.Name, StringComparer.Ordinal)
        from method in file.Value.GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        where method is { IsVirtual: true, IsFinal: false }
        let source = method.GetCustomAttribute<KernelSourceAttribute>(inherit: true)
        where source is not null
        select new KernelFunction(file.Key, method, source);

    /// <summary>The same by the kernel's functions whose steps they have: their files, from the root of the kernel's tree, and their names there.</summary>
    public static ILookup<(string File, string Function), KernelFunction> ByFunction(string release) =>
        Of(release).SelectMany(f => f.Path.Names, (f, name) => (Key: (f.Source.File, name), Function: f)).ToLookup(f => f.Key, f => f.Function);
}
