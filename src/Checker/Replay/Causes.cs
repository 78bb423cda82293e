using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Replay;

/// <summary>
/// The steps of an execution that its failure depends on: a backward slice over what threads tell each other, from the step that fails, or from what the property
/// says.
/// </summary>
/// <remarks>
/// <para>What is a cause:</para>
/// <list type="number">
/// <item>The step that fails, or the last write to each cell without which the property would not say what it says; where it would go on to complain of something else
/// once that is mended, that too; and where all that is one thread's, as others' writes make no difference one by one, the last of each of those.</item>
/// <item><b>What a cause looked at</b>: the other thread's step that wrote it.</item>
/// <item><b>What led a thread to a cause</b>: a step of its that would have returned something else where another thread's turn begins or ends
/// (<see cref="OtherTurns"/>), and the thread, given that, would not have come to the cause: the same operation on the same operands in the same functions
/// (<see cref="Trial"/>). That is control and data dependence in one, tried and not guessed from the code: a branch whose ways meet again before the cause is none.
/// Another thread's step that makes it untrue before the cause comes is a cause as well: the thread acts on what is no longer so.</item>
/// <item><b>What was not done</b>, where the property is asked in the end: a step that, had it returned something else, would have led to an end in which all is well.</item>
/// <item>Where two threads' causes are at one place, one of them writing, in sections of one lock: what hands the lock from the one to the other.</item>
/// </list>
/// <para>
/// What nobody else's turn changes is no part of an interleaving: a thread by itself would have done the same. So the slice is as long as what threads tell each other,
/// not as long as they are. A write that does not depend on what was there, such as an increment, explains nothing of what it looked at. Of several looks at
/// one place in one turn that see the same the last one stands for all.
/// </para>
/// <para>
/// Where one thread fails by itself, there is no interleaving to explain: then what counts is what it wrote itself, and the values that make it do what it does
/// to one thing and not to another.
/// </para>
/// </remarks>
internal sealed class Causes
{
    private const int MostOfOne = 14;     // causes of one thread by itself: the nearest, as everything that a program does leads to what it does last
    private const int MostComplaints = 4; // of a property, each found once the one before is mended
    private const int MostValues = 64;    // of a cell that are tried

    private readonly Recording _recording;
    private readonly Property? _property;
    private readonly Trial _trial;
    private readonly OtherTurns _others;
    private readonly bool[] _kept;
    private readonly bool[] _looks;   // of these, those whose result counts, not only what they wrote
    private readonly bool _isAlone;   // one thread fails by itself: then what it makes of memory counts as what others do otherwise
    private readonly Queue<int> _unexplained = [];
    private readonly int[] _begins;   // for each thread its first step

    private Causes(Recording recording, Property? property)
    {
        _recording = recording;
        _property = property;
        _trial = new Trial(recording, property);
        _kept = new bool[recording.Steps.Count];
        _looks = new bool[recording.Steps.Count];
        _isAlone = recording.Steps.Select(s => s.Choice.Thread).Distinct().Count() == 1;
        _others = new OtherTurns(recording, _isAlone);
        _begins = [.. Enumerable.Range(0, Machine.ThreadCount).Select(t => Enumerable.Range(0, Steps.Count).FirstOrDefault(i => Steps[i].Choice.Thread == t, Steps.Count))];
    }

    private Machine Machine => _recording.Instance.Machine;

    private IReadOnlyList<RecordedStep> Steps => _recording.Steps;

    private int Last => Steps.Count - 1;

    private bool AsksInTheEnd => _property?.Form is PropertyForm.Finally or PropertyForm.Outcomes;

    /// <summary>For each step whether it is a cause.</summary>
    /// <param name="instance">What it is an execution of.</param>
    /// <param name="schedule">The execution.</param>
    /// <param name="property">What it breaks; null for a deadlock or livelock at its end.</param>
    public static bool[] Of(Instance instance, IReadOnlyList<Choice> schedule, Property? property)
    {
        var recording = Recording.Of(instance, schedule);
        if (recording.Steps.Count == 0)
        {
            return [];
        }

        var causes = new Causes(recording, property);
        causes.Find();
        return causes._kept;
    }

    private void Find()
    {
        if (_property is null)
        {
            KeepWhatIsWaitedFor();
        }
        else
        {
            if (_property.Form is PropertyForm.KernelBug or PropertyForm.AlwaysAt)
            {
                Look(Last);
            }
            else if (_property.Form == PropertyForm.Always)
            {
                Keep(Last);
            }

            if (_property.Form != PropertyForm.KernelBug)
            {
                KeepWhatThePropertyReads();
                KeepWhatWasNotDone();
            }
        }

        ExplainAll();
        if (_property is not null and not { Form: PropertyForm.KernelBug } && !_isAlone && Enumerable.Range(0, Steps.Count).Where(i => _kept[i]).Select(i => Steps[i].Choice.Thread).Distinct().Count() < 2)
        {
            KeepWhatOthersWrote();
            ExplainAll();
        }

        DropWhatOnlyShows();
        DropRepetitions();
        KeepLocksBetween();
    }

