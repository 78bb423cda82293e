using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.CommandLine;

/// <summary><c>thpcheck confirm</c>: checks a certificate without the search that led to it.</summary>
internal static class ConfirmCommand
{
    /// <param name="path">The certificate.</param>
    /// <param name="scenario">Where its scenario is now, or null for where it was.</param>
    /// <param name="streams">Where the answer goes.</param>
    /// <param name="stop">Ends it early.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="WrongInputException">The file is no certificate, or of another scenario.</exception>
    public static int Run(string path, string? scenario, Streams streams, CancellationToken stop)
    {
        try
        {
            return Confirm(path, scenario, streams, stop);
        }
        catch (DamagedCertificateException e)
        {
            throw new WrongInputException(FormattableString.Invariant($"{path}:{e.Line}: {e.Message}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WrongInputException($"{path}:1: it cannot be confirmed: {e.Message.ReplaceLineEndings(" ")}");
        }
        catch (OperationCanceledException)
        {
            streams.Error.WriteLine("thpcheck: interrupted; nothing is confirmed");
            return ExitCodes.Interrupted;
        }
    }

    private static int Confirm(string path, string? scenario, Streams streams, CancellationToken stop)
    {
        Refuse(path);
        using var reader = CertificateReader.Open(path);
        var identity = reader.ReadIdentity();
        if (Bind(reader, identity, scenario ?? identity.Scenario, streams) is not { } bound)
        {
            return ExitCodes.WrongInput;
        }

        Compare(reader, identity, Identity.Of(bound));
        var instance = bound.Instance;
        var claims = reader.ReadClaims(instance.Properties);
        var version = identity.Tool == CertificateFormat.ToolVersion ? "" : $" (version {identity.Tool} wrote it, this is {CertificateFormat.ToolVersion})";
        try
        {
            Confirmation.Run(instance, reader.ReadListing(instance.Machine), claims, stop);
        }
        catch (RefutedCertificateException e)
        {
            streams.Out.WriteLine($"not confirmed: {e.Message}{version}");
            return ExitCodes.NotAsExpected;
        }
        catch (ModelFaultException e)
        {
            streams.Out.WriteLine($"not confirmed: the model is at fault: {e.Message}{version}");
            return ExitCodes.NotAsExpected;
        }

        WriteConfirmed(streams.Out, claims, version);
        return ExitCodes.AsExpected;
    }

    private static void WriteConfirmed(TextWriter output, Claims claims, string version)
    {
        var violated = claims.Properties.Where(p => p.Verdict == Verdict.Violated).Select(p => p.Name).ToArray();
        var vacuous = claims.Properties.Where(p => p.Verdict == Verdict.Vacuous).Select(p => p.Name).ToArray();
        string?[] verdicts =
        [
            violated.Length == 0 ? null : $"{Prose.List(violated)} violated",
            vacuous.Length == 0 ? null : $"{Prose.List(vacuous)} vacuous",
            $"{(violated.Length + vacuous.Length == 0 ? "all" : "the other")} {claims.Properties.Count - violated.Length - vacuous.Length} properties hold",
            claims.Deadlock ? "a deadlock" : "no deadlock",
            claims.Livelock ? "a livelock" : "no livelock",
        ];
        output.WriteLine(
            $"confirmed: {Prose.Count(claims.States, "state")}, {Prose.Count(claims.Transitions, "step")} re-derived without memo or fingerprints; "
            + $"none is missing, none is unreachable{version}");
        output.WriteLine($"as claimed: {string.Join("; ", verdicts.OfType<string>())}");
    }

    // What cannot be a certificate is not opened: a pipe could wait for ever.
    private static void Refuse(string path)
    {
        var why = Directory.Exists(path) ? "this is a folder; name a certificate"
            : !File.Exists(path) ? "there is no such file"
            : new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path).Length == 0 ? "the file is empty or no regular file"
            : null;
        if (why is not null)
        {
            throw new DamagedCertificateException(1, why);
        }
    }

    private static BoundVariant? Bind(CertificateReader reader, Identity identity, string scenario, Streams streams)
    {
        if (!File.Exists(scenario))
        {
            throw new DamagedCertificateException(reader.LineOf["scenario"], $"the scenario '{scenario}' is not there; --scenario says where it is now");
        }

        var hash = Identity.HashOf(scenario);
        if (hash != identity.Sha256)
        {
            throw new DamagedCertificateException(
                reader.LineOf["sha256"],
                $"'{scenario}' is not the scenario as it was certified: its SHA-256 is {hash}; check it again, or get the file as it was");
        }

        var read = ScenarioReader.Read(scenario);
        if (read.Document is not { } document)
        {
            return Report(streams, read.Diagnostics);
        }

        if (document.Variants.FirstOrDefault(v => v.Name.Value == identity.Variant) is not { } variant)
        {
            var hint = NearestName.Hint(identity.Variant, document.Variants.Select(v => v.Name.Value));
            throw new DamagedCertificateException(reader.LineOf["variant"], $"no variant '{identity.Variant}' in '{scenario}'.{hint}");
        }

        var (bound, diagnostics) = ScenarioBinder.Bind(document, variant);
        return bound ?? Report(streams, diagnostics);
    }

    private static BoundVariant? Report(Streams streams, IReadOnlyList<Diagnostic> diagnostics)
    {
        foreach (var diagnostic in diagnostics)
        {
            streams.Error.WriteLine(diagnostic);
        }

        return null;
    }

    private static void Compare(CertificateReader reader, Identity claimed, Identity found)
    {
        Compare("kernel", [claimed.Kernel], [found.Kernel]);
        Compare("patch", claimed.Patches, found.Patches);
        Compare("toggle", claimed.Toggles.Select(t => $"{t.Name} {t.Value}"), found.Toggles.Select(t => $"{t.Name} {t.Value}"));

        void Compare(string what, IEnumerable<string> claimed, IEnumerable<string> found)
        {
            var (one, other) = (string.Join(", ", claimed), string.Join(", ", found));
            if (one != other)
            {
                throw new DamagedCertificateException(
                    reader.LineOf.GetValueOrDefault(what, reader.LineOf["kernel"]), $"the certificate's {what} is '{one}', the variant's '{other}'");
            }
        }
    }
}
