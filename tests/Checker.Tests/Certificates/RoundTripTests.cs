using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Exploration;
using ThpCheck.Checker.Tests.HardCases;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Specs;
using static ThpCheck.Checker.Tests.CommandLine.CommandLineRun;

namespace ThpCheck.Checker.Tests.Certificates;

/// <summary>What a search found is written down, and found again without it.</summary>
public sealed class RoundTripTests
{
    private static readonly (string Name, Func<Instance> Make)[] Programs =
    [
        ("store buffering", () => MessageTests.StoreBuffering()),
        ("lost update", () => LostUpdateTests.Increments(LostUpdateTests.Way.LoadStore)),
        ("ABBA", () => AbbaTests.Locks(abba: true)),
        ("callback", RcuTests.Callback),
        ("rwsem", () => RwSemaphoreTests.Crowd(holdsOff: true)),
        ("recursive read", () => RwSemaphoreTests.Recursion(tolerated: false, holdsOff: true)),
        ("recursive read, tolerated", () => RwSemaphoreTests.Recursion(tolerated: true, holdsOff: true)),
        ("unpublish, no wait", () => SlabTests.Unpublish(SlabTests.Grace.None)),
        ("type-safe re-use", () => SlabTests.Reuse(typeSafe: true, reuse: true)),
        ("free of a held lock, tolerated", () => SlabTests.HeldLock(tolerated: true)),
        ("optional that blocks", ThreadKindTests.OptionalBeside),
        ("environment that does not answer", () => ThreadKindTests.Answer(answers: false)),
        ("compound mapcount, unlocked", () => CompoundMapcountReadTests.Split(locked: false)),
        ("long handle", () => LongHandleTests.Handle(byReferences: false)),
    ];

