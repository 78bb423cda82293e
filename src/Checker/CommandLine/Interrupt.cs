namespace ThpCheck.Checker.CommandLine;

/// <summary>
/// Ctrl-C: the first ends the search, so that what was found is reported; the second ends the search for the cheapest
/// interleavings of that; the third ends the process.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _hurry = new();

    public Interrupt() => Console.CancelKeyPress += OnCtrlC;

    /// <summary>Set by the first: nothing more is explored.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Set by the second: what was found is reported as it was found.</summary>
    public CancellationToken Hurry => _hurry.Token;

    public void Dispose()
    {
        Console.CancelKeyPress -= OnCtrlC;
        _stop.Dispose();
        _hurry.Dispose();
    }

    private void OnCtrlC(object? sender, ConsoleCancelEventArgs e)
    {
        if (!_stop.IsCancellationRequested)
        {
            e.Cancel = true;
            Console.Error.WriteLine("thpcheck: interrupted; what was found follows with its cheapest interleavings (Ctrl-C again: as it was found; once more: nothing)");
            _stop.Cancel();
        }
        else if (!_hurry.IsCancellationRequested)
        {
            e.Cancel = true;
            Console.Error.WriteLine("thpcheck: interrupted again; what was found follows as it was found (Ctrl-C once more ends it at once)");
            _hurry.Cancel();
        }
    }
}
