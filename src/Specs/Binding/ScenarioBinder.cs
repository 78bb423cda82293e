using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using ThreadKind = ThpCheck.Model.Stepping.ThreadKind;

namespace ThpCheck.Specs.Binding;

/// <summary>A scenario's variant with every name in it resolved, ready to explore.</summary>
/// <param name="Scenario">The file.</param>
/// <param name="Variant">The variant in it.</param>
/// <param name="Kernel">The kernel it runs on.</param>
/// <param name="Instance">What to explore.</param>
public sealed record BoundVariant(ScenarioFile Scenario, VariantSpec Variant, Kernel Kernel, Instance Instance)
{
    /// <summary>The toggles it sets, by name.</summary>
    public IReadOnlyDictionary<string, bool> Toggles { get; init; } = new SortedDictionary<string, bool>();

    /// <summary>What the scenario could name.</summary>
    public Library Library { get; init; } = Library.BuiltIn;
}

/// <summary>
/// From a scenario's text to a machine: finds the kernel, the paths, the objects and the properties it names, runs its
/// set-up, and begins its threads. What is wrong is said at its place in the file.
/// </summary>
public sealed class ScenarioBinder
{
    private const string SetUp = "set-up";
    private const string SlabThread = "slab";

    private readonly ScenarioFile _file;
    private readonly VariantSpec _variant;
    private readonly List<Diagnostic> _diagnostics = [];
    private readonly Dictionary<string, ModelObject> _objects = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _numbers = new(StringComparer.Ordinal);

    private readonly bool _keepsDeadFields;
    private readonly Mutation? _mutation;
    private readonly Library _given;
    private Library _library; // with what the patches that are files bring along

    private ScenarioBinder(ScenarioFile file, VariantSpec variant, bool keepsDeadFields, Library library, Mutation? mutation)
    {
        _mutation = mutation;
        _file = file;
        _variant = variant;
        _keepsDeadFields = keepsDeadFields;
        (_given, _library) = (library, library);
    }

    /// <summary>Binds one variant of a scenario.</summary>
    /// <param name="file">The scenario.</param>
    /// <param name="variant">The variant in it.</param>
    /// <param name="keepsDeadFields">For comparing: <see cref="MachineBuilder.KeepsDeadFields"/>.</param>
    /// <param name="library">What it can name; what is built in unless given.</param>
    /// <returns>The variant, or null and what is wrong.</returns>
    public static (BoundVariant? Variant, IReadOnlyList<Diagnostic> Diagnostics) Bind(
        ScenarioFile file, VariantSpec variant, bool keepsDeadFields = false, Library? library = null) => Bind(file, variant, keepsDeadFields, library, null);

    /// <summary>The same on a kernel that differs in one place.</summary>
    internal static (BoundVariant? Variant, IReadOnlyList<Diagnostic> Diagnostics) Bind(ScenarioFile file, VariantSpec variant, Mutation mutation, Library? library = null) =>
        Bind(file, variant, false, library, mutation);

    private static (BoundVariant? Variant, IReadOnlyList<Diagnostic> Diagnostics) Bind(
        ScenarioFile file, VariantSpec variant, bool keepsDeadFields, Library? library, Mutation? mutation)
    {
        var binder = new ScenarioBinder(file, variant, keepsDeadFields, library ?? Library.BuiltIn, mutation);
        try
        {
            return (binder.Bind(), binder._diagnostics);
        }
        catch (BindingException)
        {
            return (null, [.. binder._diagnostics.OrderBy(d => (d.Line, d.Column))]);
        }
    }

