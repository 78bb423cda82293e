using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Exploration;

/// <summary>Where a property was found broken, or reached.</summary>
/// <param name="State">The state, or -1 when it is a step that breaks it.</param>
/// <param name="Edge">The step, or -1.</param>
internal readonly record struct Finding(int State, long Edge);

/// <summary>
/// Looks at the properties as states and steps are found, and remembers where each was broken or reached. Every place is
/// kept, not the first only: the cheapest interleaving need not lead to the first one found.
/// </summary>
internal sealed class PropertyMonitor
{
    private readonly PropertyMonitor? _whole;
    private readonly Property[] _properties;
    private readonly List<Finding>[] _findings;
    private readonly SortedSet<IReadOnlyList<long>>?[] _outcomes;
    private bool _hasNews; // since it was absorbed
    private readonly bool[] _seen; // for AlwaysAt: whether the event occurred
    private readonly int[] _always;
    private readonly int[] _finally;
    private readonly Dictionary<string, int[]> _atEvent;
    private readonly int[] _bugProperty = new int[Enum.GetValues<KernelBug>().Length];

    /// <summary>A monitor of these properties.</summary>
    /// <param name="properties">The properties.</param>
    /// <param name="whole">For a worker's own monitor, the one that absorbs it; or null.</param>
    public PropertyMonitor(IReadOnlyList<Property> properties, PropertyMonitor? whole = null)
    {
        _whole = whole;
        _properties = [.. properties];
        _findings = [.. properties.Select(_ => new List<Finding>())];
        _outcomes = [.. properties.Select(p => p.Form == PropertyForm.Outcomes ? new SortedSet<IReadOnlyList<long>>(ByValue.Instance) : null)];
        _seen = new bool[_properties.Length];
        _always = Indices(PropertyForm.Always, PropertyForm.AlwaysOutside, PropertyForm.Sometimes);
        _finally = Indices(PropertyForm.Finally, PropertyForm.Outcomes);
        _atEvent = Indices(PropertyForm.AlwaysAt).GroupBy(i => _properties[i].At!).ToDictionary(g => g.Key, g => g.ToArray());
        foreach (var i in Indices(PropertyForm.KernelBug))
        {
            _bugProperty[(int)_properties[i].Bug] = i;
        }
    }

    public IReadOnlyList<Property> Properties => _properties;

    /// <summary>Whether any property is looked at in every state.</summary>
    public bool WatchesStates => _always.Length > 0;

    /// <summary>Whether any property is looked at when a step causes an event.</summary>
    public bool WatchesSteps => _atEvent.Count > 0;

    public bool WatchesEnds => _finally.Length > 0;

    /// <summary>Whether a safety property was broken.</summary>
    public bool AnyViolation { get; private set; }

    public IReadOnlyList<Finding> Findings(int property) => _findings[property];

    public IReadOnlyCollection<IReadOnlyList<long>> OutcomesOf(int property) => _outcomes[property] ?? [];

    /// <summary>Whether the event of an <c>always at</c> property occurred.</summary>
    public bool Occurred(int property) => _seen[property];

    /// <summary>All properties that are looked at in states, as bits for <see cref="OnState"/>.</summary>
    public const ulong Everything = ulong.MaxValue;

    // Who reads when a property is looked at because of an event; never touched, as that is no matter of the state before.
    private const ulong AtEvents = 1UL << 63;

    /// <summary>Looks at a state that was just found.</summary>
    /// <param name="view">The state.</param>
    /// <param name="state">Its number.</param>
    /// <param name="touched">
    /// The properties that have read something in which the state differs from the one it was reached from, as bits in their
    /// order. As long as none was found broken, or reached, the others say here what they said there.
    /// </param>
    public void OnState(StateView view, int state, ulong touched)
    {
        for (var k = 0; k < _always.Length; k++)
        {
            var i = _always[k];
            var property = _properties[i];
            var isNew = _findings[i].Count == 0 && _whole?._findings[i].Count is null or 0;
            var bit = 1UL << (k & 63);
            if (isNew && (touched & bit) == 0)
            {
                continue;
            }

            if (view.Log is { } log)
            {
                log.Reader = bit;
            }

            if (property.Form == PropertyForm.Sometimes)
            {
                if (isNew && property.Check(view) is not null)
                {
                    _findings[i].Add(new(state, -1));
                    _hasNews = true;
                }
            }
            else if ((property.Form == PropertyForm.Always || !view.In(property.At!)) && property.Check(view) is not null)
            {
                Add(i, new(state, -1));
            }
        }
    }

