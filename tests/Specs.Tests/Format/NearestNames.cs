using ThpCheck.Specs.Format;
using Xunit;

namespace ThpCheck.Specs.Tests.Format;

public sealed class NearestNames
{
    [Theory]
    [InlineData("variant", "variants")]                         // dropped
    [InlineData("zap_pte_rang", "zap_pte_range")]
    [InlineData("zap_pte_ragne", "zap_pte_range")]              // swapped
    [InlineData("zap_pdt_range", "zap_pmd_range")]              // two changed; zap_pte_range: three, or a swap and a change
    [InlineData("Variants", "variants")]                        // case
    [InlineData("folio_remove", "folio_remove_rmap")]           // the beginning
    [InlineData("folio_remove_rmap_of_a_whole_large_page", "folio_remove_rmap")]
    public void A_slip_finds_what_was_meant(string slip, string meant) => Assert.Equal(
        meant, NearestName.Suggest(slip, ["variants", "zap_pte_range", "zap_pmd_range", "folio_remove_rmap", "folio_remove_rmap_and_lock"]));

    [Theory]
    [InlineData("xyzzy")]
    [InlineData("zz")]
    [InlineData("")]
    [InlineData("va")]      // too short for a beginning
    public void What_is_near_nothing_finds_nothing(string name) => Assert.Null(NearestName.Suggest(name, ["variants", "as", "states"]));

    [Fact]
    public void Of_equally_near_names_the_first_in_order_is_found_whatever_the_order_given()
    {
        Assert.Equal("bat", NearestName.Suggest("xat", ["cat", "bat", "hat"]));
        Assert.Equal("bat", NearestName.Suggest("xat", ["hat", "bat", "cat"]));
    }

    [Fact]
    public void A_swap_is_one_slip_and_a_distance_of_a_third_is_the_limit()
    {
        Assert.Equal("ab", NearestName.Suggest("ba", ["ab"]));
        Assert.Equal("abcxyz", NearestName.Suggest("abcxzyq", ["abcxyz"]));
        Assert.Equal("123456", NearestName.Suggest("12345ab", ["123456"]));
        Assert.Null(NearestName.Suggest("1234abc", ["123456"]));
    }

    [Fact]
    public void An_overlong_name_is_not_compared() => Assert.Null(NearestName.Suggest(new string('a', 1_000_000), [new string('a', 999_999)]));

    [Fact]
    public void A_hint_is_a_sentence_or_nothing()
    {
        Assert.Equal(" Did you mean 'task'?", NearestName.Hint("tsak", ["task"]));
        Assert.Equal("", NearestName.Hint("xyzzy", ["task"]));
    }
}
