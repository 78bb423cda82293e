using static ThpCheck.Model.Tests.Stepping.Probe;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>
/// One async method per way in which the compiler lays out fields, resumptions and handlers. <c>await Ask()</c> suspends
/// and yields a small number, or throws; <c>Tell</c> is what makes a difference between two runs visible.
/// </summary>
internal sealed class ProbedMethods
{
    private readonly int _bias = 5;

    /// <summary>All of them with their arguments, by name.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Probe<int>>> All = new Dictionary<string, Func<Probe<int>>>
    {
        [nameof(DeadAfterLastUse)] = static () => DeadAfterLastUse(),
        [nameof(LiveAcrossTwoAwaits)] = static () => LiveAcrossTwoAwaits(),
        [nameof(OverwrittenBeforeUse)] = static () => OverwrittenBeforeUse(),
        [nameof(OverwrittenOnOneBranch)] = static () => OverwrittenOnOneBranch(),
        [nameof(ParameterUsedFirstOnly)] = static () => ParameterUsedFirstOnly(7, 8),
        [nameof(UnusedParameter)] = static () => UnusedParameter(7),
        [nameof(LoopVariable)] = static () => LoopVariable(4),
        [nameof(NestedLoops)] = static () => NestedLoops(3),
        [nameof(WhileWithAwaitInCondition)] = static () => WhileWithAwaitInCondition(),
        [nameof(LoopWithBreakAndContinue)] = static () => LoopWithBreakAndContinue(),
        [nameof(TwoScopesOneSlot)] = static () => TwoScopesOneSlot(),
        [nameof(EarlyReturn)] = static () => EarlyReturn(9),
        [nameof(SwitchOnAnswer)] = static () => SwitchOnAnswer(9),
        [nameof(SwitchExpression)] = static () => SwitchExpression(9),
        [nameof(GotoBackwards)] = static () => GotoBackwards(),
        [nameof(SpilledTemporary)] = static () => SpilledTemporary(2),
        [nameof(SpilledCall)] = static () => SpilledCall(2),
        [nameof(SpilledArrayElement)] = static () => SpilledArrayElement(),
        [nameof(ShortCircuit)] = static () => ShortCircuit(1),
        [nameof(Conditional)] = static () => Conditional(1),
        [nameof(NullableLocal)] = static () => NullableLocal(),
        [nameof(NullableReset)] = static () => NullableReset(),
        [nameof(TupleLocal)] = static () => TupleLocal(),
        [nameof(TupleMember)] = static () => TupleMember(),
        [nameof(Deconstruction)] = static () => Deconstruction(),
        [nameof(StructMutatedInPlace)] = static () => StructMutatedInPlace(),
        [nameof(RefLocalBetweenAwaits)] = static () => RefLocalBetweenAwaits(),
        [nameof(OutArgument)] = static () => OutArgument(),
        [nameof(ReferenceLocal)] = static () => ReferenceLocal(),
        [nameof(Closure)] = static () => Closure(3),
        [nameof(Instance)] = static () => new ProbedMethods().Instance(3),
        [nameof(Generic)] = static () => Generic(3, "three"),
        [nameof(GenericClass<>) + "." + nameof(GenericClass<>.Method)] = static () => GenericClass<string>.Method("a", 1),
        [nameof(ManyAwaits)] = static () => ManyAwaits(1),
        [nameof(TryFinallyAwaitInTry)] = static () => TryFinallyAwaitInTry(1),
        [nameof(TryFinallyAwaitInFinally)] = static () => TryFinallyAwaitInFinally(1),
        [nameof(TryFinallyAwaitInBoth)] = static () => TryFinallyAwaitInBoth(1),
        [nameof(ReturnThroughAwaitingFinally)] = static () => ReturnThroughAwaitingFinally(1),
        [nameof(BreakThroughFinally)] = static () => BreakThroughFinally(),
        [nameof(TryInLoop)] = static () => TryInLoop(),
        [nameof(DeadOutsideTheTryOfALoop)] = static () => DeadOutsideTheTryOfALoop(),
        [nameof(NestedTryFinally)] = static () => NestedTryFinally(1),
        [nameof(NestedAwaitingFinally)] = static () => NestedAwaitingFinally(1),
        [nameof(TryCatch)] = static () => TryCatch(1),
        [nameof(AwaitInCatch)] = static () => AwaitInCatch(1),
        [nameof(AwaitInCatchAndRethrow)] = static () => AwaitInCatchAndRethrow(1),
        [nameof(CatchWithFilter)] = static () => CatchWithFilter(1),
        [nameof(AwaitInCatchWithFilter)] = static () => AwaitInCatchWithFilter(1),
        [nameof(TryCatchFinallyAwaitEverywhere)] = static () => TryCatchFinallyAwaitEverywhere(1),
        [nameof(RetryUntilItWorks)] = static () => RetryUntilItWorks(),
        [nameof(FinallyInsideFinally)] = static () => FinallyInsideFinally(1),
        [nameof(Using)] = static () => Using(),
        [nameof(AwaitUsing)] = static () => AwaitUsing(),
        [nameof(ForeachOverArray)] = static () => ForeachOverArray(),
        [nameof(ForeachOverEnumerator)] = static () => ForeachOverEnumerator(),
        [nameof(LocalFunction)] = static () => LocalFunction(2),
        [nameof(TrylockPath)] = static () => TrylockPath(2),
        [nameof(GotoOutOfLoops)] = static () => GotoOutOfLoops(),
        [nameof(Patterns)] = static () => Patterns(2),
        [nameof(NoAwait)] = static () => NoAwait(2),
    };

#pragma warning disable CS1998 // A path of the model may have nothing to wait for.
    public static async Probe<int> NoAwait(int a) => a + 1;
#pragma warning restore CS1998

