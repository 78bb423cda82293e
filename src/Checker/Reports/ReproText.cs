using System.Globalization;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Reports;

/// <summary>A delay that holds a thread while others do something.</summary>
/// <param name="Cpu">The thread's CPU in the diagram.</param>
/// <param name="Thread">The thread.</param>
/// <param name="After">The step it is held after.</param>
/// <param name="Until">What has to happen meanwhile.</param>
/// <param name="Turns">How many turns of others that takes.</param>
internal sealed record Delay(int Cpu, string Thread, TraceStep After, string Until, int Turns);

/// <summary>
/// How to make a real kernel do what an interleaving does, the way such races are confirmed: where to delay whom, as a list and as a sketch of a patch.
/// </summary>
internal sealed class ReproText
{
    private const int Milliseconds = 200; // of one turn: a grace period fits in

    private readonly BoundVariant _bound;
    private readonly IReadOnlyList<TraceStep> _steps;
    private readonly List<string> _cpus; // the threads that have one
    private readonly Recording _recording;
    private readonly Property? _property;

    private ReproText(BoundVariant bound, Property? property, Counterexample way)
    {
        _bound = bound;
        _property = property;
        _recording = Recording.Of(bound.Instance, Schedule.Parse(bound.Instance.Machine, way.Schedule));
        _steps = way.Trace.Steps;
        var machine = bound.Instance.Machine;
        var seen = _steps.Select(s => s.Thread).ToHashSet();
        _cpus = [.. Enumerable.Range(0, machine.ThreadCount).Where(t => machine.ThreadKind(t) != ThreadKind.Environment).Select(machine.ThreadName).Where(seen.Contains)];
    }

    private Machine Machine => _bound.Instance.Machine;

    /// <summary>The delays and the sketch; lines end in \n.</summary>
    /// <param name="bound">The variant.</param>
    /// <param name="failure">What fails.</param>
    /// <param name="way">The interleaving.</param>
    public static string Of(BoundVariant bound, Failure failure, Counterexample way) => new ReproText(bound, failure.Property, way).Write();

    /// <summary>Where each thread is held while others step, in the order of the trace.</summary>
    public IReadOnlyList<Delay> Delays()
    {
        var delays = new List<Delay>();
        for (var i = 0; i + 1 < _steps.Count; i++)
        {
            // A thread that waits for a lock needs no delay; environment comes by itself, if it is given the time.
            var next = _steps[i + 1];
            if (_steps[i].IsEnvironment || next.Thread == _steps[i].Thread || (!next.IsEnvironment && !next.IsPreemption) || FailsWithout(i))
            {
                continue;
            }

            var resumes = i + 1;
            var turns = 0;
            for (; resumes < _steps.Count && _steps[resumes].Thread != _steps[i].Thread; resumes++)
            {
                turns += _steps[resumes].Thread == _steps[resumes - 1].Thread ? 0 : 1;
            }

            delays.Add(new Delay(_cpus.IndexOf(_steps[i].Thread), _steps[i].Thread, _steps[i], Until(resumes - 1), turns));
        }

        return delays;
    }

    // Whether it fails as well if the thread goes on after a step as far as it can, and the others then as in the trace.
    private bool FailsWithout(int at)
    {
        const int MostSteps = 400;
        if (_property is null || _steps[at + 1].IsEnvironment)
        {
            return false;
        }

        var (held, stepper) = (_recording.Steps[at].Choice.Thread, _recording.Stepper);
        _recording.Return(at + 1);
        try
        {
            for (var i = 0; i < MostSteps && CanTake(new Choice(held, 0)); i++)
            {
                if (_recording.Take(new Choice(held, 0)) is var own && (own.Result.IsFinal || _recording.Breaks(_property, own)))
                {
                    return false; // it is not this any more
                }
            }

            foreach (var choice in _recording.Steps.Skip(at + 1).Select(s => s.Choice).Where(c => c.Thread != held))
            {
                if (!CanTake(choice))
                {
                    return false;
                }

                var step = _recording.Take(choice);
                if (_property.Form is not (PropertyForm.Finally or PropertyForm.Outcomes) && _recording.Breaks(_property, step))
                {
                    return true;
                }
            }
        }
        catch (ModelFaultException)
        {
            return false;
        }

        return false;

        bool CanTake(Choice choice) => !stepper.HasEnded(choice.Thread) && stepper.IsEnabled(choice.Thread) && choice.Pick < stepper.Choices(choice.Thread);
    }

