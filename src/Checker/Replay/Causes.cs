using ThpCheck.Checker.Exploration;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;

namespace ThpCheck.Checker.Replay;

/// <summary>
/// The steps of an execution that its failure depends on: a backward slice, from the step that fails over what it read to who
/// wrote that, and over what led its thread there.
/// </summary>
/// <remarks>
/// <para>
/// Whether a value led a thread to a step is not guessed from the code but tried: the thread is given another value that the place has at
/// some time, and goes on from there. Where it still comes to that step, the value did not matter. Only values that other threads' steps
/// make possible are tried, now or as they go on from here: what nobody else changes is no part of an interleaving.
/// </para>
/// <para>
/// Where one thread fails by itself, there is no interleaving to explain: then what counts is what it wrote itself, and the values that make it do what it does
/// to one thing and not to another.
/// A step is a cause, too, where it overwrites what a cause has read (the reader acts on what is no longer so), and where it hands
/// over a lock between the causes of two threads.
/// </para>
/// </remarks>
internal sealed class Causes
{
    private const int MostAlone = 400; // steps of a thread that goes on alone
    private const int MostOfOne = 14;  // causes of one thread by itself: the nearest, as everything that a program does leads to what it does last

    private readonly Recording _recording;
    private readonly Property? _property;
    private readonly bool[] _kept;
    private readonly bool _isAlone; // one thread fails by itself: then what it makes of memory counts as what others do otherwise
    private readonly Queue<int> _unexplained = [];
    private readonly Dictionary<Place, HashSet<long>>[] _othersValues; // for each thread what the other threads make of places

    private Causes(Recording recording, Property? property)
    {
        _recording = recording;
        _property = property;
        _kept = new bool[recording.Steps.Count];
        _isAlone = recording.Steps.Select(s => s.Choice.Thread).Distinct().Count() == 1;
        _othersValues = [.. Enumerable.Range(0, Machine.ThreadCount).Select(_ => new Dictionary<Place, HashSet<long>>())];
    }

    private Machine Machine => _recording.Instance.Machine;

    private IReadOnlyList<RecordedStep> Steps => _recording.Steps;

    private int Last => Steps.Count - 1;

    /// <summary>For each step whether it is a cause.</summary>
    /// <param name="instance">What it is an execution of.</param>
    /// <param name="schedule">The execution.</param>
    /// <param name="property">What it breaks; null for a deadlock or livelock at its end.</param>
    public static bool[] Of(Instance instance, IReadOnlyList<Choice> schedule, Property? property)
    {
        var causes = new Causes(Recording.Of(instance, schedule), property);
        if (causes.Steps.Count > 0)
        {
            causes.Find();
        }

        return causes._kept;
    }

    private void Find()
    {
        CollectValues();
        if (_property is null)
        {
            KeepWhatIsWaitedFor();
        }
        else
        {
            if (_property.Form is not (PropertyForm.Finally or PropertyForm.Outcomes))
            {
                Keep(Last); // in the end nothing happens that would be wrong
            }

            if (_property.Form != PropertyForm.KernelBug)
            {
                KeepWhatThePropertyReads();
            }
        }

        while (_unexplained.TryDequeue(out var step) && !(_isAlone && _kept.Count(k => k) >= MostOfOne))
        {
            Explain(step);
        }

        KeepLocksBetween();
    }

    private void Keep(int step)
    {
        if (!_kept[step])
        {
            _kept[step] = true;
            _unexplained.Enqueue(step);
        }
    }

    // What threads do here, and what each would do if it went on alone where a turn begins, or where the failing step comes.
    private void CollectValues()
    {
        foreach (var step in Steps)
        {
            Collect(step);
        }

        for (var at = 0; at <= Last && !_isAlone; at++)
        {
            if (at == 0 || at == Last || Steps[at].Choice.Thread != Steps[at - 1].Choice.Thread)
            {
                for (var thread = 0; thread < Machine.ThreadCount; thread++)
                {
                    CollectAlone(at, thread);
                }
            }
        }
    }

    private void CollectAlone(int at, int thread)
    {
        _recording.Return(at);
        var stepper = _recording.Stepper;
        try
        {
            for (var i = 0; i < MostAlone && Machine.ThreadKind(thread) != ThreadKind.Environment && !stepper.HasEnded(thread) && stepper.IsEnabled(thread); i++)
            {
                var step = _recording.Take(new Choice(thread, 0));
                Collect(step);
                if (step.Result.IsFinal)
                {
                    break;
                }
            }
        }
        catch (ModelFaultException)
        {
            return; // an execution that nobody asked for
        }
    }

