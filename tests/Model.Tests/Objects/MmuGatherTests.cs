using ThpCheck.Model.Objects;
using ThpCheck.Model.Stepping;
using ThpCheck.Model.Tests.Stepping;

namespace ThpCheck.Model.Tests.Objects;

public sealed class MmuGatherTests
{
    private readonly Mm _mm;
    private readonly Folio[] _folios;

    public MmuGatherTests()
    {
        var test = new TestMachine();
        _mm = test.Add("mm", static at => new Mm(at, 1));
        _folios = [.. Enumerable.Range(0, MmuGather.Capacity + 1).Select(i => test.Add($"folio{i}", static at => new Folio(at, 1)))];
    }

    [Fact]
    public void A_gather_keeps_its_pages_in_their_order_with_the_flags_of_each()
    {
        var tlb = Full();

        Assert.Equal(MmuGather.Capacity, tlb.Nr);
        for (var i = 0; i < MmuGather.Capacity; i++)
        {
            Assert.Same(_folios[i], tlb[i]);
            Assert.Equal((EncodedPage)i, tlb.FlagsOf(i));
        }
    }

    [Fact]
    public void One_page_more_than_there_is_room_for_is_the_models_fault_and_no_page_is_lost()
    {
        var tlb = Full();

        var fault = Assert.Throws<ModelFaultException>(() => tlb.With(_folios[^1], EncodedPage.None));

        Assert.Equal("a gather takes 4 pages; it was to be flushed when its batches were full", fault.Message);
        Assert.Equal(Full(), tlb);
    }

    [Fact]
    public void An_emptied_gather_takes_pages_again_and_keeps_its_batches()
    {
        var tlb = (Full() with { Active = 1, BatchCount = 1 }).Emptied();

        Assert.Equal(new MmuGather(_mm, false) with { BatchCount = 1 }, tlb);
        Assert.Same(_folios[^1], tlb.With(_folios[^1], EncodedPage.None)[0]);
    }

    private MmuGather Full()
    {
        var tlb = new MmuGather(_mm, false);
        for (var i = 0; i < MmuGather.Capacity; i++)
        {
            tlb = tlb.With(_folios[i], (EncodedPage)i);
        }

        return tlb;
    }
}
