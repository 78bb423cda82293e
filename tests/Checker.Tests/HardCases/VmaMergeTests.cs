using System.Text;
using ThpCheck.Model.Objects;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// What vma_merge, __split_vma and __vma_adjust (mm/mmap.c) make of four pages under mprotect. A map has a letter for each page: the
/// first vma's is A, the second's B, and so on; those of an executable vma are lower case.
/// </summary>
/// <remarks>Every map is also looked at by two properties: a walk finds every pte, and vmas with one anon_vma have one chain.</remarks>
public sealed class VmaMergeTests
{
    private const string TouchAll = "touch 0; touch 1; touch 2; touch 3; ";

    /// <remarks>The cases are those of the comment above vma_merge.</remarks>
    [Theory]
    [InlineData("", "AAAA")]
    [InlineData("0-1 x", "aBBB")]
    [InlineData("3-4 x", "AAAb")]
    [InlineData("1-2 x", "AbCC")]
    [InlineData("1-2 x; 1-2", "AAAA")] // case 6: both neighbours
    [InlineData("3-4 x; 3-4", "AAAA")] // case 7: the one before
    [InlineData("0-1 x; 0-1", "AAAA")] // case 8: the one after
    [InlineData("0-1 x; 1-2 x", "aaBB")] // case 5: the one before, over a part
    [InlineData("3-4 x; 2-3 x", "AAbb")] // case 4: the one after, over a part
    [InlineData("0-1 x; 2-3 x; 0-4 x", "aaaa")] // several vmas in one call
    [InlineData("1-2 x; 2-3 x; 0-4", "AAAA")]
    [InlineData("1-2 x; 3-4 x", "AbCd")]
    public void Mprotect_splits_and_merges_as_the_comment_above_vma_merge_says(string calls, string map)
    {
        Assert.Equal(map, Map(calls));
        Assert.Equal(map, Map(TouchAll + calls));
    }

    /// <remarks>
    /// One of two neighbours may be without an anon_vma, but then it must be the range whose flags change: list_is_singular() refuses
    /// the empty chain of the vma that would take it in.
    /// </remarks>
    [Theory]
    [InlineData("0-1 x; touch 0; 1-2 x", "aaBB")]
    [InlineData("0-1 x; touch 1; 1-2 x", "abCC")]
    [InlineData("1-2 x; touch 2; 1-2", "AAAA")] // case 6 asks of both neighbours only whether one has none
    public void A_vma_without_pages_is_taken_in_and_takes_none_in(string calls, string map) => Assert.Equal(map, Map(calls));

    /// <remarks>Nothing of a file's mapping has an anon_vma, so it splits and merges as memory that was never touched.</remarks>
    [Theory]
    [InlineData("0-1 x", "aBBB")]
    [InlineData("1-2 x", "AbCC")]
    [InlineData("1-2 x; 1-2", "AAAA")] // case 6
    [InlineData("3-4 x; 3-4", "AAAA")] // case 7
    [InlineData("0-1 x; 0-1", "AAAA")] // case 8
    [InlineData("0-1 x; 1-2 x", "aaBB")] // case 5
    [InlineData("3-4 x; 2-3 x", "AAbb")] // case 4
    public void The_vmas_of_a_file_are_those_in_its_tree_after_each_split_and_merge(string calls, string map)
    {
        Assert.Equal(map, Map(calls, isFile: true));
        Assert.Equal(map, Map(TouchAll + calls, isFile: true));
    }

    private static string Map(string calls, bool isFile = false)
    {
        var setup = string.Concat(calls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(call => $"  - {Path(call)}\n"));
        var file = ScenarioReader.Parse(
            "map.yaml",
            $$"""
            title: A map
            question: What do these calls make of four pages?
            origin: [made up]
            kernel: linux-6.1
            config: {PTRS_PER_PTE: 4}
            pools: {folio: 4, vma: 8, anon_vma: {objects: 4}, anon_vma_chain: 8, address_space: 1}
            setup:
              - mm = mm_alloc()
              - file = alloc_inode()
              - vma = mmap_region(mm, 0, 4{{(isFile ? ", file" : "")}})
            {{setup}}
            threads:
              - name: exit
                calls: [exit_mmap(mm)]
            properties: [rmap-finds-ptes, one-anon-vma-one-chain]
            variants:
              - name: only
            """).Document!;
        var (bound, diagnostics) = ScenarioBinder.Bind(file, file.Variants[0]);
        Assert.Empty(diagnostics);

        var view = new StateView(bound!.Instance.Begin().State);
        var mm = view.Live<Mm>().Single();
        var vmas = Listed(view, mm.mm_mt);
        Assert.Equivalent(isFile ? vmas.Select(v => v.Id) : [], Listed(view, view.Live<AddressSpace>().Single().i_mmap).Select(v => v.Id), strict: true);
        var map = new StringBuilder("....");
        foreach (var (i, vma) in vmas.Index())
        {
            for (var page = view.Get(vma.vm_start); page < view.Get(vma.vm_end); page++)
            {
                map[page] = (char)((view.Get(vma.vm_flags) == VmFlags.VM_EXEC ? 'a' : 'A') + i);
            }
        }

        return map.ToString();
    }

    private static List<Vma> Listed(StateView view, guarded_list<Vma> list) =>
        [.. Enumerable.Range(1, view.Get(list.Count)).Select(i => (Vma)view.Machine.Object((int)view.Word(list.Count.Cell + i))!)];

    private static string Path(string call)
    {
        var words = call.Split(' ', '-');
        return words[0] == "touch" ? $"do_user_addr_fault(mm, {words[1]})" : $"do_mprotect_pkey(mm, {words[0]}, {words[1]}, {(words.Length == 3 ? "true" : "false")})";
    }
}
