namespace ThpCheck.Checker.Bounds;

/// <summary>A bound on the context switches of the executions that were explored.</summary>
/// <param name="Switches">The most an execution may have.</param>
/// <param name="IsHit">Whether states or steps lie beyond it. Where none do, everything was explored.</param>
internal sealed record SwitchBound(int Switches, bool IsHit)
{
    /// <summary>As in "not found within 2 context switches".</summary>
    public override string ToString() => $"{Switches} context switch{(Switches == 1 ? "" : "es")}";
}
