using ThpCheck.Checker.Exploration;
using ThpCheck.Checker.Verdicts;
using ThpCheck.Model.Stepping;
using ThpCheck.Specs;
using ThpCheck.Specs.Properties;
using Found = ThpCheck.Checker.Exploration.Exploration;

namespace ThpCheck.Checker.Tests.Litmus;

/// <summary>A thread of a small program.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Path">What it runs.</param>
/// <param name="Kind">What it owes.</param>
internal sealed record Role<T>(string Name, Func<T, KernelTask> Path, ThreadKind Kind = ThreadKind.Task);

/// <summary>Puts small programs together: some threads over one object.</summary>
internal static class Small
{
    /// <summary>An instance of threads that run the paths of one object.</summary>
    /// <param name="lay">Makes the object, and the caches it uses.</param>
    /// <param name="roles">The threads, in order.</param>
    /// <param name="properties">What is promised.</param>
    /// <param name="setUp">Runs alone as the first thread before any thread begins; or null.</param>
    /// <param name="builder">Options of the machine; without callbacks when it is null.</param>
    /// <param name="tearDown">Runs alone as the first thread in each End state; or null.</param>
    public static Instance Instance<T>(
        Func<MachineBuilder, T> lay,
        IReadOnlyList<Role<T>> roles,
        Func<T, IReadOnlyList<Property>> properties,
        Func<T, KernelTask>? setUp = null,
        MachineBuilder? builder = null,
        Func<T, KernelTask>? tearDown = null)
    {
        builder ??= new MachineBuilder { RcuCallbacks = 0 };
        foreach (var role in roles)
        {
            builder.Thread(role.Name, role.Kind);
        }

        var on = lay(builder);
        return new(
            builder.Build(),
            stepper =>
            {
                if (setUp is not null)
                {
                    Specs.Instance.RunAlone(stepper, 0, () => setUp(on), "set-up");
                }

                for (var thread = 0; thread < roles.Count; thread++)
                {
                    var path = roles[thread].Path;
                    stepper.Begin(thread, () => path(on));
                }
            },
            properties(on))
        {
            TearDown = tearDown is null ? null : (0, () => tearDown(on)),
        };
    }

    /// <summary>The same for an object with cells only.</summary>
    public static Instance Instance<T>(
        Func<Layout, T> make,
        IReadOnlyList<Role<T>> roles,
        Func<T, IReadOnlyList<Property>> properties,
        MachineBuilder? builder = null,
        Func<T, KernelTask>? tearDown = null)
        where T : KernelObject => Instance(b => b.Object("shared", make), roles, properties, null, builder, tearDown);

    public static InstanceResult Judged(Instance instance) => Judge.Run(instance, new Budget());

    public static Found Explored(Instance instance) => BreadthFirstExplorer.Run(instance, new Budget());

    /// <summary>Asserts a verdict with its counts.</summary>
    public static InstanceResult Expect(Instance instance, VariantVerdict verdict, long states, long transitions)
    {
        var result = Judged(instance);
        Assert.Equal((verdict, states, transitions), (result.Verdict, result.States, result.Transitions));
        return result;
    }

    /// <summary>The values of an outcomes property as text, such as <c>0,1 1,1</c>.</summary>
    public static string Outcomes(this InstanceResult result, string property) =>
        string.Join(' ', result[property].Outcomes!.Select(o => string.Join(',', o)));

    /// <summary>The thread of this name.</summary>
    public static int Thread(this Machine machine, string name) =>
        Enumerable.Range(0, machine.ThreadCount).First(t => machine.ThreadName(t) == name);
}
