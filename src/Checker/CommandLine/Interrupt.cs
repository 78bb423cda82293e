namespace ThpCheck.Checker.CommandLine;

/// <summary>Ctrl-C: the first asks the search to stop, so that what was found is reported; the second ends the process.</summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public Interrupt() => Console.CancelKeyPress += OnCtrlC;

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        Console.CancelKeyPress -= OnCtrlC;
        _source.Dispose();
    }

    private void OnCtrlC(object? sender, ConsoleCancelEventArgs e)
    {
        if (!_source.IsCancellationRequested)
        {
            e.Cancel = true;
            Console.Error.WriteLine("thpcheck: interrupted; what was found follows (Ctrl-C again ends it at once)");
            _source.Cancel();
        }
    }
}
