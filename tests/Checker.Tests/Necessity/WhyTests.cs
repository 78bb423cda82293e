using System.Text.Json;
using System.Text.RegularExpressions;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Necessity;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Necessity;

public sealed partial class WhyTests
{
    private static readonly string Kswapd = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    [Fact]
    public void Why_lists_what_each_place_is_for() => Approved.Match(WithoutLines(Of("why", Kswapd, "--workers", "2").All));

    [Fact]
    public void Why_of_one_place_shows_what_happens_without_it() =>
        Approved.Match(WithoutLines(Of("why", Kswapd, "--only", "trylock", "--traces").All));

    /// <summary>What the scenario of kswapd and its relatives are there to show: each look at folio_mapped has a purpose of its own.</summary>
    [Theory]
    [InlineData("exit-against-kswapd.yaml", "mapped-before-lock", "no-use-after-free")]
    [InlineData("exit-against-kswapd.yaml", "mapped-under-lock", "no-use-after-free, walker-holds-anon-vma")]
    [InlineData("munmap-and-exit-against-page-idle.yaml", "mapped-before-lock", "no-use-after-free")]
    [InlineData("exit-against-page-idle.yaml", "mapped-with-reference", "no-bad-unlock, walker-holds-anon-vma, walker-walks-no-stranger")]
    public void Every_recheck_of_folio_mapped_is_needed_and_its_interleaving_is_minimal(string scenario, string check, string protects)
    {
        var answer = Assert.Single(Answers(scenario, "before", s => s.What == check));

        Assert.Equal(SiteNeed.Needed, answer.Need);
        Assert.Equal("rmap.folio_lock_anon_vma_read", answer.Site.Function);
        Assert.Equal(protects, string.Join(", ", answer.Failing!.Names));
        Assert.True(answer.Failing.Way.IsMinimal);
        Assert.Equal(answer.Failing.Way.Steps, answer.Failing.Way.Trace.Steps.Count);
    }

    /// <summary>
    /// Somebody has written variants without these operations, as toggles: the operation is taken away at its place instead, and the
    /// same must fail; where a toggle leaves out what the lock guards as well, more can fail without the lock alone.
    /// </summary>
    [Theory]
    [InlineData("khugepaged/collapse-against-anon-walk.yaml", null, "collapse-locks-anon-vma", "collapse_ptes", "lock")]
    [InlineData("khugepaged/gup-against-collapse.yaml", null, "collapse-syncs-with-gup-fast", "collapse_pmd", "wait")]
    [InlineData("memcg/zap-against-beginning-of-move.yaml", null, "move-charge-waits-for-rcu", "mem_cgroup_move_charge", "wait")]
    public void What_a_toggle_leaves_out_and_what_is_taken_away_fail_alike(string scenario, string? variant, string toggle, string function, string kind)
    {
        var off = Read(scenario).Variants.First(v => v.Toggles is [var only] && only.Name.Value == toggle && v.Patches.Count == 0);
        var expected = off.Expect.Where(e => e.Verdict.Value == ExpectedVerdict.Violated && IsSafety(e.Name.Value)).Select(e => e.Name.Value)
            .Where(e => e != "no-warning"); // lockdep's, which believes what the thread believes

        var answers = Answers(scenario, variant ?? Holding(scenario, off), s => s.KindWord == kind && s.ShortFunction == function);

        Assert.NotEmpty(answers);
        Assert.Contains(answers, a => a.Need == SiteNeed.Needed && expected.All(a.Failing!.Names.Contains));
    }

