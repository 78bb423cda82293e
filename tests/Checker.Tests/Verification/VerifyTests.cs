using System.Text.Json;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Verification;

public sealed class VerifyTests
{
    private const string AsItIs = """
        public class rmap(Kernel kernel) : Base(kernel)
        {
            public override KernelTask page_remove_rmap(Folio page) => base.page_remove_rmap(page);
        }
        """;

    private const string NoWalk = """
        public class vmscan(Kernel kernel) : Base(kernel)
        {
            public override async KernelTask shrink_active_list(Folio folio) => await mm.folio_mapped(folio);
        }
        """;

    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    [Fact]
    public void A_patch_that_changes_nothing_says_so()
    {
        var run = Verify(AsItIs, Kswapd);

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("It changes nothing in what was explored", run.Out, StringComparison.Ordinal);
        Assert.Contains("It fixes nothing and\n  breaks nothing.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_broken_without_the_patch_too_is_pre_existing_and_no_failure()
    {
        var run = Verify(AsItIs, Kswapd, "--variant", "without-mapped-under-lock");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("  pre-existing: no-use-after-free, walker-holds-anon-vma.\n", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_patch_mends_is_fixed()
    {
        var patch = ReadTutorial("anon-immediate.cs");

        var run = Verify(patch, Kswapd, "--variant", "v1");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("  fixed: anon-vma-valid, no-use-after-free, walker-holds-anon-vma.\n", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_patch_makes_dead_is_no_longer_reachable()
    {
        var run = Verify(NoWalk, Kswapd);

        var lines = string.Join(' ', run.Out.Split('\n').Select(l => l.Trim()));
        Assert.Contains("no longer reachable: walker-meets-freed-anon-vma, walker-meets-unlink, walker-walks.", lines, StringComparison.Ordinal);
        Assert.Contains("rmap.rmap_walk_anon", lines[lines.LastIndexOf("no longer reachable:", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_function_that_no_scenario_enters_is_said_loudly()
    {
        var run = Verify("""
            public class rmap(Kernel kernel) : Base(kernel)
            {
                public override KernelTask page_remove_rmap(Folio page) => base.page_remove_rmap(page);

                public override KernelTask anon_vma_clone(Vma dst, Vma src, AnonVma? dst_anon_vma) => base.anon_vma_clone(dst, src, dst_anon_vma);
            }
            """, Kswapd);

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("NOT COVERED: rmap.anon_vma_clone (", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_bug_in_the_set_up_that_only_the_patch_has_is_introduced()
    {
        var run = Verify("""
            public class rmap(Kernel kernel) : Base(kernel)
            {
                public override async KernelTask page_add_new_anon_rmap(Folio page, Vma vma, int address)
                {
                    await base.page_add_new_anon_rmap(page, vma, address);
                    BUG_ON(true, "mine");
                }
            }
            """, Kswapd);

        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        Assert.Contains("    introduced: set-up\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("the set-up meets a kernel bug", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_has_every_finding_with_its_class_and_schedule()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("delay-rmap.cs", ReadTutorial("delay-rmap.cs"));

        var run = Of("verify", patch, Kswapd, "--format", "json", "--in-process");

        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        using var report = JsonDocument.Parse(run.Out);
        var comparison = Assert.Single(report.RootElement.GetProperty("comparisons").EnumerateArray());
        var introduced = comparison.GetProperty("findings").EnumerateArray().Where(f => f.GetProperty("class").GetString() == "introduced").ToArray();
        Assert.Equal(["no-use-after-free", "anon-vma-valid", "walker-holds-anon-vma"], introduced.Select(f => f.GetProperty("property").GetString()));
        Assert.Equal("exit*42,kswapd*7,slab,kswapd", introduced[0].GetProperty("schedule").GetString());
        Assert.True(introduced[0].GetProperty("minimal").GetBoolean());
        Assert.Equal((1740, 2077), (comparison.GetProperty("base").GetProperty("states").GetInt32(), comparison.GetProperty("patched").GetProperty("states").GetInt32()));
    }

    [Fact]
    public void The_schedule_of_a_finding_is_replayed_with_the_patch()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("delay-rmap.cs", ReadTutorial("delay-rmap.cs"));

        var run = Of("replay", Kswapd, "--variant", "before", "--patch", patch, "--schedule", "exit*42,kswapd*7,slab,kswapd", "--in-process");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("^^^ use after free", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_user_s_patch_explores_the_graph_of_the_same_patch_in_the_tool()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("delay-rmap.cs", ReadTutorial("delay-rmap.cs"));

        var own = Of("check", Kswapd, "--variant", "before", "--patch", patch, "--format", "json", "--in-process");
        var built = Of("check", Kswapd, "--variant", "before", "--patch", "delay-rmap-v1", "--format", "json");

        Assert.Equal(Graph(built), Graph(own));
        Assert.Equal((2077, 4170, "violated"), Graph(own));
    }

    [Fact]
    public void A_series_binds_each_patch_to_the_one_before()
    {
        using var folder = new TemporaryFolder();
        var (first, second) = (folder.Write("delay-rmap.cs", ReadTutorial("delay-rmap.cs")), folder.Write("anon-immediate.cs", ReadTutorial("anon-immediate.cs")));

        Assert.Equal(0, Of("verify", first, second, Kswapd, "--in-process").ExitCode);
        Assert.Equal(1, Of("verify", second, first, Kswapd, "--in-process").ExitCode); // which takes it back
    }

    [Fact]
    public void A_later_patch_of_a_series_overrides_what_an_earlier_one_brought()
    {
        using var folder = new TemporaryFolder();
        var first = folder.Write("first.cs", """
            public class rmap(Kernel kernel) : Base(kernel)
            {
                public override async KernelTask page_remove_rmap(Folio page) => await page_zap_pte_rmap(page);

                public virtual async KernelTask page_zap_pte_rmap(Folio page) => await base.page_remove_rmap(page);
            }
            """);
        var second = folder.Write("second.cs", """
            public class rmap(Kernel kernel) : Base(kernel)
            {
                public override KernelTask page_zap_pte_rmap(Folio page) => base.page_zap_pte_rmap(page);
            }
            """);

        var run = Of("verify", first, second, Kswapd, "--in-process");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("first.cs and second.cs change rmap.page_remove_rmap.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_built_in_patch_cannot_be_on_top_of_a_file()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("as-it-is.cs", AsItIs);

        var run = Of("check", Kswapd, "--variant", "before", "--patch", patch, "--patch", "delay-rmap-v1", "--in-process");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"the patch 'delay-rmap-v1' is built in, so it cannot be on top of the file {patch}; name it before that one", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, Of("check", Kswapd, "--variant", "before", "--patch", "delay-rmap-v1", "--patch", patch, "--in-process").ExitCode);
    }

    [Fact]
    public void A_patch_brings_properties_toggles_objects_and_fields_of_its_own()
    {
        using var folder = new TemporaryFolder();
        var patch = folder.Write("mine.cs", """
            public class Seen(Layout at) : KernelObject(at)
            {
                public readonly Shared<int> times = at.Cell(0, 7);
            }

            public class rmap(Kernel kernel) : Base(kernel)
            {
                private readonly Seen _seen = kernel.Object("seen", at => new Seen(at));
                private readonly Fields<Seen> _of = kernel.Fields("seen", kernel.Caches.Folio, at => new Seen(at));

                public override async KernelTask page_remove_rmap(Folio page)
                {
                    if (Checks("counts-removals"))
                    {
                        await store(_of[page].times, 1);
                        await store(_seen.times, 1);
                    }

                    await base.page_remove_rmap(page);
                }
            }

            public static class mine
            {
                public static readonly Toggle Counts = new("counts-removals", "page_remove_rmap", true, "off: does not count.");

                public static readonly Property Removed = Property.Sometimes(
                    "removed", static view => view.Machine.ObjectsOf<Seen>().Any(s => view.Get(s.times) == 1));
            }
            """);
        var text = File.ReadAllText(Kswapd);
        var scenario = folder.Write("mine.yaml", $"{text[..text.IndexOf("properties:", StringComparison.Ordinal)]}properties: [removed]\nvariants: [name: as-is]\n");

        var on = Of("check", scenario, "--patch", patch, "--in-process");
        var off = Of("check", scenario, "--patch", patch, "--toggle", "counts-removals=off", "--in-process");

        var beside = Of("verify", patch, Kswapd, "--in-process");

        Assert.Equal((0, ""), (beside.ExitCode, beside.Error));
        Assert.Contains("Comparing 2 variants of 2 scenarios", beside.Out, StringComparison.Ordinal); // with mine.yaml
        Assert.Contains("now reachable: removed", beside.Out, StringComparison.Ordinal);
        Assert.Equal((0, ""), (on.ExitCode, on.Error));
        Assert.Equal((1, ""), (off.ExitCode, off.Error));
        Assert.Contains("removed: expected holds, found violated", off.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_combination_that_nobody_wrote_down_is_the_one_that_somebody_did()
    {
        var combined = Of("check", Kswapd, "--variant", "v1", "--toggle", "mapped-under-lock=off", "--format", "json");
        var written = Of("check", Kswapd, "--variant", "v1-without-mapped-under-lock", "--format", "json");

        Assert.Equal((1, 0), (combined.ExitCode, written.ExitCode));
        Assert.Equal(Graph(written), Graph(combined));
    }

    [Theory]
    [InlineData("thpcheck: no toggle 'mapped-undr-lock'. Did you mean 'mapped-under-lock'? 'thpcheck list toggles' names them\n", "check", "--toggle", "mapped-undr-lock=off")]
    [InlineData("thpcheck: --toggle cannot be 'mapped-under-lock'; write NAME=on or NAME=off\n", "check", "--toggle", "mapped-under-lock")]
    [InlineData("thpcheck: --toggle cannot be 'mapped-under-lock=maybe'; a toggle is on or off\n", "check", "--toggle", "mapped-under-lock=maybe")]
    [InlineData("thpcheck: no patch 'delay-rmap-v2'. Did you mean 'delay-rmap-v1'? 'thpcheck list patches' names them\n", "check", "--patch", "delay-rmap-v2")]
    [InlineData("thpcheck: no patch file 'no-such.cs'\n", "verify", "no-such.cs")]
    [InlineData("thpcheck: name the patch: a file that ends in .cs; 'thpcheck new patch NAME' writes one to begin with\n", "verify")]
    [InlineData("thpcheck: no folder 'no-such' for --models\n", "check", "--models", "no-such")]
    public void A_wrong_command_line_is_one_sentence(string sentence, params string[] args) =>
        Assert.Equal(new CommandLineRun(2, "", sentence), Of([.. args, Kswapd]));

    [Fact]
    public void A_folder_of_models_is_loaded_by_every_command()
    {
        using var folder = new TemporaryFolder();
        folder.Write("look.cs", """
            public class mm_look(Kernel kernel) : KernelFile(kernel)
            {
                public virtual async KernelTask<bool> look(Folio folio) => await mm.folio_mapped(folio);
            }

            public static class looks
            {
                public static readonly Property Looked = Property.Sometimes("looked", static view => view.In("mm_look.look") || view.Machine.ThreadCount > 0);
            }
            """);
        folder.Write("as-it-is.cs", AsItIs);
        var scenario = folder.Write("look.yaml", """
            title: Look
            question: Does it look?
            kernel: linux-6.1
            setup:
              - mm = mm_alloc()
              - vma = mmap_region(mm, 0, 1)
              - folio = do_user_addr_fault(mm, 0)
            threads:
              - name: looker
                calls: [mm_look.look(folio)]
            properties: [looked]
            variants:
              - name: plain
              - name: patched
                patches: [as-it-is]
            """);

        Assert.Equal((0, ""), Short(Of("check", scenario, "--models", folder.Path, "--in-process")));
        Assert.Contains("mm_look.look(Folio folio)", Of("list", "paths", "--kernel", "linux-6.1", "--models", folder.Path, "--in-process").Out, StringComparison.Ordinal);
        Assert.Contains("looked  (sometimes)", Of("list", "properties", "--models", folder.Path, "--in-process").Out, StringComparison.Ordinal);
        Assert.Contains("as-it-is", Of("list", "patches", "--models", folder.Path).Out, StringComparison.Ordinal); // in a child
        Assert.Equal((0, ""), Short(Of("replay", scenario, "--variant", "plain", "--schedule", "looker", "--models", folder.Path, "--in-process")));
        Assert.Equal(2, Of("check", scenario).ExitCode);
    }

    [Theory]
    [InlineData("patch", ".cs")]
    [InlineData("scenario", ".yaml")]
    [InlineData("property", ".cs")]
    [InlineData("path", ".cs")]
    public void What_new_writes_runs_as_it_is(string kind, string extension)
    {
        // The file is written to where the program runs, which is one place for all tests.
        var name = $"new-{kind}-{Guid.NewGuid():N}";
        try
        {
            Assert.Equal((0, ""), Short(Of("new", kind, name)));
            Assert.Equal(2, Of("new", kind, name).ExitCode); // it is there

            using var folder = new TemporaryFolder();
            File.Copy(name + extension, folder.File(name + extension));
            var run = kind switch
            {
                "patch" => Of("verify", folder.File($"{name}.cs"), Kswapd, "--in-process"),
                "scenario" => Of("check", folder.File($"{name}.yaml")),
                _ => Of("check", Kswapd, "--variant", "before", "--models", folder.Path, "--in-process"),
            };
            Assert.Equal((0, ""), Short(run));
        }
        finally
        {
            File.Delete(name + extension);
        }
    }

    private static (int ExitCode, string Error) Short(CommandLineRun run) => (run.ExitCode, run.Error);

    private static (long, long, string?) Graph(CommandLineRun run)
    {
        using var report = JsonDocument.Parse(run.Out);
        var result = report.RootElement.GetProperty("results")[0];
        return (result.GetProperty("states").GetInt64(), result.GetProperty("transitions").GetInt64(), result.GetProperty("verdict").GetString());
    }

    private static CommandLineRun Verify(string text, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        return Of(["verify", folder.Write("patch.cs", text), .. arguments, "--in-process"]);
    }

    // A file of the tutorial: what it says is what is tested here.
    private static string ReadTutorial(string file)
    {
        var text = File.ReadAllText(Repository.File("docs", "TUTORIAL.md"));
        var from = text.IndexOf($"<!-- file: {file} -->\n```csharp\n", StringComparison.Ordinal);
        from = text.IndexOf("```csharp\n", from, StringComparison.Ordinal) + "```csharp\n".Length;
        return text[from..text.IndexOf("```\n", from, StringComparison.Ordinal)];
    }
}
