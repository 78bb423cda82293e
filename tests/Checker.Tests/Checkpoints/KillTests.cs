using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;

namespace ThpCheck.Checker.Tests.Checkpoints;

/// <summary>A search survives being killed at any moment.</summary>
public sealed class KillTests
{
    private const int Killed = 128 + 9;
    private const int MostKills = 100;

    private static readonly string[] Search = ["check", Repository.File("specs", "rmap", "exit-of-parent-and-child.yaml"), "--variant", "v1", "--format", "json"];

    /// <remarks>
    /// Each process but the last is killed: either soon after it has replaced the checkpoint, so that each gets further than the one
    /// before, or while it writes the next, at a size that differs from time to time, and at the latest when that is there.
    /// </remarks>
    [Fact]
    public void A_search_that_is_killed_again_and_again_says_in_the_end_what_one_that_is_not_says()
    {
        var whole = CommandLineRun.Of(Search);
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var file = Path.Combine(folder.FullName, "search.checkpoint");
            var (code, said) = (Killed, "");
            var kills = -1;
            for (; code == Killed && kills < MostKills; kills++)
            {
                string[] goOn = File.Exists(file) ? ["--resume", file] : ["--checkpoint", file];
                var before = Stamp(file);
                using var child = new Child([.. Search, .. goOn, "--checkpoint-every", "0", "--workers", $"{1 + (kills & 1)}"]);
                child.Await(() => Stamp(file) != before);
                if (kills % 3 == 0)
                {
                    Thread.Sleep(kills);
                }
                else
                {
                    var (size, last) = (kills * 200_000L, Stamp(file));
                    child.Await(() => Stamp(file) != last || (new FileInfo(file + ".tmp") is { Exists: true } draft && draft.Length >= size));
                }

                child.Kill();
                (code, said) = child.End();
            }

            Assert.Equal((whole.ExitCode, Approved.Normal(whole.Out)), (code, Approved.Normal(said)));
            Assert.True(kills > 2, "the search was over before it could be killed");
            Assert.Empty(folder.EnumerateFiles()); // of a search that is complete no checkpoint is kept
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static DateTime? Stamp(string file) => File.Exists(file) ? File.GetLastWriteTimeUtc(file) : null;
}
