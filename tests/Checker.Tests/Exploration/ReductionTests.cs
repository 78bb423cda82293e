using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>What a reduction leaves out changes no verdict, no End state and no deadlock.</summary>
public sealed class ReductionTests
{
    private static readonly Reductions[] Kinds = [Reductions.Unobservable, Reductions.Guarded, Reductions.Futures, Reductions.All];

    public static TheoryData<string> Scenarios => [.. Directory.EnumerateFiles(Repository.File("specs"), "*.yaml", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.File("specs"), f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Every_variant_has_the_same_verdicts_reduced(string file)
    {
        var scenario = ScenarioReader.Read(Repository.File("specs", file)).Document!;
        foreach (var variant in scenario.Variants)
        {
            Compare(() => ScenarioBinder.Bind(scenario, variant).Variant!.Instance, $"{file}, {variant.Name}", [Reductions.All]);
        }
    }

    [Fact]
    public void Random_programs_have_the_same_verdicts_reduced()
    {
        var (whole, reduced) = (0L, 0L);
        for (var seed = 0; seed < 600; seed++)
        {
            var (all, some) = Compare(() => RandomPrograms.Make(seed, kinds: true), $"seed {seed}", Kinds);
            (whole, reduced) = (whole + all, reduced + some);
        }

        Assert.True(reduced < whole * 0.8, $"{reduced} of {whole} states are left: hardly a reduction");
    }

    private static (long All, long Some) Compare(Func<Instance> make, string what, Reductions[] kinds)
    {
        var whole = BreadthFirstExplorer.Run(make(), new Budget());
        var expected = Answer(whole);
        var some = 0L;
        foreach (var kind in kinds)
        {
            var reduced = BreadthFirstExplorer.Run(make(), new Budget { Reductions = kind, Workers = 1 + (kinds.Length & 1) });
            Assert.Equal((what, kind, expected), (what, kind, Answer(reduced)));
            Assert.True(reduced.Graph.StateCount <= whole.Graph.StateCount);
            some = reduced.Graph.StateCount;
        }

        return (whole.Graph.StateCount, some);
    }

    // As all states of a reduced graph are states of the whole one, as many End states and deadlocks are the same ones.
    private static string Answer(ThpCheck.Checker.Exploration.Exploration exploration)
    {
        var progressing = Progressing.Of(exploration, exploration.Graph.Reverse());
        var result = Judge.Of(exploration, new Budget());
        var properties = result.Properties.Select(p => $"{p.Property.Name} {p.Verdict} {string.Join(' ', (p.Outcomes ?? []).Select(o => string.Join(',', o)))}");
        return $"{result.Verdict} {exploration.Incomplete} {exploration.Ends.Count} ends {progressing.Deadlocks.Count} deadlocks {progressing.Livelocks.Count > 0}\n{string.Join('\n', properties)}";
    }
}
