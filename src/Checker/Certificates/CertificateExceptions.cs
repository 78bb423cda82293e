namespace ThpCheck.Checker.Certificates;

/// <summary>A file is no certificate, is damaged, or is about something else than what is here.</summary>
/// <param name="line">The line, from 1.</param>
/// <param name="message">One sentence.</param>
internal sealed class DamagedCertificateException(long line, string message) : Exception(message)
{
    public long Line => line;
}

/// <summary>What a certificate claims is not so.</summary>
/// <param name="message">One sentence: which state, by its number in the file, and what differs.</param>
internal sealed class RefutedCertificateException(string message) : Exception(message);

/// <summary>There are too many states for a certificate.</summary>
internal sealed class CertificateTooLargeException : Exception
{
    private CertificateTooLargeException(string message)
        : base(message)
    {
    }

    public static void ThrowIf(long states)
    {
        if (states > CertificateFormat.MostStates)
        {
            throw new CertificateTooLargeException(FormattableString.Invariant(
                $"no certificate is written: there are {states:N0} states, and {CertificateFormat.MostStates:N0} are the most it can list"));
        }
    }
}
