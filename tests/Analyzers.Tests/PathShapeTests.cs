namespace ThpCheck.Analyzers.Tests;

/// <summary>THP002.</summary>
public sealed class PathShapeTests
{
    [Fact]
    public Task A_path_is_not_an_async_lambda() => Contract.ReportsWhatIsMarked("""
        Func<KernelTask> lambda() => async () => await spin_lock();                  // THP002
        Func<KernelTask<int>> anonymous() => async delegate { return await READ_ONCE(x); }; // THP002
        Func<KernelTask> passed_through() => () => spin_lock();
        """);

    [Fact]
    public Task A_path_is_not_an_async_local_function() => Contract.ReportsWhatIsMarked("""
        async KernelTask path()
        {
            await inner();
            await passed_through();
            static async KernelTask inner() => await spin_lock();   // THP002
            static KernelTask passed_through() => spin_lock();
        }
        """);

    [Fact]
    public Task A_path_awaits_nothing_but_paths_and_steps() => Contract.ReportsWhatIsMarked("""
        async KernelTask path(IAsyncEnumerable<int> numbers, IAsyncDisposable resource)
        {
            await Task.Delay(1);                            // THP002
            await Task.Yield();                             // THP002
            var n = await ValueTask.FromResult(1);          // THP002
            await foreach (var number in numbers) n++;      // THP002
            await using (resource) n++;                     // THP002
            await using var again = resource;               // THP002
            foreach (var each in new int[1]) n += each;
            await spin_lock();
            await WRITE_ONCE(x, n);
        }
        """);

    [Fact]
    public Task Only_a_path_awaits_paths_and_steps() => Contract.ReportsWhatIsMarked("""
        async Task outside()
        {
            await spin_lock();                              // THP002
            await Task.Yield();
        }
        Func<Task<int>> lambda() => async () => await READ_ONCE(x); // THP002
        async KernelTask path()
        {
            await spin_lock();
            Func<Task> inner = async () => await Task.Yield();
        }
        """);

    [Fact]
    public Task Nothing_is_async_void() => Contract.ReportsWhatIsMarked("""
        async void method() => await Task.Yield();          // THP002
        void caller()
        {
            Action lambda = async () => await Task.Yield(); // THP002
            local();
            async void local() => await Task.Yield();       // THP002
        }
        """);

    [Theory]
    [InlineData("ref")]
    [InlineData("in")]
    [InlineData("out")]
    public void The_compiler_refuses_a_path_with_parameters_by_reference(string modifier)
    {
        var compilation = Contract.Compile(Contract.InKernelFile($"async KernelTask path({modifier} int n) => await spin_lock();"));

        Assert.Contains(compilation.GetDiagnostics(), static diagnostic => diagnostic.Id == "CS1988");
    }
}
