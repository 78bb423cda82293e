using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>The graph as it is written level by level, and turned round.</summary>
public sealed class StateGraphTests
{
    /// <remarks>0 to 1, 1, 2; nothing out of 1; 2 to 0 and 3; 3 was found and not expanded.</remarks>
    [Fact]
    public void An_edge_leads_out_of_the_state_it_was_written_for()
    {
        var graph = new StateGraph { StateCount = 4 };
        graph.BeginState(graph.EdgeCount);
        graph.SetEdge(graph.Extend(1), new Choice(0, 0).ToLabel(), 1);
        graph.SetEdge(graph.Extend(1), new Choice(0, 1).ToLabel(), 1);
        graph.SetEdge(graph.Extend(1), new Choice(1, 0).ToLabel(), 2);
        graph.BeginState(graph.EdgeCount);
        graph.BeginState(graph.EdgeCount);
        graph.SetEdge(graph.Extend(1), new Choice(2, 0).ToLabel(), 0);
        graph.SetEdge(graph.Extend(1), new Choice(2, 3).ToLabel(), 3);

        Assert.Equal([0, 0, 0, 2, 2], Enumerable.Range(0, 5).Select(e => graph.Source(e)));
        Assert.Equal([(0L, 3L), (3L, 3L), (3L, 5L), (0L, 0L)], Enumerable.Range(0, 4).Select(graph.Edges));
        Assert.Equal(new Choice(2, 3), graph.Label(4));
        Assert.Equal((5L, 3L), (graph.EdgeCount, graph.Expanded));

        var reverse = graph.Reverse();
        Assert.Equal([0, 1, 3, 4, 5], reverse.First.From(0));
        Assert.Equal([3, 0, 1, 2, 4], reverse.Edges.From(0));
        Assert.Equal([2, 0, 0, 0, 2], reverse.Sources.From(0));
    }

    [Fact]
    public void Turning_round_keeps_every_edge_with_its_source()
    {
        var random = new Random(11);
        var graph = new StateGraph { StateCount = 5000 };
        var edges = new List<(int From, int To)>();
        for (var state = 0; state < 4000; state++)
        {
            graph.BeginState(graph.EdgeCount);
            for (var i = random.Next(4); i > 0; i--)
            {
                edges.Add((state, random.Next(5000)));
                graph.SetEdge(graph.Extend(1), new Choice(random.Next(8), random.Next(5)).ToLabel(), edges[^1].To);
            }
        }

        var reverse = graph.Reverse();

        var turned = Enumerable.Range(0, 5000).SelectMany(to => Enumerable.Range((int)reverse.First[to], (int)(reverse.First[to + 1] - reverse.First[to]))
            .Select(i => (Edge: reverse.Edges[i], From: reverse.Sources[i], To: to)));
        Assert.Equal(edges.Select((e, i) => ((long)i, e.From, e.To)), turned.OrderBy(t => t.Edge).Select(t => (t.Edge, t.From, t.To)));
        Assert.Equal(edges.Select(e => e.From), Enumerable.Range(0, edges.Count).Select(e => graph.Source(e)));
    }

    [Fact]
    public void Choices_are_ordered_by_thread_and_then_by_pick()
    {
        Choice[] choices = [new(0, 0), new(0, 1), new(0, Choice.MaxPick), new(1, 0), new(1, 1), new(Choice.MaxThread, Choice.MaxPick)];

        Assert.Equal(choices, choices.Select(c => Choice.FromLabel(c.ToLabel())));
        Assert.Equal(choices, choices.Reverse().OrderBy(c => c.ToLabel()));
    }
}
