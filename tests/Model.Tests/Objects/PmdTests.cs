using ThpCheck.Model.Kernel;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;

namespace ThpCheck.Model.Tests.Objects;

/// <summary>What a PMD entry is to each of the kernel's predicates, and that nothing comes out of it that is not in it.</summary>
public sealed class PmdTests
{
    private static readonly Dictionary<string, SlabOptions> Pools = new(StringComparer.Ordinal) { ["thp"] = new(2), ["huge_zero_page"] = new(1) };

    [Theory]
    [InlineData(PmdKind.None, true, false, false, false, false, false)]
    [InlineData(PmdKind.Table, false, true, false, false, false, false)]
    [InlineData(PmdKind.Huge, false, true, true, false, false, true)]
    [InlineData(PmdKind.Invalidated, false, true, true, false, false, true)]
    [InlineData(PmdKind.Migration, false, false, false, true, true, true)]
    public void Each_kind_is_to_the_predicates_what_it_is_on_x86(PmdKind kind, bool none, bool present, bool huge, bool swap, bool migration, bool bad)
    {
        var test = new Machinery(new Arch());
        var pmd = test.Of(kind);

        Assert.Equal(
            (none, present, huge, swap, migration, bad),
            (test.pgtable.pmd_none(pmd), test.pgtable.pmd_present(pmd), test.pgtable.pmd_trans_huge(pmd), test.pgtable.is_swap_pmd(pmd), test.pgtable.is_pmd_migration_entry(pmd), test.pgtable.pmd_bad(pmd)));
    }

    [Fact]
    public void A_migration_entry_is_not_bad_where_the_architecture_says_so()
    {
        var test = new Machinery(new Arch(pmd_bad_of_migration: false));

        Assert.False(test.pgtable.pmd_bad(test.Of(PmdKind.Migration)));
        Assert.True(test.pgtable.pmd_bad(test.Of(PmdKind.Huge)));
    }

    [Theory]
    [InlineData(PmdKind.None)]
    [InlineData(PmdKind.Table)]
    [InlineData(PmdKind.Huge)]
    [InlineData(PmdKind.Invalidated)]
    [InlineData(PmdKind.Migration)]
    public void A_pmd_is_one_word(PmdKind kind)
    {
        var pmd = new Machinery(new Arch()).Of(kind) with { Write = true, Dirty = true, Young = true };

        Assert.Equal(pmd, Pmd.FromWord(pmd.ToWord()));
        Assert.InRange(pmd.ToWord(), 0, (1L << Pmd.Bits) - 1);
    }

    [Theory]
    [InlineData(PmdKind.None, "pmd_page() of a pmd that is none", "pte_offset_map() of a pmd that is none", "pmd_to_swp_entry() of a pmd that is none")]
    [InlineData(PmdKind.Table, "pmd_page() of a pmd that is table *", null, "pmd_to_swp_entry() of a pmd that is table *")]
    [InlineData(PmdKind.Huge, null, "pte_offset_map() of a pmd that is huge *", "pmd_to_swp_entry() of a pmd that is huge *")]
    [InlineData(PmdKind.Invalidated, null, "pte_offset_map() of a pmd that is invalidated *", "pmd_to_swp_entry() of a pmd that is invalidated *")]
    [InlineData(PmdKind.Migration, "pmd_page() of a pmd that is migration *", "pte_offset_map() of a pmd that is migration *", null)]
    public void Taking_out_what_is_not_in_it_is_a_kernel_bug(PmdKind kind, string? page, string? table, string? entry)
    {
        string?[] expected = [page, table, entry];
        for (var what = 0; what < expected.Length; what++)
        {
            var test = new Machinery(new Arch());

            var result = test.Take(what, kind);

            Assert.Equal(expected[what] is null ? KernelBug.None : KernelBug.MisreadPmd, result.Bug);
            Assert.StartsWith(expected[what]?.TrimEnd('*') ?? "", result.Reason ?? "", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(AbsentPmd.other_page, "thp0")]
    [InlineData(AbsentPmd.huge_zero_page, "huge_zero_page0")]
    [InlineData(AbsentPmd.no_page, null)]
    public void Comparing_the_page_of_a_migration_entry_is_only_an_event_and_answers_for_what_the_architecture_reads(AbsentPmd absent, string? equal)
    {
        var test = new Machinery(new Arch(absent));

        foreach (var page in test.Pages)
        {
            var result = test.Compare(test.Of(PmdKind.Migration), page);

            Assert.Equal(KernelBug.None, result.Bug);
            Assert.Contains(result.Effects, e => e.Kind == EffectKind.Oracle && e.Text == Pmd.DecodedAbsent);
            Assert.Equal(page.Name == equal, test.Answer);
        }
    }

    /// <summary>A kernel with a page table, two THPs and the huge zero page, of which the second THP is in each PMD that has a page.</summary>
    private sealed class Machinery
    {
        private readonly TestMachine _test;
        private readonly Caches _caches;
        private readonly Witness<bool> _answer;

        public Machinery(Arch arch)
        {
            var builder = new MachineBuilder();
            _test = new TestMachine(1, builder);
            _answer = _test.Witness<bool>();
            var config = new Config { Arch = arch };
            _caches = new Caches(builder, config, Pools);
            pgtable = new Kernel.Kernel(Releases.Compose("linux-5.13", []), new Dictionary<string, bool>(), config, _caches, builder).File<pgtable>();
        }

        public pgtable pgtable { get; }

        public IReadOnlyList<Folio> Pages => [.. _caches.Thp.Slots.Concat(_caches.HugeZeroPage.Slots).Select(s => (Folio)s.Generations[0])];

        public bool Answer => _answer.Seen[^1];

        public Pmd Of(PmdKind kind) => kind switch
        {
            PmdKind.None => default,
            PmdKind.Table => Pmd.OfTable((PageTable)_caches.PageTable.Slots[0].Generations[0]),
            PmdKind.Huge => Pmd.OfPage(_caches, Pages[1], write: true, dirty: false),
            PmdKind.Invalidated => Pmd.OfPage(_caches, Pages[1], write: true, dirty: false).Invalidated(),
            _ => Pmd.OfMigration(_caches, Pages[1], write: true),
        };

        public StepResult Take(int what, PmdKind kind) => _test.Run(() => Take(pgtable, what, Of(kind)));

        public StepResult Compare(Pmd pmd, Folio page) => _test.Run(() => Compare(pgtable, pmd, page, _answer));

        private static async KernelTask Take(pgtable pgtable, int what, Pmd pmd)
        {
            await Control.Yield();
            _ = what == 0 ? pgtable.pmd_page(pmd) : what == 1 ? (object)pgtable.pmd_pgtable(pmd) : pgtable.pmd_to_swp_page(pmd);
        }

        private static async KernelTask Compare(pgtable pgtable, Pmd pmd, Folio page, Witness<bool> answer)
        {
            await Control.Yield();
            answer.See(pgtable.pmd_page_is(pmd, page));
        }
    }
}
