using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Reports;

namespace ThpCheck.Checker.Tests.Reports;

public sealed class TraceColumnsTests
{
    private readonly List<TraceStep> _steps = [];

    [Fact]
    public void Calls_are_indented_and_named_where_they_begin()
    {
        Add("exit", "exit_mmap", "down_read(mm.mmap_lock)");
        Add("exit", "exit_mmap>unmap_vmas>zap_pte_range", "xchg(pt.pte[0], none)", "pfn 1 present");
        Add("exit", "exit_mmap>unmap_vmas", "load(vma.vm_end)", "1");
        Add("exit", "exit_mmap>unmap_vmas>zap_pte_range", "xchg(pt.pte[1], none)", "none");
        Add("exit", "exit_mmap", "up_read(mm.mmap_lock)");
        Add("kswapd", "shrink_list>folio_mapped", "atomic_read(folio._mapcount)", "0", isPreemption: true);
        Add("slab", "", "a slab page is given back", isEnvironment: true);
        Add("kswapd", "shrink_list", "READ_ONCE(anon_vma.root)", notes: "smp_mb()");

        Approved.Match(Columns(mark: "use after free"));
    }

    [Fact]
    public void A_long_run_keeps_what_others_can_notice()
    {
        Add("a", "f", "spin_lock(x.lock)");
        for (var i = 0; i < 6; i++)
        {
            Add("a", i < 3 ? "f>g" : "f>g>h", $"load(x.own{i})", "0");
        }

        Add("a", "f", "store(x.shared, 1)");
        Add("a", "f", "store(x.private, 1)");
        Add("a", "f", "load(x.read_by_both)", "1");
        Add("a", "f", "load(x.private)", "1");
        Add("a", "f", "atomic_inc(x.count)");
        Add("a", "f", "list_del(x.list, y)");
        Add("a", "f", "spin_unlock(x.lock)");
        Add("b", "g", "load(x.shared)", "1");
        Add("b", "g", "load(x.read_by_both)", "1");

        Approved.Match(Columns() + Columns(full: true));
    }

    [Fact]
    public void A_line_that_does_not_fit_is_broken_at_a_blank()
    {
        Add("a", "f", "xchg(page_table.pte[0], pfn 1 present write dirty young)", "pfn 1 present dirty young swap exclusive");
        Add("b", "g", "store(folio.mapping, anon_vma)", notes: "begins a walk of the reverse map");

        Approved.Match(Columns(mark: "walker-holds-anon-vma", width: 80));
    }

    [Fact]
    public void Threads_that_wait_are_shown_where_they_wait()
    {
        Add("a", "f", "spin_lock(x.A)");
        Add("b", "g", "spin_lock(x.B)", isPreemption: true);

        Approved.Match(Columns(waiting: [new("a", ["f", "f2"], "spin_lock(x.B)", ["x.A"], false), new("b", ["g"], "spin_lock(x.A)", ["x.B"], false)]));
    }

    private void Add(
        string thread, string calls, string operation, string value = "", bool isPreemption = false, bool isEnvironment = false, params string[] notes)
    {
        string[] stack = calls.Length == 0 ? [] : calls.Split('>');
        _steps.Add(new TraceStep(
            _steps.Count + 1, thread, stack.LastOrDefault(thread), stack, operation, value, isPreemption, isPreemption, isEnvironment, notes, 0));
    }

    private string Columns(string mark = "", int width = 120, bool full = false, IReadOnlyList<WaitingThread>? waiting = null)
    {
        using var writer = new StringWriter();
        var threads = _steps.Select(s => s.Thread).Distinct();
        var lanes = threads.Select((t, i) => new Lane(t, $"{t} (CPU {i})", _steps.First(s => s.Thread == t).Calls is [var entry, ..] ? $"{entry}(x)" : ""));
        TraceColumns.Write(new Paper(writer, width, colour: false), new TraceView(_steps, [.. lanes]) { Mark = mark, Full = full, Waiting = waiting ?? [] }, 2);
        Assert.DoesNotContain(writer.ToString().Split('\n'), l => l.Length > width || l.EndsWith(' '));
        return writer.ToString();
    }
}
