using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>A diff of the kernel against the model. The C in it is made up; the functions' names are modelled ones.</summary>
public sealed class GateTests : IDisposable
{
    private const string Modelled = "static bool folio_lock_anon_vma_read(struct folio *folio)";

    private readonly TemporaryFolder _folder = new();
    private int _trees;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("-\tspin_lock(&a->lock);", "- spin_lock(&a->lock)")]
    [InlineData("+\tif (!folio_mapped(folio))\n+\t\treturn false;", "+ folio_mapped(folio)")]
    [InlineData("-\tflush_tlb_range(vma, a, b);\n+\tflush_tlb_range(vma, a, c);", "+ flush_tlb_range(vma, a, c)")]
    [InlineData("+\tsmp_mb();", "+ smp_mb()")]
    [InlineData("-\tfolio_ref_inc(folio);", "- folio_ref_inc(folio)")]
    [InlineData("+\tput_anon_vma(a);", "+ put_anon_vma(a)")]
    [InlineData("+\tfoo_unlock_all(a);", "+ foo_unlock_all(a)")]
    public void A_change_of_synchronisation_makes_the_model_out_of_date(string change, string shown)
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, change));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("model out of date: folio_lock_anon_vma_read, its synchronisation changes", run.Out, StringComparison.Ordinal);
        Assert.Contains(shown, run.Out, StringComparison.Ordinal);
        Assert.Contains("thpcheck new patch", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_goes_is_compared_with_what_the_path_declares()
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, "-\tif (!folio_mapped(folio))\n-\tlru_cache_disable_lock();"));

        Assert.Contains("- folio_mapped(folio)  (its path has one)", run.Out, StringComparison.Ordinal);
        Assert.Contains("- lru_cache_disable_lock()  (its path leaves it out)", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-\t/* a comment */\n+\t/* spin_lock(&a->lock); */")]
    [InlineData("-\tx = f(a,b);\n+\tx = f(a, b);")]
    [InlineData("+\tint unused;")]
    [InlineData("+\ttrace_something(a);")]
    [InlineData("+\t// smp_mb();")]
    public void What_is_nothing_to_a_model_passes_and_says_why(string change)
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, change));

        Assert.Equal(ExitCodes.AsExpected, run.ExitCode);
        Assert.Contains("the verdicts stand:", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-\tif (a)\n+\tif (!a)", "where it goes on changes")]
    [InlineData("+\ta->b = NULL;", "memory is used otherwise")]
    [InlineData("+\thelper(a);", "helper() is called, of which nothing is known")]
    [InlineData("+\tx = 1;", "a value changes")]
    [InlineData("+#ifdef CONFIG_X", "a line of the preprocessor changes")]
    [InlineData("-\tgoto out;", "where it goes on changes")]
    [InlineData("-\tint x;\n+\tstatic int x;", "what is declared outlives the call or is seen by others")]
    [InlineData("-\t}\n \tgoto out;\n+\t}", "a block begins or ends elsewhere")]
    public void What_may_matter_cannot_be_told_and_does_not_pass(string change, string why)
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, change));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains($"cannot tell: it does not synchronise in what is shown, but {why}", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_nothing_models_is_listed()
    {
        var run = Gate(Diff("mm/slub.c", "static void deactivate_slab(struct kmem_cache *s)", "+\tspin_lock(&s->lock);"));

        Assert.Equal(ExitCodes.AsExpected, run.ExitCode);
        Assert.Contains("mm/slub.c: deactivate_slab()", run.Out, StringComparison.Ordinal);
        Assert.Contains("no verdict is about it", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_moves_to_another_file_does_not_pass()
    {
        var run = Gate(Diff("mm/anon.c", Modelled, "+\tint x;"));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("modelled as of mm/rmap.c; is this another, or has it moved?", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_that_a_new_function_takes_over_are_lost_to_the_old_one()
    {
        // The unlock stays where it is, but belongs to bar() now.
        var run = Gate("""
            --- a/mm/rmap.c
            +++ b/mm/rmap.c
            @@ -10,4 +10,9 @@ static bool folio_lock_anon_vma_read(struct folio *folio)
             	a();
            +	int b;
            +}
            +
            +static void bar(void)
            +{
             	up_read(&c->rwsem);
             	d();
             }

            """);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("- up_read(&c->rwsem)", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hunk_that_begins_after_the_function_of_its_header_is_not_taken_for_a_change_of_it()
    {
        var run = Gate("""
            --- a/mm/rmap.c
            +++ b/mm/rmap.c
            @@ -10,4 +10,5 @@ static void unknown_function(void)

             /* What it does. */
             static bool folio_lock_anon_vma_read(struct folio *folio)
             {
            +	smp_wmb();

            """);

        Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("unknown_function", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_changes_outside_of_functions_of_a_modelled_file_cannot_be_told()
    {
        var run = Gate("""
            --- a/mm/rmap.c
            +++ b/mm/rmap.c
            @@ -10,1 +10,2 @@

            +static int some_flag = 1;

            """);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("in no function that the diff shows: static int some_flag = 1", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void A_field_of_a_structure_that_the_model_has_cannot_be_told()
    {
        var run = Gate(Diff("include/linux/mm_types.h", "struct page {", "-\tatomic_t _mapcount;"));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("in no function that the diff shows", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void Includes_and_prototypes_are_nothing_to_a_model()
    {
        var run = Gate("""
            --- a/mm/rmap.c
            +++ b/mm/rmap.c
            @@ -10,0 +10,2 @@
            +#include <linux/foo.h>
            +static void bar(struct folio *folio, int lock);

            """);

        Assert.Equal(ExitCodes.AsExpected, run.ExitCode);
    }

    [Theory]
    [InlineData("")] // diff -u
    [InlineData("out:")] // diff -up names a label
    public void A_call_in_a_hunk_that_names_no_function_is_not_taken_for_a_prototype(string section)
    {
        var run = Gate($"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -10,3 +10,2 @@ {section}\n \trcu_read_unlock();\n-\tanon_vma_lock_read(anon_vma);\n \n");

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("in no function that the diff shows: anon_vma_lock_read(anon_vma);", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void What_follows_a_macro_is_in_the_function_around_it()
    {
        var run = Gate($"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -10,5 +10,4 @@ {Modelled}\n #define twice(a) \\\n \ta; \\\n \ta\n-\tspin_lock(&a->lock);\n \tint last;\n");

        Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("twice", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_constant_after_a_function_that_nothing_models_cannot_be_told()
    {
        var run = Gate(Diff("mm/rmap.c", "static void unknown_function(void)", "-#define MOST 3\n+#define MOST 4"));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("a line of the preprocessor changes, and the diff does not show whether it is in this function", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void A_helper_whose_synchronisation_changes_does_not_pass_where_what_is_modelled_comes_to_it()
    {
        const string Text = "static void helper(void)\n{\n\tspin_lock(&a->lock);\n}\n\nstatic void between(void)\n{\n\thelper();\n}\n\n"
            + "static bool folio_lock_anon_vma_read(struct folio *folio)\n{\n\tbetween();\n}\n\nstatic void alone(void)\n{\n\tspin_lock(&a->lock);\n}\n";
        const string Helper = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,4 +1,3 @@\n static void helper(void)\n {\n-\tspin_lock(&a->lock);\n }\n";
        const string Alone = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -16,4 +16,3 @@\n static void alone(void)\n {\n-\tspin_lock(&a->lock);\n }\n";

        var with = Gate(Helper, "--kernel", Tree(Text));
        var without = Gate(Helper);

        Assert.Equal(ExitCodes.Incomplete, with.ExitCode);
        Assert.Contains("no path is of its name, but folio_lock_anon_vma_read(), which is modelled, comes to it", Unwrapped(with.Out), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Incomplete, without.ExitCode);
        Assert.Contains("which --kernel tells", Unwrapped(without.Out), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, Gate(Alone, "--kernel", Tree(Text)).ExitCode);
    }

    [Theory]
    [InlineData("EXPORT_SYMBOL(unknown_function);", " ")]
    [InlineData("static inline int unknown_function(void) { return 0; }", " ")]
    [InlineData("static int unknown_function(void)", "\\")] // in a macro that began above
    public void Lines_that_are_not_in_the_function_of_the_header_are_not_taken_for_its_own(string section, string end)
    {
        var run = Gate($"--- a/include/linux/mm.h\n+++ b/include/linux/mm.h\n@@ -10,3 +10,2 @@ {section}\n \tx = 1;{end}\n-\ty = 1;{end}\n \tz = 1;{end}\n");

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("in no function that the diff shows", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("include/linux/spinlock.h", "static __always_inline void spin_lock(spinlock_t *lock)")]
    [InlineData("mm/memory.c", "spinlock_t *pmd_lock(struct mm_struct *mm, pmd_t *pmd)")] // paths have spin_lock for it
    public void A_function_that_paths_use_as_an_operation_does_not_pass(string file, string head)
    {
        var run = Gate(Diff(file, head, "-\tpreempt_disable();"));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("paths use it as an operation", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void With_a_tree_whole_functions_are_compared_whether_it_has_the_diff_or_not()
    {
        const string Before = "static bool folio_lock_anon_vma_read(struct folio *folio)\n{\n\tdown_read(&a->rwsem);\n\tx();\n}\n\nstatic void other(void)\n{\n\ty();\n}\n";
        var after = Before.Replace("\tx();\n", "\tx();\n\tup_read(&a->rwsem);\n", StringComparison.Ordinal);
        const string Diff = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -4,2 +4,3 @@\n \tx();\n+\tup_read(&a->rwsem);\n }\n"; // no function in the header

        foreach (var text in new[] { Before, after })
        {
            var tree = Tree(text);
            var run = Gate(Diff, "--kernel", tree);

            Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
            Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
            Assert.Contains("+ up_read(&a->rwsem)", run.Out, StringComparison.Ordinal);
            Assert.Equal("", run.Error);
        }
    }

    [Fact]
    public void A_function_that_returns_something_else_does_not_pass_with_a_tree()
    {
        const string Text = "static bool folio_lock_anon_vma_read(struct folio *folio)\n{\n\treturn x();\n}\n";
        const string Diff = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,2 +1,2 @@\n-static bool folio_lock_anon_vma_read(struct folio *folio)\n+static int folio_lock_anon_vma_read(struct folio *folio)\n {\n";

        var run = Gate(Diff, "--kernel", Tree(Text));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("what it returns, or who sees it, changes", Unwrapped(run.Out), StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_that_come_without_any_around_them_are_not_put_anywhere_in_a_tree()
    {
        const string Text = "static void other(void)\n{\n\tx();\n}\n";
        const string Diff = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -700,0 +701,1 @@ static bool folio_lock_anon_vma_read(struct folio *folio)\n+\tup_read(&a->rwsem);\n";

        var run = Gate(Diff, "--kernel", Tree(Text));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-6.1.orig/mm/rmap.c", "linux-6.1/mm/rmap.c")]
    [InlineData("i/mm/rmap.c", "w/mm/rmap.c")]
    [InlineData("mm/rmap.c", "mm/rmap.c")]
    public void Names_are_taken_without_the_folder_that_the_tree_is_in(string before, string after)
    {
        var run = Gate($"--- {before}\n+++ {after}\n@@ -1,2 +1,2 @@ {Modelled}\n \tx();\n-\tspin_lock(&a->lock);\n+\ty();\n");

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.StartsWith("mm/rmap.c:", run.Out, StringComparison.Ordinal);
        Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tree_that_the_diff_does_not_fit_is_said_so_and_does_not_pass()
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, "+\tsmp_mb();"), "--kernel", Tree("int x;\n"));

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("only the hunks are looked at", run.Error, StringComparison.Ordinal);
        Assert.Contains("+ smp_mb()", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_series_is_compared_over_all_its_patches_where_a_tree_is_given()
    {
        // The second patch takes back what the first does.
        const string Text = "static bool folio_lock_anon_vma_read(struct folio *folio)\n{\n\tx();\n}\n";
        const string One = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -2,2 +2,3 @@\n {\n+\tsmp_mb();\n \tx();\n";
        const string Two = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -2,3 +2,2 @@\n {\n-\tsmp_mb();\n \tx();\n";
        var series = $"{Mail(1, 2)}{One}{Mail(2, 2)}{Two}";

        Assert.Equal(ExitCodes.Incomplete, Gate(series).ExitCode);
        Assert.Equal(ExitCodes.AsExpected, Gate(series, "--kernel", Tree(Text)).ExitCode);
    }

    [Fact]
    public void A_program_that_was_built_from_other_sources_is_told_from_one_that_was_not()
    {
        const string File = "src/Model/Kernel/rmap.cs";
        var model = typeof(KernelFile).Assembly;
        var text = System.IO.File.ReadAllText(Repository.File(File.Split('/')));

        Assert.True(SourceLines.Texts(model)[File] == text);
        Assert.False(SourceLines.Texts(model)[File] == $"{text}\n");
        Assert.False(SourceLines.Texts(model).ContainsKey("src/Model/Kernel/no_such_file.cs"));
    }

    [Fact]
    public void Checkpatch_lines_are_what_patch_checkers_read()
    {
        var run = Gate(Diff("mm/rmap.c", Modelled, "+\tsmp_mb();"), "--checkpatch");

        Assert.Equal("mm/rmap.c:11: ERROR: model out of date: folio_lock_anon_vma_read, its synchronisation changes: +smp_mb()\n", run.Out);
        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
    }

    [Fact]
    public void A_model_that_changes_something_else_does_not_help()
    {
        var model = _folder.Write("other.cs", """
            public class rmap(Kernel kernel) : Base(kernel)
            {
                public override async KernelTask page_remove_rmap(Folio page)
                {
                    await base.page_remove_rmap(page);
                }

                public override async KernelTask unlink_anon_vmas(Vma vma)
                {
                    await base.unlink_anon_vmas(vma);
                }
            }
            """);
        var scenario = CommandLineRun.Scenario("..", "..", "..", "..", "specs", "rmap", "exit-against-kswapd.yaml");

        var run = Gate(Diff("mm/rmap.c", Modelled, "+\tsmp_mb();"), "--model", model, "--in-process", scenario);
        var part = Gate(Diff("mm/rmap.c", "void page_remove_rmap(struct page *page)", "+\tsmp_mb();"), "--model", model, "--in-process", scenario);
        var other = Gate(Diff("mm/rmap.c", "void unlink_anon_vmas(struct vm_area_struct *vma)", "+\tsmp_mb();"), "--model", model, "--in-process", scenario);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("model out of date: folio_lock_anon_vma_read", run.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Incomplete, part.ExitCode);
        Assert.Contains("the model that comes along changes rmap.page_remove_rmap, but not rmap_mapcounts.page_remove_rmap, rmap_mapcounts.count_file and rmap_thp.page_remove_rmap", Unwrapped(part.Out), StringComparison.Ordinal);
        Assert.Contains("the model comes along in", other.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, other.ExitCode);
    }

    private static string Diff(string file, string head, string change)
    {
        var lines = change.Split('\n');
        var (gone, come) = (lines.Count(l => l[0] != '+'), lines.Count(l => l[0] != '-'));
        return $"--- a/{file}\n+++ b/{file}\n@@ -10,{gone + 2} +10,{come + 2} @@ {head}\n \tstruct thing *t;\n{change}\n \tint last;\n";
    }

    private static string Mail(int number, int of) => $"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: A\nSubject: [PATCH v2 {number}/{of}] mm: x\n\nText.\n---\n";

    private string Tree(string text)
    {
        var root = Path.Combine(_folder.Path, $"tree{_trees++}");
        Directory.CreateDirectory(Path.Combine(root, "mm"));
        File.WriteAllText(Path.Combine(root, "mm", "rmap.c"), text);
        return root;
    }

    private CommandLineRun Gate(string diff, params string[] more) => Of(["gate", "--diff", _folder.Write("a.diff", diff), .. more]);

    private static string Unwrapped(string text) => string.Join(' ', text.Split(['\n', ' '], StringSplitOptions.RemoveEmptyEntries));
}
