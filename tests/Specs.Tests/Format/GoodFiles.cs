using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>A good file reads back as what it says, each piece from where it stands.</summary>
public sealed class GoodFiles
{
    private static readonly ScenarioFile Full = Example.Read(Example.Full);

    [Fact]
    public void The_head_of_a_file_reads_back()
    {
        Assert.Equal("specs/a.yaml", Full.Path);
        Assert.Equal(new("Exit against kswapd", new(2, 8)), Full.Title);
        Assert.Equal(new("Can kswapd use an anon_vma that exit has freed, once the page is unmapped?", new(3, 11)), Full.Question);
        Assert.Equal(
            [new("5df397dec7c4 (\"mm: delay page_remove_rmap() until after the TLB has been flushed\")", new(7, 5))], Full.Origin);
        Assert.Equal(new("linux-6.1", new(8, 9)), Full.Kernel);
        Assert.Equal([new("anon-vma-valid", new(28, 14)), new("mapcount-consistent", new(28, 30))], Full.Properties);
        Assert.Equal(
            new BoundsSpec { States = new(1_000_000, new(29, 18)), Memory = new(4096, new(29, 35)), Seconds = new(60, new(29, 50)) }, Full.Bounds);
    }

    [Fact]
    public void Settings_are_booleans_integers_and_names()
    {
        Assert.Equal(
            [
                new(new("DEBUG_VM", new(9, 10)), new(new SettingValue.Boolean(true), new(9, 20))),
                new(new("HPAGE_PMD_NR", new(9, 26)), new(new SettingValue.Number(2), new(9, 40))),
            ],
            Full.Config);
        Assert.Equal("flush_ipi=true pmd_pfn=-16 migration_entry=masked", Spelled(Full.Arch));
        Assert.Equal("recheck mapped under the lock=false batch=4 order=flush-first", Spelled(Full.Variants[1].Toggles));
    }

    [Fact]
    public void A_quoted_boolean_is_a_name()
    {
        var file = Example.Read(Example.Smallest + "arch: {a: 'on', b: on}\n");

        Assert.Equal([new SettingValue.Name("on"), new SettingValue.Boolean(true)], file.Arch.Select(s => s.Value.Value));
    }

    [Fact]
    public void Pools_are_capacities_or_options()
    {
        Assert.Equal(
            [
                new() { Name = new("folio", new(12, 3)), Objects = new(1, new(12, 10)) },
                new()
                {
                    Name = new("anon_vma", new(13, 3)),
                    Objects = new(2, new(13, 23)),
                    Generations = new(3, new(13, 39)),
                    Reuse = new(true, new(13, 49)),
                    Discard = new(false, new(13, 63)),
                },
            ],
            Full.Pools);
    }

    [Fact]
    public void Calls_read_back_in_their_short_form()
    {
        Assert.Equal(
            [
                "mm = mm_alloc()", "vma = mmap_region(mm, 0, 1)", "folio = do_anonymous_page(vma, 0)", "exit_mmap(mm)",
                "rmap.folio_referenced(folio)", "cache_entry(mm.pgd, -1, 255, true, false, null, \"any text, (even this)\")", "flush()", "drain_all()",
            ],
            Full.Calls.Select(c => c.ToString()));
    }

    [Fact]
    public void Each_piece_of_a_call_knows_its_place()
    {
        var call = Full.Setup[1];

        Assert.Equal(new(16, 5), call.Position);
        Assert.Equal(new("vma", new(16, 5)), call.Result);
        Assert.Equal(new(null, new("mmap_region", new(16, 11))), call.Path);
        Assert.Equal(
            [
                new ArgumentSpec.Reference(new(null, new("mm", new(16, 23)))),
                new ArgumentSpec.Number(new(16, 27), 0),
                new ArgumentSpec.Number(new(16, 30), 1),
            ],
            call.Arguments);
        Assert.Equal(new(new("rmap", new(21, 44)), new("folio_referenced", new(21, 49))), Full.Threads[1].Calls[0].Path);
        Assert.Equal(
            [new(25, 21), new(25, 29), new(25, 33), new(25, 39), new(25, 45), new(25, 52), new(25, 58)],
            Full.Threads[2].Calls[0].Arguments.Select(a => a.Position));
    }

    [Fact]
    public void A_quoted_call_on_one_line_is_placed_to_the_character()
    {
        var call = Full.Setup[2];

        Assert.Equal(new("folio", new(17, 45)), call.Result);
        Assert.Equal(new(17, 13), call.Path.Position);
        Assert.Equal([new(17, 31), new(17, 36)], call.Arguments.Select(a => a.Position));
    }

    [Theory]
    [InlineData("setup:\n  - f(a,\n      b)\n", 7, 5)]
    [InlineData("setup:\n  - >\n    f(a, b)\n", 7, 5)]
    [InlineData("setup:\n  - \"f(a, \\x62)\"\n", 7, 5)]
    public void A_call_that_is_not_spelled_on_one_line_is_placed_as_a_whole(string setup, int line, int column)
    {
        var call = Example.Read(Example.Smallest + setup).Setup[0];

        Assert.Equal("f(a, b)", call.ToString());
        Assert.Equal([new(line, column), new(line, column)], call.Arguments.Select(a => a.Position));
    }

