using ThpCheck.Model.Stepping;

namespace ThpCheck.Specs.Properties;

/// <summary>When a property is looked at.</summary>
public enum PropertyForm
{
    /// <summary>In every state.</summary>
    Always,

    /// <summary>At every step that causes a named event: an oracle, or the end of a path.</summary>
    AlwaysAt,

    /// <summary>In every state in which no thread is inside a named region.</summary>
    AlwaysOutside,

    /// <summary>It must be reached somewhere; where it never is, what passed beside it may be vacuous.</summary>
    Sometimes,

    /// <summary>In every End state, after tear-down.</summary>
    Finally,

    /// <summary>The set of values over all End states, which the variant pins.</summary>
    Outcomes,

    /// <summary>A fault that the model detects by itself.</summary>
    KernelBug,
}

/// <summary>What breaking a property means.</summary>
public enum PropertyClass
{
    /// <summary>The kernel is wrong: the variant is violated.</summary>
    Safety,

    /// <summary>Untidy, and allowed.</summary>
    Hygiene,

    /// <summary>Counted, such as copies made.</summary>
    Fact,
}

/// <summary>
/// A promise about the model: a query for its own counterexamples. None means it holds; each is the sentence that the
/// report prints.
/// </summary>
/// <remarks>Its check reads cells and contexts, never another thread's locals, and runs in every state: it allocates only when it fails.</remarks>
public sealed record Property
{
    private Property(string name, PropertyForm form, string? at, Func<StateView, string?> check)
    {
        Name = name;
        Form = form;
        At = at;
        Check = check;
    }

    /// <summary>The promise as a short phrase, such as <c>walker-holds-anon-vma</c>.</summary>
    public string Name { get; }

    /// <summary>When it is looked at.</summary>
    public PropertyForm Form { get; }

    /// <summary>What breaking it means.</summary>
    public PropertyClass Class { get; init; } = PropertyClass.Safety;

    /// <summary>The event, the region, or null.</summary>
    public string? At { get; }

    /// <summary>Null, or the sentence that says which objects break it and how; for <see cref="PropertyForm.Sometimes"/> the one that says it was reached.</summary>
    public Func<StateView, string?> Check { get; private init; }

    /// <summary>For <see cref="PropertyForm.Outcomes"/>: the values of an End state.</summary>
    public Func<StateView, IReadOnlyList<long>>? Outcome { get; private init; }

    /// <summary>For <see cref="PropertyForm.KernelBug"/>: which.</summary>
    public KernelBug Bug { get; private init; }

    /// <summary>What it promises and what breaking it means, in a sentence or two.</summary>
    public string Promise { get; init; } = "";

    /// <summary>A promise about every state.</summary>
    public static Property Always(string name, Func<StateView, string?> check) => new(name, PropertyForm.Always, null, check);

    /// <summary>A promise about every step that causes an event; <see cref="StateView.Argument"/> is what the event is about.</summary>
    public static Property AlwaysAt(string name, string @event, Func<StateView, string?> check) => new(name, PropertyForm.AlwaysAt, @event, check);

    /// <summary>A promise about every state in which no thread is inside a region.</summary>
    public static Property AlwaysOutside(string name, string region, Func<StateView, string?> check) => new(name, PropertyForm.AlwaysOutside, region, check);

    /// <summary>Something that must be reached.</summary>
    public static Property Sometimes(string name, Func<StateView, bool> reached) =>
        new(name, PropertyForm.Sometimes, null, view => reached(view) ? $"{name}: reached" : null);

    /// <summary>A promise about every End state.</summary>
    public static Property Finally(string name, Func<StateView, string?> check) => new(name, PropertyForm.Finally, null, check);

    /// <summary>The values of End states.</summary>
    public static Property Outcomes(string name, Func<StateView, IReadOnlyList<long>> outcome) =>
        new(name, PropertyForm.Outcomes, null, static _ => null) { Outcome = outcome };

    /// <summary>The same, written by a user: it has to come to an end, and what it throws is said to be its own.</summary>
    internal Property Guarded() => this with
    {
        Check = view => Guard(() => Check(view)),
        Outcome = Outcome is { } outcome ? view => Guard(() => outcome(view)) : null,
    };

    private T Guard<T>(Func<T> check)
    {
        try
        {
            return Countdown.Watched(() => $"the property {Name}", check);
        }
        catch (Exception e) when (e is not (ModelFaultException or OutOfMemoryException))
        {
            throw new ModelFaultException($"the property {Name} threw {e.GetType().Name}: {e.Message}");
        }
    }

    internal static Property Of(KernelBug bug, string name, string promise) =>
        new(name, PropertyForm.KernelBug, null, static _ => null) { Bug = bug, Promise = promise };
}