    private void Collect(RecordedStep step)
    {
        foreach (var (place, (before, after)) in step.Writes)
        {
            for (var thread = 0; thread < Machine.ThreadCount; thread++)
            {
                if (thread != step.Choice.Thread || _isAlone)
                {
                    if (!_othersValues[thread].TryGetValue(place, out var values))
                    {
                        _othersValues[thread].Add(place, values = []);
                    }

                    values.Add(before);
                    values.Add(after);
                }
            }
        }
    }

    // Each cell that the property would see otherwise, had the last step that made a difference to it not written there: another bit of a word makes none.
    private void KeepWhatThePropertyReads()
    {
        var log = new ReadLog(Machine) { Reader = 1 };
        if (!Breaks(Steps.Count, log, null))
        {
            return;
        }

        for (var cell = 1; cell <= Machine.Cells.Count; cell++)
        {
            var writer = log.ReadersOfCell(cell) == 0 ? -1 : LastWriter(cell);
            while (writer >= 0 && Breaks(Steps.Count, null, (cell, Steps[writer].Writes.First(w => w.Key.Cell == cell).Value.Before)))
            {
                writer = LastWriter(cell, writer - 1);
            }

            if (writer >= 0)
            {
                Keep(writer);
            }
        }

        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var last = log.ReadersOfThread(thread) == 0 ? -1 : LastOf(thread);
            if (last >= 0)
            {
                Keep(last); // what it is inside of counts
            }
        }
    }

    private int LastWriter(int cell) => LastWriter(cell, Last);

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

    // Whether the property is broken after so many steps, with one cell changed.
    private bool Breaks(int steps, ReadLog? log, (int Cell, long Value)? change)
    {
        _recording.Return(steps);
        var state = _recording.Stepper.State;
        try
        {
            if (change is var (cell, value))
            {
                state.Set(cell, value);
                state.Commit();
            }

            return Breaks(Steps[steps - 1], log);
        }
        catch (Exception) when (change is not null)
        {
            return true; // no value that it can have: whatever a property does with it says nothing
        }
    }

    private bool Breaks(RecordedStep last, ReadLog? log = null) => _recording.Breaks(_property!, last, log);

    // Who took what the threads wait for.
    private void KeepWhatIsWaitedFor()
    {
        _recording.Return(Steps.Count);
        var stepper = _recording.Stepper;
        for (var thread = 0; thread < Machine.ThreadCount; thread++)
        {
            var pending = stepper.Pending(thread);
            if (!stepper.HasEnded(thread) && pending.Cell != 0 && LastWriter(pending.Cell) is >= 0 and var writer)
            {
                Keep(writer);
            }

            if (pending.Code is >= OperationCode.down_read and <= OperationCode.downgrade_write)
            {
                var readers = LastWriter(pending.Cell + Model.Primitives.RwSemaphore.Readers);
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
        var met = step.Result.Met.Where(m => m.Cell != 0).Select(m => new Place(m.Cell, -1)); // such as the lock inside what is freed
        foreach (var place in step.Reads.Concat(met))
        {
            if (WriterBefore(at, place) is >= 0 and var writer)
            {
                Keep(writer);
            }

            if (at < Last && !IsLifetime(place) && !IsLock(place) && OverwriterAfter(at, place) is >= 0 and var overwriter)
            {
                Keep(overwriter);
            }
        }

        if (SourceOfPointer(at) is >= 0 and var source)
        {
            Keep(source);
        }

        for (var i = 0; i < at; i++)
        {
            if (Steps[i].Choice.Thread == step.Choice.Thread && !_kept[i] && Matters(i, at))
            {
                Keep(i);
            }
        }
    }

    // The last other thread's write that the step can see; its own writes count where it fails, or allocates and frees.
    private int WriterBefore(int at, Place place)
    {
        for (var i = at - 1; i >= 0; i--)
        {
            if (Steps[i].Writes.ContainsKey(place))
            {
                var isOwn = Steps[i].Choice.Thread == Steps[at].Choice.Thread && !_isAlone;
                if (!isOwn || at == Last || IsLifetime(place))
                {
                    return i;
                }

                if (Steps[i].Operation.Code is OperationCode.store or OperationCode.WRITE_ONCE or OperationCode.smp_store_release or OperationCode.atomic_set or OperationCode.xchg)
                {
                    return -1; // what was there before is gone
                }
            }
        }

        return -1;
    }

    private int OverwriterAfter(int at, Place place)
    {
        for (var i = at + 1; i < Steps.Count; i++)
        {
            if (Steps[i].Writes.ContainsKey(place))
            {
                return Steps[i].Choice.Thread != Steps[at].Choice.Thread ? i : -1;
            }
        }

        return -1;
    }

    // Where the thread got the object from, if it is one that is freed or allocated.
    private int SourceOfPointer(int at)
    {
        var step = Steps[at];
        if (step.Operation.Object == 0 || !Steps.Any(s => s.Writes.ContainsKey(new Place(Machine.Lifetimes[step.Operation.Object], -1))))
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

    private bool GivesPointer(in Operation operation) =>
        operation.Code is OperationCode.list_get or OperationCode.kmem_cache_alloc
        || (operation.Code is OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.xchg or OperationCode.cmpxchg && Machine.IsReference[operation.Cell]);

    private bool IsLifetime(Place place) => Machine.Cells[place.Cell - 1].Role == CellRole.Machine;

    private bool IsLock(Place place) => Machine.Cells[place.Cell - 1].Role == CellRole.Lock;

    // Whether the thread would not have come to a later step, had it been given another value here.
    private bool Matters(int at, int later) =>
        _isAlone ? Alternatives(at).Any(value => GoesElsewhere(at, value, later)) : Alternatives(at).Any(value => !StillHappens(at, value, later));

    // Whether the thread would come to the same call of the same function, and do there what it does to something else.
    private bool GoesElsewhere(int at, long value, int later)
    {
        var (thread, stepper) = (Steps[at].Choice.Thread, _recording.Stepper);
        bool IsSite(OperationCode code, IReadOnlyList<string> calls) => code == Steps[later].Operation.Code && calls.SequenceEqual(Steps[later].Calls);
        var left = Enumerable.Range(at + 1, later - at).Count(i => IsSite(Steps[i].Operation.Code, Steps[i].Calls));
        _recording.Return(at + 1);
        try
        {
            for (var i = 0; Divert(i, at, thread, value) && i < MostAlone && !stepper.HasEnded(thread) && stepper.IsEnabled(thread); i++)
            {
                if (IsSite(stepper.Pending(thread).Code, stepper.Calls(thread)) && --left == 0)
                {
                    return stepper.Pending(thread) != Steps[later].Operation;
                }

                if (stepper.Step(thread).IsFinal)
                {
                    return false;
                }
            }
        }
        catch (ModelFaultException)
        {
            return false; // no value that it can have
        }

        return false;
    }

    // Before the first step of the other way.
    private bool Divert(int step, int at, int thread, long value) => step > 0 || Divert(thread, Steps[at].Node, value);

    private IEnumerable<long> Alternatives(int at)
    {
        var step = Steps[at];
        var others = _othersValues[step.Choice.Thread];
        var value = step.Result.Value;
        var values = step.Reads.Where(p => !IsLifetime(p)).SelectMany(p => others.GetValueOrDefault(p) ?? []);
        return step.Operation.Code switch
        {
            _ when step.Result.IsFinal => [],
            OperationCode.load or OperationCode.READ_ONCE or OperationCode.smp_load_acquire or OperationCode.atomic_read or OperationCode.xchg or OperationCode.cmpxchg
                or OperationCode.atomic_add_return or OperationCode.atomic_inc_return or OperationCode.atomic_dec_return or OperationCode.list_count =>
                values.Distinct().Where(v => v != value).Order(),
            OperationCode.atomic_inc_and_test or OperationCode.atomic_dec_and_test or OperationCode.atomic_add_negative or OperationCode.atomic_inc_not_zero
                or OperationCode.test_bit or OperationCode.test_and_set_bit or OperationCode.test_and_clear_bit or OperationCode.spin_trylock
                or OperationCode.bit_spin_trylock or OperationCode.down_read_trylock or OperationCode.down_write_trylock or OperationCode.rwsem_is_locked
                or OperationCode.folio_trylock => values.Any() ? [1 - value] : [],
            _ => [],
        };
    }

    // The others step as they did, the thread as it would, until it is about to take the later step.
    private bool StillHappens(int at, long value, int later)
    {
        var (thread, stepper) = (Steps[at].Choice.Thread, _recording.Stepper);
        _recording.Return(at + 1);
        try
        {
            if (!Divert(thread, Steps[at].Node, value))
            {
                return true; // an assertion, not a condition
            }

            for (var i = at + 1; i < later; i++)
            {
                var choice = Steps[i].Choice;
                if (choice.Thread == thread && IsAbout(thread, later))
                {
                    continue;
                }

                if (CanTake(choice) && stepper.Step(choice.Thread, choice.Pick).IsFinal)
                {
                    return false;
                }
            }

            for (var i = 0; i < MostAlone && !IsAbout(thread, later); i++)
            {
                if (stepper.HasEnded(thread) || !stepper.IsEnabled(thread) || stepper.Step(thread).IsFinal)
                {
                    return false;
                }
            }

            var isEnd = later == Last && _property is not (null or { Form: PropertyForm.Finally or PropertyForm.Outcomes });
            if (!isEnd && !DependsOnState(Steps[later].Operation.Code))
            {
                return true;
            }

            if (!CanTake(Steps[later].Choice))
            {
                return false;
            }

            var taken = _recording.Take(Steps[later].Choice);
            return isEnd ? Breaks(taken) : taken.Writes.Keys.ToHashSet().SetEquals(Steps[later].Writes.Keys);
        }
        catch (Exception e) when (e is ModelFaultException or IndexOutOfRangeException or NullReferenceException)
        {
            return true; // no value that it can have, or a property that is not made for it
        }
    }

    // Whether what an operation writes does not follow from its operands.
    private static bool DependsOnState(OperationCode code) => code is OperationCode.mmu_store or OperationCode.kmem_cache_alloc;

    // Gives a thread another result; false where that is a bug.
    private bool Divert(int thread, int node, long value)
    {
        var automaton = Machine.Automaton(thread);
        var transition = automaton.Next(node, value, false, out var fault);
        if (fault is not null)
        {
            throw fault;
        }

        var taken = automaton.TransitionAt(transition);
        if (taken.Effects.Any(e => e.Kind == EffectKind.Bug && (((KernelBug)e.Value).Bit() & Machine.Tolerated) == 0))
        {
            return false;
        }

        var state = _recording.Stepper.State;
        state.SetNode(thread, taken.Next, true, []);
        if (taken.Leaves != SectionKinds.None)
        {
            state.LeaveSections(thread, taken.Leaves);
        }

        state.Commit();
        return true;
    }

    private bool CanTake(Choice choice)
    {
        var stepper = _recording.Stepper;
        return !stepper.HasEnded(choice.Thread) && stepper.IsEnabled(choice.Thread) && choice.Pick < stepper.Choices(choice.Thread);
    }

    private bool IsAbout(int thread, int step) =>
        !_recording.Stepper.HasEnded(thread) && _recording.Stepper.Pending(thread) == Steps[step].Operation && _recording.Stepper.Calls(thread).SequenceEqual(Steps[step].Calls);

    // Where two threads' causes are in sections of one lock, the lock is what put them in order.
    private void KeepLocksBetween()
    {
        var sections = LockSections();
        foreach (var (before, after) in sections.SelectMany(b => sections.Where(a => a.Follows(b)).Take(1).Select(a => (b, a))))
        {
            if (before.Thread != after.Thread && HasCause(before) && HasCause(after))
            {
                _kept[before.From] = _kept[before.To!.Value] = _kept[after.From] = true;
            }
        }
    }

    private bool HasCause(LockSection section)
    {
        for (var i = section.From + 1; i < (section.To ?? Steps.Count); i++)
        {
            if (_kept[i] && Steps[i].Choice.Thread == section.Thread)
            {
                return true;
            }
        }

        return false;
    }

    private List<LockSection> LockSections()
    {
        var sections = new List<LockSection>();
        for (var i = 0; i < Steps.Count; i++)
        {
            var thread = Steps[i].Choice.Thread;
            var before = Machine.Automaton(thread).Details(Steps[i].Node).Context.Held;
            _recording.Return(i + 1);
            var after = new StateView(_recording.Stepper.State).Context(thread).Held;
            foreach (var held in before.ToArray().Except(after.ToArray()))
            {
                var at = sections.FindLastIndex(s => s.Thread == thread && s.Lock == held && s.To is null);
                if (at >= 0)
                {
                    sections[at] = sections[at] with { To = i };
                }
            }

            sections.AddRange(after.ToArray().Except(before.ToArray()).Select(held => new LockSection(thread, held, i, null)));
        }

        return sections;
    }

    /// <summary>From the step that takes a lock to the one that releases it, if it is.</summary>
    private readonly record struct LockSection(int Thread, HeldLock Lock, int From, int? To)
    {
        // Two that only read do not wait for each other.
        public bool Follows(LockSection other) =>
            From > other.To && (Lock.Cell, Lock.Bit) == (other.Lock.Cell, other.Lock.Bit) && (Lock.Mode == LockMode.Exclusive || other.Lock.Mode == LockMode.Exclusive);
    }
}
