using System.Reflection;
using System.Runtime.CompilerServices;
using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>A task or a step is awaited where it is called; whatever else is done with one is a fault that names both sites.</summary>
public sealed class CoroutineContractTests
{
    private readonly TestMachine _test = new();

    [Fact]
    public void A_child_that_throws_before_its_first_suspension_does_not_let_its_parent_continue()
    {
        var witness = _test.Witness<string>();

        var fault = _test.FaultOf(() => Parent(witness));

        Assert.Contains("Child threw InvalidOperationException: no such folio", fault, StringComparison.Ordinal);
        Assert.Empty(witness.Seen);

        static async KernelTask Parent(Witness<string> witness)
        {
            await Child();
            witness.See("went on");
            await Yield();
        }

        static async KernelTask Child()
        {
            if (Always)
            {
                throw new InvalidOperationException("no such folio");
            }

            await Yield();
        }
    }

    [Fact]
    public void A_child_that_throws_and_returns_a_value_does_not_let_its_parent_continue_either()
    {
        var witness = _test.Witness<int>();

        var fault = _test.FaultOf(() => Parent(witness));

        Assert.Contains("Child threw InvalidOperationException", fault, StringComparison.Ordinal);
        Assert.Empty(witness.Seen);

        static async KernelTask Parent(Witness<int> witness) => witness.See(await Child());

        static async KernelTask<int> Child()
        {
            if (Always)
            {
                throw new InvalidOperationException("no such folio");
            }

            await Yield();
            return 1;
        }
    }

    [Fact]
    public void A_parent_that_catches_its_childs_fault_does_not_hide_it()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("two things at once", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            try
            {
                await Child();
            }
            catch (ModelFaultException)
            {
            }

            await Yield();
        }

        static async KernelTask Child()
        {
            await Yield();
            throw new InvalidOperationException("two things at once");
        }
    }

    [Fact]
    public void Two_suspending_children_begun_before_either_is_awaited_fault_and_name_both()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Second begins in ", fault, StringComparison.Ordinal);
        Assert.Contains("Parent while Yield in ", fault, StringComparison.Ordinal);
        Assert.Contains("First is pending", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            var a = First();
            var b = Second();
            Assert.Fail($"{await a} {await b}");
        }

        static async KernelTask<int> First()
        {
            await Yield();
            return 1;
        }

        static async KernelTask<int> Second()
        {
            await Yield();
            return 2;
        }
    }

    [Fact]
    public void Two_children_that_complete_at_once_begun_before_either_is_awaited_fault_and_name_both()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Two begins in ", fault, StringComparison.Ordinal);
        Assert.Contains("Parent while the result of ", fault, StringComparison.Ordinal);
        Assert.Contains("One was never awaited", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            var a = One();
            var b = Two();
            Assert.Fail($"{await a} {await b}");
        }
    }

    [Fact]
    public void Two_steps_declared_before_either_is_awaited_fault_and_name_both()
    {
        var fault = _test.FaultOf(() => Parent(_test.Page));

        Assert.Contains("smp_load_acquire begins in ", fault, StringComparison.Ordinal);
        Assert.Contains("while READ_ONCE in ", fault, StringComparison.Ordinal);

        static async KernelTask Parent(Page page)
        {
            var a = READ_ONCE(page.count);
            var b = smp_load_acquire(page.mapcount);
            Assert.Fail($"{await a} {await b}");
        }
    }

    [Fact]
    public void A_task_kept_over_a_step_faults()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Choose begins in ", fault, StringComparison.Ordinal);
        Assert.Contains("OneLater is pending", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            var kept = OneLater();
            await Choose(2);
            await kept;
        }
    }

    [Fact]
    public void A_task_kept_over_local_code_only_gives_its_own_result()
    {
        var witness = _test.Witness<int>();

        _test.Run(() => Parent(witness));

        Assert.Equal([11], witness.Seen);

        static async KernelTask Parent(Witness<int> witness)
        {
            var kept = OneLater();
            var ten = 5 + 5;
            witness.See(ten + await kept);
        }
    }

    [Fact]
    public void An_effect_recorded_while_an_operation_is_pending_faults()
    {
        var fault = _test.FaultOf(() => Parent(_test.Notes));

        Assert.Contains("GhostSet", fault, StringComparison.Ordinal);
        Assert.Contains("while Yield in ", fault, StringComparison.Ordinal);

        static async KernelTask Parent(Notebook notes)
        {
            var kept = Yield();
            Ghost(notes.first, 1);
            await kept;
        }
    }

    [Fact]
    public void A_region_entered_or_left_while_an_operation_is_pending_faults()
    {
        Assert.Contains("the region 'slow' begins in ", new TestMachine().FaultOf(Enters), StringComparison.Ordinal);
        Assert.Contains("the end of the region 'slow' begins in ", new TestMachine().FaultOf(Leaves), StringComparison.Ordinal);

        static async KernelTask Enters()
        {
            var kept = Yield();
            Enter("slow");
            await kept;
        }

        static async KernelTask Leaves()
        {
            Enter("slow");
            var kept = Yield();
            Leave("slow");
            await kept;
        }
    }

    [Fact]
    public void A_discarded_task_that_is_suspended_faults_when_its_caller_returns()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Parent returns while Yield in ", fault, StringComparison.Ordinal);
        Assert.Contains("OneLater is pending", fault, StringComparison.Ordinal);

