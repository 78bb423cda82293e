namespace ThpCheck.Analyzers.Tests;

/// <summary>
/// The awaitable types, as far as the compiler needs them to translate a path, and a few primitives. It stores, passes and
/// defaults tasks as the real namespace does, and so is itself the test that the namespace is exempt.
/// </summary>
internal static class SteppingStub
{
    public const string Source = """
        using System;
        using System.Runtime.CompilerServices;

        namespace ThpCheck.Model.Stepping
        {
            public sealed class Shared<T>;

            [AsyncMethodBuilder(typeof(KernelTaskBuilder))]
            public readonly struct KernelTask { public Awaiter GetAwaiter() => default; }

            [AsyncMethodBuilder(typeof(KernelTaskBuilder<>))]
            public readonly struct KernelTask<T> { public Awaiter<T> GetAwaiter() => default; }

            public readonly struct Step { public Awaiter GetAwaiter() => default; }

            public readonly struct Step<T> { public Awaiter<T> GetAwaiter() => default; }

            public static class Operation
            {
                private static readonly Step Nothing = default;
                [ThreadStatic] private static object? t_worker;

                public static Step<T> Read<T>(Shared<T> cell) { t_worker = cell; var step = default(Step<T>); return Same(step); }
                public static Step Write<T>(Shared<T> cell, T value) => Nothing;
                private static T Same<T>(T value) => value;
            }

            public readonly struct Awaiter : INotifyCompletion
            {
                public bool IsCompleted => false;
                public void GetResult() { }
                public void OnCompleted(Action continuation) { }
            }

            public readonly struct Awaiter<T> : INotifyCompletion
            {
                public bool IsCompleted => false;
                public T GetResult() => default!;
                public void OnCompleted(Action continuation) { }
            }

            public struct KernelTaskBuilder
            {
                public static KernelTaskBuilder Create() => default;
                public KernelTask Task => default;
                public void SetResult() { }
                public void SetException(Exception exception) { }
                public void SetStateMachine(IAsyncStateMachine machine) { }
                public void Start<M>(ref M machine) where M : IAsyncStateMachine { }
                public void AwaitOnCompleted<A, M>(ref A awaiter, ref M machine)
                    where A : INotifyCompletion where M : IAsyncStateMachine { }
                public void AwaitUnsafeOnCompleted<A, M>(ref A awaiter, ref M machine)
                    where A : INotifyCompletion where M : IAsyncStateMachine { }
            }

            public struct KernelTaskBuilder<T>
            {
                public static KernelTaskBuilder<T> Create() => default;
                public KernelTask<T> Task => default;
                public void SetResult(T result) { }
                public void SetException(Exception exception) { }
                public void SetStateMachine(IAsyncStateMachine machine) { }
                public void Start<M>(ref M machine) where M : IAsyncStateMachine { }
                public void AwaitOnCompleted<A, M>(ref A awaiter, ref M machine)
                    where A : INotifyCompletion where M : IAsyncStateMachine { }
                public void AwaitUnsafeOnCompleted<A, M>(ref A awaiter, ref M machine)
                    where A : INotifyCompletion where M : IAsyncStateMachine { }
            }
        }

        namespace ThpCheck.Model
        {
            using ThpCheck.Model.Stepping;

            public abstract class KernelFile
            {
                protected static readonly Shared<int> x = new();
                protected static readonly Shared<int> y = new();
                protected static Step<T> READ_ONCE<T>(Shared<T> cell) => Operation.Read(cell);
                protected static Step WRITE_ONCE<T>(Shared<T> cell, T value) => Operation.Write(cell, value);
                protected static async KernelTask spin_lock() => await WRITE_ONCE(x, 1);
                protected static async KernelTask spin_unlock() => await WRITE_ONCE(x, 0);
                protected static async KernelTask<bool> spin_trylock() => await READ_ONCE(x) == 0;
            }
        }
        """;
}
