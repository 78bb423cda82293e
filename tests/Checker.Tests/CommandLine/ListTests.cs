using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Model.Kernel;
using ThpCheck.Specs.Properties;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <remarks>What is listed grows with the model, so one entry of each list is looked at.</remarks>
public sealed class ListTests
{
    [Fact]
    public void List_scenarios() => Approved.Match(Of("list", "scenarios", Scenario()).All);

    [Fact]
    public void A_path_is_listed_with_its_source_and_its_first_sentence()
    {
        var run = Of("list", "paths", "--kernel", "linux-6.1");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(
            "\n  mm.folio_get(Folio folio)\n      include/linux/mm.h, v6.1\n      Takes a reference.\n",
            run.Out, StringComparison.Ordinal);
        Assert.Contains("zap_pte_range", run.Out, StringComparison.Ordinal);
        Assert.Contains("other paths call it, a scenario cannot", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_patch_adds_its_paths()
    {
        Assert.DoesNotContain("page_zap_pte_rmap", Of("list", "paths", "--kernel", "linux-6.1").Out, StringComparison.Ordinal);
        Assert.Contains("page_zap_pte_rmap", Of("list", "paths", "--kernel", "linux-6.1", "--patch", "delay-rmap-v1").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kernel_patch_toggle_and_property_is_listed()
    {
        Assert.All(Releases.All.Keys, k => Assert.Contains($"{k}\n", Of("list", "kernels").Out, StringComparison.Ordinal));
        Assert.All(Releases.Patches, p => Assert.Contains($"{p.Name}\n", Of("list", "patches").Out, StringComparison.Ordinal));
        Assert.All(Toggles.All, t => Assert.Contains($"{t.Name}  (in {t.Function}, {(t.Default ? "on" : "off")} unless set)\n", Of("list", "toggles").Out, StringComparison.Ordinal));
        Assert.All(PropertyCatalog.All.Concat(KernelBugProperties.All), p => Assert.Contains($"{p.Name}  (", Of("list", "properties").Out, StringComparison.Ordinal));
    }
}
