using Xunit;
using static ThpCheck.Specs.Tests.Format.Example;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>Documents that are YAML, but no scenarios: one mistake, one message, at the place of the mistake.</summary>
public sealed class BadDocuments
{
    [Fact]
    public void An_unknown_key_is_told_the_nearest_one() =>
        Refuses(SmallestWith(5, "variant: [{name: V}]"), "5:1: no key 'variant' here. Did you mean 'variants'?");

    [Fact]
    public void A_key_that_is_near_none_gets_no_suggestion() =>
        Refuses(Smallest + "xyzzy: 1\n", "6:1: no key 'xyzzy' here.");

    [Fact]
    public void A_key_that_is_there_already_is_not_suggested() =>
        Refuses(Smallest + "titles: 1\n", "6:1: no key 'titles' here.");

    [Theory]
    [InlineData(4, "threads: [{name: a, cals: [f]}]", "4:21: no key 'cals' here. Did you mean 'calls'?")]
    [InlineData(4, "threads: [{name: a, calls: [{call: f, az: b}]}]", "4:39: no key 'az' here. Did you mean 'as'?")]
    [InlineData(5, "variants: [{name: V, nota: n}]", "5:22: no key 'nota' here. Did you mean 'note'?")]
    [InlineData(6, "bounds: {state: 1}", "6:10: no key 'state' here. Did you mean 'states'?")]
    [InlineData(6, "pools: {a: {object: 1}}", "6:13: no key 'object' here. Did you mean 'objects'?")]
    public void An_unknown_key_is_found_at_every_level(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(6, "title: again", "6:1: the key 'title' is here twice; the first is at 1:1.")]
    [InlineData(5, "variants: [{name: V, name: W}]", "5:22: the key 'name' is here twice; the first is at 5:13.")]
    [InlineData(6, "config: {A: 1, 'A': 2}", "6:16: the key 'A' is here twice; the first is at 6:10.")]
    public void A_key_is_said_once(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(4, "threads: {a: b}", "4:10: expected a list of threads, found a mapping.")]
    [InlineData(4, "threads: f", "4:10: expected a list of threads, found 'f'.")]
    [InlineData(4, "threads: [f]", "4:11: expected a thread (a mapping), found 'f'.")]
    [InlineData(4, "threads: [{name: a, calls: {f: g}}]", "4:28: expected a list of calls, found a mapping.")]
    [InlineData(4, "threads: [{name: a, calls: f}]", "4:28: expected a list of calls, found 'f'.")]
    [InlineData(4, "threads: [{name: a, calls: [[f]]}]", "4:29: expected a call such as 'folio = do_anonymous_page(vma, 0)', found a list.")]
    [InlineData(4, "threads: [{name: [a], calls: [f]}]", "4:18: expected an identifier (letters, digits and '_', no digit first), found a list.")]
    [InlineData(5, "variants: [V]", "5:12: expected a variant (a mapping), found 'V'.")]
    [InlineData(5, "variants: {name: V}", "5:11: expected a list of variants, found a mapping.")]
    [InlineData(1, "title: {}", "1:8: expected one line of text, found an empty mapping.")]
    [InlineData(1, "title:", "1:7: expected one line of text, found nothing.")]
    [InlineData(2, "question: []", "2:11: expected text, found an empty list.")]
    [InlineData(6, "origin: mail", "6:9: expected a list of mails and commits, found 'mail'.")]
    [InlineData(6, "setup: mm_alloc()", "6:8: expected a list of calls, found 'mm_alloc()'.")]
    [InlineData(6, "teardown:", "6:10: expected a list of calls, found nothing.")]
    [InlineData(6, "config: [DEBUG_VM]", "6:9: expected a mapping of names to values, found a list.")]
    [InlineData(6, "pools: 1", "6:8: expected a mapping of cache names to capacities, found '1'.")]
    [InlineData(6, "pools: {a: [1]}", "6:12: expected a capacity or a mapping of pool options, found a list.")]
    [InlineData(6, "properties: {a: b}", "6:13: expected a list of properties, found a mapping.")]
    [InlineData(6, "bounds: 5", "6:9: expected the bounds (a mapping), found '5'.")]
    [InlineData(5, "variants: [{name: V, facts: {a: b}}]", "5:29: expected a list of facts, found a mapping.")]
    [InlineData(5, "variants: [{name: V, patches: p}]", "5:31: expected a list of patches, found 'p'.")]
    [InlineData(5, "variants: [{name: V, toggles: [t]}]", "5:31: expected a mapping of toggle names to values, found a list.")]
    [InlineData(5, "variants: [{name: V, expect: holds}]", "5:30: expected a mapping of property names to verdicts, found 'holds'.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: 1}}]", "5:36: expected a list of tuples, found '1'.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: [1]}}]", "5:37: expected a list of integers, found '1'.")]
    public void A_value_of_the_wrong_kind_is_told_the_right_one(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData("- title\n", "1:1: expected a scenario (a mapping), found a list.")]
    [InlineData("\n  title\n", "2:3: expected a scenario (a mapping), found 'title'.")]
    public void A_file_is_a_mapping(string text, string complaint) => Refuses(text, complaint);

