using ThpCheck.Checker.Exploration;

namespace ThpCheck.Coyote.Tests;

/// <summary>Chooses one execution: the schedule, and what follows it by the first thread that can step.</summary>
internal sealed class Following(IReadOnlyList<Choice> schedule) : IExplorer
{
    private bool _hasBegun;
    private int _step;

    public bool Begin() => !_hasBegun && (_hasBegun = true);

    public (int Thread, int Way) Next(IProgram program) => _step < schedule.Count
        ? (schedule[_step].Thread, schedule[_step++].Pick)
        : (Enumerable.Range(0, program.Threads).First(t => program.Ways(t) > 0), 0);
}
