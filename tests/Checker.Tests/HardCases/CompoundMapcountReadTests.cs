using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.FolioLock;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// CVE-2020-29368: page_trans_huge_mapcount reads a compound mapcount word by word, while another process splits its PMD
/// without the page lock (mm/huge_memory.c up to 5.7; c444eb564fb1 takes the lock). Two processes map a THP of two pages.
/// </summary>
/// <remarks>
/// Left out: both page-table locks (hides nothing: each process takes only its own), the copy that is made when the page
/// is not reused. Counts are as people say them, one more than the kernel stores.
/// </remarks>
public sealed class CompoundMapcountReadTests
{
    /// <remarks>
    /// The writer locks (1 step), reads 0 and 0 and no DoubleMap (3); the other process splits: two PTEs, the compound count read, DoubleMap and
    /// its two, the compound count lowered (7), which leaves 2, 2, DoubleMap, 1; the writer reads 1: max(0, 0) - 0 + 1 = 1, reuses
    /// and stores (2); the other reads the secret (1). Had it read DoubleMap after the split, the sum would have been 0. In between it can read 3.
    /// </remarks>
    [Fact]
    public void A_mapcount_that_is_read_word_by_word_beside_a_split_without_the_page_lock_lets_a_shared_page_be_reused()
    {
        var result = Small.Judged(Split(locked: false));

        Assert.Equal(VariantVerdict.Violated, result.Verdict);
        Assert.Equal(Verdict.Holds, result["copies"].Verdict);
        Assert.Equal("0 1 2 3", result.Outcomes("mapcount"));
        var leak = result["other-never-reads-the-secret"].Counterexample!;
        Assert.Equal(("writer*4,other*7,writer*2,other", 3, 14), (leak.Schedule, leak.Switches, leak.Steps));
    }

    /// <remarks>
    /// Before the split the writer reads 0, 0, no DoubleMap, 2: two; after it 2, 2, DoubleMap, 1: two. The writer has 6 steps and the
    /// lock after the first 5, the other 10 and the lock after the first 8. The writer without it, at 0 or 6: 11 places of the
    /// other each; with it, at 1 to 5: 3, which are 0, 9 and 10: 37 states. Ways out: at 0: 2, 8 x 1, 2, 1; at 6: 10 x 1;
    /// at 1 to 5: 1 2 1 each: 43.
    /// </remarks>
    [Fact]
    public void With_the_page_lock_around_the_split_the_page_is_always_copied()
    {
        var result = Small.Expect(Split(locked: true), VariantVerdict.Holds, states: 37, transitions: 43);

        Assert.Equal("2", result.Outcomes("mapcount"));
    }

    internal static Instance Split(bool locked) => Small.Instance(
        at => new Thp(at),
        [new("writer", m => m.do_huge_pmd_wp_page()), new("other", m => m.split_huge_pmd(locked))],
        m => m.Promises);

    [Flags]
    private enum PG
    {
        Locked = 1,
        DoubleMap = 2,
    }

    private sealed class Thp(Layout at) : KernelObject(at)
    {
        private readonly Shared<PG> _flags = at.Cell(default(PG), "flags");
        private readonly Shared<int> _first = at.Cell(0, 3, 0, "mapcount[0]");
        private readonly Shared<int> _second = at.Cell(0, 3, 0, "mapcount[1]");
        private readonly Shared<int> _compound = at.Cell(0, 2, 2, "compound_mapcount");
        private readonly Shared<bool> _secret = at.Cell(false, "data"); // whether the page holds what the writer wrote after the fork
        private readonly Ghost<bool> _leaked = at.Ghost(false, "leaked");
        private readonly Ghost<bool> _copied = at.Ghost(false, "copied");
        private readonly Ghost<int> _read = at.Ghost(0, 4, 0, "read");

        public IReadOnlyList<Property> Promises =>
        [
            Property.Always("other-never-reads-the-secret", view => view.Get(_leaked) ? "the other process read what was written after the fork" : null),
            Property.Sometimes("copies", view => view.Get(_copied)),
            Property.Outcomes("mapcount", view => [view.Get(_read)]),
        ];

        public async KernelTask do_huge_pmd_wp_page()
        {
            await bit_lock(PG.Locked, _flags);
            var mapcount = await page_trans_huge_mapcount();
            Ghost(_read, mapcount);
            if (mapcount <= 1)
            {
                await store(_secret, true);
            }
            else
            {
                Ghost(_copied, true);
            }

            await bit_unlock(PG.Locked, _flags);
        }

        public async KernelTask split_huge_pmd(bool locked)
        {
            if (locked)
            {
                await bit_lock(PG.Locked, _flags);
            }

            await atomic_inc(_first);
            await atomic_inc(_second);
            if (await atomic_read(_compound) > 1 && !await test_and_set_bit(PG.DoubleMap, _flags))
            {
                await atomic_inc(_first);
                await atomic_inc(_second);
            }

            await atomic_dec(_compound);
            if (locked)
            {
                await bit_unlock(PG.Locked, _flags);
            }

            Ghost(_leaked, await load(_secret)); // through its PTEs, which map the same page
        }

        private async KernelTask<int> page_trans_huge_mapcount()
        {
            var first = await atomic_read(_first);
            var second = await atomic_read(_second);
            var mapcount = Math.Max(first, second);
            mapcount -= await test_bit(PG.DoubleMap, _flags) ? 1 : 0;
            var compound = await atomic_read(_compound);
            return mapcount + compound;
        }
    }
}
