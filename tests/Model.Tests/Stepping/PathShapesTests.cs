using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>Paths do what the C# says they do, although each of their frames is written out and read back at every await.</summary>
public sealed class PathShapesTests
{
    private readonly TestMachine _test = new();
    private readonly Witness<string> _log;

    public PathShapesTests() => _log = _test.Witness<string>();

    [Fact]
    public void Nested_calls_return_their_own_results()
    {
        Assert.Equal(["0", "1", "1", "2", "3", "5", "8", "13"], Logged(Numbers));

        static async KernelTask Numbers(Witness<string> log)
        {
            for (var n = 0; n < 8; n++)
            {
                log.See($"{await Fibonacci(n)}");
            }
        }

        static async KernelTask<int> Fibonacci(int n)
        {
            await Yield();
            return n < 2 ? n : await Fibonacci(n - 1) + await Fibonacci(n - 2);
        }
    }

    [Fact]
    public void An_early_return_skips_the_rest()
    {
        Assert.Equal(["a", "done"], Logged(Path));

        static async KernelTask Path(Witness<string> log)
        {
            await Inner(log);
            log.See("done");
        }

        static async KernelTask Inner(Witness<string> log)
        {
            await Yield();
            log.See("a");
            if (await Choose(1) == 0)
            {
                return;
            }

            await Yield();
            log.See("b");
        }
    }

    [Fact]
    public void Loops_break_and_continue_around_awaits()
    {
        Assert.Equal(["1", "3", "4"], Logged(Path));

        static async KernelTask Path(Witness<string> log)
        {
            for (var i = 1; ; i++)
            {
                await Yield();
                if (i == 2)
                {
                    continue;
                }

                if (i == 5)
                {
                    break;
                }

                log.See($"{i}");
            }
        }
    }

    [Fact]
    public void A_loop_over_a_registered_array_goes_through_its_elements()
    {
        var test = new TestMachine();
        var pages = test.Register<Page>([test.Add("a", static at => new Page(at)), test.Add("b", static at => new Page(at))]);

        test.Run(() => Fill(pages));

        Assert.Equal([1, 2], pages.Select(page => test.Get(page.count)));

        static async KernelTask Fill(Page[] pages)
        {
            var n = 0;
            foreach (var page in pages)
            {
                await WRITE_ONCE(page.count, ++n);
            }
        }
    }

    [Fact]
    public void A_finally_that_awaits_runs_once_when_the_try_ends()
    {
        Assert.Equal(["try", "finally", "after"], Logged(static log => TryFinally(log, returnEarly: false)));
    }

    [Fact]
    public void A_finally_that_awaits_runs_once_on_an_early_return()
    {
        Assert.Equal(["try", "finally"], Logged(static log => TryFinally(log, returnEarly: true)));
    }

    private static async KernelTask TryFinally(Witness<string> log, bool returnEarly)
    {
        try
        {
            await Yield();
            log.See("try");
            await Yield();
            if (returnEarly)
            {
                return;
            }

            await Yield();
        }
        finally
        {
            await Yield();
            log.See("finally");
            await Yield();
        }

        await Yield();
        log.See("after");
    }

    [Fact]
    public void A_value_returned_through_a_finally_that_awaits_arrives()
    {
        Assert.Equal(["finally", "7"], Logged(Path));

        static async KernelTask Path(Witness<string> log) => log.See($"{await Inner(log)}");

        static async KernelTask<int> Inner(Witness<string> log)
        {
            try
            {
                await Yield();
                return 7;
            }
            finally
            {
                await Yield();
                log.See("finally");
            }
        }
    }

    /// <summary>The one object field that a frame may have: what the tests above are about.</summary>
    [Fact]
    public void A_finally_that_awaits_keeps_its_pending_exception_as_an_object()
    {
        _test.Begin(() => TryFinally(_log, returnEarly: false));

        var kept = FrameFields.Of(_test.Machine.Frames.Type(_test.Frame()).StateMachine).Where(static field => field.FieldType == typeof(object));

        Assert.StartsWith("<>7__wrap", Assert.Single(kept).Name, StringComparison.Ordinal);
    }

    [Fact]
    public void A_generic_path_keeps_and_returns_each_type()
    {
        Assert.Equal(["3", "-4", "(5, True)", "page", "none", "Dirty"], Logged(log => Path(log, _test.Page)));

        static async KernelTask Path(Witness<string> log, Page page)
        {
            log.See($"{await Echo(3)}");
            log.See($"{await Echo(-4L)}");
            log.See($"{await Echo((5, true))}");
            log.See($"{await Echo(page)}");
            log.See(await Echo<Page?>(null) is null ? "none" : "some");
            log.See($"{await Echo(PageFlags.Dirty)}");
        }

        static async KernelTask<T> Echo<T>(T value)
        {
            await Yield();
            return await EchoAtOnce(value);
        }

#pragma warning disable CS1998 // it completes at once
        static async KernelTask<T> EchoAtOnce<T>(T value) => value;
#pragma warning restore CS1998
    }

    [Fact]
    public void Tuple_results_are_taken_apart_by_their_caller()
    {
        Assert.Equal(["page -2 True"], Logged(log => Path(log, _test.Page)));

        static async KernelTask Path(Witness<string> log, Page page)
        {
            var (found, (n, last)) = await Inner(page);
            await Yield();
            log.See($"{found} {n} {last}");
        }

        static async KernelTask<(Page? Found, (int N, bool IsLast) Others)> Inner(Page page)
        {
            await Yield();
            return (page, (-2, true));
        }
    }

