using ThpCheck.Checker.Replay;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Necessity;

/// <summary>
/// Lists the places that are there for a reason in the paths that ran: what the automata of the scenario's threads have in their nodes,
/// and the checks that their paths came to.
/// </summary>
internal static class SiteFinder
{
    private static readonly string[] Barriers = [nameof(MemoryAccess.smp_mb), nameof(MemoryAccess.smp_rmb), nameof(MemoryAccess.smp_wmb)];

    // Counts that keep an object alive, as the kernel calls them; others count mappings, and pages.
    private static readonly string[] References = ["refcount", "mm_users", "mm_count", "users"];

    /// <summary>The places, in the order of their functions and lines.</summary>
    /// <param name="bound">A variant that was explored, all of it.</param>
    public static IReadOnlyList<KernelSite> In(BoundVariant bound)
    {
        var paths = new HashSet<Type>();
        return Numbered([.. Sites(bound.Instance.Machine, paths), .. Checks(bound.Kernel), .. UnnamedRechecks.In(bound), .. BarriersIn(paths)]);
    }

    /// <summary>The places that are operations of a machine that was explored.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="paths">Takes the paths that ran, by their state machines.</param>
    public static IReadOnlyList<KernelSite> Sites(Machine machine, ISet<Type> paths)
    {
        var found = new Dictionary<(Site Site, SiteKind Kind), Found>();
        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            if (machine.ThreadKind(thread) != ThreadKind.Environment)
            {
                AddOf(machine, machine.Automaton(thread), found, paths);
            }
        }

        return [.. found.Select(f => new KernelSite(f.Key.Kind, SourceLines.NameOf(f.Key.Site.StateMachine), SourceLines.OfAwait(f.Key.Site.StateMachine, f.Key.Site.Await), f.Value.What)
        {
            Mutation = new Mutation(f.Key.Site, KindOf(f.Key.Kind)),
            NotTried = f.Value.IsObserved ? "properties are told of it as it happens" : null,
        })];
    }

    private static void AddOf(Machine machine, ThreadAutomaton automaton, Dictionary<(Site, SiteKind), Found> found, ISet<Type> paths)
    {
        for (var node = 0; node < automaton.NodeCount; node++)
        {
            var (operation, frame) = (automaton[node].Operation, automaton.Details(node).Frame);
            for (var at = frame; at != 0; at = machine.Frames.Parent(at))
            {
                if (machine.Frames.Type(at).IsShown)
                {
                    paths.Add(machine.Frames.Type(at).StateMachine);
                }
            }

            foreach (var kind in KindsOf(machine, operation))
            {
                if (Site.Of(machine.Frames, frame, operation.Code) is { } site)
                {
                    if (!found.TryGetValue((site, kind), out var what))
                    {
                        found.Add((site, kind), what = new Found());
                    }

                    what.Texts.Add(OperationText.Of(machine, operation with { Code = site.Code }).Replace(" begins", "", StringComparison.Ordinal));
                }
            }
        }

        for (var i = 0; i < automaton.TransitionCount; i++)
        {
            var node = automaton.OriginOf(i).Node;
            if (automaton.TransitionAt(i).Effects.Any(e => e.Kind is EffectKind.GhostSet or EffectKind.GhostAdd or EffectKind.Oracle)
                && Site.Of(machine.Frames, automaton.Details(node).Frame, automaton[node].Operation.Code) is { } site && found.TryGetValue((site, SiteKind.Order), out var what))
            {
                what.IsObserved = true;
            }
        }
    }

    private static IEnumerable<SiteKind> KindsOf(Machine machine, Operation operation)
    {
        switch (operation.Code)
        {
            case OperationCode.spin_lock or OperationCode.bit_spin_lock or OperationCode.down_read or OperationCode.down_write or OperationCode.folio_lock:
                yield return SiteKind.Lock;
                break;
            case OperationCode.spin_trylock or OperationCode.bit_spin_trylock or OperationCode.down_read_trylock or OperationCode.down_write_trylock or OperationCode.folio_trylock:
                yield return SiteKind.Trylock;
                break;
            case OperationCode.rcu_read_lock or OperationCode.preempt_disable or OperationCode.local_irq_disable:
                yield return SiteKind.Section;
                break;
            case OperationCode.flush_tlb_pages or OperationCode.flush_tlb_all:
                yield return SiteKind.Flush;
                yield return SiteKind.Order;
                break;
            case OperationCode.snapshot_begin or OperationCode.Until:
                yield return SiteKind.Wait;
                break;
            case OperationCode.call_rcu:
                yield return SiteKind.Deferral;
                break;
            case OperationCode.atomic_inc_not_zero when IsReference(machine, operation):
                yield return SiteKind.Reference;
                break;
            case OperationCode.atomic_inc or OperationCode.atomic_add:
                if (operation.A >= 0 && IsReference(machine, operation))
                {
                    yield return SiteKind.Reference;
                }

                yield return SiteKind.Order;
                break;
            case OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set or OperationCode.atomic_dec
                or OperationCode.set_bit or OperationCode.clear_bit:
                yield return SiteKind.Order;
                break;
            default:
                break;
        }
    }

    private static MutationKind KindOf(SiteKind kind) => kind switch
    {
        SiteKind.Order => MutationKind.Delayed,
        SiteKind.Deferral => MutationKind.AtOnce,
        _ => MutationKind.TakenAway,
    };

    private static bool IsReference(Machine machine, in Operation operation)
    {
        var name = machine.Cells[operation.Cell - 1].Name;
        return References.Any(r => name.EndsWith(r, StringComparison.Ordinal));
    }

    private static IEnumerable<KernelSite> Checks(Kernel kernel) => kernel.Met
        .Where(c => kernel.Toggle(c.Key))
        .Select(c => new KernelSite(SiteKind.Recheck, SourceLines.NameOf(c.Value), SourceLines.OfText(c.Value, c.Key), c.Key));

    private static IEnumerable<KernelSite> BarriersIn(IEnumerable<Type> paths) => paths
        .SelectMany(path => SourceLines.CallsIn(path, typeof(MemoryAccess), Barriers)
            .Select(call => new KernelSite(SiteKind.Barrier, SourceLines.NameOf(path), call.Line, $"{call.Called}()")));

    private static KernelSite[] Numbered(IEnumerable<KernelSite> sites) =>
    [
        .. sites
            .OrderBy(s => s.Line?.File, StringComparer.Ordinal).ThenBy(s => s.Line?.Line).ThenBy(s => s.Function, StringComparer.Ordinal)
            .ThenBy(s => s.Mutation?.Site.Await).ThenBy(s => s.Kind).ThenBy(s => s.What, StringComparer.Ordinal)
            .GroupBy(s => s.Id)
            .SelectMany(same => same.Select((s, i) => s with { Number = i })),
    ];

    private sealed class Found
    {
        public SortedSet<string> Texts { get; } = new(StringComparer.Ordinal);

        public bool IsObserved { get; set; }

        // One of those that are done there, as several objects may be meant.
        public string What => Texts.First();
    }
}
