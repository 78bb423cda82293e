using System.Globalization;
using ThpCheck.Bench;
using ThpCheck.Checker.Exploration;

// One line a run: what was explored, whether that agrees with the formula, how fast, and what the loop allocated.
if (args.Length is not (0 or 3 or 4) || !args.All(a => int.TryParse(a, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
{
    Console.Error.WriteLine("usage: bench [THREADS ROUNDS LOCKS [RUNS]]");
    return 2;
}

var sizes = args.Select(a => int.Parse(a, CultureInfo.InvariantCulture)).ToArray();
var (threads, rounds, locks) = sizes.Length == 0 ? (6, 5, 2) : (sizes[0], sizes[1], sizes[2]);
var runs = sizes.Length == 4 ? sizes[3] : 7;
var rates = new List<double>();
var agrees = true;
for (var run = 0; run < runs; run++)
{
    var instance = Counters.Instance(threads, rounds, locks);
    var before = GC.GetAllocatedBytesForCurrentThread();
    var found = BreadthFirstExplorer.Run(instance, new Budget());
    var allocated = GC.GetAllocatedBytesForCurrentThread() - before - found.StoreBytes;
    var seconds = found.Time.TotalSeconds;
    var transitions = found.Graph.EdgeCount;
    agrees &= (found.Graph.StateCount, transitions) == Counters.Formula(threads, rounds, locks);
    rates.Add(transitions / seconds / 1e6);
    var (nodes, paths) = Enumerable.Range(0, threads).Select(instance.Machine.Discovered).Aggregate((0, 0L), static (sum, d) => (sum.Item1 + d.Nodes, sum.Item2 + d.Runs));
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"counters({threads},{rounds},{locks}): {found.Graph.StateCount} states, {transitions} transitions {(agrees ? "as the formula" : "NOT AS THE FORMULA")}, depth {found.Depth}; {seconds:0.00} s, {rates[^1]:0.00} M transitions/s, {found.Graph.StateCount / seconds / 1e6:0.00} M states/s; {nodes} nodes, path code ran {paths} times, memo hits {1 - ((double)paths / transitions):P2}; {(found.TableBytes + found.StoreBytes) / (double)found.Graph.StateCount:0} bytes/state, {allocated / (double)transitions:0.000} bytes/transition allocated besides"));
}

rates.Sort();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median {rates[runs / 2]:0.00} M transitions/s, least {rates[0]:0.00}, most {rates[^1]:0.00}, {runs} runs"));
return agrees ? 0 : 1;
