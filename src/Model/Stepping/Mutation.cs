namespace ThpCheck.Model.Stepping;

/// <summary>A place in the kernel's code that performs an operation: an await of a path, and what is done there.</summary>
/// <param name="StateMachine">The path.</param>
/// <param name="Await">Which of its awaits, as the compiler numbers them.</param>
/// <param name="Code">What it does; of an operation in two steps, the first.</param>
internal readonly record struct Site(Type StateMachine, int Await, OperationCode Code)
{
    // A path of no more awaits than this does what it is named after, and it is its caller that wants it done.
    private const int AwaitsOfWrapper = 2;

    /// <summary>
    /// Where a thread with these frames performs the operation: in the innermost function that is more than a wrapper, such as
    /// anon_vma_lock_write is one. Null where no kernel function does.
    /// </summary>
    public static Site? Of(FrameTable frames, int frame, OperationCode code) => FrameOf(frames, frame) is var at and not 0
        ? new(frames.Type(at).StateMachine, frames.Type(at).AwaitOf(frames.Words(at)), Whole(code))
        : null;

    /// <summary>The frame of that function; 0 for none.</summary>
    public static int FrameOf(FrameTable frames, int frame)
    {
        var innermost = 0;
        for (; frame != 0; frame = frames.Parent(frame))
        {
            if (frames.Type(frame).IsShown)
            {
                innermost = innermost == 0 ? frame : innermost;
                if (frames.Type(frame).Awaits > AwaitsOfWrapper)
                {
                    return frame;
                }
            }
        }

        return innermost;
    }

    private static OperationCode Whole(OperationCode code) => code switch
    {
        OperationCode.down_write_acquire => OperationCode.down_write,
        OperationCode.snapshot_wait => OperationCode.snapshot_begin,
        _ => code,
    };
}

/// <summary>What a mutation makes of its site.</summary>
internal enum MutationKind : byte
{
    /// <summary>Nothing happens there. What was acquired is a phantom: the thread remembers it, and its release does nothing.</summary>
    TakenAway,

    /// <summary>What the operation puts off happens at once.</summary>
    AtOnce,

    /// <summary>The step, which returns nothing, happens after the thread's next one.</summary>
    Delayed,
}

/// <summary>A kernel that differs in one place, to see what that place is for. It is applied where operations become nodes, once for each.</summary>
/// <param name="Site">The place.</param>
/// <param name="Kind">What is different there.</param>
internal sealed record Mutation(Site Site, MutationKind Kind);

/// <summary>What a thread believes it holds.</summary>
/// <param name="Code">The acquisition, in one form for all that have the same release.</param>
/// <param name="Cell">The lock, the word of flags or the count; 0 for a section.</param>
/// <param name="Operand">The bit, or by how much the count is believed to be higher.</param>
/// <param name="Mode">How a lock is believed to be held.</param>
/// <param name="Depth">How many times the thread really held the same when it acquired this: releases go from the last to the first.</param>
internal readonly record struct Phantom(OperationCode Code, int Cell, long Operand, LockMode Mode, int Depth);

/// <summary>How far a delayed step is.</summary>
internal enum DelayStage : byte
{
    /// <summary>It was passed over; what comes next is not known yet.</summary>
    Begun,

    /// <summary>The next step is on its way.</summary>
    Passing,

    /// <summary>It is the thread's next step now.</summary>
    Due,
}

/// <summary>A step that a thread owes.</summary>
/// <param name="Step">What it does.</param>
/// <param name="Stage">How far it is.</param>
/// <param name="Then">Once it is due, what the thread will do after it.</param>
internal sealed record Delay(Operation Step, DelayStage Stage, Operation Then = default);
