using System.Text;
using System.Text.RegularExpressions;
using ThpCheck.Checker.Certificates;
using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Tests.CommandLine;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Checker.Tests.Reports;

namespace ThpCheck.Checker.Tests.Certificates;

/// <summary>
/// Every way to change a certificate is noticed: exit code 1 where what it says is not so, 2 with the line where it is no
/// certificate of this scenario at all.
/// </summary>
public sealed partial class TamperingTests
{
    [Fact]
    public void A_state_that_is_missing_is_missed()
    {
        var from = Refuted(Without("state 700 "));

        Assert.Matches("^from state [0-9]+, (exit|kswapd|slab)'s .* leads to a state that is not listed; the nearest that is, state [0-9]+, has .*$", from);
    }

    [Fact]
    public void A_kernel_bug_that_is_missing_is_missed() =>
        Assert.Matches(@"^from state [0-9]+, kswapd's READ_ONCE\(anon_vma0.root\) leads to a state that is not listed; ", Refuted(Without(FirstBug)));

    [Fact]
    public void A_missing_initial_state_is_missed() => Assert.StartsWith("the initial state is not listed; ", Refuted(Without("state 0 ")), StringComparison.Ordinal);

    [Fact]
    public void A_kernel_bug_under_another_name_is_noticed()
    {
        var renamed = Certified.V1.Replace($"\n{FirstBug}no-use-after-free ", $"\n{FirstBug}no-double-free ", StringComparison.Ordinal);

        Assert.EndsWith($"; the nearest that is, state {FirstBug.Split(' ')[1]}, is ended by another kernel bug, or by another step", Refuted(renamed), StringComparison.Ordinal);
    }

    /// <remarks>Each number of a state stands for a cell; the sentence names the state, the cell and both values.</remarks>
    [Theory]
    [InlineData("anon_vma0.refcount")]
    [InlineData("page_table0.ptl")]
    [InlineData("folio0.mapping")]
    [InlineData("kswapd.rcu_wait")]
    public void A_changed_cell_is_noticed_and_named(string cell)
    {
        var index = Array.FindIndex(Cells, c => c.Name == cell);
        Assert.True(index >= 0, $"there is no cell {cell}");
        var state = Line("state 40 ");
        var values = state[(state.IndexOf(" cells ", StringComparison.Ordinal) + 7)..].Split(' ');
        var (was, now) = (values[index], values[index] == Cells[index].Min ? Cells[index].Max : Cells[index].Min);
        values[index] = now;

        var from = Refuted(Certified.V1.Replace(state, state[..(state.IndexOf(" cells ", StringComparison.Ordinal) + 7)] + string.Join(' ', values), StringComparison.Ordinal));

        Assert.EndsWith($" is not listed; the nearest that is, state 40, has {cell} = {now}, not {was}", from, StringComparison.Ordinal);
    }

    /// <remarks>The frame is the walker's second; its last word is a count.</remarks>
    [Fact]
    public void A_changed_word_of_a_frame_is_noticed_and_named()
    {
        var frame = Lines.First(l => l.StartsWith("frame ", StringComparison.Ordinal) && l.Contains("rmap+<folio_referenced>", StringComparison.Ordinal) && l.EndsWith(" 1", StringComparison.Ordinal));

        var from = Refuted(Certified.V1.Replace($"\n{frame}\n", $"\n{frame[..^1]}2\n", StringComparison.Ordinal));

        Assert.Matches("has 2 as word [0-9]+ of kswapd's frame of rmap.folio_referenced, not 1(, and differs otherwise too)?$", from);
    }

