using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;
using ThpCheck.Specs.Properties;
using static ThpCheck.Model.Primitives.MemoryAccess;
using static ThpCheck.Model.Primitives.Spinlocks;

namespace ThpCheck.Checker.Tests.Reports;

/// <summary>Reports of small programs for what no scenario can show on demand.</summary>
public sealed class TextReportTests
{
    private const string Scenario = """
        title: A small program
        question: What does a report look like?
        origin: [made up]
        kernel: linux-6.1
        threads:
          - name: a
            calls: [one()]
          - name: b
            calls: [two(), three()]
        properties: [no-lock-leaked]
        variants:
          - name: only
        """;

    [Theory]
    [InlineData("rmap/exit-against-kswapd", "v1")]
    [InlineData("rmap/exit-against-kswapd-reuse", "v1")]
    [InlineData("pmd/partial-punch-against-migration", "baseline")]
    public void A_failure_is_forty_lines_at_most_unless_all_steps_are_asked_for(string scenario, string variant)
    {
        const int Most = 40;
        string[] command = ["check", Repository.File("specs", $"{scenario}.yaml"), "--variant", variant];

        var failures = CommandLineRun.Of(command).Out.Split($"\n  {variant}: ").Skip(1).ToArray();
        var full = CommandLineRun.Of([.. command, "--verbose"]).Out.Split($"\n  {variant}: ").Skip(1).ToArray();

        Assert.NotEmpty(failures);
        Assert.All(failures.SkipLast(1), f => Assert.InRange(f.TrimEnd().Split('\n').Length, 1, Most));
        Assert.Contains(full, f => f.Split('\n').Length > Most);
    }

    [Fact]
    public void A_deadlock_shows_who_waits_for_what() => Approved.Match(Report(Made(p => p.TakeBoth(), p => p.TakeBothTheOtherWayRound(), CancellationToken.None)));

    [Fact]
    public void A_livelock_shows_who_goes_on_for_ever() => Approved.Match(Report(Made(p => p.Spin(), p => p.Once(), CancellationToken.None)));

    [Fact]
    public void A_fault_of_the_model_is_not_as_expected() => Approved.Match(Report(Made(p => p.Once(), p => p.LeaveItsRange(), CancellationToken.None)));

    [Fact]
    public void An_interrupted_search_is_incomplete() =>
        Approved.Match(Report(Made(p => p.Once(), p => p.Once(), new CancellationToken(canceled: true))));

    [Fact]
    public void A_trace_that_another_begins_with_is_not_drawn_again() =>
        Approved.Match(Report(Made(p => p.UnlockWhatItDoesNotHold(), p => p.Once(), CancellationToken.None, p => Property.Always("count-is-even", view => view.Get(p.count) % 2 == 0 ? null : "count is odd"))));

    [Fact]
    public void Outcomes_are_listed() => Approved.Match(Report(Made(p => p.Increment(), p => p.Increment(), CancellationToken.None, Counted)));

    [Fact]
    public void Colour_changes_nothing_but_colour()
    {
        var report = Made(p => p.TakeBoth(), p => p.TakeBothTheOtherWayRound(), CancellationToken.None);
        var (plain, coloured) = (Report(report), Report(report, colour: true));

        Assert.DoesNotContain('\e', plain);
        Assert.Contains('\e', coloured);
        Assert.Equal(plain, System.Text.RegularExpressions.Regex.Replace(coloured, "\e\\[[0-9;]*m", ""));
    }

    private static Property Counted(Program program) => Property.Outcomes("counted", view => [view.Get(program.count)]);

    private static VariantReport Made(Func<Program, KernelTask> a, Func<Program, KernelTask> b, CancellationToken stop, params Func<Program, Property>[] properties)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        builder.Thread("a", Model.Stepping.ThreadKind.Task);
        builder.Thread("b", Model.Stepping.ThreadKind.Task);
        var program = builder.Object("it", at => new Program(at));
        var instance = new Instance(
            builder.Build(),
            stepper =>
            {
                stepper.Begin(0, () => a(program));
                stepper.Begin(1, () => b(program));
            },
            [.. properties.Select(p => p(program))]);
        var scenario = ScenarioReader.Parse("small.yaml", Scenario).Document!;
        var bound = new BoundVariant(scenario, scenario.Variants[0], null!, instance);
        return new VariantReport(scenario, scenario.Variants[0], new CheckedVariant(bound, Judge.Run(instance, new Budget(), stop: stop)));
    }

    private static string Report(VariantReport variant, bool colour = false)
    {
        using var writer = new StringWriter();
        var report = new TextReport(new Paper(writer, 120, colour), new TextReportOptions(Expected: true, Full: false, Disagreements: false) { Question = true });
        report.Begin(variant.Scenario, variant.Scenario.Variants);
        report.Add(variant);
        report.End();
        report.Finish(new CheckSummary { Scenarios = 1 }.With(variant));
        return Approved.Normal(writer.ToString());
    }

    private sealed class Program(Layout at) : KernelObject(at)
    {
        public readonly Shared<int> count = at.Cell(0, 3);
        private readonly spinlock_t _a = new(at, "A");
        private readonly spinlock_t _b = new(at, "B");

        public async KernelTask TakeBoth()
        {
            await spin_lock(_a);
            await spin_lock(_b);
            await spin_unlock(_b);
            await spin_unlock(_a);
        }

        public async KernelTask TakeBothTheOtherWayRound()
        {
            await spin_lock(_b);
            await spin_lock(_a);
            await spin_unlock(_a);
            await spin_unlock(_b);
        }

        public async KernelTask Spin()
        {
            while (await READ_ONCE(count) != 3)
            {
            }
        }

        public async KernelTask Once() => await WRITE_ONCE(count, 1);

        public async KernelTask LeaveItsRange() => await WRITE_ONCE(count, 4);

        public async KernelTask UnlockWhatItDoesNotHold()
        {
            await WRITE_ONCE(count, 3);
            await spin_unlock(_a);
        }

        public async KernelTask Increment()
        {
            var value = await READ_ONCE(count);
            await WRITE_ONCE(count, value + 1);
        }
    }
}
