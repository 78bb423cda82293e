using System.Diagnostics;
using System.Text.Json;
using ThpCheck.Specs.Binding;

namespace ThpCheck.Checker.Verification;

/// <summary>The child's side of <see cref="ComparingProcess"/>: a job a line in, an answer a line out, until there are no more.</summary>
internal static class ComparingLoop
{
    public static void Run(Func<Comparer> make, CancellationToken stop)
    {
        var output = Console.Out;
        Console.SetOut(TextWriter.Null); // whatever a user's code prints is no answer
        var job = default(Job);
        using var stuck = new Stuck(sentence =>
        {
            Answer(output, new Compared(job!) { Failure = sentence });
            Process.GetCurrentProcess().Kill();
        });
        var comparer = default(Comparer);
        while (Console.In.ReadLine() is { } line)
        {
            job = JsonSerializer.Deserialize<Job>(line, ComparingProcess.Format)!;
            Compared compared;
            try
            {
                compared = (comparer ??= make()).Compare(job, stop);
            }
            catch (PatchException e)
            {
                compared = new Compared(job) { Errors = [.. e.Diagnostics.Select(d => d.ToString())] };
            }

            Answer(output, compared);
        }
    }

    private static void Answer(TextWriter output, Compared compared)
    {
        lock (output)
        {
            output.Write($"{JsonSerializer.Serialize(compared, ComparingProcess.Format)}\n");
            output.Flush();
        }
    }
}
