using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// The rows that were worked out from the mails and the kernel's history of delayed rmap removal, before there was a model: what each was
/// predicted to break. Every row is a variant, and one that found something else says why.
/// </summary>
public sealed class CardsTests
{
    private const string Nothing = "";
    private const string LostStore = "stores-reach-the-disk";
    private const string LateDirty = "dirtied-under-lock";
    private const string StillMapped = "no-bug-on";
    private const string Leak = "mapcount-consistent";
    private const string Twice = "no-refcount-underflow";
    private const string Uaf = "no-use-after-free";
    private const string Stale = "walker-holds-anon-vma";
    private const string Stranger = "walker-walks-no-stranger";
    private const string Unlock = "no-bad-unlock";
    private const string Bug = "no-bug-on";
    private const string NotFound = "rmap-finds-ptes";
    private const string Drift = "mapped-pages-drift"; // by how much, where it is not nothing
    private const string BadPage = "no-warning";
    private const string LostUpdate = "subpage-mapcounts-consistent";
    private const string FalseUnmapped = "mapped-thp-is-seen-mapped";
    private const string Memcg = "memcg-counts-mapped-pages-exactly";
    private const string Overcount = "mlock-count-not-too-high";
    private const string Mlock = "mlocked-pages-counted-exactly unlocked-folio-is-not-mlocked unlocked-folio-is-evictable mlock-count-not-too-high";
    private const string Walker = $"{Uaf} {Stale} {Stranger} {Unlock} {Bug}";

    /// <summary>What a card's rows are about: the properties that its predictions name.</summary>
    private static readonly (string Card, string About)[] Cards =
    [
        ("A1", $"{LostStore} {LateDirty}"), ("A2", StillMapped), ("A3", $"{Leak} {Twice}"),
        ("B1", Walker), ("B2", Walker), ("4.7", Walker), ("1.2", Walker), ("B3", NotFound),
        ("C1/S1", Drift), ("C1/S2", Drift), ("C1/S3", Drift), ("C1/S4", Drift), ("C1/S5", Drift), ("C2", $"{BadPage} {LostUpdate}"), ("C3", FalseUnmapped),
        ("D1/S1", Memcg), ("D1/S2", Memcg), ("D1/S3", Memcg), ("D1/fast-path", Memcg), ("E1", Overcount), ("1.5", Mlock),
        ("8/lost-store", $"{LostStore} {LateDirty}"), ("8/anon_vma", Walker), ("8/counts", $"{BadPage} {Memcg} {Mlock}"),
    ];

