using System.Text.Json;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>Which steps of an execution its failure depends on.</summary>
public sealed class CausesTests
{
    /// <summary>Failures of every form of property: scenario, variant, property, and the most causes that somebody would read.</summary>
    public static TheoryData<string, string, string, int> Failures => new()
    {
        { "rmap/exit-against-kswapd", "v1", "no-use-after-free", 6 },
        { "rmap/exit-against-kswapd", "v1", "walker-holds-anon-vma", 3 },
        { "memcg/zap-against-move-of-cached-page", "neither-lock-nor-guard", "memcg-counts-mapped-pages-exactly", 7 },
        { "pmd/dontneed-against-migration-of-anonymous-page", "before", "rss-consistent", 10 },
        { "pmd/partial-punch-against-migration", "baseline", "no-bug-on", 13 },
        { "cow/child-keeps-page", "linux-5.7", "private-writes-stay-private", 5 },
        { "migration/mbind-against-mbind", "v6.7-mmap-lock-held", "bound-pages-stay", 40 },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void What_a_cause_looks_at_was_written_by_a_cause_or_was_there_in_the_beginning(string scenario, string variant, string property, int most)
    {
        var (recording, causes) = Find(scenario, variant, property);

        Assert.InRange(causes.Count(c => c), 1, most);
        for (var i = 0; i < causes.Length; i++)
        {
            var step = recording.Steps[i];
            if (causes[i] && OperationAsC.IsRead(step.Operation.Code))
            {
                var writers = step.Reads.Select(p => Enumerable.Range(0, i).LastOrDefault(w => recording.Steps[w].Writes.ContainsKey(p), -1)).Where(w => w >= 0);
                Assert.All(writers.Where(w => recording.Steps[w].Choice.Thread != step.Choice.Thread), w => Assert.True(causes[w], $"step {i + 1} sees what step {w + 1} wrote"));
            }
        }
    }

    [Fact]
    public void A_lock_is_a_cause_only_between_causes_at_one_place()
    {
        var (recording, causes) = Find("pmd/partial-punch-against-migration", "baseline", "no-bug-on");

        var locks = recording.Steps.Where((s, i) => causes[i] && s.Operation.Code is OperationCode.spin_lock or OperationCode.spin_unlock).ToArray();
        Assert.Single(locks.Select(s => s.Operation.Cell).Distinct());
        Assert.Equal(2, locks.Select(s => s.Choice.Thread).Distinct().Count());
    }

    [Fact]
    public void An_assertion_that_would_have_failed_is_no_cause()
    {
        var (recording, causes) = Find("pmd/partial-punch-against-migration", "baseline", "no-bug-on");

        // The same PMD is looked at and asserted on all the way; it counts under the lock, and where it fails.
        var looks = recording.Steps.Where((s, i) => causes[i] && OperationAsC.IsRead(s.Operation.Code) && s.Result.Value == recording.Steps[^1].Result.Value);
        Assert.InRange(looks.Count(), 1, 2);
    }

    [Fact]
    public void Where_no_write_makes_a_difference_by_itself_those_of_other_threads_count()
    {
        var (recording, causes) = Find("khugepaged/retract-against-uffd-copy", "unchecked", "rss-adds-up");

        var writes = recording.Steps.Where((_, i) => causes[i]).ToArray();
        Assert.Equal([OperationCode.atomic_inc, OperationCode.xchg], writes.Select(s => s.Operation.Code)); // a page is counted, and the table with it goes
        Assert.NotEqual(writes[0].Choice.Thread, writes[1].Choice.Thread);
    }

    private static (Recording Recording, bool[] Causes) Find(string scenario, string variant, string property)
    {
        var path = Repository.File("specs", $"{scenario}.yaml");
        using var json = JsonDocument.Parse(Of("check", path, "--variant", variant, "--format", "json").Out);
        var schedule = json.RootElement.GetProperty("results")[0].GetProperty("properties").EnumerateArray()
            .First(p => p.GetProperty("name").GetString() == property).GetProperty("schedule").GetString()!;
        var file = ScenarioReader.Read(path).Document!;
        var bound = ScenarioBinder.Bind(file, OneScenario.Variants(file, [variant])[0]).Variant!;
        var choices = Schedule.Parse(bound.Instance.Machine, schedule);
        return (Recording.Of(bound.Instance, choices), Causes.Of(bound.Instance, choices, bound.Instance.Properties.First(p => p.Name == property)));
    }
}
