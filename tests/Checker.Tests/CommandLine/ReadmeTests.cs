using ThpCheck.Checker.Tests.Reports;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.CommandLine;

public sealed class ReadmeTests
{
    [Fact]
    public void The_trace_in_the_readme_is_what_the_command_prints()
    {
        var scenario = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");
        var printed = Lines(Of("check", scenario, "--variant", "v1").Out);
        var first = printed.FindIndex(l => l.Contains("v1: no-use-after-free is violated", StringComparison.Ordinal));
        var last = printed.FindIndex(first, l => l.EndsWith("use after free", StringComparison.Ordinal) && l.Contains("READ_ONCE", StringComparison.Ordinal));

        var readme = Lines(File.ReadAllText(Repository.File("README.md")));

        var at = readme.IndexOf(printed[first]);
        Assert.True(at > 0, "the README shows no trace");
        Assert.Equal(printed[first..(last + 1)], readme.GetRange(at, last - first + 1));
    }

    [Fact]
    public void The_first_trace_of_v1_tells_what_the_mail_tells()
    {
        var trace = Lines(Of("check", Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), "--variant", "v1", "--verbose").Out);

        string[] events = ["xchg(page_table0.pte[0], none)", "list_del(anon_vma0.rb_root", "kmem_cache_free(anon_vma0)", "folio_lock_anon_vma_read()", "READ_ONCE(anon_vma0.root)", "^^^ use after free"];
        var at = 0;
        foreach (var e in events)
        {
            at = trace.FindIndex(at, l => l.Contains(e, StringComparison.Ordinal));
            Assert.True(at >= 0, $"'{e}' is missing, or out of order");
        }
    }

    private static List<string> Lines(string text) => [.. text.Split('\n').Select(l => l.TrimEnd())];
}
