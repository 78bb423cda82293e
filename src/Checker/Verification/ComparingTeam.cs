using System.Collections.Concurrent;

namespace ThpCheck.Checker.Verification;

/// <summary>Has comparisons done by several processes at a time, and hands them out in the order they were asked for.</summary>
internal sealed class ComparingTeam : IDisposable
{
    // A child on the same terminal is interrupted with its parent, and answers with what it has; one that is not is ended after this.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly IReadOnlyList<Job> _jobs;
    private readonly TaskCompletionSource<Compared?>[] _done; // null: it was not begun
    private readonly ConcurrentBag<ComparingProcess> _processes = [];
    private readonly CancellationTokenSource _over;
    private readonly CancellationTokenRegistration _patience;
    private readonly Timer _end;

    /// <param name="jobs">The comparisons.</param>
    /// <param name="workers">How many processes.</param>
    /// <param name="make">Makes one, which starts when it is first needed.</param>
    /// <param name="stop">When it is set, no other comparison is begun.</param>
    public ComparingTeam(IReadOnlyList<Job> jobs, int workers, Func<ComparingProcess> make, CancellationToken stop)
    {
        _jobs = jobs;
        _done = [.. jobs.Select(_ => new TaskCompletionSource<Compared?>(TaskCreationOptions.RunContinuationsAsynchronously))];
        _over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _end = new Timer(_ => EndAll());
        _patience = stop.Register(() => _end.Change(Patience, Timeout.InfiniteTimeSpan));
        var next = -1;
        for (var worker = 0; worker < workers; worker++)
        {
            var process = make();
            _processes.Add(process);
            new Thread(() =>
            {
                while (Interlocked.Increment(ref next) is var at && at < _jobs.Count)
                {
                    var compared = _over.IsCancellationRequested ? null : Compare(process, _jobs[at]);
                    _done[at].SetResult(_over.IsCancellationRequested && compared?.Failure is not null ? null : compared);
                }
            })
            { IsBackground = true }.Start();
        }
    }

    /// <summary>What came of them, in their order; those that an interrupt left out are not there.</summary>
    public IEnumerable<Compared> Results() => _done.Select(d => d.Task.GetAwaiter().GetResult()).OfType<Compared>();

    // Where no process can be started there is an answer, too.
    private static Compared Compare(ComparingProcess process, Job job)
    {
        try
        {
            return process.Compare(job);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return new Compared(job) { Failure = $"no process could be started for it: {e.Message}" };
        }
    }

    public void Dispose()
    {
        _over.Cancel();
        _patience.Dispose();
        _end.Dispose();
        EndAll();
    }

    private void EndAll()
    {
        foreach (var process in _processes)
        {
            process.Dispose();
        }
    }
}