    /// <summary>Each row, and what it was predicted to break.</summary>
    private static readonly (string Row, string Breaks)[] Rows =
    [
        // A. The order of a zap: one mapper, then two (-2); what truncation finds.
        ("A1/V314", LostStore), ("A1/BASE", LostStore), ("A1/V0", LateDirty), ("A1/V0b", LateDirty), ("A1/V1", Nothing), ("A1/FINAL", Nothing), ("A1/LATE", LostStore),
        ("A1/FINAL-noSYNC", $"{LateDirty} {LostStore}"), ("A1/FINAL-swap", LostStore), ("A1/FINAL-Dafter", Nothing), ("A1/FINAL-Dlast", LateDirty),
        ("A1/V314-2", LostStore), ("A1/BASE-2", Nothing), ("A1/V0-2", LateDirty), ("A1/V0b-2", LateDirty), ("A1/V1-2", Nothing), ("A1/FINAL-2", Nothing), ("A1/LATE-2", LostStore),
        ("A1/FINAL-noSYNC-2", $"{LateDirty} {LostStore}"), ("A1/FINAL-swap-2", Nothing), ("A1/FINAL-Dafter-2", Nothing), ("A1/FINAL-Dlast-2", LateDirty),
        ("A2/V314", Nothing), ("A2/BASE", Nothing), ("A2/V0", Nothing), ("A2/V0b", StillMapped), ("A2/V1", StillMapped), ("A2/FINAL", Nothing), ("A2/LATE", StillMapped),
        ("A2/FINAL-noSYNC", Nothing), ("A2/FINAL-swap", Nothing), ("A2/FINAL-Dafter", Nothing), ("A2/FINAL-Dlast", Nothing),
        ("A3/rule1", Nothing), ("A3/rule2", Nothing), ("A3/rule2-scan1", Leak), ("A3/rule1-no-reset", Twice), ("A3/rule2-no-reset", Twice), ("A3/rule1-no-empty", Twice),
        ("A3/rule1-no-flush", Leak),

        // B. anon_vma: its slab page goes (B1), its memory is given to a fork (-reuse), both (-reuse-GP), neither (-noGP).
        ("1.2/BEFORE", Nothing), ("1.2/V1", $"{Bug} {Uaf} {Stale}"), ("1.2/V1-ANON", Nothing), ("1.2/FINAL", Nothing),
        ("B1/BEFORE", Nothing), ("B1/V1", $"{Uaf} {Stale}"), ("B1/V1-ANON", Nothing), ("B1/FINAL", Nothing),
        ("B1/BEFORE-reuse", Nothing), ("B1/V1-reuse", $"{Unlock} {Stale} {Stranger}"), ("B1/V1-ANON-reuse", Nothing), ("B1/FINAL-reuse", Nothing),
        ("B1/BEFORE-reuse-GP", Nothing), ("B1/V1-reuse-GP", $"{Unlock} {Uaf} {Stale} {Stranger}"), ("B1/V1-ANON-reuse-GP", Nothing), ("B1/FINAL-reuse-GP", Nothing),
        ("B1/BEFORE-noGP", Nothing), ("B1/V1-noGP", Stale), ("B1/V1-ANON-noGP", Nothing), ("B1/FINAL-noGP", Nothing),
        ("B2/BEFORE", Nothing), ("B2/V1", $"{Bug} {Stale} {Stranger}"), ("B2/V1-ANON", Nothing), ("B2/FINAL", Nothing), ("B2/finish-before-free_pgtables", Nothing),
        ("B3/children-and-active", Nothing), ("B3/degree", NotFound),
        ("4.7/none", Nothing), ("4.7/none-V1", $"{Unlock} {Uaf} {Stale} {Stranger}"), ("4.7/none-final", Nothing), ("4.7/only-file-pages", Nothing),
        ("4.7/drop-K6-reuse-GP", $"{Unlock} {Uaf} {Stale} {Stranger}"), ("4.7/drop-K6-reuse-GP-V1", $"{Unlock} {Uaf} {Stale} {Stranger}"),
        ("4.7/drop-K6-reuse-GP-final", $"{Unlock} {Uaf} {Stale} {Stranger}"),
        ("4.7/K6-rereads-root", Unlock), ("4.7/K6-rereads-root-V1", $"{Unlock} {Stale} {Stranger}"), ("4.7/K6-rereads-root-final", Unlock),
        ("4.7/drop-K3", Uaf), ("4.7/drop-K3-V1", $"{Uaf} {Stale}"), ("4.7/drop-K3-final", Uaf),
        ("4.7/drop-K9", $"{Stale} {Stranger}"), ("4.7/drop-K9-V1", $"{Unlock} {Stale} {Stranger}"), ("4.7/drop-K9-final", $"{Stale} {Stranger}"),
        ("4.7/drop-G-recheck", $"{Stale} {Stranger}"), ("4.7/drop-G-recheck-V1", $"{Bug} {Stale} {Stranger}"), ("4.7/drop-G-recheck-final", $"{Stale} {Stranger}"),
        ("4.7/drop-free-wait", Nothing), ("4.7/drop-free-wait-V1", $"{Uaf} {Stale}"), ("4.7/drop-free-wait-final", Nothing),
        ("4.7/no-TYPESAFE", Uaf), ("4.7/no-TYPESAFE-V1", Uaf), ("4.7/no-TYPESAFE-final", Uaf), ("4.7/finish-first", Nothing),

        // C. The statistics of a THP's mapcounts, by scheme.
        ("C1/S1/DoubleMap", Nothing), ("C1/S1/cb67", Nothing), ("C1/S1/9bd3", Nothing), ("C1/S1/be5e", Nothing), ("C1/S1/4b51", Nothing), ("C1/S1/6287", "-1"), ("C1/S1/cmp", Nothing),
        ("C1/S2/DoubleMap", Nothing), ("C1/S2/cb67", "1"), ("C1/S2/9bd3", Nothing), ("C1/S2/be5e", Nothing), ("C1/S2/4b51", "2"), ("C1/S2/6287", Nothing), ("C1/S2/cmp", Nothing),
        ("C1/S3/DoubleMap", Nothing), ("C1/S3/cb67", "-1 1"), ("C1/S3/9bd3", Nothing), ("C1/S3/be5e", Nothing), ("C1/S3/4b51", Nothing), ("C1/S3/6287", Nothing), ("C1/S3/cmp", Nothing),
        ("C1/S4/DoubleMap", Nothing), ("C1/S4/cb67", Nothing), ("C1/S4/9bd3", Nothing), ("C1/S4/be5e", Nothing), ("C1/S4/4b51", "-2"), ("C1/S4/6287", "-1"), ("C1/S4/cmp", Nothing),
        ("C1/S5/DoubleMap", Nothing), ("C1/S5/cb67", Nothing), ("C1/S5/9bd3", Nothing), ("C1/S5/be5e", Nothing), ("C1/S5/4b51", Nothing), ("C1/S5/6287", "1"), ("C1/S5/cmp", Nothing),
        ("C2/full-cb67", Nothing), ("C2/full-9bd3", Nothing), ("C2/full-be5e", Nothing), ("C2/full-4b51", Nothing), ("C2/full-6287", Nothing),
        ("C2/page-zap-cb67", BadPage), ("C2/page-zap-9bd3", BadPage), ("C2/page-zap-be5e", BadPage), ("C2/page-zap-4b51", BadPage), ("C2/page-zap-6287", BadPage),
        ("C2/T-full", Nothing), ("C2/T-unlocked", LostUpdate), ("C2/T-locked", Nothing),
        ("C3/cb67", Nothing), ("C3/9bd3", Nothing), ("C3/be5e", Nothing), ("C3/cb67-sub-first", FalseUnmapped), ("C3/9bd3-sub-first", FalseUnmapped), ("C3/be5e-sub-first", FalseUnmapped),
        ("C3/4b51", Nothing), ("C3/4b51-compound-first", Nothing), ("C3/6287", Nothing), ("C3/6287-compound-first", Nothing),

        // D. lock_page_memcg.
        ("D1/S1/lock-before-dec", Nothing), ("D1/S1/stats-only", Memcg), ("D1/S1/no-lock-guard", Memcg), ("D1/S1/R-after-ptl", Memcg), ("D1/S1/FINAL", Nothing), ("D1/S1/no-move", Nothing),
        ("D1/S2/lock-before-dec", Nothing), ("D1/S2/stats-only", Memcg), ("D1/S2/no-lock-guard", Memcg), ("D1/S2/R-after-ptl", Memcg), ("D1/S2/FINAL", Nothing),
        ("D1/S3/lock-before-dec", Nothing), ("D1/S3/stats-only", Nothing), ("D1/S3/no-lock-guard", Nothing), ("D1/S3/R-after-ptl", Nothing), ("D1/S3/FINAL", Nothing),
        ("D1/fast-path/GP", Nothing), ("D1/fast-path/no-GP", Memcg),

        // E. munlock.
        ("1.5/BEFORE", Nothing), ("1.5/V1", Nothing), ("1.5/FINAL", Nothing), ("E1/as-is", Nothing), ("E1/no-VM_IO", Overcount), ("E1/clear-before-drain", Overcount),

        // The whole mail, of one kernel.
        ("8/lost-store/BEFORE", LostStore), ("8/lost-store/V1", Nothing), ("8/lost-store/V1-ANON", Nothing), ("8/lost-store/FINAL", Nothing),
        ("8/anon_vma/BEFORE", Nothing), ("8/anon_vma/V1", $"{Bug} {Uaf} {Stale}"), ("8/anon_vma/V1-ANON", Nothing), ("8/anon_vma/FINAL", Nothing),
        ("8/counts/BEFORE", Nothing), ("8/counts/V1", $"{BadPage} {Memcg}"), ("8/counts/V1-ANON", Memcg), ("8/counts/FINAL", Nothing),
    ];