    [Theory]
    [InlineData(" rcu 0 ", " rcu 1 ", "inside other sections, locks or regions")]
    [InlineData(" list_get Plain ", " list_count Plain ", "at list_count, not list_get")]
    [InlineData(" list_get Plain 14 ", " list_get Plain 16 ", "at list_get with other operands")]
    public void A_changed_node_is_noticed(string was, string now, string difference)
    {
        var node = Lines.First(l => l.StartsWith("node ", StringComparison.Ordinal) && l.Contains("list_get Plain 14", StringComparison.Ordinal));

        var from = Refuted(Certified.V1.Replace(node, node.Replace(was, now, StringComparison.Ordinal), StringComparison.Ordinal));

        Assert.Contains($"has exit {difference}", from, StringComparison.Ordinal);
    }

    [Fact]
    public void A_state_that_nothing_leads_to_is_noticed()
    {
        var initial = Line("state 0 ");
        var smuggled = $"state 2077{initial["state 0".Length..].Replace(" cells 0 0 ", " cells 14 14 ", StringComparison.Ordinal)}";

        Assert.Equal("state 2077 is not reachable: no step from a listed state leads to it", Refuted(Certified.V1.Replace("\nend\n", $"\n{smuggled}\nend\n", StringComparison.Ordinal)));
    }

    /// <remarks>
    /// A second copy of all states in which one cell that no step looks at has another value: each step from a listed state leads
    /// to a listed one, and the counts are made to fit. Only that nothing leads into the copy gives it away.
    /// </remarks>
    [Fact]
    public void States_that_lead_only_to_one_another_are_noticed()
    {
        var wait = Array.FindIndex(Cells, c => c.Name == "exit.ipi_wait");
        var copies = Lines.Where(l => l.StartsWith("state ", StringComparison.Ordinal) || l.StartsWith("bug ", StringComparison.Ordinal)).Select(line =>
        {
            var fields = line.Split(' ');
            fields[1] = (int.Parse(fields[1], null) + 2077).ToString(null, null);
            fields[Array.IndexOf(fields, "cells") + 1 + wait] = "1";
            return string.Join(' ', fields);
        });
        var doubled = Certified.V1.Replace("\nend\n", $"\n{string.Join('\n', copies)}\nend\n", StringComparison.Ordinal)
            .Replace("states 2077\ntransitions 4170\nends 2\n", "states 4154\ntransitions 8340\nends 4\n", StringComparison.Ordinal);

        Assert.Equal("state 2077 is not reachable: no step from a listed state leads to it", Refuted(doubled));
    }

    [Theory]
    [InlineData("property no-use-after-free violated", "property no-use-after-free holds", "^no-use-after-free: claimed holds, found violated: kswapd's step from state [0-9]+ breaks it$")]
    [InlineData("property anon-vma-valid violated", "property anon-vma-valid holds", "^anon-vma-valid: claimed holds, found violated: state [0-9]+ breaks it: the mapcount of folio is 1, but anon_vma0, its anon_vma, is freed$")]
    [InlineData("property nothing-leaked holds", "property nothing-leaked violated", "^nothing-leaked: claimed violated, found holds: no listed state and no step from one does it$")]
    [InlineData("property nothing-leaked holds", "property nothing-leaked vacuous", "^nothing-leaked: claimed vacuous, found holds: no listed state and no step from one does it$")]
    [InlineData("property walker-walks holds", "property walker-walks violated", "^walker-walks: claimed violated, found holds: state [0-9]+ reaches it$")]
    [InlineData("deadlock none", "deadlock found", "^the certificate claims a deadlock; there is none$")]
    [InlineData("livelock none", "livelock found", "^the certificate claims a livelock; there is none$")]
    [InlineData("states 2077", "states 2078", "^the certificate claims 2,078 states; there are 2,077$")]
    [InlineData("transitions 4170", "transitions 1", "^the certificate claims 1 transitions; there are 4,170$")]
    [InlineData("ends 2", "ends 3", "^the certificate claims 3 ends; there are 2$")]
    public void A_changed_claim_is_noticed(string was, string now, string sentence) => Assert.Matches(sentence, Refuted(Replaced(was, now)));

