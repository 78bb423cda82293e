using Microsoft.Coyote;
using Microsoft.Coyote.Logging;
using Microsoft.Coyote.Runtime;
using Microsoft.Coyote.SystematicTesting;

namespace ThpCheck.Coyote;

/// <summary>Runs a program under Microsoft Coyote's testing engine.</summary>
/// <threadsafety>One at a time in a process: Coyote counts its engines in statics.</threadsafety>
public static class CoyoteEngine
{
    private const int ExecutionsInIteration = 1000;

    /// <summary>Why there is no engine and what brings it, in a sentence; null where there is one.</summary>
    public static string? Missing => null;

    /// <summary>Makes executions as a strategy of Coyote's chooses.</summary>
    /// <param name="program">What is executed.</param>
    /// <param name="options">How, and how often.</param>
    /// <param name="goesOn">Asked before each execution.</param>
    /// <exception cref="InvalidOperationException">Coyote is not in control, or says otherwise than the program whether an execution is bad.</exception>
    /// <exception cref="InvalidDataException">The trace is none of Coyote's; why, in a clause.</exception>
    public static CoyoteRun Sample(IProgram program, CoyoteOptions options, Func<bool> goesOn)
    {
        var recorded = options.Trace is { } text ? RecordedTrace.Read(text) : null;
        var configuration = Strategies.Configure(options, recorded);
        var (bugs, bad, abandoned) = (0L, 0L, 0L);
        string? trace = null;
        SampledExecution? execution = null;
        Action<ICoyoteRuntime> test = runtime => (execution = new SampledExecution(program, recorded?.Strategy ?? options.Strategy, runtime)).Run();
        using var engine = Create(configuration, test, isReplay: recorded is not null);
        engine.SetLogger(new TextWriterLogger(TextWriter.Null, VerbosityLevel.None)); // it tells the console of each bug otherwise
        engine.RegisterStartIterationCallBack(_ =>
        {
            TakeOver();
            if (execution is { Fault: not null } or { Refusal: not null } || !goesOn())
            {
                throw new TaskCanceledException(); // ends the run in order; Stop would leave an iteration running
            }
        });
        engine.RegisterEndIterationCallBack(_ =>
        {
            execution!.Stop();
            bad += execution.IsBad ? 1 : 0;
            abandoned += execution.IsWhole ? 0 : 1;
            program.End(execution.IsWhole);
        });
        engine.Run();
        TakeOver();
        execution?.Fault?.Throw();
        if (execution?.Refusal is null && bugs != bad)
        {
            throw new InvalidOperationException($"Coyote reports {bugs} bad executions, and {bad} were");
        }

        return new CoyoteRun(bugs, trace, abandoned, execution?.Refusal);

        // What a report has collected is not needed, and grows: every path is kept. Once it has a bug, traces are written ever again.
        void TakeOver()
        {
            bugs += engine.TestReport.NumOfFoundBugs;
            trace ??= engine.TestReport.NumOfFoundBugs > 0 && execution is { Fault: null, Refusal: null } && engine.ReproducibleTrace.Length > 0 ? engine.ReproducibleTrace : null;
            engine.TestReport = new TestReport(configuration);
        }
    }

    /// <summary>Makes the executions that an explorer chooses, each step scheduled by Coyote.</summary>
    /// <returns>How many.</returns>
    public static long Explore(IProgram program, IExplorer explorer)
    {
        var count = 0L;
        var configuration = Strategies.Driven();
        DrivenExecutions? executions = null;
        Action test = () => (executions = new DrivenExecutions(program, explorer, ExecutionsInIteration)).Run();
        using var engine = TestingEngine.Create(configuration, test);
        engine.SetLogger(new TextWriterLogger(TextWriter.Null, VerbosityLevel.None)); // it tells the console of each bug otherwise
        engine.RegisterStartIterationCallBack(_ =>
        {
            engine.TestReport = new TestReport(configuration);
            if (executions is { HasMore: false } or { Fault: not null })
            {
                throw new TaskCanceledException();
            }
        });
        engine.RegisterEndIterationCallBack(_ =>
        {
            executions!.Stop();
            count += executions.Count;
        });
        engine.Run();
        executions?.Fault?.Throw();
        return count;
    }

    // Coyote reads a trace here, and throws whatever it stumbles over.
    private static TestingEngine Create(Configuration configuration, Action<ICoyoteRuntime> test, bool isReplay)
    {
        try
        {
            return TestingEngine.Create(configuration, test);
        }
        catch (Exception e) when (isReplay)
        {
            throw new InvalidDataException("Coyote cannot read it", e);
        }
    }
}
