using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Specs.Binding;

/// <summary>A patch that is a file of C#. What its classes derive from is known where it is applied.</summary>
/// <param name="Name">Its name in scenarios and on the command line: the file's.</param>
/// <param name="Path">The file, as it was named.</param>
public sealed record SourcePatch(string Name, string Path);

/// <summary>A function that a patch changes.</summary>
/// <param name="Name">Its kernel file's class and its own name.</param>
/// <param name="Patch">The patch.</param>
/// <param name="File">The patch's file.</param>
/// <param name="Line">The line of the override, from 1.</param>
/// <param name="IsObserver">Whether it is what properties ask, and no path.</param>
public sealed record ChangedFunction(string Name, string Patch, string File, int Line, bool IsObserver);

/// <summary>A file of C#, compiled on top of a kernel.</summary>
/// <param name="Patch">The patch.</param>
/// <param name="Files">For each kernel file that it changes or adds, by the file's own class, the class that replaces it.</param>
/// <param name="Probes">Classes that change nothing, and tell when a function is entered that the patch changes; by file.</param>
/// <param name="Changed">The functions it changes.</param>
public sealed record CompiledPatch(
    SourcePatch Patch, IReadOnlyDictionary<Type, Type> Files, IReadOnlyDictionary<Type, Type> Probes, IReadOnlyList<ChangedFunction> Changed);

/// <summary>Patches compiled together, each on top of the one before.</summary>
/// <param name="Patches">In their order.</param>
/// <param name="Properties">Those they bring along.</param>
/// <param name="Toggles">Those they bring along.</param>
public sealed record CompiledSeries(IReadOnlyList<CompiledPatch> Patches, IReadOnlyList<Property> Properties, IReadOnlyList<Toggle> Toggles);

/// <summary>A patch does not fit the kernel it is to be applied to.</summary>
/// <param name="diagnostics">What is wrong, where.</param>
public sealed class PatchException(IReadOnlyList<Diagnostic> diagnostics) : Exception(string.Join('\n', diagnostics))
{
    /// <summary>What is wrong, where.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; } = diagnostics;
}

/// <summary>
/// What scenarios can name: what is built in, and what a user brought along. How a file of C# becomes classes is not known here.
/// </summary>
public sealed record Library
{
    /// <summary>What is built in, alone.</summary>
    public static Library BuiltIn { get; } = new();

    /// <summary>Patches that are files.</summary>
    public IReadOnlyList<SourcePatch> Patches { get; init; } = [];

    /// <summary>Kernel files that every release has besides its own.</summary>
    public IReadOnlyList<Type> Files { get; init; } = [];

    /// <summary>Every property that a scenario can name, the kernel bugs aside.</summary>
    public IReadOnlyList<Property> Properties { get; init; } = PropertyCatalog.All;

    /// <summary>Every toggle.</summary>
    public IReadOnlyList<Toggle> Toggles { get; init; } = Model.Kernel.Toggles.All;

    /// <summary>The series that is looked at: it is put on top of every variant.</summary>
    public IReadOnlyList<SourcePatch> Series { get; init; } = [];

    /// <summary>Whether the series' probes take its place: the kernel without it, which tells when a function is entered that it changes.</summary>
    public bool Probing { get; init; }

    /// <summary>Compiles files on top of a kernel; throws <see cref="PatchException"/> where they do not fit.</summary>
    public Func<KernelVersion, IReadOnlyList<SourcePatch>, CompiledSeries> Compile { get; init; } = static (_, _) => throw new InvalidOperationException("no compiler was given");

    /// <summary>The names of all patches.</summary>
    public IEnumerable<string> PatchNames => Releases.Patches.Select(p => p.Name).Concat(Patches.Select(p => p.Name));

    /// <summary>The same with what a series brings along.</summary>
    public Library With(CompiledSeries series)
    {
        ArgumentNullException.ThrowIfNull(series);
        return this with
        {
            Properties = [.. Properties.Concat(series.Properties).OrderBy(p => p.Name, StringComparer.Ordinal)],
            Toggles = [.. Toggles, .. series.Toggles],
        };
    }
}
