namespace ThpCheck.Checker.Replay;

/// <summary>Tells the calls of a trace apart: two calls of one function, one after the other, are two.</summary>
internal static class CallInstances
{
    /// <summary>For each step the calls that its thread is inside of, the entry first, each with a number of its own.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Of(IReadOnlyList<TraceStep> steps)
    {
        var instances = new List<IReadOnlyList<int>>();
        var stacks = new Dictionary<string, List<(string Function, int Number)>>();
        var next = 0;
        foreach (var step in steps)
        {
            if (!stacks.TryGetValue(step.Thread, out var stack))
            {
                stacks.Add(step.Thread, stack = []);
            }

            var common = stack.Zip(step.Calls).TakeWhile(c => c.First.Function == c.Second).Count();
            stack.RemoveRange(common, stack.Count - common);
            stack.AddRange(step.Calls.Skip(common).Select(f => (f, next++)));
            instances.Add([.. stack.Select(c => c.Number)]);
            foreach (var ended in step.Returns)
            {
                if (stack.Count > 0 && stack[^1].Function == ended.Function)
                {
                    stack.RemoveAt(stack.Count - 1);
                }
            }
        }

        return instances;
    }
}
