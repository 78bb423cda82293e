using System.Globalization;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;

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

    private ReproText(BoundVariant bound, Counterexample way)
    {
        _bound = bound;
        _steps = way.Trace.Steps;
        var machine = bound.Instance.Machine;
        var seen = _steps.Select(s => s.Thread).ToHashSet();
        _cpus = [.. Enumerable.Range(0, machine.ThreadCount).Where(t => machine.ThreadKind(t) != ThreadKind.Environment).Select(machine.ThreadName).Where(seen.Contains)];
    }

    private Machine Machine => _bound.Instance.Machine;

    /// <summary>The delays and the sketch; lines end in \n.</summary>
    public static string Of(BoundVariant bound, Counterexample way) => new ReproText(bound, way).Write();

    /// <summary>Where each thread is held while others step, in the order of the trace.</summary>
    public IReadOnlyList<Delay> Delays()
    {
        var delays = new List<Delay>();
        for (var i = 0; i + 1 < _steps.Count; i++)
        {
            // A thread that waits for a lock needs no delay; environment comes by itself, if it is given the time.
            var next = _steps[i + 1];
            if (_steps[i].IsEnvironment || next.Thread == _steps[i].Thread || (!next.IsEnvironment && !next.IsPreemption))
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

    private string Until(int last)
    {
        var step = _steps[last];
        return step.IsEnvironment
            ? $"{OperationAsC.Of(Machine, step).Trim('[', ']')}"
            : $"CPU {_cpus.IndexOf(step.Thread)} has done {OperationAsC.Of(Machine, step.Does)} in {step.Function}()";
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
            Wrapped(text, $"{number + 1}. CPU {delay.Cpu} ({delay.Thread}), in {delay.After.Function}(), after {OperationAsC.Of(Machine, delay.After.Does)}: until {delay.Until}");
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
        var sources = new PathCatalog(_bound.Kernel).Paths.GroupBy(p => p.Name).ToDictionary(g => g.Key, g => g.First().Source);
        text.WriteLine();
        Wrapped(text, $"A sketch of the patch, against {_bound.Scenario.KernelOf(_bound.Variant).Value}; it needs <linux/delay.h>, and processes that are named after the threads (PR_SET_NAME):");
        text.WriteLine();
        foreach (var file in delays.GroupBy(d => sources.GetValueOrDefault(d.After.Function)?.File ?? "").OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var name = file.Key.Length == 0 ? "unknown" : file.Key;
            text.WriteLine($"--- a/{name}");
            text.WriteLine($"+++ b/{name}");
            foreach (var delay in file)
            {
                var at = sources.GetValueOrDefault(delay.After.Function) is KernelSourceAttribute { At: { } version } ? $" {version}" : "";
                text.WriteLine($"@@ {delay.After.Function}(){at} @@");
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
