namespace ThpCheck.Checker.Tests.HardCases;

/// <summary>
/// How few calls CVE-2022-42703 takes: who may adopt which anon_vma at fork (anon_vma_clone, anon_vma_fork and unlink_anon_vmas,
/// mm/rmap.c), whole calls only, and every sequence of them up to a length.
/// </summary>
/// <remarks>
/// One mapping of two pages, of which one was touched; the calls are fork, exit, and the mprotect that splits it in two or merges it
/// again. Counters are worked out from who is there. Left out: pages (hides nothing: an anon_vma lives as long as its tree has a
/// vma), more pages and munmap (hides shorter ways that need them).
/// </remarks>
public sealed class AnonVmaAdoptionTests
{
    /// <remarks>
    /// With one counter, nine calls give two vmas of one process the same anon_vma and different chains. A page touched in the second
    /// of them before the last fork, the merge and the exit of the process it came from make it a use after free:
    /// specs/rmap/anon-vma-adopted-twice.yaml, thirteen calls with the first touch.
    /// </remarks>
    [Theory]
    [InlineData(true, 9)]
    [InlineData(false, null)]
    public void Two_vmas_with_one_anon_vma_and_different_chains_take_nine_calls(bool degree, int? calls) =>
        Assert.Equal(calls, FewestCalls(degree, most: 9));

    private static int? FewestCalls(bool degree, int most)
    {
        const int mostProcesses = 4;
        var level = new List<Machine> { Machine.Initial };
        var seen = new HashSet<string>(StringComparer.Ordinal) { Machine.Initial.Key() };
        for (var calls = 1; calls <= most; calls++)
        {
            var next = new List<Machine>();
            foreach (var machine in level)
            {
                for (var process = 0; process < machine.Processes.Count; process++)
                {
                    foreach (var after in machine.After(process, degree, mostProcesses))
                    {
                        if (after.IsBroken)
                        {
                            return calls;
                        }

                        if (seen.Add(after.Key()))
                        {
                            next.Add(after);
                        }
                    }
                }
            }

            level = next;
        }

        return null;
    }

    // Own is vma->anon_vma, Chain the anon_vmas it is in, the newest first. IsSplit says that the process's mapping is two vmas, not one.
    private sealed record Vma(int Own, IReadOnlyList<int> Chain);

    private sealed record Machine(IReadOnlyList<IReadOnlyList<Vma>> Processes, IReadOnlyList<int> Parents)
    {
        public static Machine Initial { get; } = new([[new Vma(0, [0])]], [0]);

        // What is_mergeable_anon_vma relies on.
        public bool IsBroken => Processes.Any(p => p.Count == 2 && p[0].Own == p[1].Own && !p[0].Chain.SequenceEqual(p[1].Chain));

        public IEnumerable<Machine> After(int process, bool degree, int mostProcesses)
        {
            var vmas = Processes[process];
            yield return this with { Processes = [.. Processes.Where((_, i) => i != process)] };
            if (Processes.Count < mostProcesses)
            {
                yield return Fork(vmas, degree);
            }

            if (vmas.Count == 1)
            {
                yield return With(process, [vmas[0], vmas[0]]);
            }
            else if (vmas[0].Own == vmas[1].Own)
            {
                yield return With(process, [vmas[0]]);
            }
        }

        /// <summary>The same for states that differ only in the anon_vmas' numbers and, mostly, in the processes' order.</summary>
        public string Key()
        {
            var names = new List<int>();
            var text = new System.Text.StringBuilder();
            foreach (var vmas in Processes.OrderBy(Shape))
            {
                foreach (var vma in vmas)
                {
                    text.Append(' ').AppendJoin(',', vma.Chain.Prepend(vma.Own).Select(Name));
                }

                text.Append('/');
            }

            for (var i = 0; i < names.Count; i++)
            {
                text.Append(' ').Append(Name(Parents[names[i]]));
            }

            return text.ToString();

            int Name(int anon_vma)
            {
                if (!names.Contains(anon_vma))
                {
                    names.Add(anon_vma);
                }

                return names.IndexOf(anon_vma);
            }
        }

        private static int Shape(IReadOnlyList<Vma> vmas) => vmas.Aggregate(0, (shape, vma) => (shape * 64) + (vma.Chain.Count * 8) + vma.Chain.ToList().IndexOf(vma.Own));

        private Machine With(int process, IReadOnlyList<Vma> vmas) => this with { Processes = [.. Processes.Select((p, i) => i == process ? vmas : p)] };

        private Machine Fork(IReadOnlyList<Vma> parent, bool degree)
        {
            var parents = Parents.ToList();
            var child = new List<Vma>();
            foreach (var source in parent)
            {
                var adopted = source.Chain.Reverse().Cast<int?>().FirstOrDefault(a => MayAdopt(a!.Value, source, child, parents, degree));
                if (adopted is { } own)
                {
                    child.Add(new Vma(own, source.Chain));
                }
                else
                {
                    parents.Add(source.Own);
                    child.Add(new Vma(parents.Count - 1, [parents.Count - 1, .. source.Chain]));
                }
            }

            return new Machine([.. Processes, child], parents);
        }

        private bool MayAdopt(int anon_vma, Vma source, List<Vma> child, List<int> parents, bool degree)
        {
            var vmas = Processes.SelectMany(p => p).Concat(child).ToList();
            var active = vmas.Count(v => v.Own == anon_vma);
            var children = parents.Where((parent, at) => parent == anon_vma && (at == anon_vma || vmas.Any(v => v.Chain.Contains(at)))).Count();
            return degree ? anon_vma != source.Own && active + children < 2 : children < 2 && active == 0;
        }
    }
}