    [Fact]
    public void A_step_gives_its_own_type()
    {
        _test.Set(_test.Page.next, _test.Page).Set(_test.Page.flags, PageFlags.Dirty | PageFlags.Busy).Set(_test.Page.mapcount, 4);

        Assert.Equal(["page Dirty, Busy 4 False"], Logged(log => Path(log, _test.Page)));

        static async KernelTask Path(Witness<string> log, Page page)
        {
            var next = await READ_ONCE(page.next);
            var flags = await READ_ONCE(page.flags);
            var mapcount = await READ_ONCE(page.mapcount);
            var dirty = await READ_ONCE(page.dirty);
            log.See($"{next} {flags} {mapcount} {dirty}");
        }
    }

    [Fact]
    public void Awaiting_a_child_is_no_step()
    {
        var steps = 0;
        for (_test.Begin(Outer); !_test.Stepper.HasEnded(0); steps++)
        {
            _test.Step();
        }

        Assert.Equal(2, steps);

        static async KernelTask Outer()
        {
            await Nothing();
            await Inner();
            await Nothing();
        }

        static async KernelTask Inner()
        {
            await Nothing();
            await Yield();
            await Yield();
        }

#pragma warning disable CS1998 // it completes at once
        static async KernelTask Nothing()
        {
        }
#pragma warning restore CS1998
    }

    [Fact]
    public void Local_code_before_the_first_step_runs_when_the_thread_begins()
    {
        _test.Begin(() => Path(_log));

        Assert.Equal(["begun"], _log.Seen);

        static async KernelTask Path(Witness<string> log)
        {
            log.See("begun");
            await Yield();
            log.See("stepped");
        }
    }

    [Fact]
    public void Recursion_is_bounded_with_a_sentence()
    {
        var fault = _test.FaultOf(static () => Deeper(0));

        Assert.Matches(@"^PathShapesTests\.Deeper is called 64 frames deep; does PathShapesTests\.Deeper recurse without end\?$", fault);

        static async KernelTask Nested(int depth)
        {
            if (depth > 0)
            {
                await Nested(depth - 1);
            }

            await Yield();
        }

        Assert.False(new TestMachine().Run(static () => Nested(63)).IsFinal);
    }

    private static async KernelTask Deeper(int depth)
    {
        await Deeper(depth + 1);
        await Yield();
    }

    [Fact]
    public void An_exception_in_a_path_is_a_model_fault_that_says_where()
    {
        var fault = _test.FaultOf(Path);

        Assert.Matches(
            @"^tests/Model\.Tests/Stepping/PathShapesTests\.cs:\d+: PathShapesTests\.An_exception_in_a_path_is_a_model_fault_that_says_where\.Inner threw DivideByZeroException: ",
            fault);

        static async KernelTask Path() => await Inner(await Choose(1));

        static async KernelTask<int> Inner(int zero)
        {
            await Yield();
            return 1 / zero;
        }
    }

    [Fact]
    public void An_exception_is_reported_although_a_finally_awaits()
    {
        var fault = _test.FaultOf(static () => Path(0));

        Assert.Contains("Path threw DivideByZeroException", fault, StringComparison.Ordinal);

        static async KernelTask Path(int zero)
        {
            try
            {
                await Choose(1 / zero);
            }
            finally
            {
                await Yield();
            }
        }
    }

    [Fact]
    public void A_null_dereference_in_a_path_is_a_kernel_bug()
    {
        var page = _test.Page;

        var bug = _test.Run(() => Path(page));

        Assert.Equal(KernelBug.NullDereference, bug.Bug);
        Assert.True(bug.IsFinal);
        Assert.Contains("NULL pointer dereference", bug.Reason, StringComparison.Ordinal);

        static async KernelTask Path(Page page)
        {
            var next = await READ_ONCE(page.next);
            await WRITE_ONCE(next!.count, 1);
        }
    }

    [Fact]
    public void A_null_dereference_is_seen_although_a_finally_awaits()
    {
        var page = _test.Page;

        Assert.Equal(KernelBug.NullDereference, _test.Run(() => Path(page)).Bug);

        static async KernelTask Path(Page page)
        {
            try
            {
                var next = await READ_ONCE(page.next);
                await WRITE_ONCE(next!.count, 1);
            }
            finally
            {
                await Yield();
            }
        }
    }

    [Fact]
    public void An_exception_that_is_caught_before_the_next_await_is_the_paths_own_affair()
    {
        Assert.Equal(["caught", "on"], Logged(static log => Path(log, 0)));

        static async KernelTask Path(Witness<string> log, int zero)
        {
            await Yield();
            try
            {
                log.See($"{1 / zero}");
            }
            catch (DivideByZeroException)
            {
                log.See("caught");
            }

            await Yield();
            log.See("on");
        }
    }

    private List<string> Logged(Func<Witness<string>, KernelTask> path)
    {
        Assert.False(_test.Run(() => path(_log)).IsFinal);
        Assert.True(_test.Stepper.HasEnded(0));
        return _log.Seen;
    }
}
