using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The failing schedules of migration that were worked out by hand: each is found, with its events in the same order, and takes no more context switches.
/// </summary>
/// <remarks>
/// In F6 mremap has to merge vmas before the walk begins, as that takes the anon_vma's lock for writing: the schedule by hand leaves that out, and it is a switch more.
/// </remarks>
public sealed class MigrationSchedulesTests
{
    private const string Entry = "migrate store(page_table0.pte[0], pfn 1 absent write)";

    public static TheoryData<string, string, string, int, string[]> ByHand => new()
    {
        // F1: no thread but one.
        {
            "mbind-part-of-thp", "next-20230124", "no-bug-on", 0,
            
            [
                "user store(vma.vm_start, 0)", "user store(vma.vm_pgoff, 1)", "user store(page_table0.pte[0], pfn 2 absent write)", "user store(page_table0.pte[3], pfn 5 absent write)",
                "user atomic_inc_and_test(thp1._mapcount[1])", "user atomic_inc_and_test(thp1._mapcount[2])", "user atomic_inc_and_test(thp1._mapcount[3])", "user atomic_inc_and_test(thp1._mapcount[3])",
            ]
        },

        // F2: the entry becomes a migration entry, then a table, and the references are too many.
        { "split-against-migration", "references-for-migration-entry", "references-accounted", 2, ["migrate store(mm.pmd, migration", "mlock atomic_add(1, folio._refcount)", "mlock store(mm.pmd, table", "migrate atomic_read(folio._refcount)"] },

        // F5: the old pte is empty already, the new one still.
        { "mremap-against-migration", "looks-without-lock", "no-migration-entry-left", 3, [Entry, "mremap xchg(page_table0.pte[0], none)", "migrate load(page_table0.pte[0])", "migrate load(page_table1.pte[0])", "mremap store(page_table1.pte[0], pfn 1 absent write)"] },

        // F6: the walk comes to the new place before the entry does, and to the old one after.
        { "mremap-back-against-migration", "no-rmap-locks", "no-migration-entry-left", 4, ["migrate store(page_table1.pte[1], pfn 1 absent write)", "mremap xchg(page_table1.pte[1], none)", "mremap store(page_table0.pte[1], pfn 1 absent write)"] },

        // F7: the child's entry is copied behind the walk's back.
        { "fork-against-migration", "child-linked-first", "no-migration-entry-left", 3, [Entry, "fork store(page_table1.pte[0], pfn 1 absent)", "migrate store(page_table0.pte[0], pfn 2 present)"] },

        // F8: nobody but migration knows the anon_vma, and migration has no reference.
        { "munmap-against-migration", "no-anon-vma-reference", "walker-holds-anon-vma", 2, [Entry, "munmap store(page_table0.pte[0], none)", "munmap kmem_cache_free(anon_vma0)"] },

        // F10: the store goes to the page that was copied.
        { "store-against-batched-migration", "copied-before-flush", "pages-hold-their-stores", 2, [Entry, "migrate store(folio1.data, 1)", "user page 0 of mm := 2"] },

        // F11: the second page is pinned after the first was unmapped.
        { "pin-against-migration", "not-restored", "no-migration-entry-left", 2, ["migrate store(page_table0.pte[0], pfn 2 absent write)", "pin atomic_inc(folio._pincount)", "migrate atomic_read(folio._pincount)"] },

        // F12: the child maps what the parent has for itself.
        { "fork-against-migration", "parent-entry-kept", "no-bug-on", 2, [Entry, "fork store(page_table1.pte[0], pfn 1 absent)", "migrate atomic_inc_and_test(folio1._mapcount)"] },

        // F14: the part that is split off is in no tree.
        { "split-against-migration", "split-without-clone", "no-migration-entry-left", 2, ["migrate store(mm.pmd, migration", "mlock store(mm.pmd, table"] },
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void The_smallest_interleaving_is_the_schedule_worked_out_by_hand(string scenario, string variant, string property, int switches, string[] events)
    {
        var file = ScenarioReader.Read(Repository.File("specs", "migration", $"{scenario}.yaml")).Document!;
        var instance = ScenarioBinder.Bind(file, file.Variants.Single(v => v.Name.Value == variant)).Variant!.Instance;

        var way = Judge.Run(instance, new Budget()).Properties.Single(p => p.Property.Name == property).Counterexample!;

        Assert.InRange(way.Switches, 0, switches);
        Assert.True(way.IsMinimal);
        var steps = way.Trace.Steps.Select(s => $"{s.Thread} {s.Operation}").ToArray();
        var at = 0;
        foreach (var wanted in events)
        {
            var found = Array.FindIndex(steps, at, s => s.StartsWith(wanted, StringComparison.Ordinal));
            Assert.True(found >= 0, $"after step {at} there is no '{wanted}' in:\n{string.Join("\n", steps)}");
            at = found + 1;
        }
    }
}
