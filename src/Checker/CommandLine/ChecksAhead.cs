using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary>Checks variants on threads of its own, in their order but several at a time, ahead of who asks for their results.</summary>
internal sealed class ChecksAhead : IDisposable
{
    private readonly Dictionary<VariantSpec, Task<(CheckedVariant?, IReadOnlyList<Diagnostic>)>> _checks = new(ReferenceEqualityComparer.Instance);
    private readonly CancellationTokenSource _over;

    /// <param name="variants">The variants.</param>
    /// <param name="workers">How many threads.</param>
    /// <param name="check">Checks one.</param>
    /// <param name="stop">When it is set, no other is begun.</param>
    public ChecksAhead(
        IReadOnlyList<(ScenarioFile Scenario, VariantSpec Variant)> variants,
        int workers,
        Func<ScenarioFile, VariantSpec, (CheckedVariant?, IReadOnlyList<Diagnostic>)> check,
        CancellationToken stop)
    {
        _over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var tasks = new Task<(CheckedVariant?, IReadOnlyList<Diagnostic>)>[variants.Count];
        for (var i = 0; i < tasks.Length; i++)
        {
            var (scenario, variant) = variants[i];
            tasks[i] = new(() => check(scenario, variant));
            _checks.Add(variant, tasks[i]);
        }

        var next = -1;
        for (var worker = 0; worker < workers; worker++)
        {
            new Thread(() =>
            {
                while (!_over.IsCancellationRequested && Interlocked.Increment(ref next) is var at && at < tasks.Length)
                {
                    tasks[at].RunSynchronously(TaskScheduler.Default);
                }
            })
            { IsBackground = true }.Start();
        }
    }

    /// <summary>What was found of a variant, once it is; null for one that is not checked here, or not any more.</summary>
    public (CheckedVariant? Checked, IReadOnlyList<Diagnostic> Errors)? Of(VariantSpec variant)
    {
        if (!_checks.TryGetValue(variant, out var check))
        {
            return null;
        }

        try
        {
            check.Wait(_over.Token);
            return check.Result;
        }
        catch (OperationCanceledException)
        {
            // One that is under way ends soon, as its search is stopped, too.
            return check.Status == TaskStatus.Created ? null : check.GetAwaiter().GetResult();
        }
        catch (AggregateException)
        {
            return check.GetAwaiter().GetResult();
        }
    }

    public void Dispose() => _over.Cancel();
}
