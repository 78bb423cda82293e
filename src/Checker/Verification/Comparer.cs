using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Kernel;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Verification;

/// <summary>
/// Explores a variant on a kernel and, where that enters what a patch changes, on the kernel with the patch. The kernel without it runs
/// the patch's probes, which change nothing and tell what is entered: it is measured, not read off the source.
/// </summary>
internal sealed class Comparer(UserCode code, Library library, Budget budget)
{
    private readonly Dictionary<string, ScenarioResult> _read = new(StringComparer.Ordinal);

    public Compared Compare(Job job, CancellationToken stop = default)
    {
        if (!_read.TryGetValue(job.Scenario, out var read))
        {
            _read.Add(job.Scenario, read = ScenarioReader.Read(job.Scenario));
        }

        var compared = new Compared(job);
        if (read.Document is not { } scenario)
        {
            return compared with { Errors = Lines(read.Diagnostics) };
        }

        if (scenario.Variants.FirstOrDefault(v => v.Name.Value == job.Variant) is not { } variant)
        {
            return compared with { Errors = [$"thpcheck: no variant '{job.Variant}' in {job.Scenario}"] };
        }

        compared = compared with
        {
            Title = scenario.Title.Value,
            Kernel = scenario.KernelOf(variant).Value,
            Scope = Scope.Own(scenario, variant) is { } own ? $"{Scope.Of(scenario)}; here {own}" : Scope.Of(scenario),
        };
        var (bound, errors) = ScenarioBinder.Bind(scenario, (code with { Series = [] }).On(variant), library: library with { Probing = true });
        if (bound is null)
        {
            return compared with { Errors = Lines(errors) };
        }

        compared = compared with { Base = Explore(bound, stop) };
        if (!compared.IsReached)
        {
            return compared;
        }

        (bound, errors) = ScenarioBinder.Bind(scenario, code.On(variant), library: library);
        return bound is not null ? compared with { Patched = Explore(bound, stop) }
            : errors.Any(e => e.File != scenario.Path) ? compared with { Errors = Lines(errors) }
            : compared with { Patched = SetUpFails(errors[0]) };
    }

    // What the set-up comes through without the patch and not with it is the patch's doing: a kernel bug there takes no interleaving.
    private static Side SetUpFails(Diagnostic error)
    {
        var side = new Side { States = 0, Transitions = 0, Ends = 0, Seconds = 0 };
        return error.Bug != KernelBug.None
            ? side with
            {
                Incomplete = "the set-up fails",
                Properties = [new("set-up", PropertyForm.KernelBug, PropertyClass.Safety, Verdict.Violated, error.ToString(), "The kernel comes through the scenario's set-up.")],
            }
            : side with { Fault = error.ToString() };
    }

    private Side Explore(BoundVariant bound, CancellationToken stop)
    {
        try
        {
            var result = Judge.Run(bound.Instance, BudgetOf(bound.Scenario), null, stop);
            var names = NamesOf(bound.Kernel);
            return new Side
            {
                States = result.States,
                Transitions = result.Transitions,
                Ends = result.Ends,
                Seconds = result.Time.TotalSeconds,
                Incomplete = result.Incomplete,
                Fault = result.Fault?.Message,
                FaultWay = result.Fault is { Way: { } way } ? Show(bound, way, Failure.ModelFault, null) : null,
                Properties = [.. result.Properties.Select(p => Of(bound, p)), .. Stuck(bound, result)],
                Functions = [.. result.Functions.Select(f => InFile(f, names)).Distinct().Order(StringComparer.Ordinal)],
                Entered = bound.Instance.Machine.Entered,
            };
        }
        catch (ModelFaultException e)
        {
            return Nothing(bound) with { Fault = e.Message };
        }
        catch (OutOfMemoryException)
        {
            return Nothing(bound) with { Incomplete = "memory ran out; --max-memory gives it more" };
        }
    }

    private static Side Nothing(BoundVariant bound) => new() { States = 0, Transitions = 0, Ends = 0, Seconds = 0, Entered = bound.Instance.Machine.Entered };

    // The smaller of what the command line and the file allow.
    private Budget BudgetOf(ScenarioFile scenario) => budget with
    {
        States = Math.Min(budget.States, scenario.Bounds.States?.Value ?? long.MaxValue),
    };

    private static PropertyOutcome Of(BoundVariant bound, PropertyResult found) =>
        new(found.Property.Name, found.Property.Form, found.Property.Class, found.Verdict, found.Message, found.Property.Promise)
        {
            Way = found.Counterexample is { } way ? Show(bound, way, TraceText.Mark(found.Property, found.Message ?? ""), null) : null,
            Outcomes = found.Outcomes is { } outcomes ? string.Join(" ", outcomes.Select(o => $"({string.Join(",", o)})")) : null,
        };

    private static IEnumerable<PropertyOutcome> Stuck(BoundVariant bound, InstanceResult result)
    {
        foreach (var (name, way) in new[] { (Expectation.Deadlock, result.Deadlock), (Expectation.Livelock, result.Livelock) })
        {
            if (way is not null)
            {
                var ending = Ending.Of(bound.Instance, way.Schedule);
                yield return new(name, PropertyForm.KernelBug, PropertyClass.Safety, Verdict.Violated, name == Expectation.Deadlock ? ending.Deadlock : ending.Livelock, "")
                {
                    Way = Show(bound, way, "", ending),
                };
            }
        }
    }

    private static Interleaving Show(BoundVariant bound, Counterexample way, string mark, Ending? ending)
    {
        using var text = new StringWriter { NewLine = "\n" };
        var paper = new Paper(text, Width, colour: false);
        paper.WriteProse(TraceText.Schedule(way), 2);
        paper.WriteLine();
        if (way.Trace.Steps.Count > 0 || ending is not null)
        {
            TraceColumns.Write(paper, TraceText.View(bound, way.Trace, mark, ending, full: false), 2);
            paper.WriteLine();
        }

        paper.WriteLine($"  {TraceText.Replay(bound, way.Schedule)}");
        return new(way.Schedule, way.Switches, way.Steps, way.IsMinimal, text.ToString());
    }

    private const int Width = CommandLine.Streams.UsualWidth;

    // The classes that stand for a kernel file, at any remove, go by the file's name.
    private static Dictionary<string, string> NamesOf(Kernel kernel)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in kernel.Files)
        {
            for (var type = file.GetType(); type != typeof(KernelFile) && type is not null; type = type.BaseType)
            {
                names.TryAdd(type.Name, file.Name);
            }
        }

        return names;
    }

    private static string InFile(string function, Dictionary<string, string> names) =>
        function.Split('.', 2) is [var type, var name] && names.TryGetValue(type, out var file) ? $"{file}.{name}" : function;

    private static string[] Lines(IReadOnlyList<Diagnostic> errors) => [.. errors.Select(e => e.Line == 0 ? $"thpcheck: {e.Message}" : e.ToString())];
}
