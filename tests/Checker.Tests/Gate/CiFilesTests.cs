using System.Text.RegularExpressions;
using ThpCheck.Checker.CommandLine;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Reports;
using ThpCheck.Checker.Tests.Verification;
using YamlDotNet.RepresentationModel;

namespace ThpCheck.Checker.Tests.Gate;

/// <summary>The files of <c>ci/</c>: their form is what those who read them document, and each of their scripts is run as they run it.</summary>
public sealed partial class CiFilesTests : IDisposable
{
    private const string Synchronises = "void page_remove_rmap(struct page *page)\n{\n\tint nr;\n\n\tnr = 1;\n\tsmp_mb();\n\tuse(nr);\n}\n";

    private readonly TemporaryFolder _folder = new();
    private readonly Shell _shell;

    public CiFilesTests()
    {
        _shell = new Shell(_folder.Path) { Environment = { ["THPCHECK_CACHE"] = _folder.File("cache"), ["GIT_CONFIG_GLOBAL"] = "/dev/null" } };
        foreach (var (name, value) in new[] { ("AUTHOR", "A"), ("COMMITTER", "A") })
        {
            _shell.Environment[$"GIT_{name}_NAME"] = value;
            _shell.Environment[$"GIT_{name}_EMAIL"] = "a@b";
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_action_is_one_as_GitHub_documents_them()
    {
        var action = Read("github", "action.yml");
        var steps = (YamlSequenceNode)action["runs"]["steps"];

        Assert.NotEmpty(Text(action["name"]));
        Assert.NotEmpty(Text(action["description"]));
        Assert.Equal("composite", Text(action["runs"]["using"]));
        Assert.All(((YamlMappingNode)action["inputs"]).Children, i => Assert.NotEmpty(Text(i.Value["description"])));
        Assert.All(steps, s => Assert.True(Has(s, "uses") ^ Has(s, "run"), "a step runs something or uses something"));
        Assert.All(steps.Where(s => Has(s, "run")), s => Assert.Equal("bash", Text(s["shell"])));
        Assert.All(steps.Where(s => Has(s, "run")), s => Assert.DoesNotContain("${{", Text(s["run"]), StringComparison.Ordinal)); // a name is never a command
        var named = InputsNamed().Matches(File.ReadAllText(Repository.File("ci", "github", "action.yml"))).Select(m => m.Groups[1].Value);
        Assert.Equal(((YamlMappingNode)action["inputs"]).Children.Keys.Select(Text).Order(), named.Distinct().Order());
    }

    [Theory]
    [InlineData("", ExitCodes.Incomplete, "model out of date: page_remove_rmap")]
    [InlineData("\t/* why */\n", ExitCodes.AsExpected, "the verdicts stand")]
    public void The_steps_of_the_action_judge_a_pull_request(string instead, int code, string said)
    {
        var kernel = Kernel(Synchronises.Replace("\tsmp_mb();\n", instead.Length == 0 ? "" : $"{instead}\tsmp_mb();\n", StringComparison.Ordinal));
        var action = Read("github", "action.yml");
        _shell.Environment["GITHUB_ACTION_PATH"] = Repository.File("ci", "github");
        _shell.Environment["RUNNER_TEMP"] = _folder.File("runner temp");
        Directory.CreateDirectory(_folder.File("runner temp"));
        var exit = 0;
        var output = "";
        foreach (var step in ((YamlSequenceNode)action["runs"]["steps"]).Where(s => Has(s, "run")))
        {
            foreach (var (name, value) in Has(step, "env") ? ((YamlMappingNode)step["env"]).ToArray() : [])
            {
                _shell.Environment[Text(name)] = Text(value) switch
                {
                    "${{ inputs.base }}" => _shell.Run($"git -C '{kernel}' rev-parse HEAD~1").Out.Trim(),
                    "${{ inputs.kernel }}" => kernel,
                    "${{ inputs.model }}" => "",
                    var other => throw new InvalidOperationException(other),
                };
            }

            var run = _shell.Run(BuiltAlready + Text(step["run"]));
            (exit, output) = (run.ExitCode, output + run.All);
        }

        Assert.True(exit == code, output);
        Assert.Contains(said, output, StringComparison.Ordinal);
        Assert.Contains("mm/rmap.c:", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_template_is_one_as_GitLab_documents_them()
    {
        var jobs = ((YamlMappingNode)Read("gitlab", "thpcheck.yml")).Children;

        Assert.All(jobs.Keys, k => Assert.StartsWith(".", Text(k), StringComparison.Ordinal)); // to be extended
        Assert.All(jobs.Values.Where(j => Has(j, "extends")), j => Assert.Contains(j["extends"], jobs.Keys));
        Assert.All(jobs.Values.Where(j => Has(j, "extends")), j => Assert.All((YamlSequenceNode)j["script"], s => Assert.NotEmpty(Text(s))));
        Assert.All(jobs.Values.Where(j => Has(j, "parallel")), j => Assert.InRange(int.Parse(Text(j["parallel"]), null), 1, 200));
        Assert.All(jobs.Values.Where(j => Has(j, "artifacts")), j => Assert.Contains(Text(j["artifacts"]["when"]), new[] { "on_success", "on_failure", "always" }));
        Assert.All(jobs.Values.SelectMany(j => ((YamlMappingNode)j).Children.Keys), k =>
            Assert.Contains(Text(k), new[] { "image", "variables", "extends", "script", "rules", "parallel", "artifacts" }));
    }

    [Fact]
    public void The_jobs_of_the_template_judge_a_merge_request_and_check_the_scenarios_in_parts()
    {
        var jobs = Read("gitlab", "thpcheck.yml");
        var kernel = Kernel(Synchronises.Replace("\tsmp_mb();\n", "", StringComparison.Ordinal));
        Directory.CreateDirectory(_folder.File("home/specs"));
        Directory.CreateDirectory(_folder.File("builds"));
        foreach (var name in new[] { "exit-against-kswapd", "munmap-against-kswapd" })
        {
            File.Copy(Repository.File("specs", "rmap", $"{name}.yaml"), _folder.File($"home/specs/{name}.yaml"));
        }

        _shell.Environment["THPCHECK_HOME"] = _folder.File("home");
        _shell.Environment["CI_BUILDS_DIR"] = _folder.File("builds");
        _shell.Environment["CI_PROJECT_DIR"] = kernel;
        _shell.Environment["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = _shell.Run($"git -C '{kernel}' rev-parse HEAD~1").Out.Trim();

        var gate = Job(".thpcheck-gate");
        Assert.Equal(ExitCodes.Incomplete, gate.ExitCode);
        Assert.Contains("model out of date: page_remove_rmap", gate.Out, StringComparison.Ordinal);

        _shell.Environment["CI_NODE_TOTAL"] = "2";
        foreach (var part in new[] { "1", "2" })
        {
            _shell.Environment["CI_NODE_INDEX"] = part;
            Assert.Equal(ExitCodes.AsExpected, Job(".thpcheck-check").ExitCode);
        }

        var merged = Job(".thpcheck-merge");
        Assert.Equal((ExitCodes.AsExpected, ""), (merged.ExitCode, merged.Error));

        CommandLineRun Job(string name) => _shell.Run($"cd '{kernel}'\n" + string.Join('\n', ((YamlSequenceNode)jobs[name]["script"]).Select(Text)));
    }

    [Theory]
    [InlineData("\tsmp_mb();\n", "", "fail", "mm/rmap.c:6: ERROR: model out of date: page_remove_rmap, its synchronisation changes: -smp_mb()")]
    [InlineData("\tuse(nr);\n", "\tuse(nr + 1);\n", "warning", "mm/rmap.c:7: WARNING: cannot tell whether the model is out of date: page_remove_rmap, it synchronises as before, but")]
    [InlineData("\tuse(nr);\n", "\t/* für wen */\n\tuse(nr);\n", "success", "passed all checks")]
    public void B4_takes_what_the_gate_says_of_each_patch(string before, string after, string flag, string said)
    {
        var kernel = Kernel(Synchronises.Replace(before, after, StringComparison.Ordinal));
        var commands = _shell.Run($"git config -f '{Repository.File("ci", "b4", "gitconfig")}' --get-all b4.prep-perpatch-check-cmd").Out.Trim().Split('\n');
        var patch = _shell.Run($"git -C '{kernel}' format-patch --stdout -1").Out;

        // b4 pipes a patch to each command in the top folder, without the line that mailboxes begin mails with. A line with ERROR: fails, any other warns.
        var run = _shell.Run($"cd '{kernel}'\n{Assert.Single(commands, c => c.StartsWith("thpcheck ", StringComparison.Ordinal))}", patch[(patch.IndexOf('\n', StringComparison.Ordinal) + 1)..]);

        var report = run.Out.Trim().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => (Flag: l.Contains("ERROR:", StringComparison.Ordinal) ? "fail" : "warning", Line: l)).ToList();
        report.AddRange(run.Error.Trim().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => ("fail", l)));
        var (given, line) = report.Count > 0 ? Assert.Single(report) : run.ExitCode == 0 ? ("success", "passed all checks") : ("fail", $"Exited with error code {run.ExitCode}");
        Assert.Equal(flag, given);
        Assert.StartsWith(said, line, StringComparison.Ordinal);
    }

    [Fact]
    public void B4_is_told_nothing_of_a_tree_that_has_later_patches_too()
    {
        var kernel = Kernel(Synchronises.Replace("\tuse(nr);\n", "\t/* why */\n\tuse(nr);\n", StringComparison.Ordinal));
        var patch = _shell.Run($"git -C '{kernel}' format-patch --stdout -1").Out;
        _folder.Write("linux/mm/rmap.c", Synchronises.Replace("\tuse(nr);\n", "\t/* because */\n\tuse(nr);\n", StringComparison.Ordinal));

        var run = _shell.Run($"cd '{kernel}' && thpcheck gate --diff - --checkpatch --kernel .", patch);

        Assert.Equal((ExitCodes.AsExpected, "", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Fact]
    public void The_Containerfile_makes_a_tool_of_a_build()
    {
        var instructions = File.ReadAllText(Repository.File("ci", "Containerfile")).ReplaceLineEndings("\n").Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n').Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(' ', 2)).ToArray();

        Assert.All(instructions, i => Assert.Contains(i[0], new[] { "ARG", "FROM", "COPY", "ENV", "RUN", "WORKDIR", "ENTRYPOINT" }));
        Assert.Equal("FROM", instructions.First(i => i[0] != "ARG")[0]);
        Assert.Contains("**/obj", File.ReadAllLines(Repository.File(".dockerignore"))); // COPY takes what is left

        foreach (var run in instructions.Where(i => i[0] == "RUN"))
        {
            var made = _shell.Run(BuiltAlready + InFolder(run[1]));
            Assert.True(made.ExitCode == 0, made.All);
        }

        var entry = Assert.Single(instructions, i => i[0] == "ENTRYPOINT")[1];
        var tool = _folder.File($"usr/local/bin/{entry.Trim('[', ']', '"')}");
        var used = _shell.Run($"cd '{Repository.File()}' && '{tool}' list kernels");
        Assert.True(used.ExitCode == 0, used.All);
        Assert.Contains("linux-6.1", used.Out, StringComparison.Ordinal);
    }

    // What would be built is what runs these tests.
    private string BuiltAlready => $$"""
        real_dotnet="$(declare -f dotnet)"
        dotnet() {
          if [ "$1" != build ]; then '{{Shell.Dotnet}}' "$@"; return; fi
          to=
          for word; do [ "$previous" = -o ] && to=$word; [ -e "$word/Checker.csproj" ] && project=$word; previous=$word; done
          [ -n "$project" ] && [ -n "$to" ] && mkdir -p "$(dirname "$to")" && ln -sfn '{{AppContext.BaseDirectory}}' "$to"
        }
        export -f dotnet
        mkdir -p '{{_folder.File("usr/local/bin")}}'

        """;

    private string InFolder(string script) => script
        .Replace("/thpcheck/src", Repository.File("src"), StringComparison.Ordinal)
        .Replace("/opt/", $"{_folder.Path}/opt/", StringComparison.Ordinal)
        .Replace("/usr/local/", $"{_folder.Path}/usr/local/", StringComparison.Ordinal)
        .Replace("exec dotnet", $"exec {Shell.Dotnet}", StringComparison.Ordinal);

    // A repository whose last commit makes of mm/rmap.c what is given.
    private string Kernel(string after)
    {
        var folder = _folder.File("linux");
        Directory.CreateDirectory(Path.Combine(folder, "mm"));
        File.WriteAllText(Path.Combine(folder, "mm", "rmap.c"), Synchronises);
        var made = _shell.Run($"cd '{folder}' && git init -q . && git add . && git commit -qm base");
        File.WriteAllText(Path.Combine(folder, "mm", "rmap.c"), after);
        var changed = _shell.Run($"cd '{folder}' && git commit -qam 'mm/rmap: change it'");
        Assert.True(made.ExitCode == 0 && changed.ExitCode == 0, made.All + changed.All);
        return folder;
    }

    private static YamlNode Read(params string[] parts)
    {
        var yaml = new YamlStream();
        using var reader = new StreamReader(Repository.File(["ci", .. parts]));
        yaml.Load(reader);
        return Assert.Single(yaml.Documents).RootNode;
    }

    private static bool Has(YamlNode node, string key) => ((YamlMappingNode)node).Children.ContainsKey(new YamlScalarNode(key));

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;

    [GeneratedRegex(@"\$\{\{ inputs\.([a-z]+) \}\}")]
    private static partial Regex InputsNamed();
}