    /// <summary>Whether a property looks at a step with these effects.</summary>
    public bool Watches(IReadOnlyList<Effect> effects) =>
        effects.Any(e => e.Kind is EffectKind.Oracle or EffectKind.Return && _atEvent.ContainsKey(EventName(e)));

    /// <summary>Looks at a step that caused events.</summary>
    public void OnStep(StateView view, int thread, IReadOnlyList<Effect> effects, long edge)
    {
        if (_atEvent.Count == 0)
        {
            return;
        }

        if (view.Log is { } log)
        {
            log.Reader = AtEvents;
        }

        foreach (var effect in effects)
        {
            var name = effect.Kind is EffectKind.Oracle or EffectKind.Return ? EventName(effect) : null;
            if (name is null || !_atEvent.TryGetValue(name, out var properties))
            {
                continue;
            }

            foreach (var i in properties)
            {
                _hasNews |= !_seen[i];
                _seen[i] = true;
                view.Thread = thread;
                view.Argument = effect.Kind == EffectKind.Oracle ? view.Machine.Object((int)effect.Value) : null;
                if (_properties[i].Check(view) is not null)
                {
                    Add(i, new(-1, edge));
                }
            }
        }

        (view.Thread, view.Argument) = (-1, null); // the view is used for states next, which no event is about
    }

    /// <summary>A step is a kernel bug, or would be one.</summary>
    public void OnBug(KernelBug bug, long edge) => Add(_bugProperty[(int)bug], new(-1, edge));

    /// <summary>Looks at an End state, after tear-down.</summary>
    public void OnEnd(StateView view, int state)
    {
        if (view.Log is { } log)
        {
            log.Reader = 0; // End states are all looked at
        }

        foreach (var i in _finally)
        {
            if (_properties[i].Outcome is { } outcome)
            {
                _hasNews |= _outcomes[i]!.Add(outcome(view));
            }
            else if (_properties[i].Check(view) is not null)
            {
                Add(i, new(state, -1));
            }
        }
    }

    /// <summary>Takes over what a worker's monitor has found since the last time. Called in the order of the states they looked at.</summary>
    public void Absorb(PropertyMonitor worker)
    {
        if (!worker._hasNews)
        {
            return;
        }

        for (var i = 0; i < _properties.Length; i++)
        {
            var isEnough = _properties[i].Form == PropertyForm.Sometimes; // the first place where it was reached
            _findings[i].AddRange(isEnough ? worker._findings[i].Take(1 - _findings[i].Count) : worker._findings[i]);
            worker._findings[i].Clear();
            _outcomes[i]?.UnionWith(worker._outcomes[i]!);
            _seen[i] |= worker._seen[i];
        }

        AnyViolation |= worker.AnyViolation;
        worker._hasNews = false;
    }

    /// <summary>Takes over what was found about a property before, from a checkpoint.</summary>
    public void Restore(int property, IEnumerable<Finding> findings, IEnumerable<IReadOnlyList<long>> outcomes, bool occurred)
    {
        _findings[property].AddRange(findings);
        _outcomes[property]?.UnionWith(outcomes);
        _seen[property] = occurred;
        AnyViolation |= _findings[property].Count > 0 && _properties[property] is { Form: not PropertyForm.Sometimes, Class: PropertyClass.Safety };
    }

    /// <summary>The event a property names: an oracle's own name, or a path's followed by "/end".</summary>
    public static string EventName(in Effect effect) => effect.Kind == EffectKind.Oracle
        ? effect.Text
        : effect.Text.Split(" = ")[0].Split('.')[^1] + "/end";

    private void Add(int property, Finding finding)
    {
        _findings[property].Add(finding);
        _hasNews = true;
        AnyViolation |= _properties[property].Class == PropertyClass.Safety;
    }

    private int[] Indices(params PropertyForm[] forms) => [.. Enumerable.Range(0, _properties.Length).Where(i => forms.Contains(_properties[i].Form))];

    /// <summary>Tuples in the order of their first difference.</summary>
    private sealed class ByValue : IComparer<IReadOnlyList<long>>
    {
        public static readonly ByValue Instance = new();

        public int Compare(IReadOnlyList<long>? x, IReadOnlyList<long>? y)
        {
            for (var i = 0; i < Math.Min(x!.Count, y!.Count); i++)
            {
                if (x[i] != y[i])
                {
                    return x[i].CompareTo(y[i]);
                }
            }

            return x.Count.CompareTo(y!.Count);
        }
    }
}