    private static readonly Lazy<(ScenarioFile Scenario, VariantSpec Variant)[]> Variants = new(static () =>
    [
        .. ScenarioFiles.Find([Repository.File(ScenarioFiles.Default)], [])
            .Select(f => ScenarioReader.Read(f).Document ?? throw new InvalidDataException(f))
            .SelectMany(s => s.Variants.Select(v => (s, v))),
    ]);

    [Fact]
    public void Every_row_of_the_cards_is_a_variant() => Assert.Empty(Rows.Where(r => !VariantsOf(r.Row).Any()).Select(r => r.Row));

    /// <remarks>The verdicts that the scenarios pin are those that the checker finds: <c>Every_scenario_is_as_expected</c>.</remarks>
    [Fact]
    public void A_variant_says_that_it_disagrees_exactly_where_it_breaks_something_else_than_its_row_predicts()
    {
        var wrong =
            from row in Rows
            from v in VariantsOf(row.Row)
            let breaks = Breaks(v.Variant, About(row.Row))
            where (breaks != Sorted(row.Breaks)) != (v.Variant.Disagrees is not null)
            select $"{Path.GetFileName(v.Scenario.Path)} {v.Variant.Name} ({row.Row}): '{breaks}', predicted '{Sorted(row.Breaks)}'";
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("before", "lock-compound-mapcounts")]
    [InlineData("v1", "lock-compound-mapcounts delay-rmap-v1")]
    [InlineData("v1-anon-immediate", "lock-compound-mapcounts delay-rmap-v1-anon-immediate")]
    [InlineData("final", "lock-compound-mapcounts delay-rmap-final")]
    public void The_whole_mail_is_asked_of_one_kernel(string variant, string patches)
    {
        var asked = Variants.Value.Where(v => v.Scenario.Path.Contains("/specs/mail/", StringComparison.Ordinal) && v.Variant.Name.Value == variant).ToList();

        Assert.Equal(["anon_vma.yaml", "counts.yaml", "lost-store.yaml"], asked.Select(v => Path.GetFileName(v.Scenario.Path)).Order(StringComparer.Ordinal));
        Assert.All(asked, v => Assert.Equal(("linux-6.1", patches), (v.Scenario.KernelOf(v.Variant).Value, string.Join(' ', v.Variant.Patches.Select(p => p.Value)))));
        Assert.All(asked, v => Assert.Empty(v.Variant.Toggles));
    }

    private static IEnumerable<(ScenarioFile Scenario, VariantSpec Variant)> VariantsOf(string row) =>
        Variants.Value.Where(v => v.Variant.Facts.Any(f => f.ToString() == $"rmap-tlb#{row}"));

    private static string[] About(string row) => Cards.Single(c => row.StartsWith($"{c.Card}/", StringComparison.Ordinal)).About.Split(' ');

    // What a variant breaks of what a card is about; of a drift, by how much.
    private static string Breaks(VariantSpec variant, string[] about) => about is [Drift]
        ? string.Join(' ', variant.Outcomes.Single(o => o.Property.Value == Drift).Tuples.Select(t => t.Value[0]).Where(by => by != 0))
        : string.Join(' ', variant.Expect.Where(e => e.Verdict.Value == ExpectedVerdict.Violated).Select(e => e.Name.Value).Where(about.Contains).Order(StringComparer.Ordinal));

    private static string Sorted(string names) => names.Length > 0 && (names[0] == '-' || char.IsAsciiDigit(names[0])) ? names : string.Join(' ', names.Split(' ').Order(StringComparer.Ordinal));
}
