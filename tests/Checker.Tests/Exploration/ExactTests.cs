using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>An exact search compares states, whatever their fingerprints say.</summary>
public sealed class ExactTests
{
    [Theory]
    [InlineData("before", 1)]
    [InlineData("before", 3)]
    [InlineData("v1", 1)]
    [InlineData("v1", 3)]
    public void States_that_share_a_fingerprint_are_told_apart(string variant, int workers)
    {
        var whole = BreadthFirstExplorer.Run(Bind(variant), new Budget());
        var blurred = BreadthFirstExplorer.Run(Bind(variant), new Budget { FingerprintMask = 0x3F, Workers = workers });
        var exact = BreadthFirstExplorer.Run(Bind(variant), new Budget { FingerprintMask = 0x3F, Exact = true, Workers = workers });

        Assert.True(blurred.Graph.StateCount < whole.Graph.StateCount, "six bits of each half should not tell these states apart");
        Assert.Equal((whole.Graph.StateCount, whole.Graph.EdgeCount, whole.Depth), (exact.Graph.StateCount, exact.Graph.EdgeCount, exact.Depth));
        Assert.Equal(whole.Ends, exact.Ends);
        Assert.Equal(whole.Sinks, exact.Sinks);
    }

    [Fact]
    public void Random_programs_have_the_same_graph_with_states_compared_whole()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var whole = BreadthFirstExplorer.Run(RandomPrograms.Make(seed), new Budget());
            var exact = BreadthFirstExplorer.Run(RandomPrograms.Make(seed), new Budget { FingerprintMask = 0x7, Exact = true });

            Assert.Equal((whole.Graph.StateCount, whole.Graph.EdgeCount), (exact.Graph.StateCount, exact.Graph.EdgeCount));
        }
    }

    private static Instance Bind(string variant)
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", "rmap", "exit-against-kswapd.yaml")).Document!;
        return ScenarioBinder.Bind(scenario, scenario.Variants.Single(v => v.Name.Value == variant)).Variant!.Instance;
    }
}
