using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// How many pages of a THP count as mapped (NR_ANON_MAPPED), kept from transitions of three counters without a lock:
/// page_add_anon_rmap and page_remove_rmap of 6.2 (mm/rmap.c, 6287b7dae809), and the same without its clamp to zero.
/// </summary>
/// <remarks>Two pages; COMPOUND_MAPPED is 8, which no sum of page mappings here reaches. Left out: memcg, THP statistics, the deferred split queue.</remarks>
public sealed class MapcountStatisticsTests
{
    /// <summary>An operation on the folio's rmap.</summary>
    public enum Op
    {
        AddFirst,
        AddSecond,
        RemoveFirst,
        AddPmd,
        RemovePmd,
    }

    /// <remarks>
    /// Scenarios S1 to S3 and S5: first page, second page and PMD mappings to begin with, the two threads, and what the
    /// statistics can be at the end. Exact is one value. S1 with the clamp: the zap takes the first page's last mapping, the split adds it again and sees 11
    /// (no change), removes the PMD and sees 3, so 2 - 3 is clamped to 0; the zap sees 2 and takes one off: 1 of 2.
    /// </remarks>
    [Theory]
    [InlineData("S1", 1, 1, 1, new[] { Op.RemoveFirst }, new[] { Op.AddFirst, Op.AddSecond, Op.RemovePmd }, "1 2", "2")]
    [InlineData("S2", 0, 0, 1, new[] { Op.RemovePmd }, new[] { Op.AddPmd, Op.AddFirst }, "2", "2")]
    [InlineData("S3", 1, 1, 1, new[] { Op.RemoveFirst }, new[] { Op.RemovePmd }, "1", "1")]
    [InlineData("S5", 1, 1, 0, new[] { Op.RemoveFirst }, new[] { Op.AddFirst, Op.AddPmd }, "2 3", "2")]
    public void Statistics_are_exact_without_the_clamp_and_may_drift_with_it(
        string scenario, int first, int second, int pmd, Op[] one, Op[] other, string clamped, string compared)
    {
        var with = Small.Judged(Statistics(clamp: true, first, second, pmd, one, other));
        var without = Small.Judged(Statistics(clamp: false, first, second, pmd, one, other));

        Assert.Equal((clamped, compared), (with.Outcomes("mapped"), without.Outcomes("mapped")));
        Assert.Equal(VariantVerdict.Holds, without.Verdict);
        Assert.Equal(scenario is "S1" or "S5" ? VariantVerdict.Violated : VariantVerdict.Holds, with.Verdict);
    }

    [Fact]
    public void The_clamp_loses_a_page_in_eight_steps_and_one_preemption()
    {
        var result = Small.Judged(Statistics(clamp: true, 1, 1, 1, [Op.RemoveFirst], [Op.AddFirst, Op.AddSecond, Op.RemovePmd]));

        var drift = result["statistics-are-exact"].Counterexample!;
        Assert.Equal(("one,other*5,one*2", 2, 8), (drift.Schedule, drift.Switches, drift.Steps));
        Assert.Equal("1 page counts as mapped, and 2 are", drift.Trace.Ending);
    }

    internal static Instance Statistics(bool clamp, int first, int second, int pmd, Op[] one, Op[] other) => Small.Instance(
        b =>
        {
            b.Register(one);
            b.Register(other);
            return b.Object("folio", at => new Thp(at, clamp, first, second, pmd));
        },
        [new("one", m => m.Perform(one)), new("other", m => m.Perform(other))],
        m => m.Promises);

    private sealed class Thp(Layout at, bool clamp, int first, int second, int pmd) : KernelObject(at)
    {
        private const int Pages = 2;
        private const int COMPOUND_MAPPED = 8;

        private readonly Shared<int> _first = at.Cell(0, 3, first, "mapcount[0]");
        private readonly Shared<int> _second = at.Cell(0, 3, second, "mapcount[1]");
        private readonly Shared<int> _compound = at.Cell(0, 2, pmd, "compound_mapcount");
        private readonly Shared<int> _subpages = at.Cell(0, (2 * COMPOUND_MAPPED) + 4, first + second + (pmd * COMPOUND_MAPPED), "subpages_mapcount");
        private readonly Shared<int> _mapped = at.Cell(-2, 6, 2, "NR_ANON_MAPPED");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Outcomes("mapped", view => [view.Get(_mapped)]),
            Property.Finally("statistics-are-exact", view => view.Get(_mapped) == Exact(view) ? null
                : $"{view.Get(_mapped)} page counts as mapped, and {Exact(view)} are"),
        ];

        public async KernelTask Perform(Op[] operations)
        {
            for (var i = 0; i < operations.Length; i++)
            {
                switch (operations[i])
                {
                    case Op.AddFirst: await AddPte(_first); break;
                    case Op.AddSecond: await AddPte(_second); break;
                    case Op.RemoveFirst: await RemovePte(_first); break;
                    case Op.AddPmd: await AddPmd(); break;
                    default: await RemovePmd(); break;
                }
            }
        }

        private async KernelTask AddPte(Shared<int> mapcount)
        {
            if (await atomic_inc_return(mapcount) == 1 && await atomic_inc_return(_subpages) < COMPOUND_MAPPED)
            {
                await atomic_add(1, _mapped);
            }
        }

        private async KernelTask RemovePte(Shared<int> mapcount)
        {
            if (await atomic_dec_and_test(mapcount) && await atomic_dec_return(_subpages) < COMPOUND_MAPPED)
            {
                await atomic_add(-1, _mapped);
            }
        }

        private async KernelTask AddPmd()
        {
            if (await atomic_inc_return(_compound) == 1)
            {
                var subpages = await atomic_add_return(COMPOUND_MAPPED, _subpages);
                await Count(1, subpages < 2 * COMPOUND_MAPPED, subpages);
            }
        }

        private async KernelTask RemovePmd()
        {
            if (await atomic_dec_and_test(_compound))
            {
                var subpages = await atomic_add_return(-COMPOUND_MAPPED, _subpages);
                await Count(-1, subpages < COMPOUND_MAPPED, subpages);
            }
        }

        // The pages that only the PMD maps.
        private async KernelTask Count(int sign, bool changes, int subpages)
        {
            var pages = Pages - (subpages % COMPOUND_MAPPED);
            pages = clamp ? Math.Max(0, pages) : pages;
            if (changes && pages != 0)
            {
                await atomic_add(sign * pages, _mapped);
            }
        }

        private int Exact(StateView view) =>
            view.Get(_compound) > 0 ? Pages : (view.Get(_first) > 0 ? 1 : 0) + (view.Get(_second) > 0 ? 1 : 0);
    }
}
