using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>A good file with every key, and the smallest good file.</summary>
internal static class Example
{
    internal const string Path = "specs/a.yaml";

    internal const string Full = """
        # A comment.
        title: Exit against kswapd
        question: >
          Can kswapd use an anon_vma that exit has freed,
          once the page is unmapped?
        origin:
          - '5df397dec7c4 ("mm: delay page_remove_rmap() until after the TLB has been flushed")'
        kernel: linux-6.1
        config: {DEBUG_VM: true, HPAGE_PMD_NR: 2}
        arch: {flush_ipi: on, pmd_pfn: -0x10, migration_entry: masked}
        pools:
          folio: 1
          anon_vma: {objects: 2, generations: 3, reuse: yes, discard: false}
        setup:
          - mm = mm_alloc()
          - vma = mmap_region(mm, 0, 1)
          - {call: "do_anonymous_page(vma, 0)", as: folio}
        threads:
          - name: exit
            calls: [exit_mmap(mm)]
          - {name: kswapd, kind: optional, calls: [rmap.folio_referenced(folio)]}
          - name: tlb
            kind: environment
            calls:
              - cache_entry(mm.pgd, -1, 0xff, true, false, null, "any text, (even this)")
              - flush
        teardown: [drain_all]
        properties: [anon-vma-valid, mapcount-consistent]
        bounds: {states: 1000000, memory: 4096, seconds: 60}
        variants:
          - name: BEFORE
            facts: rmap-tlb#B1/BEFORE
            expect: {}
            states: 240
            transitions: 600
            outcomes:
              name: [[0, 1], [1, -1]]
          - name: V1
            note: As posted.
            facts: [rmap-tlb#B2, rmap-tlb#C1/S2/AFTER]
            kernel: linux-6.2
            patches: [delay-rmap-v1]
            toggles: {recheck mapped under the lock: off, batch: 4, order: flush-first}
            config: {DEBUG_VM: no, NEW: 1}
            arch: {flush_ipi: false}
            pools: {folio: 2, ptdesc: 3}
            tolerates: [use-after-free]
            disagrees: The walker was thought to hold a reference.
            expect: {no-use-after-free: violated, mapcount-consistent: vacuous, anon-vma-valid: holds, deadlock: found, livelock: found}

        """;

    internal const string Smallest = """
        title: t
        question: q
        kernel: k
        threads: [{name: a, calls: [f]}]
        variants: [{name: V}]

        """;

    /// <summary>The document of a text that is to be good.</summary>
    internal static ScenarioFile Read(string text)
    {
        var result = ScenarioReader.Parse(Path, text);
        Assert.Equal([], result.Diagnostics);
        return result.Document!;
    }

    /// <summary>The diagnostics of a text that is not, as a user sees them.</summary>
    internal static string[] Complaints(string text)
    {
        var result = ScenarioReader.Parse(Path, text);
        Assert.Null(result.Document);
        return [.. result.Diagnostics.Select(d => d.ToString())];
    }

    /// <summary>Asserts that a text has exactly one diagnostic, <c>line:column: message</c>.</summary>
    internal static void Refuses(string text, string complaint) => Assert.Equal([$"{Path}:{complaint}"], Complaints(text));

    /// <summary>The smallest good file with one line replaced.</summary>
    internal static string SmallestWith(int line, string replacement)
    {
        var lines = Smallest.Split('\n');
        lines[line - 1] = replacement;
        return string.Join('\n', lines);
    }
}
