using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Tests.Certificates;

/// <summary>Certificates in memory and in files that are gone afterwards.</summary>
internal static class Certified
{
    private static readonly Identity Nothing = new("0.1.0", "no scenario", "none", "no variant", "no kernel", [], []);

    public static readonly string Scenario = Repository.File("specs", "rmap", "exit-against-kswapd.yaml");

    private static readonly Lazy<string> TextOfV1 = new(() => Text(Scenario, "v1"));

    /// <summary>The certificate of the variant v1 of <see cref="Scenario"/>: 2,077 states, two dozen of them kernel bugs.</summary>
    public static string V1 => TextOfV1.Value;

    /// <summary>The certificate of an instance, as text.</summary>
    public static string Text(Instance instance) => Text(instance, new Budget());

    /// <summary>The certificate of an instance that is explored within a budget, as text.</summary>
    public static string Text(Instance instance, Budget budget)
    {
        var exploration = BreadthFirstExplorer.Run(instance, budget);
        using var writer = new StringWriter();
        CertificateWriter.Write(writer, Nothing, Claims.Of(Judge.Of(exploration, budget)), exploration);
        return writer.ToString();
    }

    /// <summary>Confirms a certificate of an instance; throws what <see cref="Confirmation.Run"/> and the reader throw.</summary>
    /// <returns>What it claims.</returns>
    public static Claims Confirm(string certificate, Instance fresh)
    {
        using var reader = new CertificateReader(new StringReader(certificate));
        reader.ReadIdentity();
        var claims = reader.ReadClaims(fresh.Properties);
        Confirmation.Run(fresh, reader.ReadListing(fresh.Machine), claims, CancellationToken.None);
        return claims;
    }

    /// <summary>The certificate that the command line writes of a scenario's variant.</summary>
    public static string Text(string scenario, string variant) => InFile(".txt", file =>
    {
        Assert.Equal((0, ""), Of(scenario, variant, file));
        return File.ReadAllText(file);
    });

    /// <summary>Checks a variant and writes its certificate.</summary>
    public static (int ExitCode, string Error) Of(string scenario, string variant, string file)
    {
        var run = CommandLineRun.Of("check", scenario, "--variant", variant, "--certificate", file);
        return (run.ExitCode, run.Error);
    }

    /// <summary>What <c>confirm</c> says of a file with this text; the file's name is written FILE.</summary>
    public static CommandLineRun Confirmed(string text, params string[] options) => InFile(".txt", file =>
    {
        File.WriteAllText(file, text);
        return ConfirmedFile(file, options);
    });

    /// <summary>What <c>confirm</c> says of a file; the file's name is written FILE.</summary>
    public static CommandLineRun ConfirmedFile(string file, params string[] options)
    {
        var run = CommandLineRun.Of(["confirm", file, .. options]);
        return run with { Error = run.Error.Replace(file, "FILE", StringComparison.Ordinal) };
    }

    /// <summary>Lends the name of a file that is not there.</summary>
    public static T InFile<T>(string end, Func<string, T> use)
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + end);
        try
        {
            return use(file);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
