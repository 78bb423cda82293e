using System.Reflection;
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

    /// <summary>Its name in the kernel.</summary>
    public string Function => Source.Function ?? Method.Name;

    /// <summary>That, and those around it whose steps it has.</summary>
    public IEnumerable<string> Functions => Source.With.Split(',', StringSplitOptions.RemoveEmptyEntries).Prepend(Function);
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

    /// <summary>The paths of a release that stand for a function of the kernel.</summary>
    /// <param name="release">The release.</param>
    /// <param name="file">The function's file, from the root of the kernel's tree.</param>
    /// <param name="function">Its name there.</param>
    public static IEnumerable<KernelFunction> Of(string release, string file, string function) => Of(release).Where(f => f.Source.File == file && f.Function == function);
}