    [Theory]
    [InlineData(1, "# title", "2:1: a scenario needs the key 'title'.")]
    [InlineData(2, "", "1:1: a scenario needs the key 'question'.")]
    [InlineData(3, "", "1:1: a scenario needs the key 'kernel'.")]
    [InlineData(4, "", "1:1: a scenario needs the key 'threads'.")]
    [InlineData(5, "", "1:1: a scenario needs the key 'variants'.")]
    [InlineData(4, "threads: [{calls: [f]}]", "4:11: a thread needs the key 'name'.")]
    [InlineData(4, "threads: [{name: a}]", "4:11: a thread needs the key 'calls'.")]
    [InlineData(4, "threads: [{name: a, calls: [{as: b}]}]", "4:29: a call needs the key 'call'.")]
    [InlineData(5, "variants: [{note: n}]", "5:12: a variant needs the key 'name'.")]
    [InlineData(6, "pools: {a: {reuse: on}}", "6:12: a pool needs the key 'objects'.")]
    public void A_missing_key_is_reported_where_its_mapping_starts(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(4, "threads: []", "4:10: expected at least one thread, found an empty list.")]
    [InlineData(4, "threads: [{name: a, calls: []}]", "4:28: expected at least one call, found an empty list.")]
    [InlineData(5, "variants: []", "5:11: expected at least one variant, found an empty list.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: [[]]}}]", "5:37: expected at least one integer, found an empty list.")]
    public void What_must_be_there_cannot_be_empty(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(5, "variants: [{name: V}, {name: V}]", "5:30: the variant 'V' is here twice; the first is at 5:19.")]
    [InlineData(4, "threads: [{name: a, calls: [f]}, {name: a, calls: [g]}]", "4:41: the thread 'a' is here twice; the first is at 4:18.")]
    [InlineData(6, "properties: [p, q, p]", "6:20: the property 'p' is here twice; the first is at 6:14.")]
    [InlineData(5, "variants: [{name: V, patches: [p, p]}]", "5:35: the patch 'p' is here twice; the first is at 5:32.")]
    [InlineData(5, "variants: [{name: V, tolerates: [p, p]}]", "5:37: the kernel bug 'p' is here twice; the first is at 5:34.")]
    [InlineData(6, "setup: [a = f, a = g]", "6:16: the name 'a' is bound twice; the first is at 6:9.")]
    [InlineData(6, "setup: [{call: f, as: a}]\nteardown: [a = g]", "7:12: the name 'a' is bound twice; the first is at 6:23.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: [[0, 1], [0, 0x1]]}}]", "5:45: the tuple [0, 1] is here twice; the first is at 5:37.")]
    public void A_name_is_given_once(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData("9a", "'9a'")]
    [InlineData("a-b", "'a-b'")]
    [InlineData("a b", "'a b'")]
    [InlineData("' a'", "the text ' a'")]
    [InlineData("''", "nothing")]
    public void A_thread_is_called_by_an_identifier(string name, string found) => Refuses(
        SmallestWith(4, $"threads: [{{name: {name}, calls: [f]}}]"),
        $"4:18: expected an identifier (letters, digits and '_', no digit first), found {found}.");

