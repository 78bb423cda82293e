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
    public void A_batch_keeps_its_pages_in_their_order_and_what_is_delayed_of_each()
    {
        var tlb = Full();

        Assert.Equal(MmuGather.Capacity, tlb.Nr);
        for (var i = 0; i < MmuGather.Capacity; i++)
        {
            Assert.Same(_folios[i], tlb[i]);
            Assert.Equal(i % 2 == 1, tlb.IsDelayed(i));
        }
    }

    [Fact]
    public void One_page_more_than_a_batch_takes_is_the_models_fault_and_no_page_is_lost()
    {
        var tlb = Full();

        var fault = Assert.Throws<ModelFaultException>(() => tlb.With(_folios[^1], delayed: false));

        Assert.Equal("a batch takes 4 pages and chained batches are not modelled; unmap fewer pages at a time", fault.Message);
        Assert.Equal(Full(), tlb);
    }

    [Fact]
    public void An_emptied_batch_takes_pages_again()
    {
        var tlb = Full().Emptied();

        Assert.Equal(new MmuGather(_mm, false, null, null, null, null, 0, 0, null), tlb);
        Assert.Same(_folios[^1], tlb.With(_folios[^1], delayed: false)[0]);
    }

    private MmuGather Full()
    {
        var tlb = new MmuGather(_mm, false, null, null, null, null, 0, 0, null);
        for (var i = 0; i < MmuGather.Capacity; i++)
        {
            tlb = tlb.With(_folios[i], delayed: i % 2 == 1);
        }

        return tlb;
    }
}
