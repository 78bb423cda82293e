using System.Globalization;
using System.Text;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.HardCases;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using static ThpCheck.Model.Primitives.Atomics;
using static ThpCheck.Model.Primitives.Control;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>The same question has the same answer, whatever was asked before and however it is worked out.</summary>
public sealed class RepetitionTests
{
    public static TheoryData<string> Programs => ["rwsem", "stale dirty TLB", "table free", "type-safe re-use", "callback", "random"];

    [Theory]
    [MemberData(nameof(Programs))]
    public void Two_runs_give_the_same_verdicts_counts_and_traces(string program)
    {
        var one = Text(Small.Judged(Make(program)));
        var other = Text(Small.Judged(Make(program)));

        Assert.Equal(one, other);
    }

    /// <remarks>The second run finds the threads' automata known and their nodes numbered.</remarks>
    [Theory]
    [MemberData(nameof(Programs))]
    public void A_second_run_on_the_same_machine_gives_the_same_verdicts_counts_and_traces(string program)
    {
        var instance = Make(program);

        Assert.Equal(Text(Small.Judged(instance)), Text(Small.Judged(instance)));
        Assert.Equal(Text(Small.Explored(instance).Graph), Text(Small.Explored(Make(program)).Graph));
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void The_memo_changes_nothing_but_the_time(string program)
    {
        var with = Make(program);
        var without = Make(program);
        without.Machine.Memo = false;

        var (memoised, rerun) = (Small.Explored(with), Small.Explored(without));

        Assert.Equal(Text(memoised.Graph), Text(rerun.Graph));
        Assert.Equal(memoised.Ends, rerun.Ends);
        Assert.True(with.Machine.Discovered(0).Runs < without.Machine.Discovered(0).Runs);
    }

    [Fact]
    public void Another_key_gives_the_same_graph()
    {
        Instance Keyed(ulong key) => Small.Instance(
            at => new Chooser(at), [new("a", m => m.Walk()), new("b", m => m.Walk())], _ => [], new MachineBuilder { RcuCallbacks = 0, Key = key });

        Assert.Equal(Text(Small.Explored(Keyed(1)).Graph), Text(Small.Explored(Keyed(0xFEED_FACE_CAFE_BEEF)).Graph));
    }

    [Fact]
    public void A_path_that_depends_on_what_is_not_in_the_state_is_a_fault_of_the_model()
    {
        var instance = Small.Instance(at => new Hidden(at), [new("a", m => m.Count()), new("b", m => m.Count())], _ => []);
        instance.Machine.Memo = false;

        var found = Small.Explored(instance);

        Assert.Equal("model fault", found.Incomplete);
        Assert.StartsWith("hidden state in RepetitionTests.Hidden.Count: after Yield returned 0 it did two different things", found.Fault!.Message, StringComparison.Ordinal);
    }

    private static Instance Make(string program) => program switch
    {
        "rwsem" => RwSemaphoreTests.Crowd(holdsOff: true),
        "stale dirty TLB" => StaleDirtyTlbTests.Race("LCDRFUG", 1),
        "table free" => TableFreeTests.Collapse(irqOff: false, TableFreeTests.Free.AfterIpi),
        "type-safe re-use" => SlabTests.Reuse(typeSafe: true, reuse: true),
        "callback" => RcuTests.Callback(),
        _ => RandomPrograms.Make(5, kinds: true),
    };

    private static string Text(StateGraph graph)
    {
        var text = new StringBuilder();
        for (var state = 0; state < graph.StateCount; state++)
        {
            var (first, end) = graph.Edges(state);
            for (var edge = first; edge < end; edge++)
            {
                text.Append(CultureInfo.InvariantCulture, $"{state} {graph.Label(edge)} {graph.Target(edge)}\n");
            }
        }

        return text.ToString();
    }

    private static string Text(InstanceResult result)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{result.Verdict} {result.States} {result.Transitions} {result.Depth} {result.Ends} {result.Incomplete}\n");
        text.AppendJoin(' ', result.Functions).Append('\n');
        foreach (var property in result.Properties)
        {
            var outcomes = string.Join(' ', property.Outcomes?.Select(o => string.Join(',', o)) ?? []);
            text.Append(CultureInfo.InvariantCulture, $"{property.Property.Name} {property.Verdict} {property.Message} {outcomes}\n");
            Append(text, property.Counterexample);
        }

        Append(text, result.Deadlock);
        return text.ToString();
    }

    private static void Append(StringBuilder text, Counterexample? way)
    {
        if (way is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"{way.Schedule} {way.Switches} {way.Steps} {way.Trace.Outline} {way.Trace.Ending}\n");
            text.AppendJoin('\n', way.Trace.Steps.Select(s => $"{s.Number} {s.Thread} {s.Function} {s.Operation} {s.Value} {string.Join(' ', s.Notes)}")).Append('\n');
        }
    }

    private sealed class Chooser(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _sum = at.Cell(0, 100, 0, "sum");

        public async KernelTask Walk()
        {
            for (var i = 0; i < 3; i++)
            {
                var value = await Choose(3);
                await atomic_add(value, _sum);
            }
        }
    }

    // Broken on purpose: the count is kept in the object and not in a cell.
    private sealed class Hidden(Layout at) : KernelObject(at)
    {
        private int _count;

        public async KernelTask Count()
        {
            await Yield();
            if (_count++ > 2)
            {
                await Yield();
            }

            await Yield();
        }
    }
}
