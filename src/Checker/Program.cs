using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

foreach (var path in args)
{
    var read = ScenarioReader.Read(path);
    foreach (var d in read.Diagnostics) Console.WriteLine(d);
    if (read.Document is null) continue;
    foreach (var v in read.Document.Variants)
    {
        var (bound, diags) = ScenarioBinder.Bind(read.Document, v);
        foreach (var d in diags) Console.WriteLine(d);
        if (bound is null) continue;
        var r = new CheckedVariant(bound, Judge.Run(bound.Instance, new Budget()));
        Console.WriteLine($"{v.Name} {r.Result.Verdict} asExpected {r.IsAsExpected} states {r.Result.States} transitions {r.Result.Transitions} depth {r.Result.Depth} ends {r.Result.Ends} {r.Result.Time.TotalMilliseconds:0} ms {r.Result.Incomplete} {r.Result.Fault?.Message}");
        foreach (var d in r.Differences) Console.WriteLine("   diff " + d);
        foreach (var p in r.Result.Properties.Where(p => p.Verdict == Verdict.Violated))
        {
            Console.WriteLine($"  {p.Property.Name}: {p.Message} [{p.Counterexample?.Switches} switches, {p.Counterexample?.Steps} steps] {p.Counterexample?.Schedule}");
            Console.WriteLine($"    {p.Counterexample?.Trace.Outline}");
            foreach (var s in p.Counterexample?.Trace.Steps ?? []) Console.WriteLine($"    {s.Number,3} {s.Thread,-8} {(s.IsSwitch ? (s.IsPreemption ? "P" : "S") : " ")} {s.Function,-28} {s.Operation} {(s.Value.Length > 0 ? "= " + s.Value : "")} {string.Join("; ", s.Notes)}");
        }
        if (r.Result.Deadlock is { } dl) { Console.WriteLine("DEADLOCK " + dl.Schedule); foreach (var s in dl.Trace.Steps) Console.WriteLine($"    {s.Number,3} {s.Thread,-8} {s.Function,-28} {s.Operation} {s.Value}"); }
        if (r.Result.Fault is { Way: { } w }) foreach (var s in w.Trace.Steps) Console.WriteLine($"    {s.Number,3} {s.Thread,-8} {s.Function,-28} {s.Operation} {s.Value}");
    }
}

return 0;