#pragma warning disable CS1998 // to have nothing to wait for is the point
        static async KernelTask Parent() => _ = OneLater();
#pragma warning restore CS1998
    }

    [Fact]
    public void A_discarded_task_that_completed_faults_when_its_caller_returns()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Parent returns while the result of ", fault, StringComparison.Ordinal);
        Assert.Contains("One was never awaited", fault, StringComparison.Ordinal);

#pragma warning disable CS1998
        static async KernelTask Parent() => _ = One();
#pragma warning restore CS1998
    }

    [Fact]
    public void A_discarded_task_that_completed_faults_at_the_next_step()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Yield begins in ", fault, StringComparison.Ordinal);
        Assert.Contains("One was never awaited", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            _ = One();
            await Yield();
        }
    }

    [Fact]
    public void A_discarded_step_faults_when_its_path_returns()
    {
        var fault = _test.FaultOf(() => Parent(_test.Page));

        Assert.Contains("Parent returns while WRITE_ONCE in ", fault, StringComparison.Ordinal);

#pragma warning disable CS1998
        static async KernelTask Parent(Page page) => _ = WRITE_ONCE(page.count, 1);
#pragma warning restore CS1998
    }

    [Fact]
    public void A_discarded_barrier_faults()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("result of smp_mb was never awaited", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            _ = smp_mb();
            await Yield();
        }
    }

    [Fact]
    public void A_task_discarded_by_a_helper_that_is_not_async_faults()
    {
        var fault = _test.FaultOf(Helper);

        Assert.Contains("Discard begins in cpu0 while the result of ", fault, StringComparison.Ordinal);

        static KernelTask Helper()
        {
            _ = One();
            return Discard();
        }

        static async KernelTask Discard() => await Two();
    }

    [Fact]
    public void A_task_awaited_twice_faults()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("Parent awaits a task that was not started just before, or awaits one twice", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            var task = OneLater();
            await task;
            await task;
        }
    }

    [Fact]
    public void A_step_awaited_twice_faults()
    {
        var fault = _test.FaultOf(Parent);

        Assert.Contains("or awaits one twice", fault, StringComparison.Ordinal);

        static async KernelTask Parent()
        {
            var step = Yield();
            await step;
            await step;
        }
    }

    [Fact]
    public void A_task_or_a_step_that_no_call_made_faults()
    {
        Assert.All(
            (Func<KernelTask>[])[
                static async () => await default(KernelTask),
                static async () => await default(KernelTask<int>),
                static async () => await default(Step),
                static async () => await default(Step<bool>),
            ],
            static path => Assert.Contains("awaits a task that was not started just before", new TestMachine().FaultOf(path), StringComparison.Ordinal));
    }

    [Fact]
    public void A_result_is_never_taken_as_another_type()
    {
        var page = _test.Page;

        Assert.Contains("awaits a KernelTask<Boolean> and is given what CoroutineContractTests.One returned, a KernelTask<Int32>", new TestMachine().FaultOf(Path), StringComparison.Ordinal);
        Assert.Contains("awaits a KernelTask<Boolean> and is given what CoroutineContractTests.OneLater returned, a KernelTask<Int32>", new TestMachine().FaultOf(SuspendedPath), StringComparison.Ordinal);
        Assert.Contains("awaits a Step<Int32> and is given what smp_mb returned, a Step;", new TestMachine().FaultOf(Barrier), StringComparison.Ordinal);
        Assert.Contains("awaits something else while READ_ONCE in ", _test.FaultOf(() => Step(page)), StringComparison.Ordinal);

        static async KernelTask Path()
        {
            _ = One();
            await default(KernelTask<bool>);
        }

        static async KernelTask SuspendedPath()
        {
            _ = OneLater();
            await default(KernelTask<bool>);
        }

        static async KernelTask Barrier()
        {
            _ = smp_mb();
            await default(Step<int>);
        }

        static async KernelTask Step(Page page)
        {
            _ = READ_ONCE(page.count);
            await default(Step<bool>);
        }
    }

    [Fact]
    public void A_step_is_not_awaited_as_a_path_nor_a_path_as_a_step()
    {
        Assert.Contains("awaits something else while Yield in ", new TestMachine().FaultOf(StepAsPath), StringComparison.Ordinal);
        Assert.Contains("awaits a Step<Int32> and is given what CoroutineContractTests.OneLater returned", new TestMachine().FaultOf(PathAsStep), StringComparison.Ordinal);

        static async KernelTask StepAsPath()
        {
            _ = Yield();
            await default(KernelTask);
        }

        static async KernelTask PathAsStep()
        {
            _ = OneLater();
            await default(Step<int>);
        }
    }

    [Fact]
    public void Anything_but_a_kernel_task_or_a_step_is_not_awaited()
    {
        Assert.Contains("awaits a YieldAwaiter; a path awaits kernel tasks and steps only", new TestMachine().FaultOf(TaskYield), StringComparison.Ordinal);
        Assert.Contains("keeps a Task inside a TaskAwaiter", new TestMachine().FaultOf(TaskDelay), StringComparison.Ordinal);
        Assert.Contains("keeps a Task inside a TaskAwaiter", new TestMachine().FaultOf(CompletedTask), StringComparison.Ordinal);

        static async KernelTask TaskYield() => await Task.Yield();

        static async KernelTask TaskDelay() => await Task.Delay(1);

        static async KernelTask CompletedTask() => await Task.CompletedTask;
    }

    [Fact]
    public void Awaiters_and_builders_are_empty_structs()
    {
        var types = typeof(KernelTask).Assembly.GetTypes()
            .Where(static type => typeof(IKernelAwaiter).IsAssignableFrom(type) && !type.IsInterface)
            .Concat(typeof(KernelTask).Assembly.GetTypes().Select(static type => type.GetCustomAttribute<AsyncMethodBuilderAttribute>()?.BuilderType).OfType<Type>())
            .Concat([typeof(KernelTask), typeof(KernelTask<>), typeof(Step), typeof(Step<>)])
            .ToList();

        Assert.Equal(10, types.Count); // two awaiters and one builder for each of KernelTask and KernelTask<T>, and these four
        Assert.All(types, static type =>
        {
            Assert.True(type.IsValueType, type.Name);
            Assert.Empty(type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic));
        });
    }

    [Fact]
    public void State_machines_are_structs_in_the_model_and_in_its_tests() =>
        Assert.All(
            typeof(KernelTask).Assembly.GetTypes().Concat(typeof(CoroutineContractTests).Assembly.GetTypes())
                .Where(static type => type.GetField("<>t__builder")?.FieldType.Name.StartsWith(nameof(KernelTaskBuilder), StringComparison.Ordinal) ?? false),
            static type => Assert.True(type.IsValueType, type.FullName));

    [Fact]
    public void A_path_called_from_outside_the_checker_faults()
    {
        var fault = Assert.Throws<ModelFaultException>(static () => _ = OneLater());

        Assert.Contains("called from outside the checker", fault.Message, StringComparison.Ordinal);
        Assert.Throws<ModelFaultException>(static () => _ = Yield());
        Assert.Throws<ModelFaultException>(static () => Enter("slow"));
    }

    [Fact]
    public void A_step_outside_any_path_faults()
    {
        var fault = _test.FaultOf(static () =>
        {
            _ = Yield();
            return default;
        });

        Assert.Equal("Yield is declared outside any path", fault);
    }

    [Fact]
    public void An_entry_that_throws_before_its_path_begins_is_a_model_fault()
    {
        var fault = _test.FaultOf(static () => throw new InvalidOperationException("no arguments"));

        Assert.Equal("cpu0 threw InvalidOperationException: no arguments", fault);
    }

    [Fact]
    public void A_fault_does_not_outlive_its_run()
    {
        var page = _test.Page;
        _test.FaultOf(static async () => await default(KernelTask));

        _test.Run(() => Count(page));

        Assert.Equal(1, _test.Get(page.count));

        static async KernelTask Count(Page page) => await WRITE_ONCE(page.count, await One());
    }

    private static bool Always => true;

#pragma warning disable CS1998 // they complete at once
    private static async KernelTask<int> One() => 1;

    private static async KernelTask<int> Two() => 2;
#pragma warning restore CS1998

    private static async KernelTask<int> OneLater()
    {
        await Yield();
        return 1;
    }
}
