using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>The answer does not depend on how many workers found it.</summary>
public sealed class WorkersTests
{
    public static TheoryData<string> Scenarios => [.. Directory.EnumerateFiles(Repository.File("specs"), "*.yaml", SearchOption.AllDirectories).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Three_workers_make_the_graph_that_one_makes(string name)
    {
        var file = Directory.EnumerateFiles(Repository.File("specs"), name, SearchOption.AllDirectories).Single();
        var scenario = ScenarioReader.Read(file).Document!;
        foreach (var variant in scenario.Variants.Take(1))
        {
            var one = BreadthFirstExplorer.Run(Bind(scenario, variant), new Budget());
            var three = BreadthFirstExplorer.Run(Bind(scenario, variant), new Budget { Workers = 3 });

            Assert.Equal((one.Graph.StateCount, one.Graph.EdgeCount, one.Depth, one.Incomplete), (three.Graph.StateCount, three.Graph.EdgeCount, three.Depth, three.Incomplete));
            Assert.Equal(one.Ends, three.Ends);
            Assert.Equal(one.Sinks, three.Sinks);
            Assert.Equal(Edges(one.Graph), Edges(three.Graph));
            for (var i = 0; i < one.Monitor.Properties.Count; i++)
            {
                Assert.Equal(one.Monitor.Findings(i), three.Monitor.Findings(i));
            }
        }
    }

    [Fact]
    public void Two_workers_give_the_verdicts_and_traces_that_one_gives()
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", "rmap", "exit-against-kswapd-reuse.yaml")).Document!;
        var variant = scenario.Variants.Single(v => v.Name.Value == "v1");

        var one = Judge.Run(Bind(scenario, variant), new Budget());
        var two = Judge.Run(Bind(scenario, variant), new Budget { Workers = 2 });

        Assert.Equal(one.Verdict, two.Verdict);
        Assert.Equal(
            one.Properties.Select(p => (p.Property.Name, p.Verdict, p.Message, p.Counterexample?.Schedule)),
            two.Properties.Select(p => (p.Property.Name, p.Verdict, p.Message, p.Counterexample?.Schedule)));
    }

    [Fact]
    public void A_team_hands_on_what_a_member_throws_and_goes_on()
    {
        using var team = new WorkerTeam(3);

        var thrown = Assert.Throws<AggregateException>(() => team.Do(together: true, member =>
        {
            if (member == 2)
            {
                throw new InvalidOperationException("two");
            }
        }));

        Assert.Equal("two", Assert.Single(thrown.InnerExceptions).Message);
        var parts = new int[3];
        team.Do(together: true, member => parts[member]++);
        team.Do(together: false, member => parts[member]++);
        Assert.Equal([2, 2, 2], parts);
    }

    private static ThpCheck.Specs.Instance Bind(ScenarioFile scenario, VariantSpec variant) => ScenarioBinder.Bind(scenario, variant).Variant!.Instance;

    private static IEnumerable<(int, Choice)> Edges(StateGraph graph)
    {
        for (var edge = 0L; edge < graph.EdgeCount; edge++)
        {
            yield return (graph.Target(edge), graph.Label(edge));
        }
    }
}
