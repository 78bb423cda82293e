using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Primitives;

/// <summary>Preemption, interrupts, and interrupting other CPUs.</summary>
/// <remarks>
/// Left out: interrupt handlers as threads of their own; an IPI here is the wait for it (hides races with what a handler
/// itself does, which the scenario that needs it models as a step of the receiver).
/// </remarks>
public static class Interrupts
{
    /// <summary>preempt_disable. Also an RCU read section.</summary>
    public static Step preempt_disable() => Worker.Running.Declare(new Operation(OperationCode.preempt_disable));

    /// <summary>preempt_enable.</summary>
    public static Step preempt_enable() => Worker.Running.Declare(new Operation(OperationCode.preempt_enable));

    /// <summary>local_irq_disable. Nests, as local_irq_save does. Also an RCU read section.</summary>
    public static Step local_irq_disable() => Worker.Running.Declare(new Operation(OperationCode.local_irq_disable));

    /// <summary>local_irq_enable.</summary>
    public static Step local_irq_enable() => Worker.Running.Declare(new Operation(OperationCode.local_irq_enable));

    /// <summary>smp_call_function with wait: every other CPU has taken an interrupt, so each left its irq-off section if it was in one.</summary>
    public static KernelTask smp_call_function() => Snapshots.wait_for(SectionKinds.IrqOff);
}
