using System.Runtime.Loader;
using System.Text.RegularExpressions;
using ThpCheck.Checker.Caching;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Patching;
using ThpCheck.Checker.Reports;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using ThpCheck.Specs.Binding;
using ThpCheck.Specs.Format;

namespace ThpCheck.Checker.Tests.Caching;

public sealed class VerdictCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string[] _scenarios = [Repository.File("specs", "rmap", "exit-against-kswapd.yaml"), Repository.File("specs", "mapcount", "zap-and-free.yaml")];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_second_run_of_the_same_explores_nothing_and_says_the_same()
    {
        var first = Check();
        var second = Check();

        Assert.DoesNotContain("known", first.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, second.ExitCode);
        var variants = first.Out.Split('\n').Count(IsVariant);
        Assert.True(variants > 3);
        Assert.Equal(variants, second.Out.Split('\n').Count(l => IsVariant(l) && l.Contains(" known", StringComparison.Ordinal)));
        Assert.Equal(first.Out.Split('\n').Where(IsVariant).Select(Counts), second.Out.Split('\n').Where(IsVariant).Select(Counts));
    }

    [Fact]
    public void A_second_json_report_is_the_first_but_for_saying_that_it_is_known()
    {
        Check(); // what a report in words keeps has no interleavings in it
        var first = Check("--format", "json");
        var second = Check("--format", "json");

        Assert.Contains("\"known\": false", first.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("\"known\": true", first.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("\"known\": false", second.Out, StringComparison.Ordinal);
        Assert.Equal(first.Out.Replace("\"known\": false", "\"known\": true", StringComparison.Ordinal), second.Out);
        Assert.Contains(" known", Check().Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("junit", "<property name=\"knownFromEarlierRun\" value=")]
    [InlineData("ktap", " variants are known from an earlier run of the same code")]
    [InlineData("sarif", "\"executionSuccessful\": true")]
    public void Other_reports_of_programs_say_the_same_as_before(string format, string mark)
    {
        var first = Check("--format", format);
        var second = Check("--format", format);

        Assert.Equal((first.ExitCode, Verdicts(first.Out)), (second.ExitCode, Verdicts(second.Out)));
        Assert.Contains(mark, second.Out, StringComparison.Ordinal);

        // What a report says besides when, how long, and that it is known.
        static string Verdicts(string report) => string.Join('\n', report.Split('\n')
            .Where(l => !l.Contains("known", StringComparison.OrdinalIgnoreCase))
            .Select(l => Regex.Replace(l, " (time|timestamp)=\"[^\"]*\"", "")));
    }

    [Fact]
    public void With_no_cache_everything_is_explored_again()
    {
        Check();

        Assert.DoesNotContain("known", Check("--no-cache").Out, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_path_is_explored_again_where_it_was_entered_and_nowhere_else()
    {
        Check();
        var files = _scenarios.Select(s => ScenarioReader.Read(s).Document!).ToArray();
        var code = CodeHashes.OfModel;
        var path = code.Paths.Keys.Single(p => p.StartsWith("ThpCheck.Model.Kernel.rmap+<folio_lock_anon_vma_read>", StringComparison.Ordinal));

        var same = new VerdictCache(_folder.Path, code, _ => { });
        var other = new VerdictCache(_folder.Path, With(path, "0"), _ => { });

        Assert.All(files.SelectMany(f => f.Variants.Select(v => (f, v))), p => Assert.NotNull(same.Find(p.f, p.v)));
        Assert.All(files[0].Variants, v => Assert.Null(other.Find(files[0], v))); // kswapd walks the reverse map
        Assert.All(files[1].Variants, v => Assert.NotNull(other.Find(files[1], v))); // nobody here does
    }

    [Fact]
    public void What_was_read_before_its_file_changed_is_not_kept_for_the_new_text()
    {
        var path = _folder.Write("scenario.yaml", File.ReadAllText(_scenarios[1]));
        var before = ScenarioReader.Read(path).Document!;
        File.AppendAllText(path, "# edited while the checker runs\n");
        var after = ScenarioReader.Read(path).Document!;
        var cache = new VerdictCache(_folder.Path, CodeHashes.OfModel, _ => { });
        var machine = ScenarioBinder.Bind(before, before.Variants[0]).Variant!.Instance.Machine;

        cache.Add(before, before.Variants[0], new KnownVerdict("holds", "1 state", "", [], 0), machine);

        Assert.NotNull(cache.Find(before, before.Variants[0]));
        Assert.Null(cache.Find(after, after.Variants[0]));
    }

    [Fact]
    public void A_change_of_anything_but_a_path_is_a_change_for_all()
    {
        Check();
        var file = ScenarioReader.Read(_scenarios[0]).Document!;

        var other = new VerdictCache(_folder.Path, new CodeHashes("0", CodeHashes.OfModel.Paths), _ => { });

        Assert.All(file.Variants, v => Assert.Null(other.Find(file, v)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("thpcheck verdict 2 0000\nverdict holds")]
    [InlineData("\0\0\0")]
    public void Files_that_are_damaged_or_somebody_elses_are_not_used_and_said_so_once(string text)
    {
        Check();
        foreach (var file in Directory.GetFiles(_folder.Path))
        {
            File.WriteAllText(file, text);
        }

        var run = Check();

        Assert.DoesNotContain("known", run.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.AsExpected, run.ExitCode);
        Assert.Single(run.Error.Split('\n'), l => l.Contains("is damaged or no verdict of this program, and not used", StringComparison.Ordinal));
    }

    [Fact]
    public void A_byte_that_changed_in_a_kept_verdict_is_noticed()
    {
        Check();
        foreach (var file in Directory.GetFiles(_folder.Path))
        {
            File.WriteAllText(file, File.ReadAllText(file).Replace("states", "stetes", StringComparison.Ordinal));
        }

        Assert.DoesNotContain("known", Check().Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_hash_of_a_path_changes_with_its_code_alone()
    {
        var one = HashesOf("folio._refcount, 1", "return false;");
        var constant = HashesOf("folio._refcount, 2", "return false;");
        var helper = HashesOf("folio._refcount, 1", "return folio is null;");

        Assert.Equal(["look", "other"], one.Paths.Keys.Select(k => k.Split('<', '>')[1]).Order(StringComparer.Ordinal));
        Assert.NotEqual(Of(one, "look"), Of(constant, "look"));
        Assert.Equal(Of(one, "other"), Of(constant, "other"));
        Assert.Equal(one.Rest, constant.Rest);
        Assert.NotEqual(one.Rest, helper.Rest); // it is no path, so any path may depend on it
        Assert.Equal(Of(one, "look"), Of(helper, "look"));

        static string Of(CodeHashes code, string name) => code.Paths.Single(p => p.Key.Contains($"<{name}>", StringComparison.Ordinal)).Value;
    }

    private static CodeHashes HashesOf(string set, string helper)
    {
        var file = PatchCompiler.BuildModels([("mine.cs", $$"""
            /// <summary>Mine.</summary>
            public class mine(Kernel kernel) : KernelFile(kernel)
            {
                /// <summary>Looks.</summary>
                public virtual async KernelTask<bool> look(Folio folio)
                {
                    await atomic_set({{set}});
                    return helper(folio);
                }

                /// <summary>Other.</summary>
                public virtual async KernelTask other(Folio folio)
                {
                    await atomic_inc(folio._refcount);
                }

                private static bool helper(Folio folio)
                {
                    {{helper}}
                }
            }
            """)]);
        // Each in a context of its own, as the names may be the same.
        return CodeHashes.Of(new AssemblyLoadContext(null).LoadFromAssemblyPath(Path.GetFullPath(file)));
    }

    private static CodeHashes With(string path, string hash) =>
        new(CodeHashes.OfModel.Rest, CodeHashes.OfModel.Paths.ToDictionary(p => p.Key, p => p.Key == path ? hash : p.Value));

    private static bool IsVariant(string line) => line.StartsWith("  ok ", StringComparison.Ordinal);

    private static string Counts(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries).TakeWhile(w => w != "depth"));

    private CommandLineRun Check(params string[] more)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var code = App.Run(["check", .. _scenarios, .. more], new Streams(output, error) { Verdicts = _folder.Path }, CancellationToken.None);
        return new(code, output.ToString(), error.ToString());
    }
}