    [Fact]
    public void A_place_without_which_there_are_too_many_states_is_not_decided()
    {
        var run = Of("why", Kswapd, "--only", "check", "--max-states", "100");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("the limit of 100 states was reached", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("Not needed", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_that_is_printed_shows_the_interleaving_again()
    {
        var all = Of("why", Kswapd, "--site", "mapped-under-lock").Out;
        var schedule = all.Split("--schedule '")[1].Split('\'')[0];

        var again = Of("why", Kswapd, "--variant", "before", "--site", "mapped-under-lock", "--schedule", schedule);

        Assert.Equal(0, again.ExitCode);
        Assert.Contains("walker-holds-anon-vma is violated", again.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_answers_in_json_are_those_in_text()
    {
        using var json = JsonDocument.Parse(Of("why", Kswapd, "--only", "check", "--format", "json").Out);

        var places = json.RootElement.GetProperty("places").EnumerateArray().ToDictionary(p => p.GetProperty("id").GetString()!, p => p.GetProperty("answer").GetString());
        Assert.Equal("needed", places["mapped-under-lock"]);
        Assert.Equal("not needed in this scope", places["mapped-before-walk"]);
    }

    [Fact]
    public void Barriers_are_never_called_unneeded()
    {
        var answers = Answers("memcg/zap-against-beginning-of-move.yaml", null, s => s.Kind == SiteKind.Barrier);

        Assert.NotEmpty(answers);
        Assert.All(answers, a => Assert.Equal(SiteNeed.WeakerMemory, a.Need));
    }

    [Fact]
    public void A_patch_is_asked_about_with_the_kernel_that_it_is_on()
    {
        var run = Of("why", Kswapd, "--site", "mapped-under-lock", "--patch", "delay-rmap-final");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("--variant before --patch delay-rmap-final --site mapped-under-lock --schedule", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_look_without_a_name_is_listed_as_not_tried()
    {
        var answers = Answers("exit-against-kswapd.yaml", "before", s => s.Kind == SiteKind.Recheck && s.ShortFunction is "page_vma_mapped_walk" or "folio_lock_anon_vma_read");

        var unnamed = Assert.Single(answers, a => a.Need == SiteNeed.NotTried);
        Assert.Equal(("page_vma_mapped_walk", "load(page_table0.pte[0])"), (unnamed.Site.ShortFunction, unnamed.Site.What));
        Assert.Contains("it has no name in the path", unnamed.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no place 'mapped-under-lok' in what runs here. Did you mean 'mapped-under-lock'?", "--site", "mapped-under-lok")]
    [InlineData("no variant 'befor' in", "--variant", "befor")]
    [InlineData("--only cannot be 'chek'. Did you mean 'check'?", "--only", "chek")]
    [InlineData("no variant here is on 'linux-6.2'", "--kernel", "linux-6.2")]
    public void What_nobody_has_is_an_error_that_names_the_nearest(string sentence, params string[] options)
    {
        var run = Of(["why", Kswapd, .. options]);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }

    // Lines of the model's files change with every edit of them.
    private static string WithoutLines(string text) => LineOfPlace().Replace(LineOfId().Replace(text, ":#:"), ".cs:#  ");

    [GeneratedRegex(@"(?<=\w):\d+:(?=\w)")]
    private static partial Regex LineOfId();

    [GeneratedRegex(@"\.cs:\d+ +")]
    private static partial Regex LineOfPlace();

    private static ScenarioFile Read(string scenario) =>
        ScenarioReader.Read(Repository.File(["specs", .. (scenario.Contains('/', StringComparison.Ordinal) ? scenario : $"rmap/{scenario}").Split('/')])).Document!;

    private static bool IsSafety(string property) =>
        PropertyCatalog.All.Concat(KernelBugProperties.All).First(p => p.Name == property).Class == PropertyClass.Safety;

    // The variant on the same kernel that has nothing left out.
    private static string Holding(string scenario, VariantSpec off) =>
        Read(scenario).Variants.First(v => v.Toggles.Count == 0 && v.Patches.Count == 0 && v.Kernel?.Value == off.Kernel?.Value).Name.Value;

    private static IReadOnlyList<SiteAnswer> Answers(string scenario, string? variant, Func<KernelSite, bool> wanted)
    {
        var file = Read(scenario);
        var spec = variant is null ? file.Variants[0] : file.Variants.First(v => v.Name.Value == variant);
        var search = new NecessitySearch(new Budget { Workers = 2 }, null, CancellationToken.None);
        var asked = search.Ask(ScenarioBinder.Bind(file, spec).Variant!);
        Assert.True(asked.Result.IsComplete);
        return search.Answer([asked], wanted);
    }
}
