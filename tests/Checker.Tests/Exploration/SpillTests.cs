using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Minimisation;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>What does not fit into memory goes to a file, and the answer is the same.</summary>
public sealed class SpillTests
{
    /// <remarks>
    /// 6^7 = 279936 states and 7 * 5 * 6^6 = 1632960 steps: a chunk of edges is full and moves, another one stays, and of the levels,
    /// of up to 24017 states, some chunks go and come.
    /// </remarks>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(15, 1)]
    [InlineData(15, 3)]
    public void A_search_that_spills_finds_the_graph_that_one_in_memory_finds(int keptMiB, int workers)
    {
        using var whole = BreadthFirstExplorer.Run(InterleavingTests.Steps(5, 5, 5, 5, 5, 5, 5), new Budget());
        using var spilled = BreadthFirstExplorer.Run(InterleavingTests.Steps(5, 5, 5, 5, 5, 5, 5), new Budget { KeptBytes = (long)keptMiB << 20, Workers = workers });

        Assert.Equal(279_936, spilled.Graph.StateCount);
        Assert.True(spilled.Graph.Memory.MostSpilledBytes > 4 << 20, "more than a chunk should not have fitted");
        AssertSame(whole, spilled);
        var last = new Finding(279_935, -1);
        Assert.Equal(
            new LeastCost(whole, whole.Graph.Reverse()).To([last])!.Value.Schedule,
            new LeastCost(spilled, spilled.Graph.Reverse()).To([last])!.Value.Schedule);
    }

    [Theory]
    [InlineData("exit-against-kswapd-reuse.yaml", 1)]
    [InlineData("exit-against-kswapd-reuse.yaml", 2)]
    public void Verdicts_and_traces_are_the_same_where_nothing_stays_in_memory(string name, int workers)
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", "rmap", name)).Document!;
        foreach (var variant in scenario.Variants)
        {
            using var whole = BreadthFirstExplorer.Run(Bind(scenario, variant), new Budget());
            using var spilled = BreadthFirstExplorer.Run(Bind(scenario, variant), new Budget { KeptBytes = 0, Workers = workers });

            AssertSame(whole, spilled);
            Assert.Equal(Said(Judge.Of(whole, new Budget())), Said(Judge.Of(spilled, new Budget())));
        }
    }

    /// <remarks>As a checkpoint looks at it: all of what waits, wherever it is, and then the search goes on.</remarks>
    [Fact]
    public void A_queue_shows_what_is_in_the_file_without_bringing_it_back()
    {
        const int Count = 30_000;
        using var memory = new SearchMemory();
        var queue = new StateQueue(3, memory);
        var heir = new StateQueue(3, memory);
        for (var i = 0UL; i < Count; i++)
        {
            queue.Add([i, i + 1, i * i], i * 3, i * 5);
        }

        queue.Spill(5000);

        Assert.Equal(5 * 4096 * 5 * sizeof(ulong), memory.SpilledBytes); // of 8 chunks the two with the first 5000 and the last one stay
        var bytes = memory.Bytes;
        AssertHolds(queue, 0);
        Assert.Equal(bytes + (4096 * 5 * sizeof(ulong)), memory.Bytes); // one to look at them
        queue.Load(8000, 8192);
        queue.Leave(8000, heir);
        AssertHolds(queue, 8000);
        Assert.Equal(3 * 4096 * 5 * sizeof(ulong), memory.SpilledBytes);
        queue.Free();
        heir.Free();
        Assert.Equal((0L, 0L), (memory.Bytes, memory.SpilledBytes));

        static void AssertHolds(StateQueue queue, int from)
        {
            for (var i = (ulong)from; i < Count; i++)
            {
                Assert.Equal([i, i + 1, i * i], queue.Words((long)i, out var low, out var high));
                Assert.Equal((i * 3, i * 5), (low, high));
            }
        }
    }

    [Fact]
    public void A_list_can_be_read_and_set_where_it_is_in_the_file()
    {
        const int Count = (2 << 20) + 9;
        using var memory = new SearchMemory(kept: 20 << 20);
        var list = new ChunkedList<long>(memory);
        for (var i = 0L; i < Count; i++)
        {
            list.Add(i);
        }

        list.Spill();
        list[3] = -3;
        list[(1 << 20) + 3] = -4;

        Assert.Equal((9 * sizeof(long), 24L << 20), (list.Bytes, memory.SpilledBytes)); // the last chunk was in the file from the beginning
        Assert.DoesNotContain(Enumerable.Range(0, Count), i => list[i] != i switch { 3 => -3, (1 << 20) + 3 => -4, _ => i });
        list.Free();
        Assert.Equal((0L, 0L), (memory.Bytes, memory.SpilledBytes));
    }

    /// <remarks>Where nothing is spilled, the one takes 740 MiB with the cheapest interleaving, the other 260.</remarks>
    [Theory]
    [InlineData(5, 5_645_376, 12_830_400, 512, 1)]
    [InlineData(4, 1_755_625, 3_975_000, 160, 2)]
    public void A_limit_on_memory_is_what_the_process_takes_and_the_answer_is_the_same(int rounds, long states, long transitions, int limit, int workers)
    {
        var result = MeasuredSearch.Run(rounds, limit, workers);

        Assert.Equal((states, transitions, ""), (result.States, result.Transitions, result.Incomplete));
        Assert.Equal(string.Join(',', Enumerable.Range(0, 6).SelectMany(t => Enumerable.Repeat(t, rounds * 5))), result.Schedule);
        Assert.True(result.Spilled, "it should not have fitted");
        Assert.InRange(result.PeakMiB, 1, limit * 11 / 10);
    }

    /// <remarks>What cannot be spilled: the table of 65 MiB, beside what the process takes at any rate.</remarks>
    [Fact]
    public void A_limit_that_is_too_small_for_the_table_ends_the_search()
    {
        var result = MeasuredSearch.Run(rounds: 4, limit: 100, workers: 1);

        Assert.Equal("the limit of 100 MiB was reached", result.Incomplete);
        Assert.True(result.Spilled, "what could wait should have gone first");
        Assert.InRange(result.States, 100_000, 1_755_624);
        Assert.InRange(result.PeakMiB, 50, 110);
    }

    private static Instance Bind(ScenarioFile scenario, VariantSpec variant) => ScenarioBinder.Bind(scenario, variant).Variant!.Instance;

    private static void AssertSame(Found one, Found other)
    {
        Assert.Equal((one.Graph.StateCount, one.Graph.EdgeCount, one.Depth, one.Incomplete), (other.Graph.StateCount, other.Graph.EdgeCount, other.Depth, other.Incomplete));
        Assert.Equal(one.Ends, other.Ends);
        Assert.Equal(one.Sinks, other.Sinks);
        Assert.DoesNotContain(Enumerable.Range(0, one.Graph.StateCount), s => one.Graph.Edges(s) != other.Graph.Edges(s));
        for (var edge = 0L; edge < one.Graph.EdgeCount; edge++)
        {
            Assert.Equal((one.Graph.Target(edge), one.Graph.Label(edge)), (other.Graph.Target(edge), other.Graph.Label(edge)));
        }

        Assert.All(Enumerable.Range(0, one.Monitor.Properties.Count), i => Assert.Equal(one.Monitor.Findings(i), other.Monitor.Findings(i)));
    }

    private static IEnumerable<object?> Said(InstanceResult result) =>
    [
        result.Verdict, result.Deadlock?.Schedule, result.Livelock?.Schedule,
        .. result.Properties.Select(p => (p.Property.Name, p.Verdict, p.Message, p.Counterexample?.Schedule)),
    ];
}
