using System.Text;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Gate;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Verification;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>Diffs that are damaged, odd or made to do harm: an error or a sane answer, and never a pass that is none.</summary>
public sealed class HostileDiffTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "has no diff in it")]
    [InlineData("From: a\n\nOnly text.\n", "has no diff in it")]
    [InlineData("--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,3 +1,4 @@ int x(void)\n a\n+b\n", "ends in the middle of a hunk of mm/rmap.c")]
    [InlineData("--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,2 +1,2 @@\n a\n!b\n c\n", "is the diff damaged?")]
    [InlineData("--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,2 +1,2 @@ int x(void)\n a\n b\n-\tspin_unlock(ptl);\n", "'- spin_unlock(ptl);' is more than the header of the hunk above says")]
    [InlineData("--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1,1 +1,99999999999999999999 @@\n", "is no header of a hunk")]
    [InlineData("--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "is none of a file in the tree")]
    [InlineData("--- a/mm/rmap.c\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "is none of a file in the tree")]
    [InlineData("diff --git a/mm/x.c b/mm/x.c\nrename from ../x.c\nrename to mm/x.c\n", "is none of a file in the tree")]
    [InlineData("diff --cc mm/rmap.c\n--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@@ -1,1 -1,1 +1,2 @@@\n  a\n++b\n", "against several parents")]
    public void What_is_no_whole_diff_is_an_error(string diff, string error)
    {
        var run = Gate(diff);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains(error, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("internal error", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_an_error_that_says_so()
    {
        var run = Of("gate", "--diff", _folder.Path);

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains("is a folder; name a file of it", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_mailbox_that_ends_between_two_patches_is_an_error()
    {
        const string Patch = "\n---\n--- a/mm/slub.c\n+++ b/mm/slub.c\n@@ -1 +1 @@\n-a\n+b\n--\n2.40\n\n";
        const string From = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nSubject: [PATCH ";

        var run = Gate($"{From}1/3] a\n{Patch}{From}2/3] b\n{Patch}");

        Assert.Equal(ExitCodes.WrongInput, run.ExitCode);
        Assert.Contains("patch 3 missing; is it truncated?", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Line_ends_of_Windows_are_read_as_others()
    {
        var run = Gate("--- a/mm/rmap.c\r\n+++ b/mm/rmap.c\r\n@@ -1,2 +1,3 @@ void page_remove_rmap(struct page *page)\r\n \tint a;\r\n+\tsmp_mb();\r\n \tint b;\r\n");

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("+ smp_mb()\n", run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diff --git a/mm/rmap.c b/mm/rmap.c\nBinary files a/mm/rmap.c and b/mm/rmap.c differ\n", "its diff is binary")]
    [InlineData("diff --git a/mm/rmap.c b/mm/rmap.c\nGIT binary patch\nliteral 5\nMc$`b*ITb?*\n", "its diff is binary")]
    [InlineData("diff --git a/mm/rmap.c b/mm/rmap.c\ndeleted file mode 100644\nindex 0123456..0000000\n", "mm/rmap.c has modelled functions and goes")] // git diff -D
    [InlineData("diff --git a/mm/rmap.c b/mm/reverse.c\nsimilarity index 100%\nrename from mm/rmap.c\nrename to mm/reverse.c\n", "becomes mm/reverse.c")]
    public void A_modelled_file_whose_change_is_not_shown_does_not_pass(string diff, string why)
    {
        var run = Gate(diff);

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains(why, run.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diff --git a/logo.png b/logo.png\nBinary files a/logo.png and b/logo.png differ\n")]
    [InlineData("diff --git \"a/Documentation/\\303\\244.rst\" \"b/Documentation/\\303\\244.rst\"\n--- \"a/Documentation/\\303\\244.rst\"\n+++ \"b/Documentation/\\303\\244.rst\"\n@@ -1 +1 @@\n-a\n+b\n")]
    [InlineData("diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+--- a/mm/rmap.c\n+@@ -1 +1 @@\n\\ No newline at end of file\n")]
    public void What_no_path_could_stand_for_passes(string diff) => Assert.Equal(ExitCodes.AsExpected, Gate(diff).ExitCode);

    [Fact]
    public void A_diff_of_fifty_megabytes_takes_memory_for_a_file_of_it_at_most()
    {
        const int Megabyte = 1 << 20;
        using var text = new Endless(50 * Megabyte);
        var peak = 0L;

        var file = new UnifiedDiff(text, "diff", _ => true).Files().Select(f =>
        {
            peak = Math.Max(peak, f.Hunks.Sum(h => h.Lines.Count));
            return f;
        }).Last();

        Assert.True(file.IsTooLarge);
        Assert.InRange(peak, 1, 200_000);
    }

    [Fact]
    public void A_line_without_end_is_cut_and_its_file_cannot_be_told()
    {
        var run = Gate($"--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1 +1,2 @@ void page_remove_rmap(struct page *page)\n int a;\n+{new string('x', 3_000_000)}\n");

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("is too large to read", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Braces_and_parentheses_without_end_are_got_through()
    {
        const int Many = 100_000;
        var body = new StringBuilder("--- a/mm/rmap.c\n+++ b/mm/rmap.c\n").Append($"@@ -1 +1,{Many + 1} @@ void page_remove_rmap(struct page *page)\n int a;\n");
        for (var i = 0; i < Many; i++)
        {
            body.Append("+\tf(( {\n");
        }

        var run = Gate(body.ToString());

        Assert.Equal(ExitCodes.Incomplete, run.ExitCode);
        Assert.Contains("cannot tell", run.Out, StringComparison.Ordinal);
    }

    private CommandLineRun Gate(string diff) => Of("gate", "--diff", _folder.Write("a.diff", diff));

    /// <summary>A diff of one file that grows by a line at a time, up to a size.</summary>
    private sealed class Endless(int size) : TextReader
    {
        private const string Head = "--- a/mm/rmap.c\n+++ b/mm/rmap.c\n";
        private const string Hunk = "@@ -1,1 +1,2 @@ void page_remove_rmap(struct page *page)\n \tint a;\n+\tsmp_mb();\n";
        private int _at;

        public override int Read(char[] buffer, int index, int count)
        {
            for (var i = 0; i < count; i++, _at++)
            {
                var inHunks = _at - Head.Length;
                if (_at >= size && inHunks % Hunk.Length == 0)
                {
                    return i;
                }

                buffer[index + i] = _at < Head.Length ? Head[_at] : Hunk[inHunks % Hunk.Length];
            }

            return count;
        }
    }
}
