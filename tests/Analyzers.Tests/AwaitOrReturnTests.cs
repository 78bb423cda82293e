namespace ThpCheck.Analyzers.Tests;

/// <summary>THP001.</summary>
public sealed class AwaitOrReturnTests
{
    [Fact]
    public Task A_task_may_be_awaited() => Contract.ReportsWhatIsMarked("""
        async KernelTask<int> path(bool locked)
        {
            await spin_lock();
            await (locked ? spin_lock() : spin_unlock());
            await (locked switch { true => spin_lock(), _ => throw new InvalidOperationException() });
            await ((spin_unlock())!);
            if (!await spin_trylock())
                return 0;
            try { await WRITE_ONCE(y, 1); } finally { await spin_unlock(); }
            return await READ_ONCE(x);
        }
        """);

    [Fact]
    public Task A_task_may_be_returned_by_a_function_of_its_type() => Contract.ReportsWhatIsMarked("""
        Step<int> read() => READ_ONCE(x);
        Step<int> property => READ_ONCE(x);
        Step<int> getter { get { return (READ_ONCE(x))!; } }
        Step<int> this[int i] => i == 0 ? READ_ONCE(x) : READ_ONCE(y);
        KernelTask either(int i) => i switch { 0 => spin_lock(), 1 => spin_unlock(), _ => throw new ArgumentException() };
        KernelTask none() => throw new NotSupportedException();
        Func<KernelTask> lambda() => () => spin_lock();
        Func<KernelTask> block() => delegate { return spin_lock(); };
        Func<KernelTask> group() => spin_lock;
        KernelTask local()
        {
            return inner();
            KernelTask inner() => spin_lock();
        }
        """);

    [Fact]
    public Task A_task_may_not_be_dropped() => Contract.ReportsWhatIsMarked("""
        void not_async()
        {
            spin_lock();                            // THP001
            _ = spin_lock();                        // THP001
            _ = READ_ONCE(x);                       // THP001
        }
        async KernelTask path(memory? other)
        {
            _ = spin_lock();                        // THP001
            _ = true ? spin_lock() : spin_unlock(); // THP001
            other?.not_async();
            other?.path(null);                      // THP001
            for (spin_lock(); ; spin_unlock())      // THP001 THP001
                await spin_trylock();
        }
        """);

    [Fact]
    public Task A_function_of_another_type_drops_its_task() => Contract.ReportsWhatIsMarked("""
        void helper() => spin_lock();                               // THP001
        object boxed() => spin_lock();                              // THP001
        Action lambda() => () => spin_lock();                       // THP001
        Func<object> converted() => () => READ_ONCE(x);             // THP001
        KernelTask? nullable() => spin_lock();                      // THP001
        IEnumerable<Step<int>> many() { yield return READ_ONCE(x); } // THP001
        async KernelTask<Step<int>> later() { await spin_lock(); return READ_ONCE(x); } // THP001
        """);

    [Fact]
    public Task A_task_may_not_be_kept() => Contract.ReportsWhatIsMarked("""
        KernelTask field;                       // THP001
        KernelTask assigned = spin_lock();      // THP001
        Step<int> automatic { get; }            // THP001
        Step<int> lazy { get => field; }        // THP001
        async KernelTask path()
        {
            var first = READ_ONCE(x);           // THP001
            Step<int> second;                   // THP001
            second = READ_ONCE(y);              // THP001
            await (second = READ_ONCE(y));      // THP001
            await first;
            object kept = READ_ONCE(x);         // THP001
            foreach (Step<int> each in new List<Step<int>>()) // THP001 THP001
                await each;
        }
        """);

    [Fact]
    public Task A_task_may_not_be_passed_on() => Contract.ReportsWhatIsMarked("""
        void take(object task) { }
        T same<T>(T value) => value;
        T run<T>(Func<T> path) => path();
        static class box<T> { public static void run(Func<T> path) => path(); }
        KernelTask taken(KernelTask task) => spin_lock();                // THP001
        async KernelTask path()
        {
            take(READ_ONCE(x));                         // THP001
            await same(READ_ONCE(x));                   // THP001 THP001
            await run(() => spin_lock());               // THP001
            _ = new Lazy<KernelTask>(() => spin_lock()); // THP001
            box<Step>.run(() => WRITE_ONCE(x, 1));      // THP001
            Func<KernelTask> call = spin_lock;
            await call();
            call();                                     // THP001
            var pair = (READ_ONCE(x), 1);               // THP001
            Step<int>[] both = [READ_ONCE(x), READ_ONCE(y)]; // THP001 THP001
            take($"{spin_lock()}");                     // THP001
            spin_lock().GetAwaiter().GetResult();       // THP001
            Action<Step> drop = (Step step) => { };     // THP001
            void inner(Step step) { }                   // THP001
            await spin_lock();
        }
        """);

    [Fact]
    public Task A_default_task_stands_for_nothing() => Contract.ReportsWhatIsMarked("""
        KernelTask nothing() => default;                                // THP001
        Step<int> empty() => new Step<int>();                           // THP001
        Step<int> target() => new();                                    // THP001
        KernelTask either(bool locked) => locked ? spin_unlock() : default; // THP001
        async KernelTask path() => await default(Step);                 // THP001
        """);

    [Fact]
    public async Task A_namespace_below_stepping_is_not_exempt()
    {
        var compilation = Contract.Compile("""
            namespace ThpCheck.Model.Stepping.Examples;

            public class Example { public KernelTask Field; }
            """);

        var report = Assert.Single(await Contract.Report(compilation));

        Assert.Equal("THP001", report.Id);
        Assert.Equal(2, report.Location.GetLineSpan().StartLinePosition.Line);
    }

    [Fact]
    public Task Types_of_that_name_elsewhere_are_not_meant() => Contract.ReportsWhatIsMarked("""
        struct Step { }
        Step step(Step other) { var local = other; return local; }
        """);

    [Fact]
    public async Task The_message_names_the_type_and_the_fix()
    {
        var compilation = Contract.Compile(Contract.InKernelFile("void helper() { READ_ONCE(x); }"));

        var report = Assert.Single(await Contract.Report(compilation));

        Assert.Equal(
            "This Step<int> is dropped or kept for later; put 'await' before it, or return it from a function whose type is Step<int>.",
            report.GetMessage(System.Globalization.CultureInfo.InvariantCulture));
    }
}
