using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// CVE-2020-29374: after fork, the child takes a handle on a shared page (vmsplice), unmaps the page, and reads through
/// the handle what the parent wrote since (do_wp_page, mm/memory.c up to 5.7; 09854ba94c6a counts references instead).
/// </summary>
/// <remarks>
/// Left out: swap (hides what the swap cache's own references do), the page lock and the page-table lock of either process
/// (hides nothing: the child takes neither of the parent's).
/// </remarks>
public sealed class LongHandleTests
{
    /// <remarks>
    /// The child's handle and unmap (2 steps) leave one mapping; the parent counts it and stores (2); the child drops the
    /// mapping's reference and reads (2). The child has to come before and after the parent: two switches.
    /// </remarks>
    [Fact]
    public void A_page_that_is_reused_by_its_mapcount_shows_the_secret_to_a_handle()
    {
        var result = Small.Judged(Handle(byReferences: false));

        Assert.Equal(VariantVerdict.Violated, result.Verdict);
        var leak = result["child-never-reads-the-secret"].Counterexample!;
        Assert.Equal(("child*2,parent*2,child*2", 2, 6), (leak.Schedule, leak.Switches, leak.Steps));
        Assert.Equal("the child read what the parent wrote after the fork", leak.Trace.Ending);
    }

    [Fact]
    public void A_page_that_is_reused_by_its_reference_count_does_not()
    {
        var result = Small.Judged(Handle(byReferences: true));

        Assert.Equal(VariantVerdict.Holds, result.Verdict);
        Assert.Equal(Verdict.Holds, result["page-is-reused"].Verdict);
        Assert.Equal(Verdict.Holds, result["page-is-copied"].Verdict);
    }

    internal static Instance Handle(bool byReferences) => Small.Instance(
        at => new Page(at),
        [new("parent", m => m.do_wp_page(byReferences)), new("child", m => m.vmsplice_and_read())],
        m => m.Promises);

    private sealed class Page(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _refcount = at.Cell(0, 3, 2, "refcount");
        private readonly Shared<int> _mapcount = at.Cell(0, 2, 2, "mapcount");
        private readonly Shared<int> _data = at.Cell(0, 1, 0, "data");
        private readonly Ghost<bool> _secretWritten = at.Ghost(false, "secret_written");
        private readonly Ghost<bool> _copied = at.Ghost(false, "copied");
        private readonly Ghost<bool> _leaked = at.Ghost(false, "leaked");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Always("child-never-reads-the-secret", view => view.Get(_leaked) ? "the child read what the parent wrote after the fork" : null),
            Property.Sometimes("page-is-reused", view => view.Get(_secretWritten)),
            Property.Sometimes("page-is-copied", view => view.Get(_copied)),
        ];

        public async KernelTask do_wp_page(bool byReferences)
        {
            if (await atomic_read(byReferences ? _refcount : _mapcount) != 1)
            {
                Ghost(_copied, true); // the secret goes to the copy
                return;
            }

            await store(_data, 1);
            Ghost(_secretWritten, true);
        }

        public async KernelTask vmsplice_and_read()
        {
            await atomic_inc(_refcount); // get_user_pages
            await atomic_dec(_mapcount); // munmap
            await atomic_dec(_refcount);
            Ghost(_leaked, await load(_data) == 1);
            await atomic_dec(_refcount); // the pipe is closed
        }
    }
}
