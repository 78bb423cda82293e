using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>What the search keeps its states in: the fingerprint table, its chunked lists, its queue.</summary>
public sealed class TableTests
{
    /// <remarks>It begins with three segments of 12288 slots, and 300000 keys need some forty. A third of the look-ups is for known keys.</remarks>
    [Fact]
    public void A_fingerprint_table_says_what_a_dictionary_says_while_it_grows()
    {
        var random = new Random(3);
        var known = new Dictionary<(ulong, ulong), int>();
        var keys = new List<(ulong Low, ulong High)>();
        using var table = new FingerprintTable();
        for (var i = 0; i < 450_000; i++)
        {
            var key = i % 3 == 2 ? keys[random.Next(keys.Count)] : ((ulong)random.NextInt64(), (ulong)random.NextInt64());
            var isNew = known.TryAdd(key, i);
            if (isNew)
            {
                keys.Add(key);
            }

            Assert.Equal(isNew, table.Add(key.Item1, key.Item2, i, out var number));
            Assert.Equal(known[key], number);
        }

        Assert.Equal(known.Count, table.Count);
        Assert.All(keys, k => Assert.False(table.Add(k.Low, k.High, -1, out _)));
    }

    /// <remarks>Every segment is split in its turn, and not all of them at once: it never takes much more than the 37 bytes a state that it says it does.</remarks>
    [Fact]
    public void A_fingerprint_table_takes_the_same_room_for_each_state_while_it_grows()
    {
        var random = new Random(4);
        using var table = new FingerprintTable();
        for (var i = 0; i < 1_500_000; i++)
        {
            table.Add((ulong)random.NextInt64() << 1, (ulong)random.NextInt64(), i, out _);
            if (i > 200_000 && i % 1000 == 0)
            {
                Assert.InRange(table.Bytes / (double)table.Count, 34, 41);
            }
        }
    }

    /// <remarks>More than the first segments hold, in one go: the search gives numbers only when a whole batch was looked up.</remarks>
    [Fact]
    public void Slots_stay_where_they_are_until_more_room_is_made()
    {
        const int Count = 100_000;
        var random = new Random(5);
        var keys = Enumerable.Range(0, Count).Select(_ => ((ulong)random.NextInt64(), (ulong)random.NextInt64())).ToArray();
        var slots = new long[Count];
        using var table = new FingerprintTable();

        table.Reserve(Count);
        for (var i = 0; i < Count; i++)
        {
            Assert.True(table.Add(keys[i].Item1, keys[i].Item2, ~i, out _, out slots[i]));
        }

        for (var i = 0; i < Count; i++)
        {
            FingerprintTable.SetNumber(slots[i], i);
        }

        table.Reserve(Count);
        Assert.All(Enumerable.Range(0, Count), i => Assert.Equal((false, i), (table.Add(keys[i].Item1, keys[i].Item2, -1, out var number), number)));
        var entries = new List<(ulong, ulong, int)>();
        table.ForEach((low, high, number) => entries.Add((low, high, number)));
        Assert.Equal(keys.Select((k, i) => (k.Item1, k.Item2, i)).Order(), entries.Order());
    }

    /// <remarks>Keys that fall on one slot, or differ in one half only, are told apart; probing wraps round at the end of the table.</remarks>
    [Fact]
    public void Fingerprints_that_fall_on_one_slot_are_told_apart()
    {
        using var table = new FingerprintTable();
        (ulong Low, ulong High)[] keys =
        [
            .. Enumerable.Range(0, 50).Select(i => (0xFFFFUL, (ulong)i)),
            .. Enumerable.Range(0, 50).Select(i => (0xFFFFUL + ((ulong)i << 32), 0UL)).Skip(1),
            (0, 0), (1, 0), (0, 2),
        ];

        for (var i = 0; i < keys.Length; i++)
        {
            Assert.True(table.Add(keys[i].Low, keys[i].High, i, out _));
        }

        for (var i = 0; i < keys.Length; i++)
        {
            Assert.False(table.Add(keys[i].Low, keys[i].High, -1, out var number));
            Assert.Equal(i, number);
        }
    }

    [Fact]
    public void A_chunked_list_holds_what_was_added_across_its_chunks()
    {
        const int Count = (2 << 20) + 5;
        var list = new ChunkedList<long>();
        for (var i = 0L; i < Count; i++)
        {
            list.Add(i * i);
        }

        list[1 << 20] = -1;

        Assert.Equal((Count, Count * sizeof(long)), (list.Count, list.Bytes));
        Assert.Equal([1 << 20, 1 << 20, 5], new long[] { 0, 1 << 20, 2 << 20 }.Select(i => list.From(i).Length));
        Assert.DoesNotContain(Enumerable.Range(0, Count), i => list[i] != (i == 1 << 20 ? -1 : (long)i * i));
    }

    [Fact]
    public void A_state_queue_gives_back_whole_states_in_order_and_can_be_used_again()
    {
        const int Count = 10_000;
        var queue = new StateQueue(3);
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0UL; i < Count; i++)
            {
                queue.Add([i, i + 1, i ^ (ulong)round], i * 3, i * 5);
            }

            Assert.Equal(Count, queue.Count);
            for (var i = 0; i < Count; i++)
            {
                var words = queue.Words(i, out var low, out var high).ToArray();
                Assert.Equal([(ulong)i, (ulong)i + 1, (ulong)i ^ (ulong)round], words);
                Assert.Equal(((ulong)i * 3, (ulong)i * 5), (low, high));
            }

            var bytes = queue.Bytes;
            queue.Clear();
            Assert.Equal((0L, bytes), (queue.Count, queue.Bytes));
        }
    }
}
