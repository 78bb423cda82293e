using System.Diagnostics;
using System.Globalization;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Reduction;
using ThpCheck.Checker.Verdicts;

namespace ThpCheck.Bench;

/// <summary>Runs a model once and says in a line what that came to.</summary>
internal sealed class Measurement(Model model, int[] sizes, Budget budget)
{
    private readonly string _name = sizes.Length == 0 ? model.Name : $"{model.Name}({string.Join(',', sizes)})";

    /// <summary>What the numbers of <see cref="Run"/> are.</summary>
    public string Unit => model.Fails ? "s to the counterexample" : "M transitions/s";

    /// <summary>Whether every run so far found what it had to.</summary>
    public bool AsExpected { get; private set; } = true;

    /// <summary>Explores a fresh instance and prints what was found.</summary>
    /// <returns>The number that the median is taken of, in <see cref="Unit"/>.</returns>
    public double Run() => model.Fails ? Counterexample() : WholeGraph();

    private double WholeGraph()
    {
        var instance = model.Make(sizes);
        var machine = instance.Machine;
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var found = BreadthFirstExplorer.Run(instance, budget);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        var seconds = found.Time.TotalSeconds;
        var (states, transitions) = ((long)found.Graph.StateCount, found.Graph.EdgeCount);
        var (nodes, paths) = (0, 0L);
        for (var thread = 0; thread < machine.ThreadCount; thread++)
        {
            var (n, runs) = machine.Discovered(thread);
            (nodes, paths) = (nodes + n, paths + runs);
        }

        var asFormula = budget.Reductions != Reductions.None || model.Formula is not { } formula ? "" : formula(sizes) == (states, transitions) ? " as the formula" : " NOT AS THE FORMULA";
        AsExpected &= asFormula != " NOT AS THE FORMULA" && found.IsComplete && found.Sinks.Count == 0;
        Print(
            $"{_name}: {states} states, {transitions} transitions{asFormula}, depth {found.Depth}; {seconds:0.000} s, {transitions / seconds / 1e6:0.00} M transitions/s, {states / seconds / 1e6:0.00} M states/s; {nodes} nodes, path code ran {paths} times, memo hits {1 - ((double)paths / transitions):P2}; {(found.TableBytes + found.StoreBytes) / (double)states:0} bytes/state, {allocated / (double)transitions:0.000} bytes/transition allocated besides{(found.Searches > 1 ? $"; {found.Searches} searches" : "")}");
        return transitions / seconds / 1e6;
    }

    private double Counterexample()
    {
        var instance = model.Make(sizes);
        var clock = Stopwatch.StartNew();
        var result = Judge.Run(instance, budget);
        var seconds = clock.Elapsed.TotalSeconds;
        var found = result.Properties.Select(p => p.Counterexample).FirstOrDefault(c => c is not null);
        AsExpected &= found is not null;
        var ending = found is null ? "NO COUNTEREXAMPLE" : $"counterexample of {found.Steps} steps and {found.Switches} context switches, {(found.IsMinimal ? "proven least" : "the first met")}";
        Print($"{_name}: {result.States} states, {result.Transitions} transitions, depth {result.Depth}; {ending}; search {result.Time.TotalSeconds:0.000} s, with the counterexample {seconds:0.000} s");
        return seconds;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
