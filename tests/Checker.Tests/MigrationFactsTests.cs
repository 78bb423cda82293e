using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests;

/// <summary>
/// The facts about migration and mbind, worked out by reading before the models were: every schedule and every row of their tables is a variant, and where a prediction was wrong
/// the variant says why.
/// </summary>
public sealed class MigrationFactsTests
{
    private const string File = "migration-cow";

    /// <summary>The schedules and the rows of the table of toggles, by whether a promise is predicted to be broken.</summary>
    private static readonly (string Row, bool Fails)[] Rows =
    [
        ("F1", true), ("F1/no-assertions", true), ("F2", true), ("F2/control", false), ("F3", true), ("F3/control", false), ("F4", false), ("F4/control", false), ("F5", true), ("F5/control", false),
        ("F6", true), ("F6/control", false), ("F7", true), ("F7/control", false), ("F7/fault", true), ("F7/split", true), ("F8", true), ("F8/control", false), ("F9", true), ("F9/references", true),
        ("F9/control", false), ("F10", true), ("F10/control", false), ("F11", true), ("F11/control", false), ("F11/kind-R", true), ("F11/GUP-fast", true), ("F11/GUP-fast-control", false),
        ("F11/GUP-fast-kind-R", true), ("F12", true), ("F12/no-assertions", true), ("F12/control", false), ("F12/split", true), ("F12/split-control", false), ("F13", true), ("F13/control", false),
        ("F14", true), ("F15", false), ("F16", true), ("F16/control", false), ("F16/PMD", true), ("F16/PMD-control", false), ("F16/pte", true), ("F16/pte-control", false), ("F16/pte-6.9", false),
        ("F16/head-unmapped", true), ("F16/head-unmapped-control", false), ("F16/head-exclusive", true), ("F16/head-exclusive-control", false), ("MIG-7", false), ("MIG-7/fork", false),
        ("PGOFF_CASE8/next", true), ("PGOFF_CASE8/mid", false), ("PGOFF_CASE8/next-pglen", false), ("PGOFF_CASE3/next", true), ("PGOFF_CASE3/mid", true), ("PGOFF_CASE3/next-pglen", false),
        ("IDX_FROM_ENTRY", true), ("IDX_FROM_ENTRY/INV-RMAP", true), ("IDX_FROM_ENTRY/control", false), ("SPLITPMD_MIG_REFADD/on", true), ("SPLITPMD_MIG_REFADD/off", false),
        ("SPLITPMD_MIG_FOLIO_CHECK/before", true), ("SPLITPMD_MIG_FOLIO_CHECK/after", false), ("WAIT_TAKES_REF", false), ("WAIT_TAKES_REF/fork", false), ("NEED_RMAP_LOCKS", true),
        ("CHILD_LINKED_FIRST", true), ("NO_GET_ANON_VMA", true), ("NO_RECHECK", true), ("NO_REFCHECK", true), ("COPY_BEFORE_FLUSH", true), ("NO_RESTORE_ON_FAIL", true),
        ("NO_PARENT_DOWNGRADE", true), ("batch/control", false), ("batch/deadlock", true), ("batch/flush", false), ("batch/copied-before-flush", true),
    ];

    /// <summary>The promises that the rows of mbind's table break, each by what the facts call it.</summary>
    private static readonly (string Row, string[] Broken)[] Modes =
    [
        ("mbind/WHOLE", ["neighbours-stay"]), ("mbind/SPLIT-FIRST", []), ("mbind/SPLIT-NONUNIFORM", []), ("mbind/WIDEN", ["neighbours-stay", "policies-as-asked"]), ("mbind/COPY-ON-BIND", []),
        ("mbind/COPY-ON-BIND-counted", []), ("mbind/COPY-ON-BIND-not-counted", ["gup-page-is-mapped"]), ("mbind/WHOLE-no-THP", []), ("mbind/WHOLE-no-THP-6.7", ["neighbours-stay"]),
        ("POL-5/WHOLE", ["bound-pages-stay"]), ("POL-5/SPLIT-FIRST", []), ("POL-5/SPLIT-NONUNIFORM", []), ("POL-5/WIDEN", ["bound-pages-stay"]), ("POL-5/COPY-ON-BIND", []),
        ("MMAP_LOCK_DROPPED", ["bound-pages-stay", "mbind-moves-what-it-says"]), ("MMAP_LOCK_DROPPED/off", ["bound-pages-stay"]),
        ("MMAP_LOCK_DROPPED/STRICT", ["bound-pages-stay"]), ("MMAP_LOCK_DROPPED/off-STRICT", ["bound-pages-stay"]), ("MMAP_LOCK_DROPPED/STRICT-6.9", ["bound-pages-stay"]),
    ];

    private static readonly FactsTable Facts = new(File, "migration");

    [Fact]
    public void Every_schedule_and_row_is_a_variant_with_the_predicted_verdict_or_the_reason_why_not() => Assert.Empty(Facts.Wrong(Rows, v => Broken(v).Length > 0));

    [Fact]
    public void Every_mode_of_mbind_breaks_the_promises_that_its_row_says_or_gives_the_reason_why_not() => Assert.All(Modes, m =>
    {
        var variant = Facts.Of(m.Row);
        Assert.NotNull(variant);
        Assert.True(variant.Disagrees is not null || Broken(variant).SequenceEqual(m.Broken), $"{m.Row}: {string.Join(", ", Broken(variant))}");
    });

    [Fact]
    public void Every_fact_that_a_variant_answers_for_is_known_here() =>
        Assert.Empty(Facts.Answered.Except(Rows.Select(r => r.Row).Concat(Modes.Select(m => m.Row)).Select(r => $"{File}#{r}")));

    // What is broken that matters; a deadlock is no property.
    private static string[] Broken(VariantSpec variant) =>
    [
        .. variant.Expect.Where(e => e.Verdict.Value == ExpectedVerdict.Found).Select(e => e.Name.Value),
        .. FactsTable.Broken(variant).Order(StringComparer.Ordinal),
    ];
}
