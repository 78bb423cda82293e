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
    [InlineData("#ifdef X\n\tup_read(&r->rwsem);\n#endif", "cannot tell: what of it is compiled depends on the configuration", ExitCodes.Incomplete)]
    public void A_function_is_compared_with_what_its_path_declares(string body, string said, int code)
    {
        var run = Drift(Tree($"#include <linux/anon.h>\nvoid let_go(struct anon_vma *r)\n{{\n\tup_write(&r->rwsem);\n}}\n\nstatic inline void unlock_anon_vma_root(struct anon_vma *r)\n{{\n\t{body}\n}}\n"));

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
