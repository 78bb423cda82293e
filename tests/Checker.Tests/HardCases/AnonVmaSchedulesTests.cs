namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// The failing schedules of the first version of "mm: delay rmap removal until after TLB flush", as they were worked out by hand from the
/// mail: the cheapest interleavings that the scenarios give need no more context switches, and their events come in that order.
/// </summary>
/// <remarks>
/// An environment step, such as a slab page going back, is no context switch. A walker need not have begun before exit frees: where the
/// hand-made schedule lets it look at the folio first, the cheapest one lets it look later, and saves a switch.
/// </remarks>
public sealed class AnonVmaSchedulesTests
{
    [Theory]
    [InlineData(
        "exit-against-migration", "no-bug-on", 2,
        "exit xchg(page_table0.pte[0], none)",
        "exit list_del(anon_vma0.rb_root, *)",
        "exit atomic_dec_and_test(anon_vma0.refcount) = true",
        "kcompactd atomic_read(folio._mapcount) = 0",
        "kcompactd atomic_inc_not_zero(anon_vma0.refcount) = false",
        "kcompactd atomic_read(folio._mapcount) = 0")] // B-1: the BUG at mm/migrate.c:1105
    [InlineData(
        "exit-against-kswapd", "no-use-after-free", 1,
        "exit xchg(page_table0.pte[0], none)",
        "exit list_del(anon_vma0.rb_root, *)",
        "exit kmem_cache_free(anon_vma0)",
        "kswapd rcu_read_lock()",
        "kswapd READ_ONCE(folio.mapping) = anon_vma0",
        "kswapd atomic_read(folio._mapcount) = 0",
        "slab a slab page is given back",
        "kswapd READ_ONCE(anon_vma0.root)")] // B-2: the oops in down_read_trylock
    [InlineData(
        "exit-against-kswapd-reuse", "walker-walks-no-stranger", 2,
        "exit kmem_cache_free(anon_vma0)",
        "kswapd down_read_trylock(anon_vma0.rwsem) = true",
        "kswapd atomic_read(folio._mapcount) = 0",
        "fork kmem_cache_alloc(anon_vma) = anon_vma0'")] // B-3: the wrong tree
    [InlineData(
        "exit-against-kswapd-reuse", "no-bad-unlock", 4,
        "exit list_del(anon_vma0.rb_root, *)",
        "kswapd READ_ONCE(anon_vma0.root) = anon_vma0",
        "kswapd down_read_trylock(anon_vma0.rwsem) = true",
        "fork kmem_cache_alloc(anon_vma) = anon_vma0'",
        "fork store(anon_vma0'.root, anon_vma1)",
        "kswapd load(anon_vma0.root) = anon_vma1",
        "kswapd up_read(anon_vma1.rwsem)")] // B-4: one root locked, another unlocked
    public void The_cheapest_interleaving_has_the_events_of_the_hand_made_schedule_in_its_order(string scenario, string property, int switches, params string[] events)
    {
        var way = HandMadeSchedules.Cheapest("rmap", scenario, "v1", property);

        HandMadeSchedules.AssertHas(way, switches, events);
    }

    /// <remarks>
    /// CVE-2022-42703 needs no second thread, and no look into a race window: the cheapest way to each of its symptoms is one thread's
    /// calls, one after the other.
    /// </remarks>
    [Theory]
    [InlineData("one-anon-vma-one-chain")]
    [InlineData("rmap-finds-ptes")]
    [InlineData("anon-vma-valid")]
    [InlineData("no-use-after-free")]
    public void An_anon_vma_is_adopted_twice_and_freed_under_a_mapped_folio_without_a_context_switch(string property)
    {
        var way = HandMadeSchedules.Cheapest("rmap", "anon-vma-adopted-twice", "degree", property);

        Assert.Equal((0, true), (way.Switches, way.IsMinimal));
    }
}
