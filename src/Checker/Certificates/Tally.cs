using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Certificates;

/// <summary>
/// Looks at the properties once more, in every state, at every step and in every End state, and says what each comes to. It
/// shares the properties themselves with the search, not the search's bookkeeping.
/// </summary>
internal sealed class Tally(IReadOnlyList<Property> properties)
{
    private readonly string?[] _found = new string?[properties.Count]; // where each was first broken or, for Sometimes, reached
    private readonly bool[] _occurred = new bool[properties.Count];    // for AlwaysAt: its event; for Finally and Outcomes: an End state
    private readonly SortedSet<string>[] _outcomes = [.. properties.Select(_ => new SortedSet<string>(StringComparer.Ordinal))];

    /// <summary>Looks at a state.</summary>
    public void OnState(StateView view, int number)
    {
        for (var i = 0; i < properties.Count; i++)
        {
            var property = properties[i];
            var looks = property.Form switch
            {
                PropertyForm.Always => true,
                PropertyForm.Sometimes => _found[i] is null,
                PropertyForm.AlwaysOutside => !view.In(property.At!),
                _ => false,
            };
            if (looks && property.Check(view) is { } sentence)
            {
                var what = property.Form == PropertyForm.Sometimes ? "reaches it" : $"breaks it: {sentence}";
                _found[i] ??= $"state {number} {what}";
            }
        }
    }

    /// <summary>Looks at a step and what it recorded.</summary>
    /// <param name="state">The state after it.</param>
    /// <param name="thread">Whose step it was.</param>
    /// <param name="result">What it came to.</param>
    /// <param name="number">The state it was taken from.</param>
    public void OnStep(State state, int thread, in StepResult result, int number)
    {
        for (var i = 0; i < properties.Count; i++)
        {
            if (properties[i].Form == PropertyForm.KernelBug && result.Meets(properties[i].Bug))
            {
                _found[i] ??= $"{state.Machine.ThreadName(thread)}'s step from state {number} breaks it";
            }
        }

        foreach (var effect in result.IsFinal ? [] : result.Effects)
        {
            if (effect.Kind is EffectKind.Oracle or EffectKind.Return)
            {
                OnEvent(state, thread, effect, number);
            }
        }
    }

    /// <summary>Looks at an End state after tear-down.</summary>
    public void OnEnd(StateView view, int number)
    {
        for (var i = 0; i < properties.Count; i++)
        {
            var property = properties[i];
            if (property.Form is not (PropertyForm.Finally or PropertyForm.Outcomes))
            {
                continue;
            }

            _occurred[i] = true;
            if (property.Outcome is { } outcome)
            {
                _outcomes[i].Add(PropertyClaim.Text(outcome(view)));
            }
            else if (property.Check(view) is { } sentence)
            {
                _found[i] ??= $"End state {number} breaks it: {sentence}";
            }
        }
    }

    /// <summary>What a property came to.</summary>
    public PropertyClaim ClaimOf(int property) => new(properties[property].Name, VerdictOf(property), [.. _outcomes[property]]);

    /// <summary>Where a property was first broken or reached, in words, or null.</summary>
    public string? Where(int property) => _found[property];

    private Verdict VerdictOf(int i) => properties[i].Form switch
    {
        PropertyForm.Sometimes => _found[i] is null ? Verdict.Violated : Verdict.Holds,
        _ when _found[i] is not null => Verdict.Violated,
        PropertyForm.AlwaysAt or PropertyForm.Finally or PropertyForm.Outcomes when !_occurred[i] => Verdict.Vacuous,
        _ => Verdict.Holds,
    };

    private void OnEvent(State state, int thread, in Effect effect, int number)
    {
        string? name = null;
        for (var i = 0; i < properties.Count; i++)
        {
            var property = properties[i];
            if (property.Form != PropertyForm.AlwaysAt || property.At != (name ??= PropertyMonitor.EventName(effect)))
            {
                continue;
            }

            _occurred[i] = true;
            var argument = effect.Kind == EffectKind.Oracle ? state.Machine.Object((int)effect.Value) : null;
            var view = new StateView(state) { Thread = thread, Argument = argument };
            if (property.Check(view) is { } sentence)
            {
                _found[i] ??= $"{state.Machine.ThreadName(thread)}'s step from state {number} breaks it: {sentence}";
            }
        }
    }
}
