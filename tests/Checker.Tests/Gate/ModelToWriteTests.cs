using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>From a diff whose model is out of date to the commands that write the model and come back with it.</summary>
public sealed class ModelToWriteTests : IDisposable
{
    private const string Diff = """
        From a@b Mon Sep 17 00:00:00 2001
        From: A <a@b>
        Subject: [PATCH] mm/rmap: trust the lock

        ---
        --- a/mm/rmap.c
        +++ b/mm/rmap.c
        @@ -550,8 +550,6 @@ struct anon_vma *folio_lock_anon_vma_read(struct folio *folio,
         	root_anon_vma = READ_ONCE(anon_vma->root);
         	if (down_read_trylock(&root_anon_vma->rwsem)) {
        -		if (!folio_mapped(folio)) {
        -			up_read(&root_anon_vma->rwsem);
         			anon_vma = NULL;
         		}
         		goto out;
         	}
        --- a/mm/mmap.c
        +++ b/mm/mmap.c
        @@ -1380,2 +1380,3 @@ void exit_mmap(struct mm_struct *mm)
         	bool compound;
        +	smp_mb();
         	int nr;

        """;

    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_commands_that_the_gate_prints_write_a_model_that_it_takes()
    {
        _folder.Write("a b.mbox", Diff);
        var shell = new Shell(_folder.Path) { Environment = { ["THPCHECK_CACHE"] = _folder.File("cache") } };

        var gate = shell.Run("thpcheck gate --diff 'a b.mbox'");
        var commands = gate.Out.Split('\n').Where(l => l.StartsWith("  thpcheck ", StringComparison.Ordinal)).ToArray();
        var written = shell.Run(commands[0]);
        var verified = shell.Run($"thpcheck verify rmap-trust-the-lock.cs {Kswapd}");
        var taken = shell.Run($"{commands[1]} {Kswapd}");

        Assert.Equal(ExitCodes.Incomplete, gate.ExitCode);
        Assert.Equal(
            [
                "  thpcheck new patch rmap-trust-the-lock --kernel linux-6.1 --diff 'a b.mbox'",
                "  thpcheck gate --diff 'a b.mbox' --model rmap-trust-the-lock.cs",
            ],
            commands);
        Assert.Equal((0, ""), (written.ExitCode, written.Error));
        Assert.Equal(["folio_lock_anon_vma_read", "exit_mmap"], Overridden(File.ReadAllText(_folder.File("rmap-trust-the-lock.cs"))));
        Assert.Contains(
            """
                // What the diff does to its synchronisation, in mm/rmap.c:552:
                //     READ_ONCE(anon_vma->root)
                //     down_read_trylock(&root_anon_vma->rwsem)
                //   - folio_mapped(folio)
                //   - up_read(&root_anon_vma->rwsem)
                /// <summary>
            """, File.ReadAllText(_folder.File("rmap-trust-the-lock.cs")), StringComparison.Ordinal);
        Assert.Equal((0, ""), (verified.ExitCode, verified.Error));
        Assert.Contains("It changes nothing in what was explored", verified.Out, StringComparison.Ordinal);
        Assert.Equal((0, ""), (taken.ExitCode, taken.Error));
        Assert.Contains("Of what is changed: 2 with the model along.", taken.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_diff_from_the_standard_input_is_not_asked_for_again()
    {
        var shell = new Shell(_folder.Path);

        var gate = shell.Run("thpcheck gate --diff -", Diff);

        Assert.Contains("  thpcheck new patch rmap-trust-the-lock --kernel linux-6.1 --function rmap.folio_lock_anon_vma_read --function mmap.exit_mmap\n", gate.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_release_is_that_of_the_tree_or_one_that_has_the_function()
    {
        const string Text = "void f(void)\n{\n}\n\nstatic void zap_pte_range(struct mmu_gather *tlb)\n{\n\tx();\n}\n";
        const string Change = "--- a/mm/memory.c\n+++ b/mm/memory.c\n@@ -7,2 +7,3 @@ static void zap_pte_range(struct mmu_gather *tlb)\n \tx();\n+\tsmp_mb();\n }\n";
        Directory.CreateDirectory(_folder.File("tree/mm"));
        _folder.Write("tree/mm/memory.c", Text);
        _folder.Write("tree/Makefile", "# SPDX\nVERSION = 6\nPATCHLEVEL = 2\nSUBLEVEL = 0\n");
        var diff = _folder.Write("a.diff", Change);

        Assert.Contains($"--kernel linux-6.2 --diff {diff} --tree {_folder.File("tree")}\n", Of("gate", "--diff", diff, "--kernel", _folder.File("tree")).Out, StringComparison.Ordinal);
        Assert.Contains($"gate --diff {diff} --kernel {_folder.File("tree")} --release linux-6.2 --model", Of("gate", "--diff", diff, "--kernel", _folder.File("tree")).Out, StringComparison.Ordinal);
        Assert.Contains($"--kernel linux-6.1 --diff {diff}\n", Of("gate", "--diff", diff).Out, StringComparison.Ordinal);
        Assert.Contains($"--kernel linux-5.13 --diff {diff}\n", Of("gate", "--diff", diff, "--release", "linux-5.13").Out, StringComparison.Ordinal);
        Assert.Contains("no release 'linux-6.22'. Did you mean 'linux-6.2'?", Of("gate", "--diff", diff, "--release", "linux-6.22").Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-5.13")]
    [InlineData("linux-6.1")]
    public void Of_every_function_there_is_a_patch_to_begin_with_that_compiles(string release)
    {
        var functions = KernelFunctions.Of(release).Select(f => new SkeletonFunction(f, ["A note."])).ToArray();

        var text = new PatchSkeleton(release, functions).Text(["all: of it."]);

        Assert.Equal(functions.Length, Overridden(text).Length);
        Assert.InRange(text.Split('\n').Count(l => l.Contains("This cannot be copied from", StringComparison.Ordinal)), 0, functions.Length / 50);
    }

    [Fact]
    public void What_cannot_be_copied_is_called_and_shown()
    {
        var function = Assert.Single(KernelFunctions.ByFunction("linux-6.9")[("mm/memory.c", "wp_can_reuse_anon_folio")]);

        var text = new PatchSkeleton("linux-6.9", [new SkeletonFunction(function, [])]).Text([]);

        Assert.Contains("        // This cannot be copied from src/Model/Patches/cow.cs:", text, StringComparison.Ordinal);
        Assert.Contains("        //    folio.Pages > 1 ? copies(folio)", text, StringComparison.Ordinal);
        Assert.Contains("        return await base.wp_can_reuse_anon_folio(folio, page, vma, table, address, orig_pte);", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("has no function 'folio_lock_anon_vma_reed' that a patch can change", "--function", "rmap.folio_lock_anon_vma_reed")]
    [InlineData("no kernel 'linux-6.11'. Did you mean 'linux-6.1'?", "--kernel", "linux-6.11")]
    [InlineData("say what the patch changes: --function or --diff", "--kernel", "linux-6.2")]
    [InlineData("--tree says where the diff of --diff is from", "--tree", ".")]
    public void What_is_no_function_is_said_so(string error, params string[] args)
    {
        var run = Of(["new", "patch", "never-written", .. args]);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains(error.Replace("'folio", "'rmap.folio", StringComparison.Ordinal), run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_diff_cannot_write_code_into_a_patch()
    {
        // What ends a comment in C# and not in C.
        var diff = _folder.Write("a.diff", "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,2 +1,3 @@ void page_remove_rmap(struct page *page)\n \tint a;\n+\tspin_lock(\"\u2028public class evil { }\");\n \tint b;\n");
        var name = $"new-{Guid.NewGuid():N}";
        try
        {
            Assert.Equal(ExitCodes.AsExpected, Of("new", "patch", name, "--diff", diff).ExitCode);
            Assert.DoesNotContain('\u2028', File.ReadAllText($"{name}.cs"));
        }
        finally
        {
            File.Delete($"{name}.cs");
        }
    }

    private static string[] Overridden(string text) =>
        [.. text.Split('\n').Where(l => l.Contains(" override ", StringComparison.Ordinal) && l.StartsWith("    ", StringComparison.Ordinal)).Select(l => l[..l.IndexOf('(', StringComparison.Ordinal)].Split(' ')[^1])];
}
