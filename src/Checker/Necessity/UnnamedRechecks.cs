using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Necessity;

/// <summary>
/// Finds second looks that have no name: a call of a function reads a cell that it has read at an earlier await, and goes on in another way for
/// another value. Control flow cannot be taken away, so these are not tried.
/// </summary>
internal static class UnnamedRechecks
{
    private const string NoName = "it has no name in the path; write Checks(\"...\") && before it";

    /// <summary>The second looks in the paths that ran, each once.</summary>
    public static IEnumerable<KernelSite> In(BoundVariant bound)
    {
        var machine = bound.Instance.Machine;
        var named = bound.Kernel.Met.Select(c => (c.Value, SourceLines.OfText(c.Value, c.Key))).ToHashSet();
        var found = new SortedDictionary<(string Path, int Await), (Type Path, string What)>();
        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            if (machine.ThreadKind(thread) != ThreadKind.Environment)
            {
                AddOf(machine, machine.Automaton(thread), found);
            }
        }

        return found
            .Select(f => (f.Value.Path, f.Value.What, Line: SourceLines.OfAwait(f.Value.Path, f.Key.Await)))
            .Where(f => !named.Contains((f.Path, f.Line)))
            .Select(f => new KernelSite(SiteKind.Recheck, SourceLines.NameOf(f.Path), f.Line, f.What) { NotTried = NoName });
    }

    private static void AddOf(Machine machine, ThreadAutomaton automaton, SortedDictionary<(string, int), (Type, string)> found)
    {
        // For each call of a function and each cell the awaits that read it: which call it is, the frames below it tell.
        var reads = new Dictionary<(Type Path, int Below, int Cell, long Bit), SortedSet<int>>();
        var deciding = new List<((Type Path, int Below, int Cell, long Bit) Key, int Await, Operation Operation)>();
        var branches = Branches(automaton);
        for (var node = 0; node < automaton.NodeCount; node++)
        {
            var operation = automaton[node].Operation;
            if (!IsRead(operation.Code) || Site.FrameOf(machine.Frames, automaton.Details(node).Frame) is not (var frame and not 0))
            {
                continue;
            }

            var type = machine.Frames.Type(frame);
            var key = (type.StateMachine, machine.Frames.Parent(frame), operation.Cell, operation.Code == OperationCode.test_bit ? operation.A : 0);
            var at = type.AwaitOf(machine.Frames.Words(frame));
            if (!reads.TryGetValue(key, out var awaits))
            {
                reads.Add(key, awaits = []);
            }

            awaits.Add(at);
            if (branches.Contains(node))
            {
                deciding.Add((key, at, operation));
            }
        }

        foreach (var (key, at, operation) in deciding.Where(d => d.Await > reads[d.Key].Min))
        {
            found.TryAdd((key.Path.FullName!, at), (key.Path, OperationText.Of(machine, operation)));
        }

        HashSet<int> Branches(ThreadAutomaton of)
        {
            var next = new Dictionary<int, (Type?, int)>();
            var branching = new HashSet<int>();
            for (var i = 0; i < of.TransitionCount; i++)
            {
                var frame = of.Details(of.TransitionAt(i).Next).Frame;
                var goes = frame == 0 ? (null, 0) : (machine.Frames.Type(frame).StateMachine, machine.Frames.Type(frame).AwaitOf(machine.Frames.Words(frame)));
                if (!next.TryAdd(of.OriginOf(i).Node, goes) && next[of.OriginOf(i).Node] != goes)
                {
                    branching.Add(of.OriginOf(i).Node);
                }
            }

            return branching;
        }
    }

    private static bool IsRead(OperationCode code) => code is OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read
        or OperationCode.test_bit or OperationCode.list_count;
}
