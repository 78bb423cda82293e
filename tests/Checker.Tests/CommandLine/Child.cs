using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ThpCheck.Checker.Tests.CommandLine;

/// <summary>The program as a process of its own, to be interrupted and killed.</summary>
internal sealed partial class Child : IDisposable
{
    private const int Sigint = 2;

    private readonly Process _process;
    private readonly Task<string> _out;
    private readonly List<string> _errors = []; // lines; locked by itself

    public Child(params string[] args)
    {
        // The runtime that the tests run on: <root>/shared/Microsoft.NETCore.App/<version>/.
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        // Where the tests run in the background, as shells do it, they ignore Ctrl-C, and so would the program.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", dotnet, Path.Combine(AppContext.BaseDirectory, "thpcheck.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = new Process { StartInfo = start };
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.Add(line.Data ?? "");
            }
        };
        _process.Start();
        _process.BeginErrorReadLine();
        _out = _process.StandardOutput.ReadToEndAsync();
    }

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return string.Join('\n', _errors);
            }
        }
    }

    /// <summary>Waits until something is so or the process has ended; says whether it is so.</summary>
    public bool Await(Func<bool> isSo)
    {
        while (!_process.HasExited)
        {
            if (isSo())
            {
                return true;
            }

            Thread.Sleep(1);
        }

        return isSo();
    }

    /// <summary>Waits until this was written as an error, or the process has ended.</summary>
    public void AwaitError(string text) => Await(() => Errors.Contains(text, StringComparison.Ordinal));

    /// <summary>What Ctrl-C does.</summary>
    public void Interrupt() => _ = SendSignal(_process.Id, Sigint);

    /// <summary>Ends it on the spot, whatever it is doing.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Waits for its end.</summary>
    public (int ExitCode, string Out) End()
    {
        _process.WaitForExit();
        return (_process.ExitCode, _out.Result);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int SendSignal(int process, int signal);
}
