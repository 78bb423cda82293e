using System.Reflection;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Tests.Stepping;

public sealed class LiveFieldsTests
{
    private const int Seeds = 200;

    public static TheoryData<string> Methods => [.. ProbedMethods.All.Keys];

    /// <summary>The theorem itself: what is dead may hold anything.</summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void A_method_behaves_the_same_whatever_its_dead_fields_hold(string method)
    {
        var live = LiveFields.Of(StateMachine(method));
        for (var seed = 0; seed < Seeds; seed++)
        {
            var untouched = ProbeRun.Of(ProbedMethods.All[method], seed, static (_, _) => { });

            Assert.Equal(untouched, Disturbed(method, seed, live, Zero, isDisturbed: static isLive => !isLive));
            Assert.Equal(untouched, Disturbed(method, seed, live, SomethingElse, isDisturbed: static isLive => !isLive));
        }
    }

    /// <summary>The test above has teeth: the same runs notice when a live field is changed.</summary>
    [Theory]
    [InlineData(nameof(ProbedMethods.LiveAcrossTwoAwaits))]
    [InlineData(nameof(ProbedMethods.NestedLoops))]
    [InlineData(nameof(ProbedMethods.TryFinallyAwaitInBoth))]
    [InlineData(nameof(ProbedMethods.AwaitInCatch))]
    [InlineData(nameof(ProbedMethods.NullableLocal))]
    [InlineData(nameof(ProbedMethods.SpilledTemporary))]
    public void Disturbing_a_live_field_is_noticed(string method)
    {
        var live = LiveFields.Of(StateMachine(method));

        Assert.Contains(
            Enumerable.Range(0, Seeds),
            seed => ProbeRun.Of(ProbedMethods.All[method], seed, static (_, _) => { })
                != Disturbed(method, seed, live, SomethingElse, isDisturbed: static isLive => isLive));
    }

    // Each await of the method in order, as "state: what is live", from "not started" on. Without <>1__state and the builder,
    // which always are, and without awaiters. A wrap is the compiler's own: a spilled value, or what is kept over a finally.
    [Theory]
    [InlineData(nameof(ProbedMethods.DeadAfterLastUse), "-1:, 0:, 1: x, 2:")]
    [InlineData(nameof(ProbedMethods.LiveAcrossTwoAwaits), "-1:, 0:, 1: x, 2: x")]
    [InlineData(nameof(ProbedMethods.OverwrittenBeforeUse), "-1:, 0:, 1: x, 2:, 3:, 4: x")]
    [InlineData(nameof(ProbedMethods.OverwrittenOnOneBranch), "-1:, 0:, 1: x, 2:, 3: x")]
    [InlineData(nameof(ProbedMethods.ParameterUsedFirstOnly), "-1: early late, 0: late, 1: late")]
    [InlineData(nameof(ProbedMethods.LoopVariable), "-1: n, 0: n i wrap3, 1: sum")]
    [InlineData(nameof(ProbedMethods.NestedLoops), "-1: n, 0: n sum i, 1: n i j wrap4 wrap5")]
    [InlineData(nameof(ProbedMethods.WhileWithAwaitInCondition), "-1:, 0: rounds, 1: last rounds, 2: last rounds")]
    [InlineData(nameof(ProbedMethods.LoopWithBreakAndContinue), "-1:, 0: found i, 1: found i a, 2: found")]
    [InlineData(nameof(ProbedMethods.TwoScopesOneSlot), "-1:, 0:, 1: first, 2:, 3:, 4: first")]
    [InlineData(nameof(ProbedMethods.EarlyReturn), "-1: a, 0: a, 1:, 2: b, 3:")]
    [InlineData(nameof(ProbedMethods.SwitchOnAnswer), "-1: a, 0: a b, 1: a, 2: b, 3: a b, 4: b")]
    [InlineData(nameof(ProbedMethods.GotoBackwards), "-1:, 0: tries, 1: tries x")]
    [InlineData(nameof(ProbedMethods.SpilledTemporary), "-1: a, 0: a, 1: a wrap1, 2: wrap1 wrap2 wrap3")]
    [InlineData(
        nameof(ProbedMethods.ManyAwaits),
        "-1: a, 0: a wrap5, 1: a b wrap5, 2: a b c wrap5, 3: a b c d wrap5, 4: a b c d e, 5: a c d e, 6: a d e, 7: a e, 8: a, 9: a")]
    [InlineData(nameof(ProbedMethods.Generic), "-1: value a, 0: a copy, 1: a, 2: a copy")]
    [InlineData(nameof(ProbedMethods.Instance), "-1: a this, 0: a this, 1: this b")]
    public void What_is_live_at_each_await(string method, string expected) => Assert.Equal(expected, Table(method));

