using System.Diagnostics;

namespace ThpCheck.Checker.Checkpoints;

/// <summary>Keeps a search in a file, from time to time and where it ends early, and says what it was gone on from.</summary>
/// <param name="identity">What search it is.</param>
internal sealed class Checkpointing(IReadOnlyList<(string What, string Value)> identity)
{
    /// <summary>How often, where nothing else is said.</summary>
    public static readonly TimeSpan UsualPause = TimeSpan.FromSeconds(60);

    private const int MostShare = 10; // at least so many times as long as reading or writing one takes lies before the next

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _next;
    private bool _hasFailed;

    /// <summary>The checkpoint to go on from, or null to begin at the beginning.</summary>
    public string? From { get; init; }

    /// <summary>The file that takes checkpoints, or null for none.</summary>
    public string? To { get; init; }

    /// <summary>The time between two, at least.</summary>
    public TimeSpan Pause { get; init; } = UsualPause;

    /// <summary>Told in a sentence when a checkpoint cannot be written, once; the search goes on.</summary>
    public Action<string>? OnFailure { get; init; }

    /// <summary>How many were written.</summary>
    public int Written { get; private set; }

    /// <summary>Looks at the files before the search begins, so that a day's work does not end at a typing error.</summary>
    /// <exception cref="UnusableCheckpointException">The one to go on from is not of this search, or the other cannot be written.</exception>
    public void Verify()
    {
        if (From is not null)
        {
            CheckpointFile.Open(From, identity).Dispose();
        }

        if (To is null)
        {
            return;
        }

        var goesOn = From is not null && Path.GetFullPath(From) == Path.GetFullPath(To);
        if (!goesOn && (File.Exists(To) || Directory.Exists(To)))
        {
            throw new UnusableCheckpointException($"there is a '{To}' already: go on from it with --resume, remove it, or give --checkpoint another name");
        }

        try
        {
            using var draft = new FileStream(CheckpointFile.Draft(To), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw new UnusableCheckpointException($"no checkpoint can be written to '{To}': {e.Message}");
        }
    }

    /// <summary>Puts back what was known.</summary>
    /// <returns>Whether there was anything to go on from.</returns>
    /// <exception cref="UnusableCheckpointException">It is of another search, or damaged.</exception>
    public bool Restore(SearchContent content)
    {
        if (From is null)
        {
            _next = _clock.Elapsed + Pause;
            return false;
        }

        var begun = _clock.Elapsed;
        using var file = CheckpointFile.Open(From, identity);
        content.Read(file);
        RestAfter(_clock.Elapsed - begun);
        return true;
    }

    /// <summary>Whether it is time for another.</summary>
    public bool IsDue => To is not null && _clock.Elapsed >= _next;

    /// <summary>Writes one.</summary>
    public void Write(SearchContent content)
    {
        if (To is null)
        {
            return;
        }

        var begun = _clock.Elapsed;
        try
        {
            CheckpointFile.Write(To, identity, content);
            Written++;
        }
        catch (Exception e) when (IsRefusal(e))
        {
            if (!_hasFailed)
            {
                OnFailure?.Invoke($"no checkpoint can be written to '{To}': {e.Message}; the search goes on{(Written > 0 ? ", and the one before stays" : " without")}");
            }

            _hasFailed = true;
        }

        RestAfter(_clock.Elapsed - begun);
    }

    private void RestAfter(TimeSpan took) => _next = _clock.Elapsed + (took * MostShare > Pause ? took * MostShare : Pause);

    /// <summary>Takes the file away: the search is over, and there is nothing to go on with.</summary>
    public void Remove()
    {
        try
        {
            if (To is not null)
            {
                File.Delete(To);
                File.Delete(CheckpointFile.Draft(To));
            }
        }
        catch (Exception e) when (IsRefusal(e))
        {
            OnFailure?.Invoke($"the checkpoint '{To}' is not needed any more and cannot be removed: {e.Message}");
        }
    }

    private static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;
}