    [Theory]
    [InlineData("f", "f()")]
    [InlineData("f ( )", "f()")]
    [InlineData("a=b.c(d.e,1)", "a = b.c(d.e, 1)")]
    [InlineData("f(-0x8000000000000000, 9223372036854775807)", "f(-9223372036854775808, 9223372036854775807)")]
    [InlineData("f(trueish, nullable, _0)", "f(trueish, nullable, _0)")]
    [InlineData("f(\"\", \"ü 😀\", x)", "f(\"\", \"ü 😀\", x)")]
    public void A_call_may_be_spaced_freely(string call, string even)
    {
        Assert.Equal(even, Example.Read($"{Example.Smallest}setup:\n- {call}\n").Setup[0].ToString());
    }

    [Fact]
    public void Threads_are_tasks_unless_they_say_otherwise()
    {
        Assert.Equal([ThreadKind.Task, ThreadKind.Optional, ThreadKind.Environment], Full.Threads.Select(t => t.Kind));
        Assert.Equal([new("exit", new(19, 11)), new("kswapd", new(21, 12)), new("tlb", new(22, 11))], Full.Threads.Select(t => t.Name));
        Assert.Equal([new(19, 5), new(21, 5), new(22, 5)], Full.Threads.Select(t => t.Position));
    }

    [Fact]
    public void A_variant_pins_what_it_is_expected_to_do()
    {
        var before = Full.Variants[0];

        Assert.Equal(new("BEFORE", new(31, 11)), before.Name);
        Assert.Equal([new(new(32, 12), "rmap-tlb", "B1", "BEFORE")], before.Facts);
        Assert.Empty(before.Expect);
        Assert.Equal(new(240, new(34, 13)), before.States);
        Assert.Equal(new(600, new(35, 18)), before.Transitions);
        var outcomes = Assert.Single(before.Outcomes);
        Assert.Equal(new("name", new(37, 7)), outcomes.Property);
        Assert.Equal([[0, 1], [1, -1]], outcomes.Tuples.Select(t => t.Value));
        Assert.Equal([new(37, 14), new(37, 22)], outcomes.Tuples.Select(t => t.Position));
    }

    [Fact]
    public void A_variant_says_how_it_differs()
    {
        var v1 = Full.Variants[1];

        Assert.Equal(new("As posted.", new(39, 11)), v1.Note);
        Assert.Equal(["rmap-tlb#B2", "rmap-tlb#C1/S2/AFTER"], v1.Facts.Select(f => f.ToString()));
        Assert.Equal([new("delay-rmap-v1", new(42, 15))], v1.Patches);
        Assert.Equal([new("use-after-free", new(47, 17))], v1.Tolerates);
        Assert.Equal(new("The walker was thought to hold a reference.", new(48, 16)), v1.Disagrees);
        Assert.Equal(
            [
                ("no-use-after-free", ExpectedVerdict.Violated), ("mapcount-consistent", ExpectedVerdict.Vacuous),
                ("anon-vma-valid", ExpectedVerdict.Holds), ("deadlock", ExpectedVerdict.Found), ("livelock", ExpectedVerdict.Found),
            ],
            v1.Expect.Select(e => (e.Name.Value, e.Verdict.Value)));
        Assert.Null(v1.States);
    }

    [Fact]
    public void A_variants_values_take_the_place_of_the_files()
    {
        var (before, v1) = (Full.Variants[0], Full.Variants[1]);

        Assert.Equal(("linux-6.1", "linux-6.2"), (Full.KernelOf(before).Value, Full.KernelOf(v1).Value));
        Assert.Equal("DEBUG_VM=true HPAGE_PMD_NR=2", Spelled(Full.ConfigOf(before)));
        Assert.Equal("DEBUG_VM=false HPAGE_PMD_NR=2 NEW=1", Spelled(Full.ConfigOf(v1)));
        Assert.Equal("flush_ipi=false pmd_pfn=-16 migration_entry=masked", Spelled(Full.ArchOf(v1)));
        Assert.Equal([("folio", 2), ("anon_vma", 2), ("ptdesc", 3)], Full.PoolsOf(v1).Select(p => (p.Name.Value, p.Objects.Value)));
    }

    [Fact]
    public void The_smallest_file_leaves_the_rest_empty()
    {
        var file = Example.Read(Example.Smallest);

        Assert.Equal("f()", Assert.Single(file.Calls).ToString());
        Assert.Equal(new BoundsSpec(), file.Bounds);
        Assert.Empty(file.Pools);
        Assert.Empty(file.Variants[0].Facts);
    }

    [Fact]
    public void Windows_line_ends_move_nothing()
    {
        var file = Example.Read(Example.Full.ReplaceLineEndings("\r\n"));

        Assert.Equal(Full.Question, file.Question);
        Assert.Equal(Full.Calls.SelectMany(c => c.Arguments), file.Calls.SelectMany(c => c.Arguments));
        Assert.Equal(Full.Variants[1].Disagrees, file.Variants[1].Disagrees);
    }

    private static string Spelled(IEnumerable<Setting> settings) => string.Join(' ', settings.Select(s => $"{s.Name}={s.Value}"));
}