    // Nullables and tuples are set in place: `initobj` on a field's address overwrites it, all else done there reads it.
    [Theory]
    [InlineData(nameof(ProbedMethods.NullableReset), "-1:, 0:, 1: x, 2:, 3: x, 4:, 5: x")]
    [InlineData("GenericClass.Method", "-1: value other, 0: pair, 1:, 2:, 3:")]
    [InlineData(nameof(ProbedMethods.TupleLocal), "-1:, 0:, 1: wrap2, 2: pair, 3:, 4:, 5: pair, 6:, 7: pair")]
    [InlineData(nameof(ProbedMethods.StructMutatedInPlace), "-1:, 0: counter, 1: counter, 2: counter, 3:, 4: counter")]
    public void What_is_live_of_structs_set_in_place(string method, string expected) => Assert.Equal(expected, Table(method));

    // A try is entered once from above and once per await inside; only the latter finds the locals of its middle.
    [Theory]
    [InlineData(nameof(ProbedMethods.TryFinallyAwaitInTry), "-1: a, 0: a, 1: a b, 2: a, 3:")]
    [InlineData(nameof(ProbedMethods.TryFinallyAwaitInFinally), "-1: a, 0: a, 1: a wrap1, 2:")]
    [InlineData(nameof(ProbedMethods.TryFinallyAwaitInBoth), "-1: a, 0: a, 1: a b wrap2, 2: a wrap2, 3: a wrap2, 4: wrap2, 5:")]
    [InlineData(nameof(ProbedMethods.BreakThroughFinally), "-1:, 0:, 1: kept i, 2: kept i a wrap4, 3: kept i a, 4:")]
    [InlineData(nameof(ProbedMethods.DeadOutsideTheTryOfALoop), "-1:, 0: rounds, 1: rounds, 2: rounds inside")]
    [InlineData(nameof(ProbedMethods.NestedTryFinally), "-1: a, 0: a, 1: a b, 2: a b c, 3: a b, 4: a")]
    [InlineData(nameof(ProbedMethods.TryCatch), "-1: a, 0: a, 1: a b, 2: a b, 3: a b, 4: a b, 5: b")]
    [InlineData(nameof(ProbedMethods.CatchWithFilter), "-1: a, 0: a, 1: a b, 2: a b, 3:")]
    [InlineData(nameof(ProbedMethods.RetryUntilItWorks), "-1:, 0: attempt, 1: attempt a, 2: attempt")]
    public void What_is_live_around_handlers(string method, string expected) => Assert.Equal(expected, Table(method));

    [Fact]
    public void A_generic_method_has_the_same_live_fields_in_each_construction_and_in_its_definition()
    {
        var constructed = StateMachine(nameof(ProbedMethods.Generic));

        var live = LiveFields.Of(constructed);
        var definition = LiveFields.Of(constructed.GetGenericTypeDefinition());

        Assert.Null(live.NotUnderstood);
        Assert.Equal(constructed, live.Fields[0].DeclaringType);
        Assert.Equal(definition.States, live.States);
        Assert.All(live.States, state => Assert.Equal(definition.LiveAt(state), live.LiveAt(state)));
    }

    [Fact]
    public void State_and_builder_are_live_wherever_the_method_can_be_suspended()
    {
        var live = LiveFields.Of(StateMachine(nameof(ProbedMethods.EarlyReturn)));

        foreach (var name in (string[])["<>1__state", "<>t__builder"])
        {
            var field = live.Fields.ToList().FindIndex(field => field.Name == name);
            Assert.All(live.States, state => Assert.True(live.IsLive(state, field)));
        }
    }