    public static async Probe<int> DeadAfterLastUse()
    {
        var x = await Ask();
        await Ask();
        Tell(x);
        await Ask();
        return 0;
    }

    public static async Probe<int> LiveAcrossTwoAwaits()
    {
        var x = await Ask();
        await Ask();
        await Ask();
        return x;
    }

    public static async Probe<int> OverwrittenBeforeUse()
    {
        var x = await Ask();
        await Ask();
        Tell(x);
        await Ask();
        x = await Ask();
        await Ask();
        return x;
    }

    public static async Probe<int> OverwrittenOnOneBranch()
    {
        var x = await Ask();
        var y = await Ask();
        if (y > 1)
        {
            await Ask();
            x = 17;
        }

        await Ask();
        return x;
    }

    public static async Probe<int> ParameterUsedFirstOnly(int early, int late)
    {
        Tell(early);
        await Ask();
        await Ask();
        return late;
    }

    public static async Probe<int> UnusedParameter(int unused)
    {
        await Ask();
        return 1;
    }

    public static async Probe<int> LoopVariable(int n)
    {
        var sum = 0;
        for (var i = 0; i < n; i++)
        {
            sum += await Ask();
        }

        await Ask();
        return sum;
    }

    public static async Probe<int> NestedLoops(int n)
    {
        var sum = 0;
        for (var i = 0; i < n; i++)
        {
            await Ask();
            for (var j = i; j < n; j++)
            {
                sum += i * await Ask() + j;
            }

            Tell(sum);
        }

        return sum;
    }

    public static async Probe<int> WhileWithAwaitInCondition()
    {
        var last = 0;
        var rounds = 0;
        while (await Ask() > 0 && rounds < 6)
        {
            last = await Ask();
            rounds++;
            Tell(last);
            await Ask();
        }

        return last;
    }

    public static async Probe<int> LoopWithBreakAndContinue()
    {
        var found = -1;
        for (var i = 0; i < 6; i++)
        {
            var a = await Ask();
            if (a == 0)
            {
                continue;
            }

            var b = await Ask();
            if (a == b)
            {
                found = i;
                break;
            }

            Tell(a);
        }

        await Ask();
        return found;
    }

    public static async Probe<int> TwoScopesOneSlot()
    {
        {
            var first = await Ask();
            await Ask();
            Tell(first);
        }

        await Ask();
        {
            var second = await Ask();
            await Ask();
            Tell(second);
        }

        return 0;
    }

