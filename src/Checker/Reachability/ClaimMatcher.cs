using ThpCheck.Checker.Replay;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Reachability;

/// <summary>Says which events of a claim a step is.</summary>
internal sealed class ClaimMatcher(Machine machine, Claim claim)
{
    /// <summary>The events that the step is, as bits in their order.</summary>
    /// <param name="thread">Who steps.</param>
    /// <param name="operation">What it does.</param>
    /// <param name="value">What that returned, or null where the step did not come that far.</param>
    /// <param name="effects">What the thread did after it.</param>
    public ulong Match(int thread, in Operation operation, long? value, Effect[] effects)
    {
        var matches = 0UL;
        for (var i = 0; i < claim.Steps.Count; i++)
        {
            var step = claim.Steps[i];
            if (step.Thread == thread && (IsOperation(step, operation, value) || effects.Any(e => IsReturn(step, e))))
            {
                matches |= 1UL << i;
            }
        }

        return matches;
    }

    private bool IsOperation(ClaimedStep step, in Operation operation, long? value)
    {
        var (code, operand) = (operation.Code, operation.A);
        var isQueued = code == OperationCode.down_write && value == 0; // it has the lock only when it acquires it
        var isIt = Claim.Waits.Any(w => w.Name == step.Name && w.Code == code && w.Operand == operand)
            || (!isQueued && step.Name == (code == OperationCode.down_write_acquire ? nameof(OperationCode.down_write) : code.ToString()));
        return isIt
            && (step.Operation is null || OperationText.Of(machine, operation).Replace(" ", "", StringComparison.Ordinal).Replace("acquires", "", StringComparison.Ordinal) == step.Operation)
            && (step.Value is null || (value is { } known && IsSame(OperationText.Result(machine, operation, known), step.Value)));
    }

    private static bool IsReturn(ClaimedStep step, in Effect effect)
    {
        if (effect.Kind != EffectKind.Return || step.Operation is not null)
        {
            return false;
        }

        var equals = effect.Text.IndexOf(" = ", StringComparison.Ordinal);
        var function = equals < 0 ? effect.Text : effect.Text[..equals];
        return (function == step.Name || function.EndsWith($".{step.Name}", StringComparison.Ordinal))
            && (step.Value is null || (equals >= 0 && IsSame(effect.Text[(equals + 3)..], step.Value)));
    }

    private static bool IsSame(string found, string claimed) => string.Equals(found, claimed, StringComparison.OrdinalIgnoreCase);
}