    [Fact]
    public void All_other_methods_are_understood() =>
        Assert.All(
            ProbedMethods.All.Keys.Where(static method => method != nameof(ProbedMethods.FinallyInsideFinally)),
            static method => Assert.Null(LiveFields.Of(StateMachine(method)).NotUnderstood));

    [Fact]
    public void A_finally_block_inside_another_one_keeps_everything_alive()
    {
        var live = LiveFields.Of(StateMachine(nameof(ProbedMethods.FinallyInsideFinally)));

        Assert.Equal("has a finally block inside another one", live.NotUnderstood);
        Assert.True(live.LiveAt(0).IndexOf(false) < 0);
    }

    [Fact]
    public void An_async_iterator_keeps_everything_alive()
    {
        var iterator = typeof(LiveFieldsTests).GetMethod(nameof(Numbers), BindingFlags.NonPublic | BindingFlags.Static)!;

        var live = LiveFields.Of(iterator.GetCustomAttribute<AsyncIteratorStateMachineAttribute>()!.StateMachineType);

        Assert.NotNull(live.NotUnderstood);
        Assert.True(live.LiveAt(-4).IndexOf(false) < 0);
    }

    [Fact]
    public void A_state_in_which_the_method_is_never_suspended_is_refused_by_name()
    {
        var live = LiveFields.Of(StateMachine(nameof(ProbedMethods.EarlyReturn)));

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => live.IsLive(4, 0));

        Assert.StartsWith("ProbedMethods.EarlyReturn is never suspended in this state.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_type_that_is_no_state_machine_is_refused() =>
        Assert.Throws<ArgumentException>(static () => LiveFields.Of(typeof(string)));

    private static async IAsyncEnumerable<int> Numbers(int n)
    {
        for (var i = 0; i < n; i++)
        {
            await Task.Yield();
            yield return i;
        }
    }

    private static Type StateMachine(string method)
    {
        Type? stateMachine = null;
        ProbeRun.Of(ProbedMethods.All[method], seed: 0, (_, frame) => stateMachine = frame.StateMachine);
        return stateMachine!;
    }

    /// <summary>Runs the method with a change made to some fields of its frame at every suspension.</summary>
    private static string Disturbed(
        string method, int seed, LiveFields live, Func<FieldInfo, object?, object?> change, Func<bool, bool> isDisturbed)
    {
        var stateField = live.Fields.First(static field => field.Name == "<>1__state");
        return ProbeRun.Of(ProbedMethods.All[method], seed, (_, frame) =>
        {
            var isLive = live.LiveAt((int)frame[stateField]!);
            for (var i = 0; i < live.Fields.Count; i++)
            {
                var field = live.Fields[i];
                if (field != stateField && isDisturbed(isLive[i]))
                {
                    frame[field] = change(field, frame[field]);
                }
            }
        });
    }

    private static object? Zero(FieldInfo field, object? value) =>
        field.FieldType.IsValueType ? Activator.CreateInstance(field.FieldType) : null;

    /// <summary>A value that differs from the present one where its type makes that easy, and zero elsewhere.</summary>
    private static object? SomethingElse(FieldInfo field, object? value) => value switch
    {
        int number => number ^ 0x55,
        bool flag => !flag,
        null when field.FieldType == typeof(int?) => 77,
        null when field.FieldType == typeof(object) => new object(),
        null when field.FieldType == typeof(string) => "something else",
        _ => Zero(field, value),
    };

    private static string Table(string method)
    {
        var live = LiveFields.Of(StateMachine(method));
        return string.Join(", ", live.States.Select(state =>
        {
            var names = live.Fields.Where((_, index) => live.IsLive(state, index)).Select(Local);
            return string.Join(' ', [$"{state}:", .. names.Where(static name => name.Length > 0)]);
        }));
    }

    /// <summary>The local or parameter that the compiler made the field from; empty for a field of its own not shown here.</summary>
    private static string Local(FieldInfo field) => field.Name switch
    {
        "<>1__state" or "<>t__builder" => "",
        "<>4__this" => "this",
        ['<', '>', 'u', ..] => "",
        ['<', '>', '7', '_', '_', .. var wrap] => wrap,
        ['<', .. var local] => local[..local.IndexOf('>', StringComparison.Ordinal)],
        var parameter => parameter,
    };
}
