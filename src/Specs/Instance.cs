using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Specs;

/// <summary>One variant of a scenario, ready to explore: a machine, how its threads begin, and what is promised about it.</summary>
public sealed class Instance
{
    private readonly Action<Stepper> _begin;
    private (ulong[] Words, ulong Low, ulong High)? _initial; // the initial state, once it was reached

    /// <summary>Puts an instance together.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="begin">Brings a fresh machine to its initial state: set-up, then each thread's begin.</param>
    /// <param name="properties">What is promised, the kernel bugs aside.</param>
    public Instance(Machine machine, Action<Stepper> begin, params IReadOnlyList<Property> properties)
    {
        Machine = machine;
        _begin = begin;
        Properties = [.. KernelBugProperties.All, .. properties];
    }

    /// <summary>The machine.</summary>
    public Machine Machine { get; }

    /// <summary>What is promised: the kernel bugs first.</summary>
    public IReadOnlyList<Property> Properties { get; }

    /// <summary>Runs alone in each End state before <c>finally</c> properties are looked at; null for nothing.</summary>
    public (int Thread, Func<KernelTask> Entry)? TearDown { get; init; }

    /// <summary>The same with one more promise, the last.</summary>
    public Instance Promising(Property property) => new(Machine, _begin, [.. Properties.Skip(KernelBugProperties.All.Count), property]) { TearDown = TearDown };

    /// <summary>A stepper at the initial state.</summary>
    /// <exception cref="ModelFaultException">The set-up is wrong.</exception>
    public Stepper Begin()
    {
        var stepper = new Stepper(Machine);
        if (_initial is { } initial)
        {
            stepper.State.Load(initial.Words, initial.Low, initial.High);
        }
        else
        {
            _begin(stepper);
            _initial = (stepper.State.Words.ToArray(), stepper.State.Fingerprint.Low, stepper.State.Fingerprint.High);
        }

        return stepper;
    }

    /// <summary>Forgets the initial state: the machine's threads have got other automata, so it has to be reached again.</summary>
    internal void Forget() => _initial = null;

    /// <summary>Runs a thread alone until it ends.</summary>
    /// <param name="stepper">Where it runs; its state is changed.</param>
    /// <param name="thread">The thread.</param>
    /// <param name="entry">Its path.</param>
    /// <param name="what">What it is, for the message: "set-up" or "tear-down".</param>
    /// <exception cref="ModelFaultException">It blocks, chooses, meets a kernel bug, or needs more room.</exception>
    /// <returns>What it recorded.</returns>
    public static IReadOnlyList<Effect> RunAlone(Stepper stepper, int thread, Func<KernelTask> entry, string what)
    {
        ArgumentNullException.ThrowIfNull(stepper);
        const int MostSteps = 100_000;
        List<Effect> effects = [.. stepper.Begin(thread, entry)];
        for (var steps = 0; !stepper.HasEnded(thread); steps++)
        {
            var pending = stepper.Pending(thread).Code;
            if (!stepper.IsEnabled(thread))
            {
                throw new ModelFaultException($"the {what} blocks in {pending}; it runs alone, so nothing can wake it");
            }

            if (stepper.Choices(thread) != 1)
            {
                throw new ModelFaultException($"the {what} chooses in {pending}; it must be one execution");
            }

            if (steps == MostSteps)
            {
                throw new ModelFaultException($"the {what} takes more than {MostSteps} steps; does it loop?");
            }

            var result = stepper.Step(thread);
            if (result.ScopeTooSmall)
            {
                throw new ModelFaultException($"the {what} needs more of {result.Reason} than the scenario has");
            }

            if (Enum.GetValues<KernelBug>().FirstOrDefault(b => b != KernelBug.None && result.Meets(b)) is var bug and not KernelBug.None)
            {
                throw new ModelFaultException($"the {what} meets a kernel bug in {pending}: {KernelBugProperties.For(bug).Name} is broken{(result.Reason is null ? "" : $" ({result.Reason})")}") { Bug = bug };
            }

            effects.AddRange(result.Effects);
        }

        return effects;
    }
}
