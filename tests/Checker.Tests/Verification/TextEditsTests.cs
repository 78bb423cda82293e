using ThpCheck.Checker.Patching;

namespace ThpCheck.Checker.Tests.Verification;

public sealed class TextEditsTests
{
    [Fact]
    public void Every_place_of_the_changed_text_is_found_in_the_text_as_written()
    {
        const string Text = "while (a) { b(); } Base c;";
        var edits = new TextEdits(Text);
        edits.Insert(11, " Turn();");
        edits.Replace(19, 4, "global::kernel");

        var changed = edits.Apply();

        Assert.Equal("while (a) { Turn(); b(); } global::kernel c;", changed);
        foreach (var word in new[] { "while", "b()", "c;" })
        {
            Assert.Equal(Text.IndexOf(word, StringComparison.Ordinal), edits.Original(changed.IndexOf(word, StringComparison.Ordinal)));
        }

        Assert.Equal(11, edits.Original(changed.IndexOf("Turn", StringComparison.Ordinal)));
        Assert.Equal(19, edits.Original(changed.IndexOf("kernel", StringComparison.Ordinal)));
        Assert.Equal(Text.Length, edits.Original(changed.Length));
    }
}
