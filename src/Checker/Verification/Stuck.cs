using ThpCheck.Model.Stepping;

namespace ThpCheck.Checker.Verification;

/// <summary>Notices code that does not come to a step: it waits for something outside the model, or is busy in a function of the framework.</summary>
internal sealed class Stuck : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long code may run without coming to a step; a step takes microseconds.</summary>
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(int Thread, long Run), long> _since = []; // when each run was first seen, in milliseconds; locked by itself
    private readonly Action<string> _found;
    private readonly Timer _timer;

    /// <param name="found">Takes a sentence that says where; code goes on running after it, so it should end the process.</param>
    public Stuck(Action<string> found)
    {
        _found = found;
        _timer = new Timer(_ => Look(), null, Pause, Pause);
    }

    public void Dispose() => _timer.Dispose();

    // What runs at one look and still runs at a much later one has not come to a step in between.
    private void Look()
    {
        lock (_since)
        {
            var running = Countdown.Running.ToArray();
            foreach (var gone in _since.Keys.Except(running.Select(r => (r.Thread, r.Run))).ToArray())
            {
                _since.Remove(gone);
            }

            foreach (var (thread, run, what) in running)
            {
                if (!_since.TryAdd((thread, run), Environment.TickCount64) && Environment.TickCount64 - _since[(thread, run)] > Most.TotalMilliseconds)
                {
                    _found($"{what()} has run for {Most.TotalSeconds} seconds without coming to a step; does it wait for something outside the model?");
                }
            }
        }
    }
}
