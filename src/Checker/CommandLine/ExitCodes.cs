namespace ThpCheck.Checker.CommandLine;

/// <summary>What the program says to the shell. Of several that apply the first of this order is returned: 130, 2, 1, 3, 0.</summary>
internal static class ExitCodes
{
    /// <summary>Everything was explored and is as expected.</summary>
    public const int AsExpected = 0;

    /// <summary>Something is not as expected, or the model is at fault.</summary>
    public const int NotAsExpected = 1;

    /// <summary>The command line or a scenario is wrong.</summary>
    public const int WrongInput = 2;

    /// <summary>What was explored is as expected, but not everything was explored.</summary>
    public const int Incomplete = 3;

    /// <summary>A defect of the program itself; EX_SOFTWARE of sysexits.h.</summary>
    public const int Defect = 70;

    /// <summary>Interrupted: 128 and the number of SIGINT.</summary>
    public const int Interrupted = 130;

    /// <summary>What 'git bisect run' takes for: this revision cannot be tested.</summary>
    public const int Skip = 125;

    /// <summary>What to end with for 'git bisect run', which takes all other codes below 128 for a bad revision.</summary>
    public static int ForBisect(int code) => code is AsExpected or NotAsExpected or Interrupted ? code : Skip;

    /// <summary>For the end of help texts.</summary>
    public const string Help = """
        Exit codes (of several that apply, the first of 130, 2, 1, 3):
          0    everything was explored, and all is as the scenarios expect
          1    something is not as expected, or the model is at fault
          2    the command line or a scenario is wrong
          3    what was explored is as expected, but not everything was explored
          130  interrupted; what was found is reported

        """;
}
