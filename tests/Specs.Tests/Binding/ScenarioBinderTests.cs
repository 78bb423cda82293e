using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Binding;

/// <summary>Every name in a scenario is resolved, or refused where it stands with the nearest one that exists.</summary>
public sealed class ScenarioBinderTests
{
    private const string Good =
        """
        title: A scenario
        question: Does it bind?
        kernel: linux-6.1
        config: {DEBUG_VM: true}
        pools: {anon_vma: {objects: 1, discard: true}}
        setup:
          - mm = mm_alloc()
          - vma = mmap_region(mm, 0, 1)
          - folio = do_user_addr_fault(mm, 0)
        threads:
          - name: exit
            calls: [exit_mmap(mm)]
        properties: [anon-vma-valid]
        variants:
          - name: base
            patches: [delay-rmap-v1]
            toggles: {mapped-under-lock: off}
            expect: {anon-vma-valid: violated}
        """;

    [Fact]
    public void A_good_scenario_binds_and_its_objects_carry_the_names_it_gives_them()
    {
        var (bound, diagnostics) = Bind(Good);

        Assert.Empty(diagnostics);
        Assert.NotNull(bound);
        Assert.Equal("linux-6.1", bound.Kernel.Version.Release);
        Assert.Equal(["delay-rmap-v1"], bound.Kernel.Version.Patches);
        Assert.Contains(bound.Instance.Machine.Objects, o => o.Name == "folio");
        Assert.Equal(["exit", "slab", "set-up"], Enumerable.Range(0, bound.Instance.Machine.ThreadCount).Select(bound.Instance.Machine.ThreadName));
    }

    [Fact]
    public void A_pool_is_type_safe_where_the_scenario_says_so()
    {
        var (bound, diagnostics) = Bind(Good.Replace("pools: {", "pools: {folio: {objects: 1, typesafe: true}, ", StringComparison.Ordinal));

        Assert.Empty(diagnostics);
        Assert.True(bound!.Kernel.Caches.Folio.Options.TypeSafeByRcu);
        Assert.False(bound.Kernel.Caches.PageTable.Options.TypeSafeByRcu);
    }

