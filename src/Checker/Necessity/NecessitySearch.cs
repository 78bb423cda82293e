using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Necessity;

/// <summary>
/// Explores scenarios again without one place at a time: mutation analysis [DeMillo, Lipton, Sayward 1978] with the checker in the
/// place of the tests. What then fails that did not is what the place is for.
/// </summary>
/// <remarks>
/// A place is tried in the scenarios in which it runs, the smallest first, until one needs it. Each variant must have been explored
/// to the end as it is: only then it is known what does not fail with the place.
/// </remarks>
internal sealed class NecessitySearch
{
    private const int TimesAsMany = 20;        // states of a variant without one of its places, unless the user says otherwise
    private const long AlwaysEnough = 200_000; // but never fewer

    private readonly Budget _budget;
    private readonly long? _states;
    private readonly CancellationToken _stop;

    /// <param name="budget">What a search may use; its workers are how many searches go beside one another.</param>
    /// <param name="states">The most states of a search without a place; in proportion to those with it unless given.</param>
    /// <param name="stop">Ends everything.</param>
    public NecessitySearch(Budget budget, long? states, CancellationToken stop)
    {
        _budget = budget with { Workers = 1 };
        Workers = budget.Workers;
        _states = states;
        _stop = stop;
    }

    private int Workers { get; }

    /// <summary>Explores a variant as it is and lists its places.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public AskedVariant Ask(BoundVariant bound)
    {
        var result = Judge.Run(bound.Instance, _budget, stop: _stop);
        return new(bound, result, SiteFinder.In(bound));
    }

    /// <summary>Answers for every place, in the order of the places.</summary>
    /// <param name="variants">The variants, each explored to the end as it is.</param>
    /// <param name="wanted">Which places.</param>
    /// <param name="done">Called with how many are answered, and of how many.</param>
    public IReadOnlyList<SiteAnswer> Answer(IReadOnlyList<AskedVariant> variants, Func<KernelSite, bool> wanted, Action<int, int>? done = null)
    {
        var bySize = variants.OrderBy(v => v.Result.States).ToArray();
        var sites = bySize.SelectMany(v => v.Sites.Where(wanted).Select(s => (Site: s, Variant: v)))
            .GroupBy(s => (s.Site.Kind, s.Site.Function, s.Site.Line, s.Site.Id))
            .Select(g => (g.First().Site, Variants: g.Select(s => s.Variant).ToArray()))
            .OrderBy(s => s.Site.Line?.File, StringComparer.Ordinal).ThenBy(s => s.Site.Line?.Line)
            .ToArray();
        var answers = new SiteAnswer[sites.Length];
        var count = 0;
        Parallel.For(0, sites.Length, new ParallelOptions { MaxDegreeOfParallelism = Workers }, i =>
        {
            answers[i] = Answer(sites[i].Site, sites[i].Variants);
            done?.Invoke(Interlocked.Increment(ref count), sites.Length);
        });
        return answers;
    }

    /// <summary>A variant without one of its places.</summary>
    public static BoundVariant Without(BoundVariant original, KernelSite site)
    {
        var (bound, diagnostics) = site.Mutation is { } mutation
            ? ScenarioBinder.Bind(original.Scenario, original.Variant, mutation, original.Library)
            : ScenarioBinder.Bind(original.Scenario, original.Variant with { Toggles = [.. original.Variant.Toggles, Off(original.Variant, site.What)] }, library: original.Library);
        return bound ?? throw new ModelFaultException(diagnostics[0].Message);
    }

    private static Setting Off(VariantSpec variant, string check) =>
        new(new Located<string>(check, variant.Position), new Located<SettingValue>(new SettingValue.Boolean(false), variant.Position));

    private SiteAnswer Answer(KernelSite site, AskedVariant[] variants)
    {
        if (site.Kind == SiteKind.Barrier || site.NotTried is not null)
        {
            return new(site, site.Kind == SiteKind.Barrier ? SiteNeed.WeakerMemory : SiteNeed.NotTried, variants.Length, site.NotTried, null);
        }

        string? open = null;
        foreach (var variant in variants)
        {
            if (_stop.IsCancellationRequested)
            {
                open ??= "interrupted";
                break;
            }

            if (Try(variant, site, ref open) is { } failing)
            {
                return new(site, SiteNeed.Needed, variants.Length, null, failing);
            }
        }

        return new(site, open is null ? SiteNeed.NotNeeded : SiteNeed.NotDecided, variants.Length, open, null);
    }

    // Null where nothing more fails; then, where not everything was explored, with the reason.
    private FailsWithout? Try(AskedVariant variant, KernelSite site, ref string? open)
    {
        // A check is not the variant's own where the place is one of another kernel's.
        var own = variant.Sites.First(s => s.Id == site.Id && s.Function == site.Function && s.Kind == site.Kind);
        try
        {
            var bound = Without(variant.Bound, own);
            var states = Math.Min(_budget.States, _states ?? Math.Max(AlwaysEnough, variant.Result.States * TimesAsMany));
            var result = Judge.Run(bound.Instance, _budget with { States = states }, stop: _stop);
            var before = Failing(variant.Bound, variant.Result).Select(f => f.Name).ToHashSet();
            var failing = Failing(bound, result).Where(f => !before.Contains(f.Name) && f.Way is not null).ToArray();
            if (failing.Length > 0)
            {
                return new(variant.Bound, bound, [.. failing.Select(f => f.Name)], failing.MinBy(f => (f.Way!.Switches, f.Way.Steps))!);
            }

            if (own.Mutation is not null && !bound.Instance.Machine.IsMutated)
            {
                open ??= "no thread came to the place again";
            }

            open ??= result.Fault is { } fault ? $"the model is at fault: {fault.Message}" : result.Incomplete;
        }
        catch (ModelFaultException e)
        {
            open ??= $"the model is at fault: {e.Message}";
        }
        catch (OutOfMemoryException)
        {
            open ??= "memory ran out";
        }

        return null;
    }

    private static IEnumerable<Failure> Failing(BoundVariant bound, InstanceResult result) =>
        new VariantReport(bound.Scenario, bound.Variant, new CheckedVariant(bound, result)).Failures
            .Where(f => f.Name != Failure.ModelFault && f.Property is null or { Class: PropertyClass.Safety, Form: not PropertyForm.Sometimes });
}
