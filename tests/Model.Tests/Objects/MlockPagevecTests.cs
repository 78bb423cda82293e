using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;

namespace ThpCheck.Model.Tests.Objects;

public sealed class MlockPagevecTests
{
    [Fact]
    public void An_empty_one_is_the_word_zero() => Assert.Equal(0, default(MlockPagevec).ToWord());

    [Fact]
    public void Its_word_gives_it_back()
    {
        var pvec = default(MlockPagevec).With(63, MlockKind.Lru).With(5, MlockKind.Munlock);

        Assert.Equal(pvec, MlockPagevec.FromWord(pvec.ToWord()));
        Assert.InRange(pvec.ToWord(), 0, (1L << MlockPagevec.Bits) - 1);
        Assert.Equal("Lru pfn 63, Munlock pfn 5", pvec.ToString());
    }

    [Fact]
    public void A_third_page_is_a_fault_of_the_model() =>
        Assert.Throws<ModelFaultException>(() => default(MlockPagevec).With(1, MlockKind.Lru).With(2, MlockKind.Lru).With(3, MlockKind.Lru));
}
