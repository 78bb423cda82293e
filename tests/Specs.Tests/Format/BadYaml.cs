using ThpCheck.Specs.Format;
using Xunit;
using static ThpCheck.Specs.Tests.Format.Example;

namespace ThpCheck.Specs.Tests.Format;

/// <summary>Texts that are no YAML, or more of YAML than a scenario may use.</summary>
public sealed class BadYaml
{
    private const string Empty = "1:1: the file is empty; a scenario starts with its title, as in 'title: Exit against kswapd'.";

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("# only a comment\n")]
    public void An_empty_text_is_told_how_to_start(string text) => Refuses(text, Empty);

    [Theory]
    [InlineData("title: [a\n", "2:1: this is not YAML. While parsing a flow sequence, did not find expected ',' or ']'.")]
    [InlineData("title: a: b\n", "1:9: this is not YAML. While scanning a plain scalar value, found invalid mapping.")]
    [InlineData("title: \"a\n", "1:8: this is not YAML. While scanning a quoted scalar, found unexpected end of stream.")]
    [InlineData("title: @a\n", "1:8: this is not YAML. While scanning for the next token, found character that cannot start any token.")]
    [InlineData("title: a\n- b\n", "2:1: this is not YAML. While parsing a block mapping, did not find expected key.")]
    [InlineData("title: *\n", "1:8: this is not YAML. While scanning an anchor or alias, found value containing disallowed: []{},.")]
    [InlineData("title: [a,\nb]\n", "1:10: this is not YAML. The parser gives up behind this place; see whether what follows is indented far enough.")]
    [InlineData("title: !![\n", "1:6: this is not YAML. The parser gives up behind this place; see whether what follows is indented far enough.")]
    [InlineData("... ,\n", "1:1: this is not YAML. The parser gives up behind this place; see whether what follows is indented far enough.")]
    [InlineData("title:\n  : >\n", "3:1: this is not YAML. A value is missing here.")]
    public void A_syntax_error_has_a_place_and_a_sentence(string text, string complaint) => Refuses(text, complaint);

    [Theory]
    [InlineData(1, "title: &t t", "1:8: the anchor '&t' is not allowed; a scenario has no aliases.")]
    [InlineData(1, "title: *t", "1:8: the alias '*t' is not allowed; write what it stands for.")]
    [InlineData(4, "threads: [{name: a, calls: *c}]", "4:28: the alias '*c' is not allowed; write what it stands for.")]
    [InlineData(1, "title: !!str t", "1:8: the tag 'tag:yaml.org,2002:str' is not allowed; a scenario's keys say what their values are.")]
    [InlineData(1, "title: ! t", "1:8: the tag '!' is not allowed; a scenario's keys say what their values are.")]
    [InlineData(5, "variants: [{name: V, <<: {note: n}}]", "5:22: the merge key '<<' is not allowed; write the keys out.")]
    [InlineData(5, "variants: [{name: V, <<: *v}]", "5:22: the merge key '<<' is not allowed; write the keys out.")]
    public void What_stands_for_something_else_is_refused(int line, string replacement, string complaint) =>
        Refuses(SmallestWith(line, replacement), complaint);

    [Theory]
    [InlineData("? [a]\n: b\n", "6:3: expected a key, found a list.")]
    [InlineData("{a: b}: c\n", "6:1: expected a key, found a mapping.")]
    [InlineData(": c\n", "6:3: expected a key, found nothing.")]
    public void A_key_is_text(string line, string complaint) => Refuses(Smallest + line, complaint);

    [Fact]
    public void An_alias_bomb_is_not_expanded()
    {
        var bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + string.Concat("bcdefghijklmnopqrstuvwxyz".Select(c => $"{c}: &{c} [{string.Join(", ", Enumerable.Repeat($"*{(char)(c - 1)}", 10))}]\n"));

        var complaints = Complaints(bomb);

        Assert.Equal("specs/a.yaml:1:4: the anchor '&a' is not allowed; a scenario has no aliases.", complaints[0]);
        Assert.Equal("specs/a.yaml:2:8: the alias '*a' is not allowed; write what it stands for.", complaints[2]);
        Assert.Equal(51, complaints.Length);
    }

    [Fact]
    public void A_second_document_is_refused_where_it_starts() => Refuses(
        Smallest + "---\ntitle: t\n",
        "6:1: a second document starts here; a scenario is one document, so put this one into a file of its own.");

    [Theory]
    [InlineData("[", 17)]
    [InlineData("{a: ", 65)]
    [InlineData("- ", 33)]
    public void Deep_nesting_is_refused_at_the_first_level_too_many(string level, int column) => Refuses(
        string.Concat(Enumerable.Repeat(level, 200_000)), $"1:{column}: lists and mappings are nested deeper than 16 levels here; a scenario needs 6.");

    [Fact]
    public void Sixteen_levels_are_not_too_deep() => Refuses(
        new string('[', 16) + new string(']', 16), "1:1: expected a scenario (a mapping), found a list.");

    [Theory]
    [InlineData("title:\tt", "1:7: a tab; a scenario is indented and spaced with spaces.")]
    [InlineData("title: t # a\tcomment", "1:13: a tab; a scenario is indented and spaced with spaces.")]
    [InlineData("title: \u0007", "1:8: the invisible character U+0007; remove it.")]
    [InlineData("title: a\u001b[31m", "1:9: the invisible character U+001B; remove it.")]
    [InlineData("title: a\u202eb", "1:9: the invisible character U+202E; remove it.")]
    [InlineData("title: a\u2028b", "1:9: the invisible character U+2028; remove it.")]
    [InlineData("title: a\rb", "1:9: the invisible character U+000D; remove it.")]
    [InlineData("\uFEFFtitle: a", "1:1: the invisible character U+FEFF; remove it.")]
    [InlineData("title: a\0b", "1:9: a NUL character; this is a binary file, a scenario is UTF-8 text.")]
    [InlineData("title: \"\\e[31m\"", "1:8: this text holds the invisible character U+001B; remove it.")]
    [InlineData("title: \"a\\tb\"", "1:8: this text holds a tab; a scenario is indented and spaced with spaces.")]
    public void Invisible_characters_are_refused(string line, string complaint) => Refuses(SmallestWith(1, line), complaint);

    [Fact]
    public void Half_a_surrogate_pair_is_refused() =>      // not an InlineData: runners write those down as UTF-8
        Refuses("title: \ud800\n", "1:8: half a surrogate pair, which is no character.");

    [Fact]
    public void A_text_longer_than_a_megabyte_is_refused()
    {
        var longest = Smallest.PadRight(ScenarioReader.LongestFile, '\n');

        Assert.NotNull(Read(longest));
        Refuses(longest + "\n", "1:1: the file is 1.1 MB; a scenario is a page of text, 1 MB at most.");
    }
}
