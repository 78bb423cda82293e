using System.Reflection;
using System.Runtime.Loader;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Patching;

/// <summary>From an assembly that <see cref="PatchCompiler"/> wrote to classes, properties and toggles. From here on it is a user's code that runs.</summary>
internal static class PatchLoader
{
    /// <summary>Loads a series.</summary>
    /// <exception cref="PatchException">What it brings along cannot be made.</exception>
    public static CompiledSeries Load(string file, KernelVersion version, IReadOnlyList<SourcePatch> patches)
    {
        var assembly = AssemblyOf(file);
        var facts = FactsOf(assembly);
        var files = version.Files.Keys.ToDictionary(f => f.FullName!);
        var added = NewFiles(assembly);
        var compiled = patches.Select((patch, i) =>
        {
            var own = facts.Where(f => f[1] == $"{i}").ToArray();
            var classes = Types("class");
            foreach (var type in i == patches.Count - 1 ? added : [])
            {
                classes.Add(type, type);
            }

            return new CompiledPatch(patch, classes, Types("probe"), ChangedBy(patch, own));

            Dictionary<Type, Type> Types(string kind) => own.Where(f => f[0] == kind).ToDictionary(f => files[f[2]], f => assembly.GetType(f[3], throwOnError: true)!);
        }).ToArray();
        return new CompiledSeries(compiled, PropertiesOf(assembly, patches[^1].Path), TogglesOf(assembly, patches[^1].Path));
    }

    /// <summary>Loads what a --models folder holds besides patches.</summary>
    /// <exception cref="PatchException">What it brings along cannot be made.</exception>
    public static (IReadOnlyList<Type> Files, IReadOnlyList<Property> Properties, IReadOnlyList<Toggle> Toggles) LoadModels(string file, string folder)
    {
        var assembly = AssemblyOf(file);
        return (NewFiles(assembly), PropertiesOf(assembly, folder), TogglesOf(assembly, folder));
    }

    /// <summary>Reads what the patches of an assembly change, and runs nothing of it.</summary>
    public static IReadOnlyList<ChangedFunction> ChangedIn(string file, IReadOnlyList<SourcePatch> patches)
    {
        var facts = FactsOf(AssemblyOf(file));
        return [.. patches.SelectMany((patch, i) => ChangedBy(patch, [.. facts.Where(f => f[1] == $"{i}")]))];
    }

    /// <summary>Reads an assembly's kernel files, and runs nothing of it.</summary>
    public static IReadOnlyList<Type> FilesOf(string file) => NewFiles(AssemblyOf(file));

    // What the compiler noted: its kind, the number of the patch, and the rest.
    private static string[][] FactsOf(Assembly assembly) =>
    [
        .. assembly.GetCustomAttributesData()
            .Where(a => a.AttributeType == typeof(AssemblyMetadataAttribute) && (string?)a.ConstructorArguments[0].Value == "thpcheck")
            .Select(a => ((string)a.ConstructorArguments[1].Value!).Split('|')),
    ];

    private static ChangedFunction[] ChangedBy(SourcePatch patch, string[][] facts) =>
        [.. facts.Where(f => f[0] == "changed").Select(f => new ChangedFunction(f[2], patch.Name, patch.Path, int.Parse(f[3], null), bool.Parse(f[4])))];

    private static Assembly AssemblyOf(string file) => AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.GetFullPath(file));

    private static Type[] NewFiles(Assembly assembly) => [.. assembly.GetTypes().Where(t => t.BaseType == typeof(KernelFile)).OrderBy(t => t.FullName, StringComparer.Ordinal)];

    private static IReadOnlyList<Property> PropertiesOf(Assembly assembly, string path) =>
        [.. Values<Property>(assembly, path).Select(p => p.Guarded()).OrderBy(p => p.Name, StringComparer.Ordinal)];

    private static IReadOnlyList<Toggle> TogglesOf(Assembly assembly, string path) => [.. Values<Toggle>(assembly, path).OrderBy(t => t.Name, StringComparer.Ordinal)];

    // The values of static fields and properties of a type.
    private static IEnumerable<T> Values<T>(Assembly assembly, string path)
    {
        const BindingFlags Statics = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        foreach (var type in assembly.GetTypes().OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            var fields = type.GetFields(Statics).Where(f => f.FieldType == typeof(T) && !f.Name.StartsWith('<'));
            var properties = type.GetProperties(Statics).Where(p => p.PropertyType == typeof(T));
            foreach (var member in fields.Cast<MemberInfo>().Concat(properties))
            {
                if (Countdown.Watched(() => $"making {type.Name}.{member.Name}", () => Value<T>(member, path)) is { } value)
                {
                    yield return value;
                }
            }
        }
    }

    private static T? Value<T>(MemberInfo member, string path)
    {
        try
        {
            return (T?)(member is FieldInfo field ? field.GetValue(null) : ((PropertyInfo)member).GetValue(null));
        }
        catch (Exception e) when (e is TargetInvocationException or TypeInitializationException or ModelFaultException)
        {
            while (e.InnerException is { } inner)
            {
                e = inner;
            }

            throw new PatchException([new Diagnostic(path, 1, 1, $"error: making {member.DeclaringType?.Name}.{member.Name} threw {e.GetType().Name}: {e.Message}")]);
        }
    }
}
