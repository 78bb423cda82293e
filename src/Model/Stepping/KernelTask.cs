using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>
/// A kernel path that returns nothing, as an async method. The compiler's state machine is kept in a frame that can be
/// written to words and read back, so a thread in the middle of a path is plain data.
/// </summary>
/// <remarks>
/// It is awaited where it is called, or returned from a method of this type, and nothing else: it carries no identity, so
/// a task that is kept or dropped would silently lose the calls inside it.
/// </remarks>
[AsyncMethodBuilder(typeof(KernelTaskBuilder))]
public readonly struct KernelTask
{
    /// <summary>For the compiler.</summary>
    public KernelTaskAwaiter GetAwaiter() => default;
}

/// <summary>A kernel path and what it returns.</summary>
/// <typeparam name="T">Any type a frame may hold; tuples of them too.</typeparam>
[AsyncMethodBuilder(typeof(KernelTaskBuilder<>))]
public readonly struct KernelTask<T>
{
    /// <summary>For the compiler.</summary>
    public KernelTaskAwaiter<T> GetAwaiter() => default;
}

/// <summary>Awaits a <see cref="KernelTask"/>; an empty struct.</summary>
public readonly struct KernelTaskAwaiter : ICriticalNotifyCompletion, IKernelAwaiter
{
    /// <summary>False while the path is suspended in an operation.</summary>
    public bool IsCompleted => !Worker.Running.HasPending;

    /// <summary>Takes the path's end; throws while a fault is pending.</summary>
    public void GetResult() => Worker.Running.TakePath();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void OnCompleted(Action continuation) => throw new NotSupportedException();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void UnsafeOnCompleted(Action continuation) => throw new NotSupportedException();
}

/// <summary>Awaits a <see cref="KernelTask{T}"/>; an empty struct.</summary>
/// <typeparam name="T">What the path returns.</typeparam>
public readonly struct KernelTaskAwaiter<T> : ICriticalNotifyCompletion, IKernelAwaiter
{
    /// <summary>False while the path is suspended in an operation.</summary>
    public bool IsCompleted => !Worker.Running.HasPending;

    /// <summary>Takes what the path returned; throws while a fault is pending.</summary>
    public T GetResult() => Worker.Running.TakePath<T>();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void OnCompleted(Action continuation) => throw new NotSupportedException();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void UnsafeOnCompleted(Action continuation) => throw new NotSupportedException();
}

/// <summary>The compiler's way into <see cref="Worker"/> for a path that returns nothing; an empty struct.</summary>
public readonly struct KernelTaskBuilder
{
    /// <summary>For the compiler.</summary>
    public KernelTask Task => default;

    /// <summary>For the compiler.</summary>
    public static KernelTaskBuilder Create() => default;

    /// <summary>Puts the state machine into a frame and runs it to its first operation.</summary>
    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => Worker.Running.Enter(ref stateMachine);

    /// <summary>The path returns.</summary>
    public void SetResult() => Worker.Running.Return();

    /// <summary>The path throws.</summary>
    public void SetException(Exception exception) => Worker.Running.Throw(exception);

    /// <summary>For the compiler; a struct in a frame needs no box.</summary>
    public void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    /// <summary>The path is suspended; its frame stays on the stack.</summary>
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => Worker.Running.Suspend<TAwaiter>();

    /// <summary>The path is suspended; its frame stays on the stack.</summary>
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => Worker.Running.Suspend<TAwaiter>();
}

/// <summary>The compiler's way into <see cref="Worker"/> for a path that returns something; an empty struct.</summary>
/// <typeparam name="T">What the path returns.</typeparam>
public readonly struct KernelTaskBuilder<T>
{
    /// <summary>For the compiler.</summary>
    public KernelTask<T> Task => default;

    /// <summary>For the compiler.</summary>
    public static KernelTaskBuilder<T> Create() => default;

    /// <summary>Puts the state machine into a frame and runs it to its first operation.</summary>
    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => Worker.Running.Enter(ref stateMachine);

    /// <summary>The path returns.</summary>
    public void SetResult(T result) => Worker.Running.Return(result);

    /// <summary>The path throws.</summary>
    public void SetException(Exception exception) => Worker.Running.Throw(exception);

    /// <summary>For the compiler; a struct in a frame needs no box.</summary>
    public void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    /// <summary>The path is suspended; its frame stays on the stack.</summary>
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => Worker.Running.Suspend<TAwaiter>();

    /// <summary>The path is suspended; its frame stays on the stack.</summary>
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => Worker.Running.Suspend<TAwaiter>();
}
