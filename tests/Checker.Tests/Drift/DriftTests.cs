using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Drift;

/// <summary>A made-up mm/rmap.c, in which anon_vma_lock_write() and the like are as their paths have them or not.</summary>
public sealed class DriftTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private int _trees;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("if (r) up_write(&r->rwsem);", "as its path declares", ExitCodes.AsExpected)]
    [InlineData("if (r) { smp_mb(); up_write(&r->rwsem); }", "more: all that its path declares, and more", ExitCodes.Incomplete)]
    [InlineData("if (r) r->locked = 0;", "drifted: its path does up_write, and neither it nor what it calls does", ExitCodes.NotAsExpected)]
    [InlineData("if (r) let_go(r);", "as its path declares", ExitCodes.AsExpected)]
    [InlineData("if (r) any_unlock(r);", "cannot tell: any_unlock(), which is not found, may do up_write, as its path does", ExitCodes.Incomplete)]
    [InlineData("#ifdef X\n\tup_write(&r->rwsem);\n#endif", "as its path declares", ExitCodes.AsExpected)]
    [InlineData("#ifdef X\n\tup_read(&r->rwsem);\n#endif", "drifted: its path does up_write", ExitCodes.NotAsExpected)]
    [InlineData("if (r) r->ops->let_go(r);", "as its path declares", ExitCodes.AsExpected)]
    [InlineData("if (r) schedule(let_go, r);", "as its path declares", ExitCodes.AsExpected)]
    public void A_function_is_compared_with_what_its_path_declares(string body, string said, int code)
    {
        var run = Drift(Tree($"#include <linux/anon.h>\nvoid let_go(struct anon_vma *r)\n{{\n\tup_write(&r->rwsem);\n}}\n\nstatic struct ops o = {{\n\t.let_go = let_go,\n}};\n\nstatic inline void unlock_anon_vma_root(struct anon_vma *r)\n{{\n\t{body}\n}}\n"));

        var line = Assert.Single(run.Out.Split('\n'), l => l.Contains("unlock_anon_vma_root()", StringComparison.Ordinal));
        Assert.Contains(said, line, StringComparison.Ordinal);
        Assert.NotEqual(ExitCodes.AsExpected, run.ExitCode); // the others of its file are gone
        Assert.True(code == ExitCodes.NotAsExpected || !line.Contains("drifted", StringComparison.Ordinal));
    }

    [Fact]
    public void A_function_that_is_not_there_any_more_is_gone_or_has_moved()
    {
        var run = Drift(Tree("void unlock_anon_vma_root(void)\n{\n}\n"));

        Assert.Contains("mm/rmap.c  folio_lock_anon_vma_read()  gone: its file has no such function; its path is of v6.1", run.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.NotAsExpected, run.ExitCode);
    }

    [Theory]
    [InlineData("6", "2", "Compared with linux-6.2 of the model; the tree is 6.2.\n")]
    [InlineData("6", "18", "Compared with linux-6.15 of the model; the tree is 6.18. --release names another.\n")]
    [InlineData("5", "4", "Compared with linux-5.7 of the model; the tree is 5.4. --release names another.\n")]
    [InlineData("x", "", "Compared with linux-6.1 of the model; the tree has no Makefile that says its version. --release names another.\n")]
    public void The_kernel_of_the_model_is_the_trees_own_or_the_last_one_before_it(string version, string level, string said)
    {
        var tree = Tree("void unlock_anon_vma_root(struct anon_vma *r)\n{\n\tup_write(&r->rwsem);\n}\n");
        File.WriteAllText(Path.Combine(tree, "Makefile"), $"# SPDX\nVERSION = {version}\nPATCHLEVEL = {level}\n");

        Assert.StartsWith(said, Drift(tree).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_function_of_the_paths_own_version_does_more_is_what_the_path_leaves_out()
    {
        var tree = Tree("void unlock_anon_vma_root(struct anon_vma *r)\n{\n\tsmp_mb();\n\tup_write(&r->rwsem);\n}\n");
        File.WriteAllText(Path.Combine(tree, "Makefile"), "VERSION = 6\nPATCHLEVEL = 1\n");

        var run = Drift(tree);

        Assert.DoesNotContain("unlock_anon_vma_root()", run.Out, StringComparison.Ordinal);
        Assert.Contains("1 as declared and with more", run.Out, StringComparison.Ordinal);
        Assert.Contains("all that its path declares, and more, which the path leaves out", Drift(tree, "--verbose").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Functions_of_files_that_a_tree_has_not_are_counted_apart()
    {
        var run = Drift(Tree("void unlock_anon_vma_root(struct anon_vma *r)\n{\n\tup_write(&r->rwsem);\n}\n"));

        Assert.DoesNotContain("cannot be told", run.Out, StringComparison.Ordinal);
        Assert.Matches("[0-9]+ not in the tree\\.\nNot looked at, as the tree has not their [0-9]+ files", run.Out);
    }

    [Fact]
    public void Locks_in_another_order_cannot_be_told()
    {
        // synchronize_rcu() is another matter: what is compared stands in the path once.
        var run = Drift(Tree("void anon_vma_lock_write(struct anon_vma *r)\n{\n}\n\nint folio_referenced(void)\n{\n}\n\nstatic void rmap_walk_file(void)\n{\n\ti_mmap_unlock_read(m);\n\ti_mmap_trylock_read(m);\n\ti_mmap_lock_read(m);\n}\n"));

        Assert.Contains("rmap_walk_file()  cannot tell: it does i_mmap_unlock_read(m) before i_mmap_lock_read(m), and its path after it", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_macro_puts_together_is_there()
    {
        var tree = Tree("");
        Directory.CreateDirectory(Path.Combine(tree, "include", "linux"));
        File.WriteAllText(Path.Combine(tree, "include", "linux", "page-flags.h"), "#define TESTPAGEFLAG(uname, lname, policy) \\\nstatic __always_inline bool folio_test_##lname(struct folio *folio) \\\n{ return test_bit(PG_##lname, 0); }\n");

        Assert.Contains("folio_test_dirty()  a macro of its file makes it", Drift(tree).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void With_an_older_tree_what_is_new_is_told_from_what_is_left_out()
    {
        const string Old = "void unlock_anon_vma_root(struct anon_vma *r)\n{\n\tsmp_mb();\n\tup_write(&r->rwsem);\n}\n";

        var same = Drift(Tree(Old), "--since", Tree(Old.Replace("\tsmp_mb", "\t/* why */ smp_mb", StringComparison.Ordinal)));
        var other = Drift(Tree(Old.Replace("smp_mb", "smp_wmb", StringComparison.Ordinal)), "--since", Tree(Old));

        Assert.Contains("unlock_anon_vma_root()  as in the older tree", same.Out, StringComparison.Ordinal);
        Assert.Contains("unlock_anon_vma_root()  drifted: not as in the older tree", other.Out, StringComparison.Ordinal);
        Assert.Contains("gone: smp_mb()", other.Out, StringComparison.Ordinal);
        Assert.Contains("new: smp_wmb()", other.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_no_kernel_is_an_error()
    {
        var run = Drift(_folder.Path);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains("has none of the files that are modelled", run.Error, StringComparison.Ordinal);
    }

    private string Tree(string text)
    {
        var root = Path.Combine(_folder.Path, $"tree{_trees++}");
        Directory.CreateDirectory(Path.Combine(root, "mm"));
        File.WriteAllText(Path.Combine(root, "mm", "rmap.c"), text);
        return root;
    }

    private static CommandLineRun Drift(string tree, params string[] more) => Of(["drift", "--kernel", tree, .. more]);
}
