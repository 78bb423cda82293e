using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Tests.Checkpoints;

/// <summary>Whether two searches came to the same.</summary>
internal static class SameResult
{
    /// <summary>A variant of one of the repository's scenarios, on a machine of its own.</summary>
    public static BoundVariant Bind(string scenario, string variant)
    {
        var file = ScenarioReader.Read(Repository.File("specs", "rmap", $"{scenario}.yaml")).Document!;
        return ScenarioBinder.Bind(file, file.Variants.Single(v => v.Name.Value == variant)).Variant!;
    }

    /// <summary>Asserts that both made the same graph and found the same in it.</summary>
    public static void Assert(Found expected, Found found)
    {
        Xunit.Assert.Equal(
            (expected.Graph.StateCount, expected.Graph.EdgeCount, expected.Graph.Expanded, expected.Depth, expected.Incomplete),
            (found.Graph.StateCount, found.Graph.EdgeCount, found.Graph.Expanded, found.Depth, found.Incomplete));
        Xunit.Assert.Equal(expected.Ends, found.Ends);
        Xunit.Assert.Equal(expected.Sinks, found.Sinks);
        Xunit.Assert.Equal(Edges(expected.Graph), Edges(found.Graph));
        Xunit.Assert.Equal(expected.Monitor.AnyViolation, found.Monitor.AnyViolation);
        for (var i = 0; i < expected.Monitor.Properties.Count; i++)
        {
            Xunit.Assert.Equal(expected.Monitor.Findings(i), found.Monitor.Findings(i));
            Xunit.Assert.Equal(expected.Monitor.OutcomesOf(i), found.Monitor.OutcomesOf(i));
            Xunit.Assert.Equal(expected.Monitor.Occurred(i), found.Monitor.Occurred(i));
        }
    }

    /// <summary>Verdicts, sentences and schedules, and the functions that ran.</summary>
    public static IEnumerable<string?> Said(InstanceResult result) =>
    [
        result.Verdict.ToString(), result.Deadlock?.Schedule, result.Livelock?.Schedule, result.Incomplete,
        .. result.Properties.Select(p => $"{p.Property.Name} {p.Verdict} {p.Message} {p.Counterexample?.Schedule} {p.Counterexample?.IsMinimal}"),
        .. result.Functions,
    ];

    private static IEnumerable<(long, int, Choice)> Edges(StateGraph graph)
    {
        for (var state = 0; state < graph.StateCount; state++)
        {
            var (first, end) = graph.Edges(state);
            for (var edge = first; edge < end; edge++)
            {
                yield return (edge, graph.Target(edge), graph.Label(edge));
            }
        }
    }
}
