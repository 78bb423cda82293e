namespace ThpCheck.Checker.Tests;

/// <summary>
/// The facts about copy-on-write, worked out by reading before the models were: every schedule and every row of their tables is a variant, and where a prediction was wrong the
/// variant says why.
/// </summary>
public sealed class CowFactsTests
{
    private const string File = "migration-cow";

    /// <summary>The schedules, and the rows of the table of kernels by what they predict of one thing: whether a promise is broken.</summary>
    private static readonly (string Row, bool Fails)[] Rows =
    [
        ("F20", true), ("F20/PMD", true), ("F20/large", true), ("F20s", true), ("F21", true), ("F21/locked", false), ("F21/count-based", false), ("F22", true), ("F23", true),
        ("F24", true), ("F24/PMD", true), ("F24/PMD-5.19", false), ("F24/fork", false), ("F25", true), ("F25/seq", false), ("F25/PMD", true), ("F25/PMD-seq", false), ("F28", false),
        ("F29", true), ("F29/references-first", true), ("F29/recheck", false), ("F30", true), ("F31", false), ("F32", false), ("F32/two-tables", false), ("F33", true), ("F33/fixed", false),
        ("F34", true), ("F34/fixed", false), ("F35", true), ("F35/no-flush", true), ("F35/count-based", false),
        ("WP57", true), ("WP57/swap", false), ("WP57/fork", false), ("WP57/PMD", true), ("WP57/MAPDEC", true), ("WP57/no-flush", true), ("5.8", false), ("5.8/PMD", false),
        ("WP59", false), ("WP59/SWAPIN517", true), ("WP59/PMDWP517", true), ("WP59/F24", true), ("LiangZhang", true), ("LiangZhang/F24", true), ("Wilcox", true), ("Wilcox/F24", true),
        ("WIP", false), ("WIP/F24", true), ("WP518", false), ("WP518/SWAPIN518", false), ("WP518/PMDWP518", false), ("WP518/F24", true), ("WP518/PMDWP518-F24", true),
        ("5.18/no-drain-isolation", false), ("5.18/no-drain-F24", true), ("5.19", false), ("5.19/F24", false), ("5.19/PMDWP519", false), ("SWAPIN519", false), ("5.19/pin-fork", false),
        ("5.19/PMD-pin-fork", false), ("5.19/pin-swap", false), ("5.19/pin-swap-race", false), ("5.19/no-swap-bit", true), ("5.19/no-swap-bit-pin", false), ("5.19/no-fork-copy", true),
        ("5.19/no-seq", true), ("5.19/unshare", false), ("5.19/no-unshare", true), ("WP68", false), ("WP615", false), ("WP615/recheck", false), ("WP615/no-recheck", true), ("SCAN", false),
        ("SCAN/moves", true), ("DevJain", true),
    ];

    /// <summary>What is copied for nothing: of each, which of the two kinds of cost occurs, or none.</summary>
    private static readonly (string Row, string? Cost)[] Costs =
    [
        ("F26/a", "no-needless-copy"), ("F26/a-drained", null), ("F26/a-remote", "no-copy-for-passing-reference"), ("F26/b", "no-needless-copy"), ("F26/b-LiangZhang", null), ("F26/b-Wilcox", null),
        ("F26/b-freed", null), ("F26/c", "no-copy-for-passing-reference"), ("F26/d", "no-copy-for-passing-reference"), ("F26/e", "no-copy-for-passing-reference"), ("F27", "no-needless-copy"),
        ("F27/swapcache", "no-needless-copy"), ("5.18/no-drain", "no-needless-copy"),
    ];

    /// <summary>How many of four pages are copied, by the rule, and of two.</summary>
    private static readonly (string Rule, int OfFour, int OfTwo)[] Copies =
        [("WP57", 0, 0), ("WP59", 3, 1), ("WP518", 3, 1), ("5.19", 3, 1), ("WP68", 4, 2), ("WP615", 0, 0), ("SCAN", 0, 0)];

    private static readonly FactsTable Facts = new(File, "cow");

    [Fact]
    public void Every_schedule_and_row_is_a_variant_with_the_predicted_verdict_or_the_reason_why_not() => Assert.Empty(Facts.Wrong(Rows, v => FactsTable.Broken(v).Any()));

    [Fact]
    public void Every_needless_copy_is_a_variant_in_which_that_cost_occurs_and_no_other_promise_is_broken()
    {
        Assert.All(Costs, c =>
        {
            var variant = Facts.Of(c.Row);
            Assert.NotNull(variant);
            Assert.False(FactsTable.Broken(variant).Any(), c.Row);
            Assert.Equal(c.Cost is not null, FactsTable.Violated(variant).Contains(c.Cost ?? "no-needless-copy"));
        });
    }

    [Fact]
    public void Each_rule_copies_as_many_pages_of_a_folio_of_two_and_of_four_as_predicted_or_says_why_not() =>
        Assert.All(Copies.SelectMany(c => new[] { (Row: $"EFF-3/{c.Rule}", Pages: c.OfFour), (Row: $"EFF-3/{c.Rule}-two", Pages: c.OfTwo) }), c =>
        {
            if (Facts.Of(c.Row)!.Disagrees is null)
            {
                Assert.Equal([[c.Pages]], Outcomes(c.Row));
            }
        });

    /// <remarks>Where the PMD was split for somebody's reference, the pages go by the rule for ptes, once that is gone.</remarks>
    [Fact]
    public void A_huge_page_is_reused_whole_unless_somebody_has_a_reference_for_a_moment() => Assert.All(Copies.Where(c => c.Rule != "SCAN"), c =>
    {
        Assert.Equal([[0L]], Outcomes($"EFF-3/{c.Rule}-J5"));
        Assert.Contains([c.Rule is "WP59" ? 0 : c.OfFour], Outcomes($"EFF-3/{c.Rule}-J5-passing"));
    });

    [Fact]
    public void Every_fact_that_a_variant_answers_for_is_known_here()
    {
        var known = Rows.Select(r => r.Row).Concat(Costs.Select(c => c.Row))
            .Concat(Copies.SelectMany(c => new[] { "", "-two", "-J5", "-J5-passing" }.Select(s => $"EFF-3/{c.Rule}{s}")))
            .Concat(["EFF-3/AE", "EFF-3/AE-6.8", "EFF-3/WP518-never-shared"]).Select(r => $"{File}#{r}");

        Assert.Empty(Facts.Answered.Except(known));
    }

    private static IReadOnlyList<IReadOnlyList<long>> Outcomes(string row) => [.. Facts.Of(row)!.Outcomes.Single(o => o.Property.Value == "pages-copied").Tuples.Select(t => t.Value)];
}