    private BoundVariant Bind()
    {
        var version = Version();
        var toggles = BindToggles();
        var config = BindConfig() with { Arch = BindArch() };
        var pools = BindPools(toggles);
        RefuseDecodingOfNothing(config, pools);
        var tolerated = BindTolerated();
        var properties = BindProperties();
        CheckExpectations(properties);
        ThrowIfAny();

        var builder = new MachineBuilder { Tolerated = tolerated, RcuCallbacks = _file.Threads.Any(RunsCallbacks) ? 2 : 0, KeepsDeadFields = _keepsDeadFields, Mutation = _mutation };
        var threads = _file.Threads.Select(t => builder.Thread(t.Name.Value, KindOf(t))).ToArray();
        var discards = pools.Values.Any(p => p.Discard);
        var slab = discards ? builder.Thread(SlabThread, ThreadKind.Environment) : -1;
        var setUp = builder.Thread(SetUp, ThreadKind.Environment);
        var caches = new Caches(builder, config, pools);
        var kernel = At(_file.Position, () => new Kernel(version, Defaults(toggles), config, caches, builder));
        foreach (var walk in kernel.File<rmap_walks>().All)
        {
            builder.Register(walk, walk.GetType().Name);
        }

        var setUpCalls = _file.Setup.Select(c => Register(builder, [c])).ToArray();
        var threadCalls = _file.Threads.Select(t => Register(builder, t.Calls)).ToArray();
        var tearDownCalls = Register(builder, _file.Teardown);
        var machine = builder.Build();
        CheckFrames(kernel);

        var catalog = new PathCatalog(kernel);
        var stepper = new Stepper(machine);
        for (var i = 0; i < setUpCalls.Length; i++)
        {
            RunSetUp(stepper, setUp, _file.Setup[i], setUpCalls[i], catalog);
        }

        for (var t = 0; t < threads.Length; t++)
        {
            BindCalls(_file.Threads[t].Calls, threadCalls[t].Calls, catalog, mayName: true);
        }

        BindCalls(_file.Teardown, tearDownCalls.Calls, catalog, mayName: true);
        ThrowIfAny();
        for (var t = 0; t < threads.Length; t++)
        {
            var sequence = threadCalls[t].Sequence;
            At(_file.Threads[t].Position, () => stepper.Begin(threads[t], sequence.Run));
        }

        if (slab >= 0)
        {
            stepper.Begin(slab, Slab.discard_slabs);
        }

        CheckInitialState(properties, stepper);
        ThrowIfAny();
        var (words, low, high) = (stepper.State.Words.ToArray(), stepper.State.Fingerprint.Low, stepper.State.Fingerprint.High);
        var instance = new Instance(machine, s => s.State.Load(words, low, high), properties)
        {
            TearDown = _file.Teardown.Count == 0 ? null : (setUp, tearDownCalls.Sequence.Run),
        };
        return new BoundVariant(_file, _variant, kernel, instance) { Toggles = new SortedDictionary<string, bool>(toggles, StringComparer.Ordinal), Library = _given };
    }

    // Without the thread that runs them no callback can be queued, and a state need not hold any.
    private static bool RunsCallbacks(ThreadSpec thread) => thread.Calls.Any(c => c.Path.Name.Value == nameof(Rcu.rcu_core));

    private KernelVersion Version()
    {
        var release = _file.KernelOf(_variant);
        if (ReleaseName.Error(release.Value) is { } error)
        {
            Report(release.Position, error);
        }

        var patches = new List<Patch>();
        var sources = new List<SourcePatch>();
        foreach (var name in _variant.Patches)
        {
            if (Releases.Patches.FirstOrDefault(p => p.Name == name.Value) is { } patch)
            {
                patches.Add(patch);
                if (sources.Count > 0)
                {
                    Report(name.Position, $"the patch '{name}' is built in, so it cannot be on top of the file {sources[^1].Path}; name it before that one");
                }
            }
            else if (_library.Patches.FirstOrDefault(p => p.Name == name.Value) is { } source)
            {
                sources.Add(source);
            }
            else
            {
                Report(name.Position, $"no patch '{name.Value}'.{NearestName.Hint(name.Value, _library.PatchNames)} 'thpcheck list patches' names them");
            }
        }

        ThrowIfAny();
        return Compiled(At(_variant.Patches is [.., var last] ? last.Position : release.Position, () => Releases.Compose(release.Value, patches)), sources);
    }

    // The release with the library's files, and the patches that are files.
    private KernelVersion Compiled(KernelVersion version, List<SourcePatch> sources)
    {
        var files = version.Files.Concat(_library.Files.Select(f => KeyValuePair.Create(f, f))).ToDictionary();
        version = version with { Files = files };
        if (sources.Count + _library.Series.Count == 0)
        {
            return version;
        }

        CompiledSeries compiled;
        try
        {
            compiled = _library.Compile(version, [.. sources, .. _library.Series]);
        }
        catch (PatchException e)
        {
            _diagnostics.AddRange(e.Diagnostics);
            throw new BindingException();
        }

        _library = _library.With(compiled);
        for (var i = 0; i < compiled.Patches.Count; i++)
        {
            var patch = compiled.Patches[i];
            foreach (var (file, type) in _library.Probing && i >= sources.Count ? patch.Probes : patch.Files)
            {
                files[file] = type;
            }
        }

        return version with { Patches = [.. version.Patches, .. sources.Select(p => p.Name), .. _library.Probing ? [] : _library.Series.Select(p => p.Name)] };
    }