    public static async Probe<int> EarlyReturn(int a)
    {
        if (await Ask() > 1)
        {
            return a;
        }

        var b = await Ask();
        if (await Ask() > 1)
        {
            return b;
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> SwitchOnAnswer(int a)
    {
        var b = a + 1;
        switch (await Ask())
        {
            case 0:
                await Ask();
                return a;
            case 1:
                a = await Ask();
                goto case 2;
            case 2:
                await Ask();
                return a + b;
            default:
                await Ask();
                break;
        }

        return b;
    }

    public static async Probe<int> SwitchExpression(int a)
    {
        var b = await Ask();
        var c = await Ask() switch
        {
            0 => a,
            1 => await Ask() + b,
            _ => b,
        };
        await Ask();
        return c;
    }

    public static async Probe<int> GotoBackwards()
    {
        var tries = 0;
    again:
        var x = await Ask();
        tries++;
        if (await Ask() == 0 && tries < 5)
        {
            goto again;
        }

        return x;
    }

    public static async Probe<int> SpilledTemporary(int a) => await Ask() + await Ask() * (a + await Ask());

    public static async Probe<int> SpilledCall(int a)
    {
        var sum = Sum(await Ask(), a++, await Ask(), a);
        await Ask();
        return sum;
    }

    public static async Probe<int> SpilledArrayElement()
    {
        var array = new int[4];
        array[await Ask() & 3] += await Ask();
        await Ask();
        Tell(array[0]);
        Tell(array[1]);
        await Ask();
        return array[2];
    }

    public static async Probe<int> ShortCircuit(int a)
    {
        if ((await Ask() > 0 && a < await Ask()) || await Ask() == 2)
        {
            await Ask();
            return 1;
        }

        return a;
    }

    public static async Probe<int> Conditional(int a)
    {
        var b = await Ask() > 1 ? a + await Ask() : await Ask() - a;
        await Ask();
        return b;
    }

    public static async Probe<int> NullableLocal()
    {
        int? x = await Ask();
        await Ask();
        if (x is > 1)
        {
            x = null;
        }

        await Ask();
        Tell(x ?? -1);
        await Ask();
        return 0;
    }

    public static async Probe<int> NullableReset()
    {
        int? x = await Ask();
        await Ask();
        Tell(x);
        await Ask();
        x = null;
        if (await Ask() > 1)
        {
            x = await Ask();
        }

        await Ask();
        return x ?? 3;
    }

    public static async Probe<int> TupleLocal()
    {
        var pair = (Left: await Ask(), Right: await Ask());
        await Ask();
        Tell(pair);
        await Ask();
        pair = (1, await Ask());
        await Ask();
        Tell(pair);
        await Ask();
        pair = default;
        await Ask();
        return pair.Left;
    }

    public static async Probe<int> TupleMember()
    {
        (int Left, int Right) pair = default;
        pair.Left = await Ask();
        await Ask();
        pair.Right = await Ask();
        await Ask();
        return pair.Left + pair.Right;
    }

    public static async Probe<int> Deconstruction()
    {
        var (a, b) = (await Ask(), await Ask());
        await Ask();
        (a, b) = (b, a);
        await Ask();
        Tell(a);
        await Ask();
        return b;
    }

    public static async Probe<int> StructMutatedInPlace()
    {
        var counter = new Counter();
        counter.Add(await Ask());
        await Ask();
        counter.Add(1);
        await Ask();
        Tell(counter.Count);
        await Ask();
        counter = new Counter();
        await Ask();
        counter.Add(2);
        return counter.Count;
    }

    public static async Probe<int> RefLocalBetweenAwaits()
    {
        var x = await Ask();
        await Ask();
        ref var alias = ref x;
        x = 5;
        alias++;
        Tell(alias);
        await Ask();
        return x;
    }

    public static async Probe<int> OutArgument()
    {
        Split(await Ask(), out var high, out var low);
        await Ask();
        Tell(high);
        await Ask();
        Split(await Ask(), out high, out low);
        await Ask();
        return low;
    }

    public static async Probe<int> ReferenceLocal()
    {
        var box = new Box(await Ask());
        await Ask();
        Tell(box.Value);
        await Ask();
        box = new Box(await Ask());
        await Ask();
        box.Value++;
        await Ask();
        return box.Value;
    }

    public static async Probe<int> Closure(int a)
    {
        var b = await Ask();
        Action add = () => b += a;
        await Ask();
        add();
        await Ask();
        Tell(b);
        await Ask();
        return 0;
    }

    public async Probe<int> Instance(int a)
    {
        await Ask();
        var b = a + _bias;
        await Ask();
        return b;
    }

    public static async Probe<int> Generic<T>(int a, T value)
    {
        T? copy = value;
        await Ask();
        Tell(copy);
        await Ask();
        copy = default;
        await Ask();
        Tell(copy);
        return a;
    }

    public static async Probe<int> ManyAwaits(int a)
    {
        var b = a + await Ask();
        var c = b + await Ask();
        var d = c + await Ask();
        var e = d + await Ask();
        await Ask();
        Tell(b);
        await Ask();
        Tell(c);
        await Ask();
        Tell(d);
        await Ask();
        Tell(e);
        await Ask();
        await Ask();
        return a;
    }

    public static async Probe<int> TryFinallyAwaitInTry(int a)
    {
        var b = await Ask();
        try
        {
            await Ask();
            Tell(b);
            await Ask();
        }
        finally
        {
            Tell(a);
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> TryFinallyAwaitInFinally(int a)
    {
        var b = await Ask();
        try
        {
            Tell(b);
            MayThrow(b);
        }
        finally
        {
            await Ask();
            Tell(a);
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> TryFinallyAwaitInBoth(int a)
    {
        var b = await Ask();
        try
        {
            await Ask();
            Tell(b);
            await Ask();
        }
        finally
        {
            await Ask();
            Tell(a);
            await Ask();
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> ReturnThroughAwaitingFinally(int a)
    {
        for (var i = 0; i < 3; i++)
        {
            try
            {
                if (await Ask() > 1)
                {
                    return a + i;
                }

                if (await Ask() == 0)
                {
                    break;
                }
            }
            finally
            {
                await Ask();
                Tell(i);
            }
        }

        return await Ask();
    }

    public static async Probe<int> BreakThroughFinally()
    {
        var kept = await Ask();
        for (var i = 0; i < 4; i++)
        {
            var a = await Ask();
            try
            {
                if (a == await Ask())
                {
                    break;
                }

                if (a == 2)
                {
                    continue;
                }

                await Ask();
            }
            finally
            {
                Tell(a);
            }

            Tell(kept);
        }

        return await Ask();
    }

    public static async Probe<int> TryInLoop()
    {
        var failures = 0;
        for (var i = 0; i < 4; i++)
        {
            try
            {
                var a = await Ask();
                await Ask();
                Tell(a);
            }
            catch (ProbeException)
            {
                failures++;
            }
        }

        return failures;
    }

    public static async Probe<int> DeadOutsideTheTryOfALoop()
    {
        var rounds = 0;
        do
        {
            await Ask();
            try
            {
                var inside = await Ask();
                await Ask();
                Tell(inside);
            }
            finally
            {
                rounds++;
            }
        }
        while (rounds < 3);

        return rounds;
    }

    public static async Probe<int> NestedTryFinally(int a)
    {
        var b = await Ask();
        try
        {
            var c = await Ask();
            try
            {
                await Ask();
                if (c == 1)
                {
                    return c;
                }
            }
            finally
            {
                Tell(c);
            }

            await Ask();
        }
        finally
        {
            Tell(b);
        }

        await Ask();
        return a;
    }

    public static async Probe<int> NestedAwaitingFinally(int a)
    {
        var b = await Ask();
        try
        {
            var c = await Ask();
            try
            {
                if (await Ask() == 1)
                {
                    return c;
                }
            }
            finally
            {
                await Ask();
                Tell(c);
            }

            await Ask();
        }
        finally
        {
            await Ask();
            Tell(b);
        }

        await Ask();
        return a;
    }

    public static async Probe<int> TryCatch(int a)
    {
        var b = await Ask();
        try
        {
            a = await Ask();
            await Ask();
            b = await Ask();
            await Ask();
        }
        catch (ProbeException)
        {
            Tell(b);
            return a;
        }

        await Ask();
        return b;
    }

    public static async Probe<int> AwaitInCatch(int a)
    {
        var b = 0;
        try
        {
            b = await Ask();
            await Ask();
            a++;
            await Ask();
        }
        catch (ProbeException exception)
        {
            await Ask();
            Tell(exception.Question);
            await Ask();
            Tell(b);
        }

        await Ask();
        return a;
    }

    public static async Probe<int> AwaitInCatchAndRethrow(int a)
    {
        try
        {
            await Ask();
            MayThrow(await Ask());
        }
        catch (ProbeException) when (a > 0)
        {
            await Ask();
            Tell(a);
            if (await Ask() > 1)
            {
                throw;
            }
        }

        return await Ask();
    }

    public static async Probe<int> CatchWithFilter(int a)
    {
        var b = await Ask();
        try
        {
            await Ask();
            await Ask();
        }
        catch (ProbeException) when (b > 1)
        {
            Tell(a);
        }
        catch (ProbeException exception) when (exception.Question > a)
        {
            Tell(-1);
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> AwaitInCatchWithFilter(int a)
    {
        var b = await Ask();
        try
        {
            await Ask();
            await Ask();
        }
        catch (ProbeException exception) when (exception.Question % 2 == b % 2)
        {
            await Ask();
            Tell(a);
        }
        catch (ProbeException)
        {
            await Ask();
            Tell(b);
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> TryCatchFinallyAwaitEverywhere(int a)
    {
        var b = await Ask();
        var c = 0;
        try
        {
            await Ask();
            c = await Ask();
            await Ask();
        }
        catch (ProbeException) when (c > 0)
        {
            c = await Ask();
            Tell(b);
        }
        finally
        {
            Tell(await Ask() + c);
        }

        await Ask();
        return a;
    }

    public static async Probe<int> RetryUntilItWorks()
    {
        for (var attempt = 0; ; attempt++)
        {
            var a = await Ask();
            try
            {
                await Ask();
                return a;
            }
            catch (ProbeException) when (attempt < 3)
            {
                await Ask();
                Tell(attempt);
            }
        }
    }

    public static async Probe<int> FinallyInsideFinally(int a)
    {
        var b = await Ask();
        try
        {
            await Ask();
        }
        finally
        {
            try
            {
                MayThrow(b);
            }
            finally
            {
                Tell(a);
            }
        }

        await Ask();
        return b;
    }

    public static async Probe<int> Using()
    {
        var b = await Ask();
        using (var token = new Token(b))
        {
            await Ask();
            Tell(b);
            await Ask();
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> AwaitUsing()
    {
        var b = await Ask();
        await using (new AsyncToken(b))
        {
            await Ask();
            Tell(b);
            await Ask();
        }

        await Ask();
        return 0;
    }

    public static async Probe<int> ForeachOverArray()
    {
        var sum = 0;
        foreach (var item in new[] { 1, 2, 3 })
        {
            sum += item * await Ask();
            await Ask();
        }

        await Ask();
        return sum;
    }

    public static async Probe<int> ForeachOverEnumerator()
    {
        var sum = 0;
        foreach (var item in Enumerable.Range(1, 3))
        {
            await Ask();
            sum += item;
        }

        await Ask();
        return sum;
    }

    public static async Probe<int> LocalFunction(int a)
    {
        var b = await Ask();
        await Ask();
        Tell(Twice());
        await Ask();
        return a;

        int Twice() => 2 * b;
    }

    public static async Probe<int> TrylockPath(int folio)
    {
        await Ask();
        var mapping = await Ask();
        if (mapping == 0 || await Ask() == 0)
        {
            await Ask();
            return -1;
        }

        var root = await Ask();
        if (await Ask() > 1)
        {
            if (await Ask() == 0)
            {
                Tell(root);
                await Ask();
                mapping = -1;
            }

            await Ask();
            return mapping;
        }

        var taken = await Ask() > 0;
        if (!taken)
        {
            await Ask();
            Tell(folio);
            return -1;
        }

        await Ask();
        await Ask();
        Tell(root);
        return mapping;
    }

    public static async Probe<int> GotoOutOfLoops()
    {
        var total = 0;
        for (var i = 0; i < 2; i++)
        {
            for (var j = 0; j < 2; j++)
            {
                if (await Ask() == 0)
                {
                    total += await Ask();
                    goto next;
                }
            }

            Tell(total);
        next:
            await Ask();
        }

        return total;
    }

    public static async Probe<int> Patterns(int a)
    {
        object x = await Ask() > 1 ? a : "text";
        await Ask();
        switch (x)
        {
            case int n when await Ask() < n:
                Tell(n);
                break;
            case string s:
                await Ask();
                Tell(s);
                break;
        }

        await Ask();
        return a;
    }

    private static int Sum(int a, int b, int c, int d) => a + 10 * b + 100 * c + 1000 * d;

    private static void Split(int value, out int high, out int low) => (high, low) = (value / 2, value % 2);

    private static void MayThrow(int value)
    {
        if (value == 3)
        {
            throw new ProbeException(-1);
        }
    }

    private struct Counter
    {
        public int Count { get; private set; }

        public void Add(int n) => Count += n;
    }

    private sealed class Box(int value)
    {
        public int Value { get; set; } = value;
    }

    private sealed class Token(int value) : IDisposable
    {
        public void Dispose() => Tell(value);
    }

    private sealed class AsyncToken(int value)
    {
        public Answer DisposeAsync()
        {
            Tell(value);
            return Ask();
        }
    }

    internal static class GenericClass<T>
    {
        public static async Probe<int> Method<TOther>(T value, TOther other)
        {
            (T, TOther)? pair = (value, other);
            await Ask();
            Tell(pair);
            await Ask();
            pair = null;
            await Ask();
            return await Ask();
        }
    }
}
