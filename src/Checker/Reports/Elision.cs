using System.Text.RegularExpressions;
using ThpCheck.Checker.Replay;

namespace ThpCheck.Checker.Reports;

/// <summary>
/// Which steps of a trace its columns show. Of a long run of one thread only those stay that another thread can notice:
/// locks, atomics, lists, allocation and freeing, and plain accesses to a field that another thread of the trace accesses
/// too, one of them writing.
/// </summary>
internal static partial class Elision
{
    private const int LongRun = 12;
    private const int ShortGap = 2; // a gap of so few steps is shown: naming it takes as much room

    // What reads or writes plainly, or concerns the thread alone.
    private static readonly HashSet<string> Reads = ["load", "READ_ONCE", "smp_load_acquire", "atomic_read", "list_count", "test_bit", "rwsem_is_locked"];
    private static readonly HashSet<string> Writes = ["store", "WRITE_ONCE", "smp_store_release", "atomic_set"];
    private static readonly HashSet<string> Own = ["preempt_disable", "preempt_enable", "yield"];

    /// <summary>For each step whether it is shown.</summary>
    public static bool[] Shown(IReadOnlyList<TraceStep> steps)
    {
        var shown = new bool[steps.Count];
        var writers = ThreadsOf(steps.Where(s => !Reads.Contains(Code(s)) && !IsElement(s)));
        var users = ThreadsOf(steps);
        for (var first = 0; first < steps.Count;)
        {
            var end = first + 1;
            while (end < steps.Count && steps[end].Thread == steps[first].Thread)
            {
                end++;
            }

            for (var i = first; i < end; i++)
            {
                shown[i] = end - first <= LongRun || i == first || i == end - 1 || IsNoticed(steps[i], writers, users);
            }

            first = end;
        }

        FillShortGaps(shown);
        return shown;
    }

    private static bool IsNoticed(TraceStep step, Dictionary<string, HashSet<string>> writers, Dictionary<string, HashSet<string>> users)
    {
        var code = Code(step);
        return step.Notes.Count > 0 || step.Frees != 0
            || (Reads.Contains(code) || IsElement(step) ? HasOther(writers, step) : Writes.Contains(code) ? HasOther(users, step) : !Own.Contains(code));
    }

    private static bool HasOther(Dictionary<string, HashSet<string>> threads, TraceStep step) =>
        Fields(step).Any(f => threads.TryGetValue(f, out var names) && names.Any(n => n != step.Thread));

    private static Dictionary<string, HashSet<string>> ThreadsOf(IEnumerable<TraceStep> steps) =>
        steps.SelectMany(s => Fields(s).Select(f => (Field: f, s.Thread)))
            .GroupBy(a => a.Field)
            .ToDictionary(g => g.Key, g => g.Select(a => a.Thread).ToHashSet());

    private static void FillShortGaps(bool[] shown)
    {
        for (var first = 0; first < shown.Length; first++)
        {
            var end = first;
            while (end < shown.Length && !shown[end])
            {
                end++;
            }

            if (end - first is > 0 and <= ShortGap)
            {
                Array.Fill(shown, true, first, end - first);
            }

            first = end;
        }
    }

    // The kernel's name of the operation: what stands before its operands.
    private static string Code(TraceStep step) => step.Operation.Split('(')[0];

    // An element read out of a list: vma.anon_vma_chain[0].
    private static bool IsElement(TraceStep step) => step.Operation.EndsWith(']') && !step.Operation.Contains(' ', StringComparison.Ordinal);

    // The fields an operation names, without the generation of their object and their index.
    private static IEnumerable<string> Fields(TraceStep step) =>
        Field().Matches(step.Operation).Select(m => Marks().Replace(m.Value, "")).Distinct();

    [GeneratedRegex(@"[A-Za-z_][\w']*(\[\d+\])?(\.\w+(\[\d+\])?)+")]
    private static partial Regex Field();

    [GeneratedRegex(@"'|\[\d+\]$")]
    private static partial Regex Marks();
}
