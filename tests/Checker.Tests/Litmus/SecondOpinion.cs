using System.Globalization;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>
/// What the re-executing engine says about an instance in the terms of the explorer's answer. States are told apart by
/// their words, whole.
/// </summary>
internal sealed class SecondOpinion
{
    private readonly Instance _instance;
    private readonly HashSet<string> _states = [];
    private readonly HashSet<(string From, Choice By)> _steps = [];
    private readonly HashSet<string> _ends = [];
    private readonly HashSet<string> _broken = [];
    private readonly HashSet<string> _reached = [];
    private readonly SortedDictionary<string, SortedSet<string>> _outcomes = new(StringComparer.Ordinal);
    private string _before = "";
    private bool _deadlock;
    private bool _tooSmall;

    private SecondOpinion(Instance instance)
    {
        _instance = instance;
        foreach (var property in instance.Properties.Where(p => p.Outcome is not null))
        {
            _outcomes.Add(property.Name, new(StringComparer.Ordinal));
        }
    }

    /// <summary>The answer as lines of text.</summary>
    public static string Of(Instance instance)
    {
        var opinion = new SecondOpinion(instance);
        new ReexecutingEngine(instance) { Watch = opinion.Look }.Run();
        return opinion.ToString();
    }

    /// <summary>The explorer's answer in the same form.</summary>
    public static string Of(InstanceResult result) => Text(
        result.Verdict,
        result.States,
        result.Transitions,
        result.Ends,
        result.Properties.Where(p => p.Verdict == Verdict.Violated).Select(p => p.Property.Name),
        result.Properties.Where(p => p.Outcomes is not null).OrderBy(p => p.Property.Name, StringComparer.Ordinal)
            .Select(p => (p.Property.Name, p.Outcomes!.Select(o => string.Join(',', o)))));

    public override string ToString()
    {
        var broken = _instance.Properties
            .Where(p => p.Form == PropertyForm.Sometimes ? !_reached.Contains(p.Name) : _broken.Contains(p.Name)).Select(p => p.Name).ToArray();
        var verdict = broken.Length > 0 ? VariantVerdict.Violated
            : _tooSmall ? VariantVerdict.Incomplete
            : _deadlock ? VariantVerdict.Deadlock
            : VariantVerdict.Holds;
        return Text(verdict, _states.Count, _steps.Count, _ends.Count, broken, _outcomes.Select(o => (o.Key, o.Value.AsEnumerable())));
    }

    private static string Text(
        VariantVerdict verdict, long states, long transitions, int ends, IEnumerable<string> broken, IEnumerable<(string Name, IEnumerable<string> Values)> outcomes) =>
        string.Create(CultureInfo.InvariantCulture, $"{verdict}, {states} states, {transitions} steps, {ends} ends\nbroken: {string.Join(' ', broken)}\n")
        + string.Join('\n', outcomes.Select(o => $"{o.Name}: {string.Join(' ', o.Values.Order(StringComparer.Ordinal))}"));

    private void Look(Stepper stepper, IReadOnlyList<Choice> schedule, StepResult? step)
    {
        if (step is { } taken)
        {
            _steps.Add((_before, schedule[^1]));
            _broken.UnionWith(KernelBugProperties.All.Where(p => taken.Meets(p.Bug)).Select(p => p.Name));
            if (taken.IsFinal)
            {
                _tooSmall |= taken.ScopeTooSmall;
                _states.Add($"{_before} {schedule[^1]}"); // a state of its own
                return;
            }
        }

        LookAtEvents(stepper, step);
        _before = string.Join(' ', stepper.State.Words.ToArray());
        if (!_states.Add(_before))
        {
            return;
        }

        var view = new StateView(stepper.State);
        foreach (var property in _instance.Properties)
        {
            var looks = property.Form is PropertyForm.Always or PropertyForm.Sometimes
                || (property.Form == PropertyForm.AlwaysOutside && !view.In(property.At!))
                || (property.Form == PropertyForm.Finally && stepper.IsEnd);
            if (looks && property.Check(view) is not null)
            {
                (property.Form == PropertyForm.Sometimes ? _reached : _broken).Add(property.Name);
            }
        }

        if (stepper.IsEnd)
        {
            _ends.Add(_before);
            foreach (var property in _instance.Properties.Where(p => p.Outcome is not null))
            {
                _outcomes[property.Name].Add(string.Join(',', property.Outcome!(view)));
            }
        }

        _deadlock |= !stepper.IsEnd && !Enumerable.Range(0, _instance.Machine.ThreadCount).Any(stepper.IsEnabled);
    }

    private void LookAtEvents(Stepper stepper, StepResult? step)
    {
        foreach (var effect in step?.Effects.Where(e => e.Kind == EffectKind.Oracle) ?? [])
        {
            var view = new StateView(stepper.State) { Argument = _instance.Machine.Object((int)effect.Value) };
            _broken.UnionWith(_instance.Properties.Where(p => p.Form == PropertyForm.AlwaysAt && p.At == effect.Text && p.Check(view) is not null).Select(p => p.Name));
        }
    }
}