    // With those of the library that no scenario sets: the kernel knows its own.
    private Dictionary<string, bool> Defaults(Dictionary<string, bool> toggles)
    {
        var all = new Dictionary<string, bool>(toggles, StringComparer.Ordinal);
        foreach (var toggle in _library.Toggles.Except(Toggles.All))
        {
            all.TryAdd(toggle.Name, toggle.Default);
        }

        return all;
    }

    private Dictionary<string, bool> BindToggles()
    {
        var toggles = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var setting in _variant.Toggles)
        {
            var name = setting.Name.Value;
            if (_library.Toggles.All(t => t.Name != name))
            {
                Report(setting.Name.Position, $"no toggle '{name}'.{NearestName.Hint(name, _library.Toggles.Select(t => t.Name))} 'thpcheck list toggles' names them");
            }
            else if (setting.Value.Value is SettingValue.Boolean value)
            {
                toggles[name] = value.Value;
            }
            else
            {
                Report(setting.Value.Position, $"the toggle '{name}' is on or off, not {setting.Value}");
            }
        }

        return toggles;
    }

    private Config BindConfig()
    {
        var config = new Config();
        foreach (var setting in _file.ConfigOf(_variant))
        {
            config = (setting.Name.Value, setting.Value.Value) switch
            {
                (nameof(Config.DEBUG_VM), SettingValue.Boolean b) => config with { DEBUG_VM = b.Value },
                (nameof(Config.PTRS_PER_PTE), SettingValue.Number { Value: >= 1 and <= 16 } n) => config with { PTRS_PER_PTE = (int)n.Value },
                (nameof(Config.HPAGE_PMD_NR), SettingValue.Number { Value: >= 2 and <= 16 } n) => config with { HPAGE_PMD_NR = (int)n.Value },
                (nameof(Config.MEMCG), SettingValue.Boolean b) => config with { MEMCG = b.Value },
                (nameof(Config.MLOCK), SettingValue.Boolean b) => config with { MLOCK = b.Value },
                (nameof(Config.PTRS_PER_PMD), SettingValue.Number { Value: >= 1 and <= 16 } n) => config with { PTRS_PER_PMD = (int)n.Value },
                (nameof(Config.SWAP_SLOTS), SettingValue.Number { Value: >= 0 and <= 16 } n) => config with { SWAP_SLOTS = (int)n.Value },
                (nameof(Config.MMU_GATHER_BUNDLE), SettingValue.Number { Value: >= 1 and <= MmuGather.Capacity } n) => config with { MMU_GATHER_BUNDLE = (int)n.Value },
                (nameof(Config.MAX_GATHER_BATCH), SettingValue.Number { Value: >= 1 and <= MmuGather.Capacity } n) => config with { MAX_GATHER_BATCH = (int)n.Value },
                (nameof(Config.MAX_GATHER_BATCH_COUNT), SettingValue.Number { Value: >= 0 and < MmuGather.Capacity } n) => config with { MAX_GATHER_BATCH_COUNT = (int)n.Value },
                _ => Refuse(setting, config),
            };
        }

        if (config.HPAGE_PMD_NR > config.PTRS_PER_PTE && _file.ConfigOf(_variant).FirstOrDefault(s => s.Name.Value == nameof(Config.HPAGE_PMD_NR)) is { } pages)
        {
            Report(pages.Value.Position, $"HPAGE_PMD_NR cannot be {config.HPAGE_PMD_NR}: a page table has {config.PTRS_PER_PTE} entries; raise PTRS_PER_PTE too");
        }

        var gathered = config.MMU_GATHER_BUNDLE + (config.MAX_GATHER_BATCH * config.MAX_GATHER_BATCH_COUNT);
        if (gathered > MmuGather.Capacity)
        {
            Report(
                _file.ConfigOf(_variant)[0].Name.Position,
                $"the batches of a gather would take {gathered} pages, and {MmuGather.Capacity} are the most; make {nameof(Config.MMU_GATHER_BUNDLE)}, {nameof(Config.MAX_GATHER_BATCH)} or {nameof(Config.MAX_GATHER_BATCH_COUNT)} smaller");
        }

        return config;
    }

    private Config Refuse(Setting setting, Config config)
    {
        string[] names =
        [
            nameof(Config.DEBUG_VM), nameof(Config.MEMCG), nameof(Config.MLOCK), nameof(Config.PTRS_PER_PTE), nameof(Config.HPAGE_PMD_NR), nameof(Config.MMU_GATHER_BUNDLE),
            nameof(Config.MAX_GATHER_BATCH), nameof(Config.MAX_GATHER_BATCH_COUNT), nameof(Config.PTRS_PER_PMD), nameof(Config.SWAP_SLOTS),
        ];
        var name = setting.Name.Value;
        if (names.Contains(name))
        {
            var range = Array.IndexOf(names, name) switch
            {
                <= 2 => "it is on or off",
                3 or 8 => "it is a number from 1 to 16",
                4 => "it is a number from 2 to 16",
                7 => $"it is a number from 0 to {MmuGather.Capacity - 1}",
                9 => "it is a number from 0 to 16",
                _ => $"it is a number from 1 to {MmuGather.Capacity}",
            };
            Report(setting.Value.Position, $"{name} cannot be {setting.Value}; {range}");
        }
        else
        {
            Report(setting.Name.Position, $"no configuration '{name}'.{NearestName.Hint(name, names)} There are {string.Join(", ", names[..^1])} and {names[^1]}");
        }

        return config;
    }

    private Arch BindArch()
    {
        var arch = new Arch();
        string[] names = [nameof(Arch.pmd_pfn_of_absent), nameof(Arch.pmd_bad_of_migration), nameof(Arch.tlb_flush_is_ipi)];
        foreach (var setting in _file.ArchOf(_variant))
        {
            var name = setting.Name.Value;
            switch (name, setting.Value.Value)
            {
                case (nameof(Arch.pmd_pfn_of_absent), SettingValue.Name value) when Enum.TryParse<AbsentPmd>(value.Value, out var absent):
                    arch = arch with { pmd_pfn_of_absent = absent };
                    break;
                case (nameof(Arch.pmd_bad_of_migration), SettingValue.Boolean value):
                    arch = arch with { pmd_bad_of_migration = value.Value };
                    break;
                case (nameof(Arch.tlb_flush_is_ipi), SettingValue.Boolean value):
                    arch = arch with { tlb_flush_is_ipi = value.Value };
                    break;
                default:
                    Report(setting.Name.Position, !names.Contains(name)
                        ? $"no architecture setting '{name}'.{NearestName.Hint(name, names)} There are {string.Join(", ", names[..^1])} and {names[^1]}"
                        : $"{name} cannot be {setting.Value}; {(name == names[0] ? $"it is one of {string.Join(", ", Enum.GetNames<AbsentPmd>())}" : "it is on or off")}");
                    break;
            }
        }

        return arch;
    }

    private void RefuseDecodingOfNothing(Config config, Dictionary<string, SlabOptions> pools)
    {
        if (config.Arch.pmd_pfn_of_absent == AbsentPmd.huge_zero_page && pools["huge_zero_page"].Objects == 0)
        {
            var setting = _file.ArchOf(_variant).First(s => s.Name.Value == nameof(Arch.pmd_pfn_of_absent));
            Report(setting.Value.Position, "there is no huge zero page; give the scenario one: pools: {huge_zero_page: 1}");
        }
    }

    private Dictionary<string, SlabOptions> BindPools(IReadOnlyDictionary<string, bool> toggles)
    {
        var pools = Caches.Defaults.ToDictionary();
        foreach (var pool in _file.PoolsOf(_variant))
        {
            if (!pools.TryGetValue(pool.Name.Value, out var options))
            {
                Report(pool.Name.Position, $"no pool '{pool.Name}'.{NearestName.Hint(pool.Name.Value, pools.Keys)} There are {string.Join(", ", pools.Keys.Order(StringComparer.Ordinal))}");
                continue;
            }

            const int most = 48; // threads that would need more could not be explored anyway
            if (pool.Objects.Value > most || pool.Generations?.Value > most)
            {
                Report(pool.Objects.Position, $"the pool '{pool.Name}' is too large; {most} objects of {most} generations are the most");
                continue;
            }

            pools[pool.Name.Value] = options with
            {
                Objects = pool.Objects.Value,
                Generations = pool.Generations?.Value ?? 1,
                Reuse = pool.Reuse?.Value ?? false,
                Discard = pool.Discard?.Value ?? false,
                TypeSafeByRcu = pool.Typesafe?.Value ?? options.TypeSafeByRcu,
            };
            if (pools[pool.Name.Value] is { Discard: true, TypeSafeByRcu: false })
            {
                Report(pool.Discard!.Position, $"'{pool.Name}' is no type-safe cache: its objects are gone as soon as they are freed");
            }
        }

        var typesafe = toggles.GetValueOrDefault("typesafe-by-rcu", true);
        pools["anon_vma"] = typesafe ? pools["anon_vma"] : pools["anon_vma"] with { TypeSafeByRcu = false, Discard = false };
        return pools;
    }

    private HashSet<KernelBug> BindTolerated()
    {
        var tolerated = new HashSet<KernelBug>();
        foreach (var name in _variant.Tolerates)
        {
            if (KernelBugProperties.All.FirstOrDefault(p => p.Name == name.Value) is { } property)
            {
                tolerated.Add(property.Bug);
            }
            else
            {
                Report(name.Position, $"no kernel bug '{name.Value}'.{NearestName.Hint(name.Value, KernelBugProperties.All.Select(p => p.Name))} 'thpcheck list properties' names them");
            }
        }

        return tolerated;
    }

    private List<Property> BindProperties()
    {
        var properties = new List<Property>();
        foreach (var name in _file.Properties)
        {
            if (_library.Properties.FirstOrDefault(p => p.Name == name.Value) is { } property)
            {
                properties.Add(property);
            }
            else if (KernelBugProperties.All.All(p => p.Name != name.Value)) // those are always looked at
            {
                Report(name.Position, $"no property '{name.Value}'.{NearestName.Hint(name.Value, _library.Properties.Select(p => p.Name))} 'thpcheck list properties' names them");
            }
        }

        return properties;
    }

    private void CheckExpectations(List<Property> properties)
    {
        string[] known = [.. properties.Concat(KernelBugProperties.All).Select(p => p.Name), Expectation.Deadlock, Expectation.Livelock];
        foreach (var expectation in _variant.Expect)
        {
            if (!known.Contains(expectation.Name.Value))
            {
                var listed = _library.Properties.Any(p => p.Name == expectation.Name.Value);
                Report(expectation.Name.Position, listed
                    ? $"'{expectation.Name}' is expected but is not among the scenario's properties; add it there"
                    : $"no property '{expectation.Name}'.{NearestName.Hint(expectation.Name.Value, known)}");
            }
        }

        foreach (var outcomes in _variant.Outcomes)
        {
            if (properties.All(p => p.Name != outcomes.Property.Value || p.Form != PropertyForm.Outcomes))
            {
                Report(outcomes.Property.Position, $"'{outcomes.Property}' is not an outcomes property of this scenario");
            }
        }
    }

    private void RunSetUp(Stepper stepper, int thread, CallSpec spec, (CallSequence Sequence, IReadOnlyList<BoundCall> Calls) call, PathCatalog catalog)
    {
        BindCalls([spec], call.Calls, catalog, mayName: false);
        ThrowIfAny();
        var effects = At(spec.Position, () => Instance.RunAlone(stepper, thread, call.Sequence.RunAndRecord, SetUp));
        if (spec.Result is not { } name)
        {
            return;
        }

        var word = effects.Last(e => e.Kind == EffectKind.Oracle && e.Text == CallSequence.Returned).Value;
        if (typeof(ModelObject).IsAssignableFrom(Resolve(spec, catalog)!.Result))
        {
            if (stepper.State.Machine.Object((int)word) is not { } made)
            {
                Report(name.Position, $"'{name}' would be null: {spec.Path} returned no object");
                return;
            }

            made.Name = name.Value;
            _objects[name.Value] = made;
        }
        else
        {
            _numbers[name.Value] = word;
        }
    }

    private static (CallSequence Sequence, IReadOnlyList<BoundCall> Calls) Register(MachineBuilder builder, IReadOnlyList<CallSpec> specs)
    {
        var calls = specs.Select(s => builder.Register(new BoundCall(), s.ToString())).ToArray();
        return (builder.Register(new CallSequence(calls), "calls"), calls);
    }

    private void BindCalls(IReadOnlyList<CallSpec> specs, IReadOnlyList<BoundCall> calls, PathCatalog catalog, bool mayName)
    {
        var named = new Dictionary<string, (int Index, Type Type)>(StringComparer.Ordinal);
        for (var i = 0; i < specs.Count; i++)
        {
            if (Resolve(specs[i], catalog) is not { } path)
            {
                continue;
            }

            var result = -1;
            if (specs[i].Result is { } name)
            {
                if (path.Result is not { } type || !(typeof(ModelObject).IsAssignableFrom(type) || type == typeof(int) || type == typeof(bool)))
                {
                    Report(name.Position, $"{path.File}.{path.Name} returns nothing that a name can stand for");
                    continue;
                }

                result = mayName ? named.Count : -1;
                if (result >= Results.Most)
                {
                    Report(name.Position, $"a thread can name {Results.Most} results");
                    continue;
                }

                named[name.Value] = (result, type);
            }

            if (ArgumentBinder.Bind(specs[i], path, named, _objects, _numbers, Report) is { } bound)
            {
                calls[i].Bind(bound, specs[i].Result is null ? -1 : Math.Max(result, 0));
            }
        }
    }

    private PathEntry? Resolve(CallSpec spec, PathCatalog catalog)
    {
        var (file, name) = (spec.Path.Qualifier?.Value, spec.Path.Name.Value);
        var paths = catalog.Find(file, name);
        var fitting = paths.Where(p => p.Method.GetParameters().Length == spec.Arguments.Count && ArgumentBinder.MayBind(p)).ToArray();
        if (fitting.Length == 1)
        {
            return fitting[0];
        }

        var hint = NearestName.Hint(name, catalog.Paths.Select(p => p.Name).Distinct());
        Report(spec.Path.Position, paths.Count == 0 ? $"no path '{spec.Path}'.{hint} 'thpcheck list paths' names them"
            : fitting.Length > 1 ? $"'{spec.Path}' is in several files: {string.Join(", ", fitting.Select(p => p.Signature))}; write file.path"
            : $"'{spec.Path}' is given {spec.Arguments.Count} arguments; it is {paths[0].Signature}");
        return null;
    }

    // A frame that cannot be kept is refused before anything runs.
    private void CheckFrames(Kernel kernel)
    {
        foreach (var file in kernel.Files)
        {
            for (var type = file.GetType(); type != typeof(KernelFile) && type is not null; type = type.BaseType)
            {
                foreach (var stateMachine in FrameType.StateMachinesIn(type))
                {
                    CheckFrame(stateMachine);
                }
            }
        }
    }

    private void CheckFrame(Type stateMachine)
    {
        try
        {
            FrameType.Of(stateMachine);
        }
        catch (ModelFaultException e) when (stateMachine.Assembly != typeof(Kernel).Assembly && SourceLines.Of(stateMachine) is { } line)
        {
            var place = $"{line}: ";
            _diagnostics.Add(new(line.File, line.Line, 1, $"error: {(e.Message.StartsWith(place, StringComparison.Ordinal) ? e.Message[place.Length..] : e.Message)}"));
            throw new BindingException();
        }
        catch (ModelFaultException e)
        {
            Report(_file.Position, e.Message);
            throw new BindingException();
        }
    }

    private void CheckInitialState(List<Property> properties, Stepper stepper)
    {
        var view = new StateView(stepper.State);
        foreach (var property in properties.Where(p => p.Form is PropertyForm.Always || (p.Form == PropertyForm.AlwaysOutside && !view.In(p.At!))))
        {
            if (property.Check(view) is { } sentence)
            {
                Report(
                    _file.Properties.First(p => p.Value == property.Name).Position,
                    $"the initial state breaks '{property.Name}': {sentence}; mend the set-up, or the property does not belong here");
            }
        }
    }

    private T At<T>(SourcePosition position, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (ModelFaultException e)
        {
            _diagnostics.Add(new(_file.Path, position.Line, position.Column, e.Message) { Bug = e.Bug });
            throw new BindingException();
        }
    }

    private static ThreadKind KindOf(ThreadSpec thread) => thread.Kind switch
    {
        Format.ThreadKind.Optional => ThreadKind.Optional,
        Format.ThreadKind.Environment => ThreadKind.Environment,
        _ => ThreadKind.Task,
    };

    private void Report(SourcePosition position, string message) => _diagnostics.Add(new(_file.Path, position.Line, position.Column, message));

    private void ThrowIfAny()
    {
        if (_diagnostics.Count > 0)
        {
            throw new BindingException();
        }
    }

    // Ends a binding whose diagnostics have been collected.
    private sealed class BindingException : Exception;
}
