namespace ThpCheck.Checker.Checkpoints;

/// <summary>A file is no checkpoint, is damaged, or is one of another search; or there can be none where one is asked for.</summary>
/// <param name="message">One sentence, with what would help.</param>
internal sealed class UnusableCheckpointException(string message) : Exception(message);
