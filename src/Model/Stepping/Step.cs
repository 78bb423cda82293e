using System.Runtime.CompilerServices;

namespace ThpCheck.Model.Stepping;

/// <summary>One atomic operation that returns nothing. It happens when it is awaited and the schedule picks its thread.</summary>
public readonly struct Step
{
    /// <summary>For the compiler.</summary>
    public StepAwaiter GetAwaiter() => default;
}

/// <summary>One atomic operation and what it returns.</summary>
/// <typeparam name="T">A type that fits one word.</typeparam>
public readonly struct Step<T>
{
    /// <summary>For the compiler.</summary>
    public StepAwaiter<T> GetAwaiter() => default;
}

/// <summary>Marks the awaiters that a kernel path may wait on.</summary>
internal interface IKernelAwaiter;

/// <summary>Awaits a <see cref="Step"/>; an empty struct, as a frame must hold nothing but the path's own values.</summary>
public readonly struct StepAwaiter : ICriticalNotifyCompletion, IKernelAwaiter
{
    /// <summary>False while the operation waits for its turn.</summary>
    public bool IsCompleted => !Worker.Running.HasPending;

    /// <summary>Takes the operation's end; throws while a fault is pending.</summary>
    public void GetResult() => Worker.Running.TakeStep();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void OnCompleted(Action continuation) => throw new NotSupportedException();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void UnsafeOnCompleted(Action continuation) => throw new NotSupportedException();
}

/// <summary>Awaits a <see cref="Step{T}"/>.</summary>
/// <typeparam name="T">What the operation returns.</typeparam>
public readonly struct StepAwaiter<T> : ICriticalNotifyCompletion, IKernelAwaiter
{
    /// <summary>False while the operation waits for its turn.</summary>
    public bool IsCompleted => !Worker.Running.HasPending;

    /// <summary>Takes what the operation returned; throws while a fault is pending.</summary>
    public T GetResult() => Worker.Running.TakeStep<T>();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void OnCompleted(Action continuation) => throw new NotSupportedException();

    /// <summary>Never called: the builder keeps the frame.</summary>
    public void UnsafeOnCompleted(Action continuation) => throw new NotSupportedException();
}
