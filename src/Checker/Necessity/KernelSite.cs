using System.Globalization;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Necessity;

/// <summary>What a place in the kernel's code is, as far as it is asked why it is there.</summary>
internal enum SiteKind
{
    /// <summary>A lock that is waited for.</summary>
    Lock,

    /// <summary>A lock that is tried. Taken away, it always succeeds.</summary>
    Trylock,

    /// <summary>An RCU, preempt-off or irq-off section.</summary>
    Section,

    /// <summary>A flush of TLB entries.</summary>
    Flush,

    /// <summary>A wait: for a grace period, for other CPUs' interrupts, or for a value. Taken away, it is over at once.</summary>
    Wait,

    /// <summary>A reference that is taken. Taken away, the thread's own release of it does nothing.</summary>
    Reference,

    /// <summary>An effect that is put off to after a grace period. Otherwise it happens at once.</summary>
    Deferral,

    /// <summary>A look at something that was looked at before, by its name in the path.</summary>
    Recheck,

    /// <summary>A step that returns nothing and comes before the thread's next. Otherwise it comes after that.</summary>
    Order,

    /// <summary>A memory barrier, which sequential consistency does without.</summary>
    Barrier,
}

/// <summary>A place in the kernel's code that is there for a reason.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Function">The kernel function, after its file: <c>rmap.folio_lock_anon_vma_read</c>.</param>
/// <param name="Line">The line of the path that stands for the function, or null without symbols.</param>
/// <param name="What">What is done there, such as <c>down_read_trylock(anon_vma0.rwsem)</c>; for a check, its name.</param>
internal sealed record KernelSite(SiteKind Kind, string Function, SourceLine? Line, string What)
{
    /// <summary>How to do without it on the machine; null for a check, which is a toggle, and for what cannot be tried.</summary>
    public Mutation? Mutation { get; init; }

    /// <summary>Why it cannot be tried, in part of a sentence; or null.</summary>
    public string? NotTried { get; init; }

    /// <summary>The function's own name.</summary>
    public string ShortFunction => Function[(Function.LastIndexOf('.') + 1)..];

    /// <summary>The line as <c>rmap.cs:382</c>.</summary>
    public string Place => Line is { } line ? $"{Path.GetFileName(line.File)}:{line.Line.ToString(CultureInfo.InvariantCulture)}" : "";

    /// <summary>What the command line calls it: the name of a check, otherwise function, line and operation.</summary>
    public string Id => Kind == SiteKind.Recheck && NotTried is null ? What
        : $"{ShortFunction}:{Line?.Line.ToString(CultureInfo.InvariantCulture) ?? "?"}:{What.Split('(')[0]}{(Kind == SiteKind.Order ? ":later" : "")}{(Number == 0 ? "" : $"#{Number + 1}")}";

    /// <summary>Tells those apart that are otherwise called alike: several in one line.</summary>
    public int Number { get; init; }

    /// <summary>What a trace without it is of, in words.</summary>
    public string Without => Kind switch
    {
        SiteKind.Recheck => $"without the check {What}",
        SiteKind.Order => $"with {What} after the thread's next step",
        SiteKind.Deferral => $"with the effect of {What} at once",
        _ => $"without {What}",
    };

    /// <summary>The kind as reports write it.</summary>
    public string KindWord => Kind switch
    {
        SiteKind.Recheck => "check",
        SiteKind.Order => "order",
        _ => Kind.ToString().ToLowerInvariant(),
    };
}