    private static string In(TraceStep step) => step.Calls.Count == 0 ? "" : $" in {step.Function}()";

    private string Until(int last)
    {
        var step = _steps[last];
        return step.IsEnvironment
            ? $"{OperationAsC.Of(Machine, step).Trim('[', ']')}"
            : $"CPU {_cpus.IndexOf(step.Thread)} has done {OperationAsC.Of(Machine, step.Does)}{In(step)}";
    }

    private string Write()
    {
        var delays = Delays();
        var text = new StringWriter { NewLine = "\n" };
        foreach (var (cpu, name) in _cpus.Index())
        {
            var calls = _bound.Scenario.Threads.FirstOrDefault(t => t.Name.Value == name)?.Calls ?? [];
            text.WriteLine($"CPU {cpu} ({name}): {string.Join(", ", calls.Select(c => c.ToString()))}");
        }

        text.WriteLine();
        foreach (var (number, delay) in delays.Index())
        {
            Wrapped(text, $"{number + 1}. CPU {delay.Cpu} ({delay.Thread}), after {OperationAsC.Of(Machine, delay.After.Does)}{In(delay.After)}: until {delay.Until}");
        }

        if (delays.Count == 0)
        {
            Wrapped(text, "No delay: it happens without anybody being held.");
            return ShortNames.Apply(Machine, text.ToString());
        }

        var later = _cpus.Where(c => _steps.First(s => !s.IsEnvironment).Thread != c).ToArray();
        if (later.Length > 0)
        {
            text.WriteLine();
            Wrapped(text, $"Let {Prose.List(later)} begin within the first delay that is for {(later.Length == 1 ? "it" : "them")}: in a loop, or on another CPU that watches.");
        }

        Sketch(text, delays);
        return ShortNames.Apply(Machine, text.ToString());
    }

    private void Sketch(StringWriter text, IReadOnlyList<Delay> delays)
    {
        var sources = new PathCatalog(_bound.Kernel).Paths.Where(p => p.Source is not null).GroupBy(p => p.Name).ToDictionary(g => g.Key, g => g.First().Source!);
        var files = delays.Where(d => sources.ContainsKey(d.After.Function)).GroupBy(d => sources[d.After.Function].File).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        if (files.Length == 0)
        {
            return; // not in a kernel function
        }

        text.WriteLine();
        Wrapped(text, $"A sketch of the patch, against {_bound.Scenario.KernelOf(_bound.Variant).Value}; it needs <linux/delay.h>, and processes that are named after the threads (PR_SET_NAME):");
        text.WriteLine();
        foreach (var file in files)
        {
            text.WriteLine($"--- a/{file.Key}");
            text.WriteLine($"+++ b/{file.Key}");
            foreach (var delay in file)
            {
                text.WriteLine($"@@ {delay.After.Function}() {sources[delay.After.Function].At} @@");
                text.WriteLine($" \t{OperationAsC.Of(Machine, delay.After.Does)};");
                text.WriteLine($"+\t/* until {delay.Until} */");
                text.WriteLine($"+\tif (!strncmp(current->comm, \"{delay.Thread}\", {delay.Thread.Length.ToString(CultureInfo.InvariantCulture)}))");
                text.WriteLine($"+\t\tmdelay({(Milliseconds * delay.Turns).ToString(CultureInfo.InvariantCulture)});");
            }
        }
    }

    private static void Wrapped(StringWriter text, string line)
    {
        var hanging = char.IsAsciiDigit(line[0]) ? 3 : 0;
        var isFirst = true;
        foreach (var part in Prose.Wrap(line, CommitDiagram.Width - hanging))
        {
            text.WriteLine($"{new string(' ', isFirst ? 0 : hanging)}{part}");
            isFirst = false;
        }
    }
}