    public static TheoryData<string> Names => [.. Programs.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_was_found_of_a_small_program_is_confirmed(string program)
    {
        var make = Programs.Single(p => p.Name == program).Make;
        var found = Small.Judged(make());

        var claims = Certified.Confirm(Certified.Text(make()), make());

        Assert.Equal((found.States, found.Transitions, found.Ends), (claims.States, claims.Transitions, claims.Ends));
        Assert.Equal((found.Deadlock is not null, found.Livelock is not null), (claims.Deadlock, claims.Livelock));
        Assert.Equal(found.Properties.Select(p => p.Verdict), claims.Properties.Select(p => p.Verdict));
    }

    /// <remarks>Random programs with locks taken anyhow: deadlocks, livelocks, bad unlocks, optionals, all verdicts.</remarks>
    [Fact]
    public void What_was_found_of_random_programs_is_confirmed()
    {
        var verdicts = new HashSet<VariantVerdict>();
        for (var seed = 0; seed < 60; seed++)
        {
            verdicts.Add(Small.Judged(RandomPrograms.Make(seed, kinds: true)).Verdict);
            Certified.Confirm(Certified.Text(RandomPrograms.Make(seed, kinds: true)), RandomPrograms.Make(seed, kinds: true));
        }

        Assert.Superset(new HashSet<VariantVerdict> { VariantVerdict.Holds, VariantVerdict.Violated, VariantVerdict.Deadlock }, verdicts);
    }

    [Theory]
    [InlineData("before", "1,740 states, 3,537 steps", "all 24 properties hold")]
    [InlineData("v1", "2,077 states, 4,170 steps", "no-use-after-free, anon-vma-valid and walker-holds-anon-vma violated; the other 21 properties hold")]
    public void Exit_against_kswapd_is_confirmed(string variant, string counts, string verdicts)
    {
        var run = Certified.Confirmed(Certified.Text(Certified.Scenario, variant));

        Assert.Equal(
            new CommandLineRun(
                0,
                $"confirmed: {counts} re-derived without memo or fingerprints; none is missing, none is unreachable\n"
                + $"as claimed: {verdicts}; no deadlock; no livelock\n",
                ""),
            run);
    }

    [Fact]
    public void A_deadlock_is_confirmed()
    {
        var run = Certified.Confirmed(Certified.Text(Scenario("folio-locks.yaml"), "both"));

        Assert.EndsWith("properties hold; a deadlock; no livelock\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public void Two_runs_write_the_same_bytes()
    {
        Assert.Equal(Certified.V1, Certified.Text(Certified.Scenario, "v1"));
        Assert.Equal(Certified.Text(RcuTests.Callback()), Certified.Text(RcuTests.Callback()));
    }

    /// <remarks>Several workers give nodes and frames other numbers in every run; the certificate's are its own.</remarks>
    [Theory]
    [InlineData("1")]
    [InlineData("4")]
    public void Any_number_of_workers_writes_the_same_bytes(string workers) => Certified.InFile(".txt", file =>
    {
        Of("check", Certified.Scenario, "--variant", "v1", "--workers", workers, "--certificate", file);

        Assert.Equal(Certified.V1, File.ReadAllText(file));
        return 0;
    });

    [Fact]
    public void A_compressed_certificate_is_smaller_the_same_in_two_runs_and_confirmed() => Certified.InFile(".gz", one => Certified.InFile(".gz", other =>
    {
        Certified.Of(Certified.Scenario, "v1", one);
        Certified.Of(Certified.Scenario, "v1", other);

        Assert.True(new FileInfo(one).Length < Certified.V1.Length / 4);
        Assert.Equal(File.ReadAllBytes(one), File.ReadAllBytes(other));
        Assert.Equal(0, Certified.ConfirmedFile(one).ExitCode);
        return 0;
    }));

    /// <remarks>No program here ends in a kernel bug, so every step is one run of path code.</remarks>
    [Fact]
    public void Every_step_runs_its_path()
    {
        var fresh = InterleavingTests.Steps(3, 2, 2);

        var claims = Certified.Confirm(Certified.Text(InterleavingTests.Steps(3, 2, 2)), fresh);

        Assert.Equal(claims.Transitions, Enumerable.Range(0, fresh.Machine.ThreadCount).Sum(t => fresh.Machine.Discovered(t).Runs));
    }

    [Fact]
    public void A_scenario_that_has_moved_is_named() => Certified.InFile(".yaml", moved =>
    {
        File.Copy(Certified.Scenario, moved);

        Assert.Equal(0, Certified.Confirmed(Certified.V1.Replace(Certified.Scenario, "where-it-was.yaml", StringComparison.Ordinal), "--scenario", moved).ExitCode);
        return 0;
    });

    [Fact]
    public void A_certificate_is_of_one_variant()
    {
        var run = Of("check", Certified.Scenario, "--certificate", "certificate.txt");

        Assert.Equal(new CommandLineRun(2, "", "thpcheck: --certificate is for one variant, and here are 21; name a scenario and one with --variant\n"), run);
        Assert.False(File.Exists("certificate.txt"));
    }

    [Fact]
    public void What_was_not_explored_gets_no_certificate() => Certified.InFile(".txt", file =>
    {
        var run = Of("check", Scenario("bounded.yaml"), "--certificate", file);

        Assert.Equal((3, "thpcheck: no certificate is written: not everything was explored: the limit of 5000 states was reached\n"), (run.ExitCode, run.Error));
        Assert.False(File.Exists(file));
        return 0;
    });

    [Fact]
    public void A_certificate_that_would_be_too_large_is_refused_before_it_is_written() => Certified.InFile(".txt", file =>
    {
        var found = Small.Explored(InterleavingTests.Steps(1, 1));
        var claims = Claims.Of(Judge.Of(found, new Budget())) with { States = 2_000_001 };

        var refused = Assert.Throws<CertificateTooLargeException>(() => CertificateWriter.Write(file, new("", "", "", "", "", [], []), claims, found));

        Assert.Equal("no certificate is written: there are 2,000,001 states, and 2,000,000 are the most it can list", refused.Message);
        Assert.False(File.Exists(file));
        return 0;
    });

    [Fact]
    public void A_certificate_that_cannot_be_written_is_wrong_input()
    {
        var (exitCode, error) = Certified.Of(Scenario("trylock.yaml"), "as-expected", "no/such/folder/certificate.txt");

        Assert.Equal(2, exitCode);
        Assert.StartsWith("thpcheck: the certificate cannot be written to 'no/such/folder/certificate.txt': ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_of_confirm() => Approved.Match(Of("confirm", "--help").All);

    [Theory]
    [InlineData("", "%")]
    [InlineData("rmap+<folio_referenced>d__23", "rmap+<folio_referenced>d__23")]
    [InlineData("mm = mm_alloc()", "mm%20=%20mm_alloc()")]
    [InlineData("100 %\n", "100%20%25%0A")]
    [InlineData("größer", "größer")]
    public void A_text_is_one_field(string text, string field)
    {
        Assert.Equal(field, CertificateFormat.Escape(text));
        Assert.Equal(text, CertificateFormat.Unescape(field));
    }
}