    private void ExplainAll()
    {
        while (_unexplained.TryDequeue(out var step))
        {
            Explain(step);
        }
    }

    private bool IsEnough => _isAlone && _kept.Count(k => k) >= MostOfOne;

    // It counts for what it does.
    private void Keep(int step)
    {
        if (!_kept[step])
        {
            _kept[step] = true;
            _unexplained.Enqueue(step);
            if (_isAlone || IsEnvironment(step) || Steps[step].Operation.Code is OperationCode.cmpxchg or OperationCode.mmu_store or OperationCode.kmem_cache_alloc)
            {
                Look(step);
            }
        }
    }

    // It counts for what it sees.
    private void Look(int step)
    {
        if (!_looks[step])
        {
            _looks[step] = true;
            if (_kept[step])
            {
                _unexplained.Enqueue(step);
            }
            else
            {
                Keep(step);
            }
        }
    }

    // Each cell that the property would say something else about, had the last step that makes a difference to it not written there; and then what it says else.
    private void KeepWhatThePropertyReads()
    {
        var mended = new Dictionary<int, long>();
        for (var complaint = 0; complaint < (_isAlone ? 1 : MostComplaints); complaint++)
        {
            var log = new ReadLog(Machine) { Reader = 1 };
            if (Sentence(mended, log) is not { } sentence)
            {
                return;
            }

            if (complaint == 0 && !AsksInTheEnd)
            {
                KeepThreads(log);
            }

            for (var cell = 1; cell <= Machine.Cells.Count; cell++)
            {
                var writer = log.ReadersOfCell(cell) == 0 || mended.ContainsKey(cell) ? -1 : LastWriter(cell, Last);
                while (writer >= 0 && !SaysOtherwise(With(mended, cell, Before(writer, cell)), sentence))
                {
                    writer = LastWriter(cell, writer - 1);
                }

                if (writer >= 0)
                {
                    Keep(writer);
                }
            }

            if (Mend(mended, log) is not { } mend)
            {
                return;
            }

            mended = With(mended, mend.Cell, mend.Value);
        }
    }

    // A count that would have to be another for the property to look further.
    private (int Cell, long Value)? Mend(Dictionary<int, long> mended, ReadLog before)
    {
        foreach (var cell in Enumerable.Range(1, Machine.Cells.Count).Where(c => before.ReadersOfCell(c) != 0 && !mended.ContainsKey(c) && IsCount(c)))
        {
            for (var value = Machine.Places[cell].Min; value <= Machine.Places[cell].Min + (long)Machine.Places[cell].Span; value++)
            {
                var log = new ReadLog(Machine) { Reader = 1 };
                try
                {
                    if (Sentence(With(mended, cell, value), log) is not null && Enumerable.Range(1, Machine.Cells.Count).Any(c => log.ReadersOfCell(c) != 0 && before.ReadersOfCell(c) == 0))
                    {
                        return (cell, value);
                    }
                }
                catch (Exception)
                {
                    continue; // no value that it can have
                }
            }
        }

        return null;
    }

    private bool IsCount(int cell) => Machine.Cells[cell - 1].Type == typeof(int) && Machine.Places[cell].Span <= MostValues;

    // Where several writes each suffice for what the property says, none makes a difference by itself: then the last of each other thread to what it reads.
    private void KeepWhatOthersWrote()
    {
        var log = new ReadLog(Machine) { Reader = 1 };
        Sentence([], log);
        var known = Array.IndexOf(_kept, true) is >= 0 and var first ? Steps[first].Choice.Thread : -1;
        foreach (var cell in Enumerable.Range(1, Machine.Cells.Count).Where(c => log.ReadersOfCell(c) != 0))
        {
            var writer = LastWriter(cell, Last);
            if (writer >= 0 && Steps[writer].Choice.Thread != known)
            {
                Keep(writer);
            }
        }
    }

    private static Dictionary<int, long> With(Dictionary<int, long> mended, int cell, long value) => new(mended) { [cell] = value };

    private long Before(int step, int cell) => Steps[step].Writes.First(w => w.Key.Cell == cell).Value.Before;