    [Fact]
    public void There_is_room_for_callbacks_where_a_thread_runs_them()
    {
        var (without, _) = Bind(Good);
        var (with, diagnostics) = Bind(Good.Replace("properties:", "  - {name: rcu, kind: environment, calls: [rcu_core()]}\nproperties:", StringComparison.Ordinal));

        Assert.Empty(diagnostics);
        Assert.DoesNotContain(without!.Instance.Machine.Cells, c => c.Name.StartsWith("rcu_callback", StringComparison.Ordinal));
        Assert.Contains(with!.Instance.Machine.Cells, c => c.Name.StartsWith("rcu_callback", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("linux-6.1", "linux-6.11", "a.yaml:3:9: no kernel 'linux-6.11'. Did you mean 'linux-6.1'? 'thpcheck list kernels' names them")]
    [InlineData("[delay-rmap-v1]", "[delay-rmap-v2]", "a.yaml:16:15: no patch 'delay-rmap-v2'. Did you mean 'delay-rmap-v1'? 'thpcheck list patches' names them")]
    [InlineData("{mapped-under-lock: off}", "{mapped-under-look: off}", "a.yaml:17:15: no toggle 'mapped-under-look'. Did you mean 'mapped-under-lock'? 'thpcheck list toggles' names them")]
    [InlineData("{mapped-under-lock: off}", "{mapped-under-lock: 3}", "a.yaml:17:34: the toggle 'mapped-under-lock' is on or off, not 3")]
    [InlineData("DEBUG_VM: true", "DEBUG_V: true", "a.yaml:4:10: no configuration 'DEBUG_V'. Did you mean 'DEBUG_VM'? There are DEBUG_VM, MEMCG, MLOCK, PTRS_PER_PTE, HPAGE_PMD_NR, MMU_GATHER_BUNDLE, MAX_GATHER_BATCH, MAX_GATHER_BATCH_COUNT, PTRS_PER_PMD and SWAP_SLOTS")]
    [InlineData("DEBUG_VM: true", "PTRS_PER_PTE: 17", "a.yaml:4:24: PTRS_PER_PTE cannot be 17; it is a number from 1 to 16")]
    [InlineData("DEBUG_VM: true", "MAX_GATHER_BATCH: 5", "a.yaml:4:28: MAX_GATHER_BATCH cannot be 5; it is a number from 1 to 4")]
    [InlineData("DEBUG_VM: true", "MAX_GATHER_BATCH_COUNT: 1", "a.yaml:4:10: the batches of a gather would take 5 pages, and 4 are the most; make MMU_GATHER_BUNDLE, MAX_GATHER_BATCH or MAX_GATHER_BATCH_COUNT smaller")]
    [InlineData("anon_vma: {objects", "anon_vmas: {objects", "a.yaml:5:9: no pool 'anon_vmas'. Did you mean 'anon_vma'? There are address_space, anon_vma, anon_vma_chain, folio, half_thp, huge_zero_page, kvm, memcg, mm, page_table, thp, vma")]
    [InlineData("DEBUG_VM: true", "HPAGE_PMD_NR: 1", "a.yaml:4:24: HPAGE_PMD_NR cannot be 1; it is a number from 2 to 16")]
    [InlineData("DEBUG_VM: true", "HPAGE_PMD_NR: 4", "a.yaml:4:24: HPAGE_PMD_NR cannot be 4: a page table has 2 entries; raise PTRS_PER_PTE too")]
    [InlineData("DEBUG_VM: true", "MEMCG: 1", "a.yaml:4:17: MEMCG cannot be 1; it is on or off")]
    [InlineData("config: {DEBUG_VM: true}", "arch: {pmd_pfn_of_absent: zero}", "a.yaml:4:8: pmd_pfn_of_absent cannot be zero; it is one of no_page, huge_zero_page, other_page")]
    [InlineData("config: {DEBUG_VM: true}", "arch: {pmd_pfn_of_absent: huge_zero_page}", "a.yaml:4:27: there is no huge zero page; give the scenario one: pools: {huge_zero_page: 1}")]
    [InlineData("config: {DEBUG_VM: true}", "arch: {pmd_bad: on}", "a.yaml:4:8: no architecture setting 'pmd_bad'. Did you mean 'pmd_bad_of_migration'? There are pmd_pfn_of_absent, pmd_bad_of_migration and tlb_flush_is_ipi")]
    [InlineData("anon_vma: {objects: 1", "folio: {objects: 1", "a.yaml:5:38: 'folio' is no type-safe cache: its objects are gone as soon as they are freed")]
    [InlineData("exit_mmap(mm)", "exit_mmapp(mm)", "a.yaml:12:13: no path 'exit_mmapp'. Did you mean 'exit_mmap'? 'thpcheck list paths' names them")]
    [InlineData("exit_mmap(mm)", "exit_mmap()", "a.yaml:12:13: 'exit_mmap' is given 0 arguments; it is mmap.exit_mmap(Mm mm)")]
    [InlineData("exit_mmap(mm)", "exit_mmap(nm)", "a.yaml:12:23: no object 'nm'. Did you mean 'mm'? A name is bound by an earlier call: name = path(...)")]
    [InlineData("exit_mmap(mm)", "exit_mmap(vma)", "a.yaml:12:23: 'vma' is a Vma; the parameter 'mm' of mmap.exit_mmap(Mm mm) is a Mm")]
    [InlineData("exit_mmap(mm)", "exit_mmap(3)", "a.yaml:12:23: '3' does not fit the parameter 'mm' of mmap.exit_mmap(Mm mm), which is a Mm")]
    [InlineData("exit_mmap(mm)", "x = exit_mmap(mm)", "a.yaml:12:13: mmap.exit_mmap returns nothing that a name can stand for")]
    [InlineData("properties: [anon-vma-valid]", "properties: [anon-vma-vald]", "a.yaml:13:14: no property 'anon-vma-vald'. Did you mean 'anon-vma-valid'? 'thpcheck list properties' names them")]
    [InlineData("{anon-vma-valid: violated}", "{walker-walks: violated}", "a.yaml:18:14: 'walker-walks' is expected but is not among the scenario's properties; add it there")]
    [InlineData("{anon-vma-valid: violated}", "{no-use-after-fre: violated}", "a.yaml:18:14: no property 'no-use-after-fre'. Did you mean 'no-use-after-free'?")]
    [InlineData("- mm = mm_alloc()", "- mm = no_such()", "a.yaml:7:10: no path 'no_such'. 'thpcheck list paths' names them")]
    public void A_name_that_does_not_exist_is_refused_where_it_stands(string from, string to, string message)
    {
        var (bound, diagnostics) = Bind(Good.Replace(from, to, StringComparison.Ordinal));

        Assert.Null(bound);
        Assert.Contains(message, diagnostics.Select(d => d.ToString()));
    }

    [Theory]
    [InlineData("- vma = mmap_region(mm, 0, 1)", "- vma = mmap_region(mm, 0, 9)", "a.yaml:8:5: vma0.vm_end is given 9, outside its range 0..2; widen the range where the field is declared")]
    [InlineData("do_user_addr_fault(mm, 0)", "do_user_addr_fault(mm, 1)", "a.yaml:9:5: 'folio' would be null: do_user_addr_fault returned no object")]
    [InlineData("- vma = mmap_region(mm, 0, 1)", "- vma = mmap_region(mm, 0, 1)\n  - other = mm_alloc()", "a.yaml:9:5: the set-up needs more of mm than the scenario has")]
    [InlineData("- folio = do_user_addr_fault(mm, 0)", "- folio = do_user_addr_fault(mm, 0)\n  - folio_unlock(folio)", "a.yaml:10:5: the set-up meets a kernel bug in folio_unlock: no-bad-unlock is broken")]
    [InlineData("- mm = mm_alloc()", "- mm = mm_alloc()\n  - rcu_core()", "a.yaml:8:5: the set-up blocks in rcu_callback; it runs alone, so nothing can wake it")]
    public void A_set_up_that_cannot_be_run_alone_is_refused(string from, string to, string message)
    {
        var (bound, diagnostics) = Bind(Good.Replace(from, to, StringComparison.Ordinal));

        Assert.Null(bound);
        Assert.Equal(message, Assert.Single(diagnostics).ToString());
    }

    [Fact]
    public void An_initial_state_that_breaks_a_property_is_refused()
    {
        var (bound, diagnostics) = Bind(Good
            .Replace("exit_mmap(mm)", "mm_alloc()", StringComparison.Ordinal)
            .Replace("- folio = do_user_addr_fault(mm, 0)", "- folio = do_user_addr_fault(mm, 0)\n  - page_remove_rmap(folio)", StringComparison.Ordinal)
            .Replace("properties: [anon-vma-valid]", "properties: [anon-vma-valid, mapcount-covers-ptes]", StringComparison.Ordinal));

        Assert.Null(bound);
        Assert.Equal(
            "a.yaml:14:30: the initial state breaks 'mapcount-covers-ptes': the mapcount of folio is 0, and 1 ptes map it; mend the set-up, or the property does not belong here",
            Assert.Single(diagnostics).ToString());
    }

    [Fact]
    public void Two_patches_of_one_file_must_build_on_each_other()
    {
        var (bound, diagnostics) = Bind(Good.Replace("[delay-rmap-v1]", "[delay-rmap-v1, delay-rmap-final]", StringComparison.Ordinal));

        Assert.Null(bound);
        Assert.Equal(
            "a.yaml:16:30: the patches delay-rmap-v1 and delay-rmap-final both replace memory, and delay_rmap_final_memory does not derive from delay_rmap_v1_memory; apply one, or derive one from the other",
            Assert.Single(diagnostics).ToString());
    }

    [Fact]
    public void A_patch_must_build_on_the_releases_own_file()
    {
        var (bound, diagnostics) = Bind(Good.Replace("kernel: linux-6.1", "kernel: linux-6.2", StringComparison.Ordinal));

        Assert.Null(bound);
        Assert.Equal(
            "a.yaml:16:15: the patch delay-rmap-v1 replaces memory by delay_rmap_v1_memory, which does not derive from linux-6.2's delay_rmap_final_memory; apply it to an earlier kernel",
            Assert.Single(diagnostics).ToString());
    }

    private static (BoundVariant? Bound, IReadOnlyList<Diagnostic> Diagnostics) Bind(string text)
    {
        var read = ScenarioReader.Parse("a.yaml", text);
        Assert.Empty(read.Diagnostics);
        return ScenarioBinder.Bind(read.Document!, Assert.Single(read.Document!.Variants));
    }
}
