using ThpCheck.Model.Primitives;
using ThpCheck.Model.Stepping;
using static ThpCheck.Model.Primitives.Control;
using static ThpCheck.Model.Primitives.MemoryAccess;

namespace ThpCheck.Model.Tests.Stepping;

/// <summary>A state is its cells, packed into words, and a fingerprint that follows every change.</summary>
public sealed class StateTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(1001)]
    public void A_value_outside_its_cells_range_is_a_fault_that_names_both(int value)
    {
        var test = new TestMachine();

        var fault = test.FaultOf(() => Write(test.Page, value));

        Assert.Equal($"page.count is given {value}, outside its range 0..1000; widen the range where the field is declared", fault);

        static async KernelTask Write(Page page, int value) => await WRITE_ONCE(page.count, value);
    }

    [Fact]
    public void The_ends_of_a_cells_range_are_inside_it()
    {
        var test = new TestMachine();

        test.Set(test.Page.mapcount, -1);
        Assert.Equal(-1, test.Get(test.Page.mapcount));

        test.Set(test.Page.mapcount, 10);
        Assert.Equal(10, test.Get(test.Page.mapcount));
        Assert.Throws<ModelFaultException>(() => test.Set(test.Page.mapcount, 11));
        Assert.Equal(10, test.Get(test.Page.mapcount));
    }

    [Fact]
    public void A_ghost_cell_has_a_range_too()
    {
        var test = new TestMachine();

        Assert.Contains("notes.first is given 10001, outside its range -10000..10000", test.FaultOf(() => Exceed(test.Notes)), StringComparison.Ordinal);

        static async KernelTask Exceed(Notebook notes)
        {
            await Yield();
            GhostAdd(notes.first, 10_000);
            GhostAdd(notes.first, 1);
        }
    }

    [Fact]
    public void An_initial_value_outside_the_range_is_a_fault()
    {
        var builder = new MachineBuilder();
        builder.AddCell(1, new Cell("folio.count", typeof(int), 0, 3, 4, CellRole.Shared));

        var fault = Assert.Throws<ModelFaultException>(() => new Stepper(builder.Build()));

        Assert.Contains("folio.count is given 4, outside its range 0..3", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_to_no_cell_is_a_fault()
    {
        Assert.Contains("names no cell", new TestMachine().FaultOf(static async () => await WRITE_ONCE(default(Shared<int>), 0)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cell_begins_with_its_initial_value()
    {
        var test = new TestMachine();

        Assert.Equal(0, test.Get(test.Page.count));
        Assert.Equal(-1, test.Get(test.Page.mapcount));
        Assert.Null(test.Get(test.Page.next));
    }

    [Fact]
    public void Enums_structs_and_references_have_the_ranges_of_their_types()
    {
        var test = new TestMachine();
        var cells = test.Machine.Cells.ToDictionary(static cell => cell.Name);

        Assert.Equal((0, 7), (cells["page.flags"].Min, cells["page.flags"].Max));
        Assert.Equal((0, 1), (cells["page.dirty"].Min, cells["page.dirty"].Max));
        Assert.Equal((0, test.Page.Id), (cells["page.next"].Min, cells["page.next"].Max));
    }

    /// <summary>Against a plain array, for layouts of every width, with negative and extreme minima.</summary>
    [Fact]
    public void Packed_cells_hold_what_was_put_into_them()
    {
        var random = new Random(20240718);
        for (var layout = 0; layout < 60; layout++)
        {
            var (state, cells) = RandomState(random);
            var values = cells.Select(static cell => cell.Initial).ToArray();
            for (var i = 0; i < 200; i++)
            {
                var cell = random.Next(cells.Length);
                values[cell] = RandomValue(random, cells[cell]);
                state.Set(cell + 1, values[cell]);
            }

            Assert.Equal(values, Enumerable.Range(1, cells.Length).Select(state.Get));
        }
    }

    [Fact]
    public void A_value_just_outside_a_packed_cell_is_refused_and_changes_nothing()
    {
        var random = new Random(20240719);
        for (var layout = 0; layout < 20; layout++)
        {
            var (state, cells) = RandomState(random);
            var words = state.Words.ToArray();
            for (var cell = 0; cell < cells.Length; cell++)
            {
                Assert.Throws<ModelFaultException>(() => state.Set(cell + 1, cells[cell].Max + 1));
                Assert.Throws<ModelFaultException>(() => state.Set(cell + 1, cells[cell].Min - 1));
            }

            Assert.Equal(words, state.Words.ToArray());
        }
    }

    [Fact]
    public void Cells_are_packed_without_waste_where_they_fit()
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        for (var i = 0; i < 64; i++)
        {
            builder.AddCell(i + 1, new Cell($"bit{i}", typeof(bool), 0, 1, 0, CellRole.Shared));
        }

        Assert.Equal(1, builder.Build().WordCount);
    }

    [Fact]
    public void The_fingerprint_is_that_of_the_values_whatever_happened_before()
    {
        var random = new Random(20240720);
        for (var layout = 0; layout < 40; layout++)
        {
            var (state, cells) = RandomState(random);
            for (var step = 0; step < 40; step++)
            {
                Disturb(random, state, cells);
                if (random.Next(2) == 0)
                {
                    state.Undo();
                }
                else
                {
                    state.Commit();
                }

                Assert.Equal(FromScratch(state), state.Fingerprint);
            }
        }
    }

    [Fact]
    public void The_fingerprint_of_threads_is_that_of_their_nodes()
    {
        var test = new TestMachine(threads: 2);
        test.Begin(() => Count(test.Page), () => Count(test.Page));
        for (var i = 0; !test.Stepper.IsEnd; i++)
        {
            Assert.Equal(FromScratch(test.Stepper.State), test.Stepper.State.Fingerprint);
            test.Step(test.Stepper.HasEnded(i % 2) ? 1 - (i % 2) : i % 2);
        }

        Assert.Equal(FromScratch(test.Stepper.State), test.Stepper.State.Fingerprint);

        static async KernelTask Count(Page page)
        {
            for (var i = 0; i < 3; i++)
            {
                await Atomics.atomic_inc(page.count);
            }
        }
    }

    [Fact]
    public void Two_threads_in_each_others_places_are_another_state()
    {
        var test = new TestMachine(threads: 2);
        test.Begin(Twice, Twice);
        var start = test.Stepper.State.Words.ToArray();
        var fingerprint = test.Stepper.State.Fingerprint;
        test.Step(0);
        var one = test.Stepper.State.Fingerprint;

        test.Stepper.State.Load(start, fingerprint.Low, fingerprint.High);
        test.Step(1);

        Assert.NotEqual(one, test.Stepper.State.Fingerprint);

        static async KernelTask Twice()
        {
            await Yield();
            await Yield();
        }
    }

    [Fact]
    public void Undo_restores_words_and_fingerprint_exactly()
    {
        var random = new Random(20240721);
        for (var layout = 0; layout < 40; layout++)
        {
            var (state, cells) = RandomState(random);
            for (var step = 0; step < 20; step++)
            {
                Disturb(random, state, cells);
                state.Commit();
                var (words, fingerprint) = (state.Words.ToArray(), state.Fingerprint);

                Disturb(random, state, cells);
                state.Undo();

                Assert.Equal(words, state.Words.ToArray());
                Assert.Equal(fingerprint, state.Fingerprint);
            }
        }
    }

    [Fact]
    public void Undo_takes_back_a_step_with_its_thread_its_effects_and_its_bug()
    {
        var test = new TestMachine();
        test.Begin(() => Path(test.Page, test.Notes));
        test.Step();
        var (words, fingerprint, state) = (test.Stepper.State.Words.ToArray(), test.Stepper.State.Fingerprint, test.Stepper.State);

        test.Stepper.Fire(0, 0, out _);
        Assert.Equal(KernelBug.BugOn, state.Bug);
        Assert.Equal((5, 6), (test.Get(test.Page.count), test.Get(test.Notes.first)));
        state.Undo();

        Assert.Equal(words, state.Words.ToArray());
        Assert.Equal(fingerprint, state.Fingerprint);
        Assert.Equal((KernelBug.None, StepOutcome.Done, null), (state.Bug, state.Outcome, state.Reason));
        Assert.Equal((0, 0), (test.Get(test.Page.count), test.Get(test.Notes.first)));

        static async KernelTask Path(Page page, Notebook notes)
        {
            await Yield();
            await WRITE_ONCE(page.count, 5);
            Ghost(notes.first, 6);
            BUG_ON(true, "five");
        }
    }

    [Fact]
    public void A_state_loaded_from_its_words_goes_on_as_before()
    {
        var test = new TestMachine();
        test.Begin(() => Path(test.Page));
        test.Step();
        var copy = new Stepper(test.Machine);

        copy.State.Load(test.Stepper.State.Words, test.Stepper.State.Fingerprint.Low, test.Stepper.State.Fingerprint.High);
        copy.Step(0);
        test.Step();

        Assert.Equal(test.Stepper.State.Words.ToArray(), copy.State.Words.ToArray());
        Assert.Equal(test.Stepper.State.Fingerprint, copy.State.Fingerprint);

        static async KernelTask Path(Page page)
        {
            await WRITE_ONCE(page.count, 5);
            await WRITE_ONCE(page.count, await READ_ONCE(page.count) + 1);
        }
    }

    [Fact]
    public void Two_keys_are_two_fingerprints()
    {
        var one = new TestMachine();
        var other = new TestMachine(options: new MachineBuilder { Key = 1 });
        one.Begin(Nothing);
        other.Begin(Nothing);

        Assert.Equal(one.Stepper.State.Words.ToArray(), other.Stepper.State.Words.ToArray());
        Assert.NotEqual(one.Stepper.State.Fingerprint, other.Stepper.State.Fingerprint);
        Assert.NotEqual(one.Stepper.State.Fingerprint.Low, one.Stepper.State.Fingerprint.High);

        static async KernelTask Nothing() => await Yield();
    }

    [Fact]
    public void The_same_value_in_another_cell_is_another_fingerprint()
    {
        var fingerprints = new HashSet<(ulong, ulong)>();
        var random = new Random(20240722);
        var (state, cells) = RandomState(random);
        fingerprints.Add(state.Fingerprint);
        for (var cell = 0; cell < cells.Length; cell++)
        {
            if (cells[cell].Initial < cells[cell].Max)
            {
                state.Set(cell + 1, cells[cell].Initial + 1);
                Assert.True(fingerprints.Add(state.Fingerprint), cells[cell].Name);
                state.Undo();
            }
        }
    }

    [Fact]
    public void The_generations_of_a_slab_object_share_their_cells()
    {
        var test = new TestMachine();
        var slab = test.Pages(new SlabOptions(Objects: 2, Generations: 3));
        var (first, second) = ((Page)slab.Slots[0].Generations[0], (Page)slab.Slots[0].Generations[1]);

        test.Set(first.count, 7).Set(second.dirty, true);

        Assert.Equal(7, test.Get(second.count));
        Assert.True(test.Get(first.dirty));
        Assert.Equal(0, test.Get(((Page)slab.Slots[1].Generations[0]).count));
        Assert.Single(test.Machine.Cells, static cell => cell.Name == "slab0.count");
    }

    [Fact]
    public void Pointers_are_compared_by_address()
    {
        var test = new TestMachine();
        var slab = test.Pages(new SlabOptions(Objects: 2, Generations: 2));
        var (first, again, other) = (slab.Slots[0].Generations[0], slab.Slots[0].Generations[1], slab.Slots[1].Generations[0]);

        Assert.True(first == again);
        Assert.True(first != other);
        Assert.True(first.Equals(again));
        Assert.Equal(first.GetHashCode(), again.GetHashCode());
        Assert.False(ReferenceEquals(first, again));
        Assert.NotEqual(first.Id, again.Id);
        Assert.True((KernelObject)test.Page != test.Notes);
        Assert.True(test.Page != null);
        Assert.Equal(["slab0", "slab0'"], slab.Slots[0].Generations.Select(static g => g.Name));
    }

    private static (State State, Cell[] Cells) RandomState(Random random)
    {
        var builder = new MachineBuilder { RcuCallbacks = 0 };
        var cells = new Cell[random.Next(1, 40)];
        for (var i = 0; i < cells.Length; i++)
        {
            var span = random.NextInt64(1L << random.Next(63));
            var min = random.Next(3) switch
            {
                0 => 0,
                1 => -random.NextInt64(span + 1),
                _ => random.NextInt64(long.MinValue + 1, long.MaxValue - span - 1),
            };
            cells[i] = new Cell($"cell{i}", typeof(long), min, min + span, 0, CellRole.Shared);
            cells[i] = cells[i] with { Initial = RandomValue(random, cells[i]) };
            builder.AddCell(i + 1, cells[i]);
        }

        return (new State(builder.Build()), cells);
    }

    private static long RandomValue(Random random, Cell cell) => random.Next(4) switch
    {
        0 => cell.Min,
        1 => cell.Max,
        _ => cell.Min + random.NextInt64(cell.Max - cell.Min + 1),
    };

    private static void Disturb(Random random, State state, Cell[] cells)
    {
        for (var i = random.Next(6); i > 0; i--)
        {
            var cell = random.Next(cells.Length);
            state.Set(cell + 1, RandomValue(random, cells[cell]));
        }
    }

    private static (ulong Low, ulong High) FromScratch(State state)
    {
        var (low, high) = (0UL, 0UL);
        for (var cell = 1; cell <= state.Machine.Cells.Count; cell++)
        {
            var hash = Fingerprint.Of(state.Machine.Key, cell, (ulong)(state.Get(cell) - state.Machine.Cells[cell - 1].Min));
            low += hash.Low;
            high += hash.High;
        }

        for (var thread = 0; thread < state.Machine.ThreadCount; thread++)
        {
            if (state.NodeOf(thread) is >= 0 and var number)
            {
                low += state.Machine.Automaton(thread)[number].Low;
                high += state.Machine.Automaton(thread)[number].High;
            }
        }

        return (low, high);
    }
}
