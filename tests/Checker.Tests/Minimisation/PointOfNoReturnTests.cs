using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Minimisation;

/// <summary>The first step after which every continuation fails, beside a search that looks for one that does not.</summary>
public sealed class PointOfNoReturnTests
{
    [Fact]
    public void Two_that_take_two_locks_in_two_orders_are_lost_with_the_second_first_lock()
    {
        var deadlock = Small.Judged(AbbaTests.Locks(abba: true)).Deadlock!;

        Assert.Equal("a,b", deadlock.Schedule);
        var point = deadlock.NoReturn!;
        Assert.Equal(2, point.Step);
        Assert.Equal("a", Assert.Single(point.Instead).Thread);
        Assert.False(point.CouldEnd);
    }

    [Fact]
    public void An_update_is_lost_once_both_have_read()
    {
        var lost = Small.Judged(LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore))["both-count"].Counterexample!;

        Assert.Equal("a,b*2,a", lost.Schedule);
        Assert.Equal((2, "a", "store(shared.c, 1)"), (lost.NoReturn!.Step, lost.NoReturn.Instead[0].Thread, lost.NoReturn.Instead[0].Operation));
    }

    [Fact]
    public void Where_every_execution_fails_there_is_no_return_from_the_beginning()
    {
        var broken = Small.Judged(Small.Instance(at => new Empty(at), [new Role<Empty>("a", static m => m.Step())], _ => [Property.Finally("never", static _ => "broken")]));

        Assert.Equal(0, broken["never"].Counterexample!.NoReturn!.Step);
    }

    /// <summary>For each violated property, from each state on the way: whether an execution that ends well goes on from there.</summary>
    [Theory]
    [InlineData("v1")]
    [InlineData("without-mapped-under-lock")]
    [InlineData("without-typesafe-by-rcu")]
    public void The_point_is_the_first_step_after_which_no_execution_ends_well(string variant)
    {
        var file = ScenarioReader.Read(Repository.File("specs", "rmap", "exit-against-kswapd.yaml")).Document!;
        var bound = ScenarioBinder.Bind(file, file.Variants.First(v => v.Name.Value == variant)).Variant!;
        var violated = Judge.Run(bound.Instance, new Budget()).Properties.Where(p => p.Counterexample is not null).ToArray();

        Assert.NotEmpty(violated);
        foreach (var property in violated)
        {
            var schedule = Schedule.Parse(bound.Instance.Machine, property.Counterexample!.Schedule);
            var expected = Enumerable.Range(0, schedule.Count + 1).First(steps => !EndsWell(bound.Instance, property.Property, [.. schedule.Take(steps)]));
            Assert.Equal(expected, property.Counterexample.NoReturn!.Step);
        }
    }

    // Depth first, from the state after some steps; nothing is shared with the checker's graph.
    private static bool EndsWell(Instance instance, Property property, Choice[] first)
    {
        var stepper = instance.Begin();
        foreach (var choice in first)
        {
            var result = stepper.Step(choice.Thread, choice.Pick);
            if (result.IsFinal || IsBroken(property, result, stepper))
            {
                return false;
            }
        }

        var known = new HashSet<(ulong, ulong)>();
        var stack = new Stack<(ulong[] Words, ulong Low, ulong High)>();
        stack.Push((stepper.State.Words.ToArray(), stepper.State.Fingerprint.Low, stepper.State.Fingerprint.High));
        while (stack.TryPop(out var state))
        {
            stepper.State.Load(state.Words, state.Low, state.High);
            if (stepper.IsEnd)
            {
                return true;
            }

            for (var thread = 0; thread < instance.Machine.ThreadCount; thread++)
            {
                stepper.State.Load(state.Words, state.Low, state.High);
                for (var (pick, picks) = (0, stepper.IsEnabled(thread) ? stepper.Choices(thread) : 0); pick < picks; pick++)
                {
                    stepper.State.Load(state.Words, state.Low, state.High);
                    var result = stepper.Step(thread, pick);
                    if (!result.IsFinal && !IsBroken(property, result, stepper) && known.Add(stepper.State.Fingerprint))
                    {
                        stack.Push((stepper.State.Words.ToArray(), stepper.State.Fingerprint.Low, stepper.State.Fingerprint.High));
                    }
                }
            }
        }

        return false;
    }

    private static bool IsBroken(Property property, StepResult result, Stepper stepper) =>
        property.Form == PropertyForm.KernelBug ? result.Meets(property.Bug) : property.Check(new StateView(stepper.State)) is not null;

    private sealed class Empty(Layout at) : KernelObject(at)
    {
        private readonly Shared<int> _x = at.Cell(0, 1, 0, "x");

        public async KernelTask Step() => await Model.Primitives.MemoryAccess.store(_x, 1);
    }
}