    [Theory]
    [InlineData(3, "kernel: 6.1", "3:9: expected a name (letters, digits and '_.-', a letter first), found '6.1'.")]
    [InlineData(5, "variants: [{name: a b}]", "5:19: expected a name (letters, digits and '_.-+=', a letter or digit first), found 'a b'.")]
    [InlineData(6, "properties: [p q]", "6:14: expected a name (letters, digits and '_.-', a letter first), found 'p q'.")]
    [InlineData(6, "config: {a-b: 1}", "6:10: expected an identifier (letters, digits and '_', no digit first), found 'a-b'.")]
    [InlineData(5, "variants: [{name: V, toggles: {' t': on}}]", "5:32: expected words on one line, found the text ' t'.")]
    [InlineData(6, "setup: [{call: f, as: null}]", "6:23: expected an identifier other than true, false and null, found 'null'.")]
    public void A_name_is_spelled_as_its_kind_is(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(6, "pools: {a: 0}", "6:12: expected an integer from 1 to 65535, found '0'.")]
    [InlineData(6, "pools: {a: 65536}", "6:12: expected an integer from 1 to 65535, found '65536'.")]
    [InlineData(6, "pools: {a: {objects: 1, generations: -1}}", "6:38: expected an integer from 1 to 65535, found '-1'.")]
    [InlineData(6, "pools: {a: '1'}", "6:12: expected an integer from 1 to 65535, found the text '1'.")]
    [InlineData(6, "bounds: {states: 0}", "6:18: expected an integer of 1 or more, found '0'.")]
    [InlineData(6, "bounds: {seconds: 1.5}", "6:19: expected an integer of 1 or more, found '1.5'.")]
    [InlineData(6, "bounds: {memory: 9223372036854775808}", "6:18: expected an integer of 1 or more, found '9223372036854775808'.")]
    [InlineData(5, "variants: [{name: V, states: -1}]", "5:30: expected an integer of 0 or more, found '-1'.")]
    [InlineData(5, "variants: [{name: V, transitions: 1_000}]", "5:35: expected an integer of 0 or more, found '1_000'.")]
    [InlineData(6, "config: {A: 010}", "6:13: expected true, false or an integer of at most 64 bits, found '010'.")]
    [InlineData(6, "config: {A: 0x10000000000000000}", "6:13: expected true, false or an integer of at most 64 bits, found '0x10000000000000000'.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: [[a]]}}]", "5:38: expected an integer of at most 64 bits, found 'a'.")]
    public void An_integer_is_one_and_in_its_range(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData(6, "pools: {a: {objects: 1, reuse: 1}}", "6:32: expected true or false, found '1'.")]
    [InlineData(6, "config: {A: maybe}", "6:13: expected true, false or an integer of at most 64 bits, found 'maybe'.")]
    [InlineData(6, "arch: {A: a b}", "6:11: expected true, false, an integer of at most 64 bits or a name, found 'a b'.")]
    [InlineData(4, "threads: [{name: a, kind: tsak, calls: [f]}]", "4:27: expected task, optional or environment, found 'tsak'. Did you mean 'task'?")]
    [InlineData(5, "variants: [{name: V, expect: {p: violate}}]", "5:34: expected holds, violated or vacuous, found 'violate'. Did you mean 'violated'?")]
    [InlineData(5, "variants: [{name: V, expect: {p: found}}]", "5:34: expected holds, violated or vacuous, found 'found'.")]
    [InlineData(5, "variants: [{name: V, expect: {deadlock: holds}}]", "5:41: expected found, found 'holds'.")]
    [InlineData(5, "variants: [{name: V, facts: B1}]", "5:29: expected a fact such as 'rmap-tlb#B1' or 'rmap-tlb#B1/BEFORE', found 'B1'.")]
    [InlineData(5, "variants: [{name: V, facts: [a#b/c/d/e]}]", "5:30: expected a fact such as 'rmap-tlb#B1' or 'rmap-tlb#B1/BEFORE', found 'a#b/c/d/e'.")]
    [InlineData(5, "variants: [{name: V, facts: [a#b/c']}]", "5:30: expected a fact such as 'rmap-tlb#B1' or 'rmap-tlb#B1/BEFORE', found 'a#b/c''.")]
    [InlineData(5, "variants: [{name: V, outcomes: {p: [[0, 1], [2]]}}]", "5:45: this tuple has 1 integers, the first one has 2.")]
    [InlineData(1, "title: |\n  two\n  lines", "1:8: expected one line of text, found the text 'two lines '.")]
    public void A_value_is_one_of_those_that_its_key_takes(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Fact]
    public void Several_mistakes_are_reported_in_the_files_order()
    {
        Assert.Equal(
            [
                "specs/a.yaml:1:1: no key 'titel' here. Did you mean 'title'?",
                "specs/a.yaml:1:1: a scenario needs the key 'kernel'.",
                "specs/a.yaml:3:19: expected an identifier (letters, digits and '_', no digit first), found '1'.",
                "specs/a.yaml:3:34: expected ',' or ')', found 'y'.",
                "specs/a.yaml:4:12: a variant needs the key 'name'.",
            ],
            Complaints("titel: t\nquestion: q\nthreads: [ {name: 1, calls: [f(x y)]} ]\nvariants: [{}]\n"));
    }

    [Fact]
    public void A_file_full_of_mistakes_gets_only_the_first_fifty()
    {
        var complaints = Complaints(string.Concat(Enumerable.Range(1, 1000).Select(i => $"xyz{i}: 1\n")));

        Assert.Equal(51, complaints.Length);
        Assert.Equal("specs/a.yaml:1:1: no key 'xyz1' here.", complaints[0]);
        Assert.Equal("specs/a.yaml:50:1: no key 'xyz50' here.", complaints[49]);
        Assert.Equal("specs/a.yaml:50:1: there are more errors than the 50 shown.", complaints[50]);
    }

    [Fact]
    public void A_long_text_is_cut_in_its_message() =>
        Refuses(Smallest + new string('x', 1000) + ": 1\n", $"6:1: no key '{new string('x', 60)}...' here.");
}
