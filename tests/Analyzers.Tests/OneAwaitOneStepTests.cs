namespace ThpCheck.Analyzers.Tests;

/// <summary>THP004.</summary>
public sealed class OneAwaitOneStepTests
{
    [Fact]
    public Task Two_steps_are_not_one_expression() => Contract.ReportsWhatIsMarked("""
        int add(int a, int b) => a + b;
        async KernelTask<int> path()
        {
            var sum = await READ_ONCE(x) + await READ_ONCE(y);              // THP004
            sum = add(await READ_ONCE(x), await READ_ONCE(y));              // THP004
            await WRITE_ONCE(x, await READ_ONCE(y));                        // THP004
            int[] both = [await READ_ONCE(x), await READ_ONCE(y)];          // THP004
            if (await READ_ONCE(x) == await READ_ONCE(y))                   // THP004
                sum = await READ_ONCE(x) + await READ_ONCE(x) + await READ_ONCE(x); // THP004 THP004
            var either = (await READ_ONCE(x) > 0 & await READ_ONCE(y) > 0); // THP004
            return await READ_ONCE(x) - await READ_ONCE(y);                 // THP004
        }
        async KernelTask<int> body() =>
            await READ_ONCE(x)
            + await READ_ONCE(y); // THP004
        """);

    [Fact]
    public Task Operators_that_show_their_order_may_have_a_step_on_each_side() => Contract.ReportsWhatIsMarked("""
        async KernelTask<int> path(Shared<int?> maybe)
        {
            if (await READ_ONCE(x) > 0 && await READ_ONCE(y) > 0 || await READ_ONCE(x) < 0)
                return await READ_ONCE(x) > 0 ? await READ_ONCE(x) : await READ_ONCE(y);
            var known = await READ_ONCE(maybe) ?? await READ_ONCE(x);
            return await READ_ONCE(x) switch { 0 => await READ_ONCE(y), _ => known };
        }
        """);

    [Fact]
    public Task An_order_shown_below_does_not_excuse_an_operator_above() => Contract.ReportsWhatIsMarked("""
        async KernelTask<bool> path() =>
            (await READ_ONCE(x) > 0 && await READ_ONCE(y) > 0)
            == (await READ_ONCE(x) > 0); // THP004
        """);

    [Fact]
    public Task Steps_in_separate_expressions_are_separate() => Contract.ReportsWhatIsMarked("""
        async KernelTask path()
        {
            int first = await READ_ONCE(x), second = await READ_ONCE(y);
            for (var i = await READ_ONCE(x); i < await READ_ONCE(y); i += await READ_ONCE(x))
                await WRITE_ONCE(x, first);
            await WRITE_ONCE(y, second);
        }
        """);

    [Fact]
    public Task Awaiting_a_path_is_no_step() => Contract.ReportsWhatIsMarked("""
        async KernelTask<bool> path() => await spin_trylock() == await spin_trylock();
        async KernelTask<bool> mixed() => await spin_trylock() == (await READ_ONCE(x) > 0);
        """);
}
