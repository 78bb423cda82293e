using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Replay;
using ThpCheck.Checker.Tests.HardCases;
using ThpCheck.Checker.Tests.Litmus;
using ThpCheck.Specs;

namespace ThpCheck.Checker.Tests.Exploration;

/// <summary>A schedule that is printed replays the execution it stands for, and one that does not fit says where.</summary>
public sealed class ReplayTests
{
    /// <remarks>Each on a machine of its own, as a user replays in a run of its own.</remarks>
    [Fact]
    public void Every_schedule_that_is_printed_replays_to_the_same_trace()
    {
        var makes = Enumerable.Range(0, 20).Select(seed => (Func<Instance>)(() => RandomPrograms.Make(seed, kinds: true))).Concat(
        [
            () => StaleDirtyTlbTests.Race("LCDRFUG", 1),
            () => StaleDirtyTlbTests.Race("LCRUFDG", 1),
            () => TableFreeTests.Collapse(irqOff: false, TableFreeTests.Free.AfterIpi),
            () => SlabTests.HeldLock(tolerated: true),
            () => RwSemaphoreTests.Recursion(tolerated: true, holdsOff: true),
        ]);
        var replayed = 0;
        foreach (var make in makes)
        {
            foreach (var found in Small.Judged(make()).Properties.Where(p => p.Counterexample is not null))
            {
                var fresh = make();
                var schedule = Schedule.Parse(fresh.Machine, found.Counterexample!.Schedule);
                var trace = Replayer.Run(fresh, schedule, fresh.Properties.Single(p => p.Name == found.Property.Name));

                Assert.Equal(found.Counterexample.Schedule, Schedule.Format(fresh.Machine, schedule));
                Assert.Equal(Text(found.Counterexample.Trace), Text(trace));
                Assert.NotNull(trace.Ending);
                replayed++;
            }
        }

        Assert.InRange(replayed, 25, 100);
    }

    [Fact]
    public void Formatting_and_parsing_are_inverse()
    {
        var machine = InterleavingTests.Steps(9, 9, 9).Machine;
        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            Choice[] choices = [.. Enumerable.Range(0, random.Next(12)).Select(_ => new Choice(random.Next(3), random.Next(3)))];

            Assert.Equal(choices, Schedule.Parse(machine, Schedule.Format(machine, choices)));
        }
    }

    [Theory]
    [InlineData("t0*2,t1", "t0*2,t1")]
    [InlineData(" t0 , t0 ,t1", "t0*2,t1")]
    [InlineData("t0#0*2", "t0*2")]
    [InlineData("t0#1*2,t0", "t0#1*2,t0")]
    [InlineData("", "")]
    public void A_schedule_is_read_with_spaces_and_written_in_its_shortest_form(string text, string shortest)
    {
        var machine = InterleavingTests.Steps(9, 9).Machine;

        Assert.Equal(shortest, Schedule.Format(machine, Schedule.Parse(machine, text)));
    }

    [Theory]
    [InlineData("t0,tt1", "no thread 'tt1' in this scenario. Did you mean 't1'?")]
    [InlineData("t0*", "'t0*' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("t0*0", "'t0*0' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("t0*-1", "'t0*-1' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("t0#x", "'t0#x' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("t0*99999999999", "'t0*99999999999' is no part of a schedule; write thread, thread*steps or thread#choice")]
    [InlineData("t0*1000000,t1", "a schedule of more than 1000000 steps is refused")]
    public void A_text_that_is_no_schedule_says_what_is_wrong_in_a_sentence(string text, string message)
    {
        var machine = InterleavingTests.Steps(2, 2).Machine;

        var error = Assert.Throws<ScheduleException>(() => Schedule.Parse(machine, text));

        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_schedule_that_does_not_fit_says_at_which_step_and_why()
    {
        AssertMisfit(AbbaTests.Locks(abba: true), "a,b,a", "step 3 of the schedule does not fit: a waits in spin_lock(shared.B)");
        AssertMisfit(AbbaTests.Locks(abba: true), "a*5", "step 5 of the schedule does not fit: a has ended");
        AssertMisfit(AbbaTests.Locks(abba: true), "a#1", "step 1 of the schedule does not fit: a has 1 ways to go on here, not 2");
        AssertMisfit(
            SlabTests.HeldLock(tolerated: false),
            "holder,owner,waiter",
            "the schedule goes on after step 2, where the execution ends: held lock freed: owner in Free() frees node0 while node0.lock is not 0");
    }

    [Fact]
    public void A_trace_names_functions_operations_values_and_preemptions()
    {
        var instance = StaleDirtyTlbTests.Race("LCRUFDG", 1);

        var trace = Replayer.Run(instance, Schedule.Parse(instance.Machine, "zap*5,writeback*6,zap"));

        Assert.Equal("zap 5  / writeback 6  zap 1", trace.Outline);
        Assert.Equal(
            [
                "zap zap_pte_range spin_lock(page.ptl)",
                "zap zap_pte_range xchg(page.pte, 0) = Present|Writable|Dirty",
                "zap zap_pte_range atomic_dec(page.mapcount)",
                "zap zap_pte_range spin_unlock(page.ptl)",
                "zap zap_pte_range clear_bit(TlbValid, page.cpu)",
                "writeback write_page folio_lock(page)",
                "writeback write_page atomic_read(page.mapcount) = 0",
                "writeback write_page test_and_clear_bit(Dirty, page.flags) = true",
                "writeback write_page READ_ONCE(page.cpu) = 0",
                "writeback write_page WRITE_ONCE(page.disk, false)",
                "writeback write_page folio_unlock(page)",
                "zap zap_pte_range test_and_set_bit(Dirty, page.flags) = false",
            ],
            trace.Steps.Select(s => $"{s.Thread} {s.Function} {s.Operation}{(s.Value.Length == 0 ? "" : " = ")}{s.Value}"));
        Assert.Equal(["set_page_dirty page"], trace.Steps[^1].Notes);
        Assert.Null(trace.Ending);
    }

    private static void AssertMisfit(Instance instance, string schedule, string message)
    {
        var error = Assert.Throws<ScheduleException>(() => Replayer.Run(instance, Schedule.Parse(instance.Machine, schedule)));

        Assert.Equal(message, error.Message);
    }

    private static string Text(Trace trace) => string.Join('\n', trace.Steps.Select(s => s with { Calls = [], Notes = [] }))
        + string.Join('\n', trace.Steps.Select(s => $"{string.Join(' ', s.Calls)}: {string.Join(' ', s.Notes)}"))
        + $"\n{trace.Outline}\n{trace.Ending}";
}