    [Fact]
    public void A_deadlock_that_is_not_claimed_is_noticed()
    {
        var text = Certified.Text(AbbaTests.Locks(abba: true)).Replace("\ndeadlock found\n", "\ndeadlock none\n", StringComparison.Ordinal);

        var refuted = Assert.Throws<RefutedCertificateException>(() => Certified.Confirm(text, AbbaTests.Locks(abba: true)));

        Assert.Equal("the certificate claims no deadlock; there is one", refuted.Message);
    }

    [Fact]
    public void A_changed_outcome_is_noticed()
    {
        var text = Certified.Text(MessageTests.StoreBuffering());
        var property = Assert.Single(text.Split('\n'), l => l.StartsWith("property ", StringComparison.Ordinal) && l.Contains(',', StringComparison.Ordinal));

        var refuted = Assert.Throws<RefutedCertificateException>(
            () => Certified.Confirm(text.Replace(property, $"{property} 7,7", StringComparison.Ordinal), MessageTests.StoreBuffering()));

        Assert.EndsWith("7,7, found 0,1 1,0 1,1", refuted.Message, StringComparison.Ordinal);
    }

    /// <remarks>With four bits of each fingerprint, different states are taken for one, and what follows them is never looked at.</remarks>
    [Fact]
    public void What_a_search_lost_to_equal_fingerprints_is_missed()
    {
        var lossy = Certified.Text(InterleavingTests.Steps(3, 2, 2), new Budget { FingerprintMask = 0xF });

        var missing = Assert.Throws<RefutedCertificateException>(() => Certified.Confirm(lossy, InterleavingTests.Steps(3, 2, 2)));

        Assert.Contains("leads to a state that is not listed", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_of_another_program_is_refused()
    {
        var other = Assert.Throws<RefutedCertificateException>(() => Certified.Confirm(Certified.Text(InterleavingTests.Steps(3, 2)), InterleavingTests.Steps(2, 3)));

        Assert.StartsWith("the initial state is not listed; ", other.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sha256 ", "sha256 0000", 4, "is not the scenario as it was certified: its SHA-256 is ")]
    [InlineData("variant v1\n", "variant v2\n", 5, "no variant 'v2' in ")]
    [InlineData("kernel linux-6.1\n", "kernel linux-6.2\n", 6, "the certificate's kernel is 'linux-6.2', the variant's 'linux-6.1'")]
    [InlineData("patch delay-rmap-v1\n", "patch delay-rmap-final\n", 7, "the certificate's patch is 'delay-rmap-final', the variant's 'delay-rmap-v1'")]
    [InlineData("patch delay-rmap-v1\n", "", 6, "the certificate's patch is '', the variant's 'delay-rmap-v1'")]
    [InlineData("patch delay-rmap-v1\n", "patch delay-rmap-v1\ntoggle mapped-under-lock off\n", 8, "the certificate's toggle is 'mapped-under-lock off', the variant's ''")]
    [InlineData("thpcheck-certificate 1\n", "thpcheck-certificate 2\n", 1, "this version reads 'thpcheck-certificate 1'")]
    [InlineData("property no-bad-unlock holds\n", "", 15, "'no-recursive-lock' stands where 'no-bad-unlock' should be")]
    [InlineData("property no-bad-unlock holds\n", "property no-bad-unlock probably\n", 15, "a verdict is holds or violated or vacuous")]
    [InlineData("deadlock none\n", "deadlock maybe\n", 11, "'deadlock' is found or none")]
    [InlineData("states 2077\n", "states many\n", 8, "states cannot be 'many'")]
    [InlineData("thread 0 exit Task\n", "thread 0 quit Task\n", 37, "this version of the model has 'thread 0 exit Task' here; another scenario or another version of the model is certified")]
    [InlineData("frame 3 2 ", "frame 4 2 ", null, "the number of the next frame cannot be '4'")]
    [InlineData("frame 3 2 ", "frame 3 9 ", null, "the frame below, one listed before, cannot be '9'")]
    [InlineData("frame 5 4 ", "frame 5 1 ", null, "this frame is listed before; each is listed once")]
    [InlineData("node 2 1 8 atomic_read ", "node 2 1 8 atomic_reed ", null, "an operation cannot be 'atomic_reed'")]
    [InlineData("node 2 1 8 atomic_read ", "node 2 9 8 atomic_read ", null, "a thread cannot be '9'")]
    [InlineData("state 1 nodes ", "state 0 nodes ", null, "the number of a state, larger than that before, cannot be '0'")]
    [InlineData("state 1 nodes 5 2 ", "state 1 nodes 2 2 ", null, "node 2 is not one of exit's")]
    [InlineData("state 1 nodes 5 ", "state 1 nodes 5000 ", null, "a node, one listed before, cannot be '5000'")]
    [InlineData("state 1 nodes ", "state 1 knots ", null, "'knots' stands where 'nodes' should be")]
    [InlineData("state 1 nodes ", "stat 1 nodes ", null, "a line begins with frame, node, state, bug or end here")]
    [InlineData("\nend\n", "\nend\nend\n", null, "the file goes on behind its end")]
    [InlineData("\nend\n", "\n", null, "the file ends before the states and the line 'end'; it was cut short")]
    [InlineData("\nend\n", "\nend", null, "the file ends in the middle of a line; it was cut short")]
    public void What_is_damaged_or_foreign_is_wrong_input_at_its_line(string was, string now, int? line, string sentence)
    {
        var run = Certified.Confirmed(Replaced(was, now));

        Assert.Equal((2, ""), (run.ExitCode, run.Out));
        Assert.Matches($"^thpcheck: FILE:{line?.ToString(null, null) ?? "[0-9]+"}: [^\n]*{Regex.Escape(sentence)}[^\n]*\n$", run.Error);
    }

    [Fact]
    public void The_same_state_twice_is_wrong_input()
    {
        var last = Lines.Last(l => l.StartsWith("state ", StringComparison.Ordinal));
        var run = Certified.Confirmed(Certified.V1.Replace("\nend\n", $"\n{Renumbered(last, 3000)}\nend\n", StringComparison.Ordinal));

        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: FILE:{Lines.Length}: this state is listed before; each is listed once\n"), run);
    }

    [Fact]
    public void A_value_outside_its_cells_range_is_wrong_input()
    {
        var state = Line("state 40 ");
        var run = Certified.Confirmed(Certified.V1.Replace(state, $"{state[..state.LastIndexOf(' ')]} 9999", StringComparison.Ordinal));

        Assert.Equal((2, $"thpcheck: FILE:{Array.IndexOf(Lines, state) + 1}: {Cells[^1].Name} cannot be '9999'\n"), (run.ExitCode, run.Error));
    }

    /// <remarks>Cut anywhere, also inside a line, and compressed or not, it is no certificate any more.</remarks>
    [Theory]
    [InlineData(".txt")]
    [InlineData(".gz")]
    public void A_file_that_was_cut_short_is_wrong_input(string end) => Certified.InFile(end, file =>
    {
        Certified.Of(Certified.Scenario, "v1", file);
        var whole = File.ReadAllBytes(file);
        foreach (var tenth in Enumerable.Range(1, 9))
        {
            File.WriteAllBytes(file, whole[..(whole.Length * tenth / 10)]);

            var run = Certified.ConfirmedFile(file);

            Assert.Equal((2, ""), (run.ExitCode, run.Out));
            Assert.Matches("^thpcheck: FILE:[0-9]+: [^\n]+\n$", run.Error);
        }

        return 0;
    });

    [Theory]
    [InlineData(".txt")]
    [InlineData(".gz")]
    public void Garbage_is_wrong_input(string end) => Certified.InFile(end, file =>
    {
        var random = new Random(1);
        byte[][] garbage = [[], [0], "\n"u8.ToArray(), [.. Enumerable.Repeat((byte)'x', 3 << 20)], Encoding.UTF8.GetBytes(File.ReadAllText(Certified.Scenario)), new byte[5000]];
        random.NextBytes(garbage[^1]);
        foreach (var bytes in garbage)
        {
            File.WriteAllBytes(file, bytes);

            var run = Certified.ConfirmedFile(file);

            Assert.Equal((2, ""), (run.ExitCode, run.Out));
            Assert.Matches("^thpcheck: FILE:1: [^\n]+\n$", run.Error);
        }

        return 0;
    });

    /// <remarks>One character changed anywhere: never confirmed as it was, never a stack trace.</remarks>
    [Fact]
    public void No_single_character_can_change_unnoticed()
    {
        var text = Certified.Text(Repository.File("tests", "Checker.Tests", "CommandLine", "Scenarios", "trylock.yaml"), "as-expected");
        var from = text.IndexOf("\nsha256", StringComparison.Ordinal); // the version and the name of the scenario are no claims
        var random = new Random(2);
        for (var i = 0; i < 150; i++)
        {
            var at = random.Next(from + 1, text.Length);
            var now = "0123456789 abcxyz\n%"[random.Next(19)];
            if (text[at] == now)
            {
                continue;
            }

            var run = Certified.Confirmed($"{text[..at]}{now}{text[(at + 1)..]}");

            Assert.True(run.ExitCode is 1 or 2, $"exit code {run.ExitCode} with '{now}' at {at}: {run.All}");
            Assert.Matches("^(not confirmed|thpcheck: FILE:[0-9]+): [^\n]+\n$", run.Out + run.Error);
        }
    }

    [Fact]
    public void A_scenario_that_is_not_there_is_wrong_input()
    {
        var run = Certified.Confirmed(Replaced(Certified.Scenario, "no-such.yaml"));

        Assert.Equal(new CommandLineRun(2, "", "thpcheck: FILE:3: the scenario 'no-such.yaml' is not there; --scenario says where it is now\n"), run);
    }

    [Theory]
    [InlineData("no-such-file", "there is no such file")]
    [InlineData(".", "this is a folder; name a certificate")]
    public void What_is_no_file_is_wrong_input(string path, string sentence) =>
        Assert.Equal(new CommandLineRun(2, "", $"thpcheck: {path}:1: {sentence}\n"), CommandLineRun.Of("confirm", path));

    private static string[] Lines => Certified.V1.Split('\n')[..^1];

    private static (string Name, string Min, string Max)[] Cells =>
        [.. Lines.Where(l => l.StartsWith("cell ", StringComparison.Ordinal)).Select(l => l.Split(' ')).Select(f => (f[2], f[4], f[5]))];

    private static string FirstBug => BugLine().Match(Certified.V1).Value;

    private static string Line(string start) => Lines.Single(l => l.StartsWith(start, StringComparison.Ordinal));

    private static string Without(string start) => Certified.V1.Replace($"{Line(start)}\n", "", StringComparison.Ordinal);

    private static string Renumbered(string state, int number) => $"state {number}{state[state.IndexOf(" nodes", StringComparison.Ordinal)..]}";

    // The first place only.
    private static string Replaced(string was, string now)
    {
        var at = Certified.V1.IndexOf(was, StringComparison.Ordinal);
        Assert.True(at >= 0, $"'{was}' is not there");
        return $"{Certified.V1[..at]}{now}{Certified.V1[(at + was.Length)..]}";
    }

    private static string Refuted(string text)
    {
        var run = Certified.Confirmed(text);

        Assert.Equal((1, ""), (run.ExitCode, run.Error));
        Assert.Matches("^not confirmed: [^\n]+\n$", run.Out);
        return run.Out["not confirmed: ".Length..^1];
    }

    [GeneratedRegex("(?<=\n)bug [0-9]+ ")]
    private static partial Regex BugLine();
}
