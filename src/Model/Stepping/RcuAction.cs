namespace ThpCheck.Model.Stepping;

/// <summary>What an RCU callback does to its object: one operation, run by the environment after a grace period.</summary>
/// <param name="operation">The operation; its object is the callback's.</param>
public sealed class RcuAction(Operation operation) : ModelObject
{
    /// <summary>The operation, without its object.</summary>
    public Operation Operation => operation;
}