    // What a thread is inside of counts.
    private void KeepThreads(ReadLog log)
    {
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var last = log.ReadersOfThread(thread) == 0 ? -1 : LastOf(thread);
            if (last >= 0)
            {
                Keep(last);
            }
        }
    }

    private void KeepWhatWasNotDone()
    {
        for (var i = 0; i <= Last && AsksInTheEnd && !_isAlone; i++)
        {
            foreach (var other in Others(i, Last))
            {
                if (_trial.Mends(i, other))
                {
                    Look(i);
                    KeepOverwriter(other, Last);
                }
            }
        }
    }

    private int LastWriter(int cell, int from)
    {
        for (var i = from; i >= 0; i--)
        {
            if (Steps[i].Writes.Keys.Any(p => p.Cell == cell))
            {
                return i;
            }
        }

        return -1;
    }

    private int LastOf(int thread)
    {
        for (var i = Last; i >= 0; i--)
        {
            if (Steps[i].Choice.Thread == thread)
            {
                return i;
            }
        }

        return -1;
    }

    // What the property says in the end, with some cells changed.
    private string? Sentence(Dictionary<int, long> changes, ReadLog? log)
    {
        _recording.Return(Steps.Count);
        var state = _recording.Stepper.State;
        foreach (var (cell, value) in changes)
        {
            state.Set(cell, value);
        }

        state.Commit();
        return _recording.Sentence(_property!, Steps[Last], log);
    }

    private bool SaysOtherwise(Dictionary<int, long> changes, string sentence)
    {
        try
        {
            return Sentence(changes, null) != sentence;
        }
        catch (Exception)
        {
            return false; // no value that it can have: whatever a property does with it says nothing
        }
    }

    // Who took what the threads wait for.
    private void KeepWhatIsWaitedFor()
    {
        _recording.Return(Steps.Count);
        var stepper = _recording.Stepper;
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var pending = stepper.Pending(thread);
            if (!stepper.HasEnded(thread) && pending.Cell != 0 && LastWriter(pending.Cell, Last) is >= 0 and var writer)
            {
                Keep(writer);
            }

            if (pending.Code is >= OperationCode.down_read and <= OperationCode.downgrade_write)
            {
                var readers = LastWriter(pending.Cell + Model.Primitives.RwSemaphore.Readers, Last);
                if (readers >= 0)
                {
                    Keep(readers);
                }
            }
        }
    }

    private void Explain(int at)
    {
        var step = Steps[at];
        if (_looks[at])
        {
            var met = step.Result.Met.Where(m => m.Cell != 0).Select(m => new Place(m.Cell, -1)); // such as the lock inside what is freed
            foreach (var place in step.Reads.Concat(met))
            {
                if (WriterBefore(at, place) is >= 0 and var writer && (!IsEnough || Overwrites(Steps[writer].Operation.Code)))
                {
                    Keep(writer);
                }

                if (at == Last && IsLock(place) && Unlocker(place) is >= 0 and var unlocker)
                {
                    Keep(unlocker);
                }
            }
        }

        if (!IsEnough && SourceOfPointer(at) is >= 0 and var source)
        {
            Look(source);
        }

        for (var i = 0; i < at && !IsEnough; i++)
        {
            if (Steps[i].Choice.Thread == step.Choice.Thread)
            {
                ExplainBy(i, at);
            }
        }
    }

    // Whether the thread would not have come to a later step, had it been told something else here.
    private void ExplainBy(int at, int later)
    {
        foreach (var other in Others(at, later))
        {
            if (_isAlone ? _trial.GoesElsewhere(at, other, later) : !_trial.StillComesTo(at, other, later))
            {
                Look(at);
                KeepOverwriter(other, later);
            }
        }
    }

    // A thread that begins only later does not explain why another came here: it could as well have come before.
    private IEnumerable<OtherResult> Others(int at, int later) => _others.Of(at).Where(o => o.Moment <= later || _begins[o.By] < later);

    private void KeepOverwriter(OtherResult other, int later)
    {
        if (other.Overwriter >= 0 && other.Overwriter < later)
        {
            Keep(other.Overwriter);
        }
    }

    // The last other thread's write that the step can see; its own writes count where it fails.
    private int WriterBefore(int at, Place place)
    {
        for (var i = at - 1; i >= 0; i--)
        {
            if (Steps[i].Writes.ContainsKey(place))
            {
                var isOwn = Steps[i].Choice.Thread == Steps[at].Choice.Thread && !_isAlone;
                if (!isOwn || at == Last)
                {
                    return i;
                }

                if (Overwrites(Steps[i].Operation.Code))
                {
                    return -1; // what was there before is gone
                }
            }
        }

        return -1;
    }

    private static bool Overwrites(OperationCode code) =>
        code is OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set or OperationCode.xchg;

    // Who first changed a lock that the thread took and that is no longer so when it fails, or -1.
    private int Unlocker(Place place)
    {
        var taken = Enumerable.Range(0, Last).LastOrDefault(i => Steps[i].Choice.Thread == Steps[Last].Choice.Thread && Steps[i].Writes.ContainsKey(place), Last);
        return Enumerable.Range(taken, Last - taken).FirstOrDefault(i => i > taken && Steps[i].Writes.ContainsKey(place), -1);
    }

    private bool FailsAtLock(int at) => at == Last && Steps[at].Result.Met.Any(m => m.Cell != 0 && IsLock(new Place(m.Cell, -1)));

    private bool IsLock(Place place) => Machine.Cells[place.Cell - 1].Role == CellRole.Lock;

    // Where the thread got the object from, if another thread frees or allocates it, or its lock is the wrong one.
    private int SourceOfPointer(int at)
    {
        var step = Steps[at];
        if (step.Operation.Object is 0 || Machine.Lifetimes[step.Operation.Object] is 0 || !FailsAtLock(at) && !Steps.Any(s => IsOfAnother(s, step)))
        {
            return -1;
        }

        for (var i = at - 1; i >= 0; i--)
        {
            if (Steps[i].Choice.Thread == step.Choice.Thread && GivesPointer(Steps[i].Operation) && Steps[i].Result.Value == step.Operation.Object)
            {
                return i;
            }
        }

        return -1;
    }

    private bool IsOfAnother(RecordedStep step, RecordedStep user) =>
        (_isAlone || step.Choice.Thread != user.Choice.Thread) && step.Writes.ContainsKey(new Place(Machine.Lifetimes[user.Operation.Object], -1));

    private bool GivesPointer(in Operation operation) =>
        operation.Code is OperationCode.list_get or OperationCode.kmem_cache_alloc
        || (operation.Code is OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.xchg or OperationCode.cmpxchg && Machine.IsReference[operation.Cell]);

    private bool IsEnvironment(int step) => Machine.ThreadKind(Steps[step].Choice.Thread) == ThreadKind.Environment;

    // What is wrong when a lock is released was wrong before: the property only looks where nobody holds it.
    private void DropWhatOnlyShows()
    {
        if (_property?.Form is PropertyForm.Always or PropertyForm.AlwaysOutside && _kept.Count(k => k) > 1 && Releases(Steps[Last].Operation.Code))
        {
            _kept[Last] = false;
        }
    }

    private static bool Releases(OperationCode code) => code is OperationCode.spin_unlock or OperationCode.bit_spin_unlock or OperationCode.up_read or OperationCode.up_write
        or OperationCode.folio_unlock or OperationCode.rcu_read_unlock or OperationCode.preempt_enable or OperationCode.local_irq_enable;

    // Of looks at one place in one turn that see the same, the last before the thread does something that counts: the earlier ones only led it there, and the later
    // ones can see nothing else.
    private void DropRepetitions()
    {
        for (var i = 0; i < Last; i++)
        {
            var hasDone = false;
            for (var later = i + 1; _kept[i] && later < Steps.Count && Steps[later].Choice.Thread == Steps[i].Choice.Thread && !Steps[later].Writes.Keys.Any(Steps[i].Reads.Contains); later++)
            {
                if (!_kept[later] || !OperationAsC.IsRead(Steps[later].Operation.Code))
                {
                    hasDone |= _kept[later];
                }
                else if (OperationAsC.IsRead(Steps[i].Operation.Code) && IsSameLook(Steps[i], Steps[later]) && later != Last)
                {
                    _kept[hasDone ? later : i] = false;
                }
            }
        }
    }

    private static bool IsSameLook(RecordedStep step, RecordedStep later) =>
        (step.Operation.Object, step.Operation.Cell, step.Operation.A, step.Result.Value) == (later.Operation.Object, later.Operation.Cell, later.Operation.A, later.Result.Value);

    // Where two threads' causes at one place are in sections of one lock, the lock is what put them in order.
    private void KeepLocksBetween()
    {
        var sections = LockSection.Of(_recording);
        foreach (var (before, after) in sections.SelectMany(b => sections.Where(a => a.Follows(b)).Take(1).Select(a => (b, a))).ToArray())
        {
            if (before.Thread != after.Thread && CausesIn(before).Any(b => CausesIn(after).Any(a => Conflict(Steps[b], Steps[a]))))
            {
                _kept[before.From] = _kept[before.To!.Value] = _kept[after.From] = true;
            }
        }
    }

    private IEnumerable<int> CausesIn(LockSection section) =>
        Enumerable.Range(section.From + 1, (section.To ?? Steps.Count) - section.From - 1).Where(i => _kept[i] && Steps[i].Choice.Thread == section.Thread);

    private static bool Conflict(RecordedStep one, RecordedStep other) =>
        one.Writes.Keys.Any(p => other.Writes.ContainsKey(p) || other.Reads.Contains(p)) || other.Writes.Keys.Any(one.Reads.Contains);
}
