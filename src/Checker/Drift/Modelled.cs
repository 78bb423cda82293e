using System.Reflection;
using System.Reflection.Metadata;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Drift;

/// <summary>A path and the kernel function that it stands for.</summary>
/// <param name="File">The function's file, from the root of the kernel's tree.</param>
/// <param name="Function">Its name there.</param>
/// <param name="At">The version it was written from.</param>
/// <param name="Method">The path, in the class that declares it.</param>
internal sealed record ModelledFunction(string File, string Function, string At, MethodInfo Method)
{
    /// <summary>The path's own name, after its class.</summary>
    public string Path => $"{Method.DeclaringType!.Name}.{Method.Name}";

    /// <summary>Functions of the file around it whose steps the path has, too.</summary>
    public IReadOnlyList<string> With { get; init; } = [];

    /// <summary>The function, and those around it whose steps the path has.</summary>
    public IEnumerable<string> Names => With.Prepend(Function);

    /// <summary>What a path says of itself.</summary>
    public static ModelledFunction Of(MethodInfo path, KernelSourceAttribute source) =>
        new(source.File, source.Function ?? path.Name, source.At, path) { With = source.With.Split(',', StringSplitOptions.RemoveEmptyEntries) };
}

/// <summary>
/// The kernel functions that paths stand for, and the synchronisation that each path declares: the operations and the modelled functions
/// that its code awaits, in the order of its source. What it calls that is no kernel function is counted as part of it.
/// </summary>
internal sealed class Modelled
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private const int MostNested = 8;

    private readonly Dictionary<string, List<ModelledFunction>> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, bool> _synchronises = new(StringComparer.Ordinal);
    private readonly Dictionary<MethodInfo, IReadOnlyList<SyncOperation>> _declared = [];
    private readonly Lazy<HashSet<string>> _given;

    /// <param name="assemblies">Where the paths are.</param>
    public Modelled(params IReadOnlyList<Assembly> assemblies)
    {
        foreach (var type in assemblies.SelectMany(a => a.GetTypes()).Where(t => t.IsSubclassOf(typeof(KernelFile))).OrderBy(t => t.FullName, StringComparer.Ordinal))
        {
            foreach (var method in type.GetMethods(Declared).OrderBy(m => m.MetadataToken))
            {
                if (method.GetCustomAttribute<KernelSourceAttribute>(inherit: false) is { } source)
                {
                    var function = ModelledFunction.Of(method, source);
                    foreach (var name in function.Names)
                    {
                        if (!_byName.TryGetValue(name, out var same))
                        {
                            _byName.Add(name, same = []);
                        }

                        same.Add(function with { Function = name });
                    }
                }
            }
        }

        Files = _byName.Values.SelectMany(f => f).Select(f => f.File).ToHashSet(StringComparer.Ordinal);
        _given = new(() => Functions.SelectMany(f => Calls(f.Method)).Select(c => c.Method).Where(m => !m.IsSpecialName && char.IsLower(m.Name[0])).Select(m => m.Name).ToHashSet(StringComparer.Ordinal));
    }

    /// <summary>The model that is built in.</summary>
    public static Modelled BuiltIn { get; } = new(typeof(KernelFile).Assembly);

    /// <summary>All of them, by file and name.</summary>
    public IEnumerable<ModelledFunction> Functions => _byName.Values.SelectMany(f => f).OrderBy(f => f.File, StringComparer.Ordinal).ThenBy(f => f.Function, StringComparer.Ordinal);

    /// <summary>The files that they are in.</summary>
    public IReadOnlySet<string> Files { get; }

    /// <summary>The paths that stand for a function of this name, whatever its file.</summary>
    public IReadOnlyList<ModelledFunction> Named(string function) => _byName.TryGetValue(function, out var found) ? found : [];

    /// <summary>Whether paths take a function as given: no path is of its name, but paths call what is, or what does the same.</summary>
    public bool IsGiven(string function) => !_byName.ContainsKey(function) && (_given.Value.Contains(function) || (SyncTable.Of(function) is var (_, name) && _given.Value.Contains(name)));

    /// <summary>What a call counts as where paths and C are compared: what the table has, and what is modelled and synchronises there.</summary>
    public (SyncKind Kind, string Name)? Counts(string call) => SyncTable.Of(call) ?? (Synchronises(call) ? (SyncKind.Call, call) : null);

    /// <summary>The same where C is compared with C: all that is modelled, and what a name tells.</summary>
    public (SyncKind Kind, string Name)? CountsInC(string call) => SyncTable.Of(call) ?? (_byName.ContainsKey(call) ? (SyncKind.Call, call) : SyncTable.Guess(call));

    /// <summary>What a path declares.</summary>
    public IReadOnlyList<SyncOperation> DeclaredBy(ModelledFunction function) => [.. DeclaredBy(function.Method, (function.File, function.Function), 0).Where(o => o.Kind != SyncKind.Call || Synchronises(o.Name))];

    /// <summary>Whether a path has differences of a line in it, of which a kernel has one side only.</summary>
    public static bool HasToggles(ModelledFunction function) =>
        Calls(function.Method).Any(c => c.Method.Name == "Toggle" && c.Method.DeclaringType == typeof(KernelFile));

    // Whether a path of this name does anything that counts, or calls one that does. One that is asked of again on the way does not, by itself.
    private bool Synchronises(string function)
    {
        if (!_synchronises.TryGetValue(function, out var known))
        {
            _synchronises.Add(function, false);
            known = Named(function).Any(f => DeclaredBy(f.Method, (f.File, f.Function), 0).Any(o => o.Kind != SyncKind.Call || Synchronises(o.Name)));
            _synchronises[function] = known;
        }

        return known;
    }

    private IReadOnlyList<SyncOperation> DeclaredBy(MethodInfo method, (string File, string Function) root, int depth)
    {
        if (_declared.TryGetValue(method, out var known))
        {
            return known;
        }

        var found = new List<SyncOperation>();
        foreach (var (called, line) in Calls(method))
        {
            var source = called.GetCustomAttribute<KernelSourceAttribute>(inherit: true);
            var name = source?.Function ?? called.Name;
            if (SyncTable.Of(name) is var (kind, common))
            {
                found.Add(new SyncOperation(kind, common, name, line));
            }
            else if (called is MethodInfo path && path.DeclaringType!.IsSubclassOf(typeof(KernelFile)))
            {
                if (path != method && (source?.File, name) == root && depth < MostNested)
                {
                    found.AddRange(DeclaredBy(path, root, depth + 1)); // what it overrides, or another part of the same
                }
                else if (_byName.ContainsKey(name))
                {
                    found.Add(new SyncOperation(SyncKind.Call, name, name, line));
                }
                else if (depth < MostNested && path != method)
                {
                    found.AddRange(DeclaredBy(path, root, depth + 1));
                }
            }
        }

        return _declared[method] = found;
    }

    // What a method calls, in the order of its source. The code of an async one is its state machine's.
    private static IEnumerable<(MethodBase Method, int Line)> Calls(MethodInfo method)
    {
        var machine = method.GetCustomAttribute<AsyncStateMachineAttribute>()?.StateMachineType;
        MethodBase code = machine?.GetMethod("MoveNext", BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic) ?? (MethodBase)method;
        if (code.GetMethodBody() is not { } body)
        {
            return [];
        }

        return IlReader.Read(body)
            .Where(i => i.Code is ILOpCode.Call or ILOpCode.Callvirt)
            .Select(i => (Method: code.Module.ResolveMethod(i.Operand, code.DeclaringType!.GetGenericArguments(), method.GetGenericArguments())!, i.Offset))
            .Where(c => c.Method.DeclaringType?.Namespace?.StartsWith("System", StringComparison.Ordinal) != true)
            .Select(c => (c.Method, Line: SourceLines.LineOf(code, c.Offset)?.Line ?? 0, c.Offset))
            .OrderBy(c => c.Line).ThenBy(c => c.Offset)
            .Select(c => (c.Method, c.Line));
    }
}
