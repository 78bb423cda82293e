using System.Diagnostics;
using System.Globalization;
using ThpCheck.Bench;
using ThpCheck.Checker.Exploration;

// One line a run: what was explored, whether it agrees with the formula, how fast, and what the loop allocated.
var (threads, rounds, locks) = args.Length == 3 ? (int.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture), int.Parse(args[2], CultureInfo.InvariantCulture)) : (6, 5, 2);
var agrees = true;
for (var run = 0; run < 4; run++)
{
    var instance = Counters.Instance(threads, rounds, locks);
    var clock = Stopwatch.StartNew();
    var found = BreadthFirstExplorer.Run(instance, new Budget());
    var seconds = found.Time.TotalSeconds;
    var (states, transitions) = Counters.Formula(threads, rounds, locks);
    agrees &= found.Graph.StateCount == states && found.Graph.EdgeCount == transitions;
    var (nodes, runs) = Enumerable.Range(0, threads).Select(instance.Machine.Discovered).Aggregate((0, 0L), static (sum, d) => (sum.Item1 + d.Nodes, sum.Item2 + d.Runs));
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"counters({threads},{rounds},{locks}) {found.Graph.StateCount} states {found.Graph.EdgeCount} transitions depth {found.Depth} {seconds:0.00} s {found.Graph.EdgeCount / seconds / 1e6:0.00} M transitions/s {found.Graph.StateCount / seconds / 1e6:0.00} M states/s nodes {nodes} runs {runs} memo hit {1 - ((double)runs / found.Graph.EdgeCount):P3} {found.TableBytes / (double)found.Graph.StateCount:0} bytes/state {(agrees ? "as the formula" : "NOT as the formula")}"));
}

return agrees ? 0 : 1;
