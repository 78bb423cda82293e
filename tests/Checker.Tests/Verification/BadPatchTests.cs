using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Verification;

/// <summary>One clear error or verdict, exit code 2, and the others' verdicts all the same.</summary>
public sealed class BadPatchTests
{
    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");
    private static readonly string Merge = Repository.File("specs", "rmap", "merge-imports-anon-vma.yaml"); // which does not come to page_remove_rmap

    [Theory]
    [InlineData("await atomic_add_negative(-1, page._mapcount)", "5:54: error CS1002: ; expected")]
    [InlineData("await atomic_add_negative(-1, page.mapcont);", "5:44: error CS1061: 'Folio' does not contain a definition for 'mapcont'")]
    [InlineData("base.page_remove_rmap(page);", "5:9: error THP001: This KernelTask is dropped or kept for later; put 'await' before it")]
    [InlineData("System.Threading.Thread.Sleep(1); await base.page_remove_rmap(page);", "5:26: error THP005: 'Thread' is not for paths. A kernel thread runs only when the schedule says so.")]
    [InlineData("lock (this) { } await base.page_remove_rmap(page);", "5:9: error THP005: A path waits in the model's primitives only; await a lock of the model.")]
    [InlineData("System.IO.File.ReadAllText(\"a\"); await base.page_remove_rmap(page);", "5:19: error THP005: 'File' is not for paths. A path reads and writes the modelled memory only.")]
    [InlineData("while (true) { calls++; } } private static int calls; private void f() {", "5:56: error THP003: 'calls' is static and can change")]
    [InlineData("calls++; await base.page_remove_rmap(page); } private int calls; private void f() {", "5:67: error THP003: 'calls' can change and is no part of the state")]
    [InlineData("keep.List[0]++; await base.page_remove_rmap(page); } static class keep { public static readonly int[] List = [0]; } private void f() {", "5:111: error THP003: 'List' can change and is no part of the state")]
    [InlineData("await page_zap_pte_rmap(page); } public override KernelTask page_zap_pte_rmap(Folio page) { return page_remove_rmap(page);", "5:69: error CS0115: 'rmap.page_zap_pte_rmap(Folio)': no suitable method found to override")]
    public void What_does_not_compile_is_said_at_its_place_in_compiler_form(string body, string error)
    {
        var (file, run) = Verify(Overriding(body), Kswapd);

        Assert.Equal((2, ""), (run.ExitCode, run.Out));
        Assert.StartsWith($"{file}:{error}", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("public static class helper { }", "1:1: error: no class here derives from Base, so this patch changes nothing")]
    [InlineData("public class rmap(Kernel kernel) : Base(kernel) { }", "1:14: error: 'rmap' overrides nothing")]
    [InlineData("public class rmap(Kernel kernel) : Base(kernel) { public virtual void f() { } }", "1:14: error: the patch overrides nothing, so nothing calls what it adds")]
    [InlineData("public class rmpa(Kernel kernel) : Base(kernel) { public override void f() { } }", "1:14: error: linux-6.1 has no kernel file 'rmpa'. Did you mean 'rmap'?")]
    [InlineData("namespace mine; public class rmap(Kernel kernel) : Base(kernel) { public override void f() { } }", "1:1: error: a patch has no namespace of its own")]
    [InlineData(
        "public class rmap(Kernel kernel) : Base(kernel) { public override void f() { } } public class my_rmap(Kernel kernel) : Base(kernel) { public override void f() { } }",
        "1:95: error: a second class changes rmap in one patch")]
    public void A_file_that_is_no_patch_is_said_to_be_none(string text, string error)
    {
        var (file, run) = Verify(text, Kswapd);

        Assert.Equal((2, ""), (run.ExitCode, run.Out));
        Assert.StartsWith($"{file}:{error}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_frame_may_not_hold_is_refused_with_file_and_line()
    {
        var (file, run) = Verify(Overriding("var list = new List<int>(); await base.page_remove_rmap(page); list.Add(1);"), Kswapd, "--in-process");

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"{file}:4:1: error: rmap.page_remove_rmap keeps a List<Int32> across an await", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("await base.page_remove_rmap(page); while (page is not null) { }", "goes round and round without a step")]
    [InlineData("await base.page_remove_rmap(page); again: goto again;", "goes round and round without a step")]
    [InlineData("if (f(1) > 0) { await base.page_remove_rmap(page); } } private int f(int i) { return f(i + 1) + 1;", "f is called too deep; does it call itself without end?")]
    [InlineData("await page_remove_rmap(page);", "rmap.page_remove_rmap is called 64 frames deep")]
    [InlineData("await base.page_remove_rmap(page); throw new InvalidOperationException(\"oh\");", "rmap.page_remove_rmap threw InvalidOperationException: oh")]
    public void What_does_not_come_to_a_step_is_a_fault_of_the_patch_with_the_way_there(string body, string sentence)
    {
        var (_, run) = Verify(Overriding(body), Kswapd, Merge, "--in-process");

        Assert.Equal((2, ""), (run.ExitCode, run.Error));
        var lines = Joined(run);
        Assert.Contains("the patch is at fault: ", lines, StringComparison.Ordinal);
        Assert.Contains(sentence, lines, StringComparison.Ordinal);
        Assert.Contains("thpcheck replay ", lines, StringComparison.Ordinal);
        Assert.Contains("1 other variant does not, and is unaffected", lines, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Func<int, int> f = null!; f = i => f(i + 1) + 1; if (f(1) > 0)", "the stack overflowed")]
    [InlineData("var kept = new List<byte[]>(); while (page is not null) { kept.Add(new byte[1 << 26]); }", "OutOfMemoryException")]
    [InlineData("if (Enumerable.Range(0, int.MaxValue).All(i => Enumerable.Range(0, int.MaxValue).All(j => i >= 0)))", "has run for 5 seconds without coming to a step")]
    public void What_cannot_be_stopped_from_inside_ends_with_its_process_and_the_next_scenario_gets_a_new_one(string before, string sentence)
    {
        var (_, run) = Verify(Overriding($"{before} {{ }} await base.page_remove_rmap(page);"), Kswapd, Merge, "--workers", "1", "--max-memory", "400M");

        var lines = Joined(run);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(sentence, lines, StringComparison.Ordinal);
        Assert.Contains("1 other variant does not, and is unaffected", lines, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_with_a_patch_that_ends_its_process_is_one_sentence()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("bad.cs", Overriding("Func<int, int> f = null!; f = i => f(i + 1) + 1; if (f(1) > 0) { } await base.page_remove_rmap(page);"));

        var run = Of("check", Kswapd, "--variant", "before", "--patch", patch);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("thpcheck: the stack overflowed", run.Error, StringComparison.Ordinal);

        var several = Of("check", Kswapd, Merge, "--variant", "before", "--variant", "v6.1", "--patch", patch);

        Assert.Equal(2, several.ExitCode);
        Assert.StartsWith($"thpcheck: {Kswapd}: the stack overflowed", several.Error, StringComparison.Ordinal);
        Assert.Contains("1 variant as expected, 0 not.", several.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_is_banned_exists_and_says_why()
    {
        using var reader = new StreamReader(typeof(ThpCheck.Checker.Patching.UserCode).Assembly.GetManifestResourceStream("Patching.BannedSymbols.txt")!);
        var types = AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.IsDynamic && a.GetName().Name!.StartsWith("System", StringComparison.Ordinal)).SelectMany(a => a.GetExportedTypes()).ToArray();
        foreach (var line in reader.ReadToEnd().Split('\n').Where(l => l.Length > 0 && !l.StartsWith("//", StringComparison.Ordinal)))
        {
            Assert.Matches(@"^[NT]:[A-Za-z.]+;[A-Z].*\.$", line);
            var id = line[2..line.IndexOf(';', StringComparison.Ordinal)];
            Assert.True(types.Any(t => line[0] == 'T' ? t.FullName == id : t.Namespace == id || t.Namespace?.StartsWith($"{id}.", StringComparison.Ordinal) == true), $"there is no {id}");
        }
    }

    private static string Joined(CommandLineRun run) => string.Join(' ', run.Out.Split('\n').Select(l => l.Trim()));

    private static string Overriding(string body) => $$"""
        public class rmap(Kernel kernel) : Base(kernel)
        {
            public override async KernelTask page_remove_rmap(Folio page)
            {
                {{body}}
            }
        }
        """;

    private static (string File, CommandLineRun Run) Verify(string text, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("bad.cs", text);
        return (file, Of(["verify", file, .. arguments]));
    }
}
