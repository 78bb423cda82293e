namespace ThpCheck.Analyzers.Tests;

/// <summary>THP003.</summary>
public sealed class StaticStateTests
{
    [Fact]
    public Task Static_state_may_not_change() => Contract.ReportsWhatIsMarked("""
        static int counter;                             // THP003
        static int settable { get; set; }               // THP003
        public static int readable { get; private set; } // THP003
        static int lazy => field == 0 ? field = 1 : field; // THP003
        static event Action? changed;                   // THP003
        [ThreadStatic] static int per_thread;           // THP003
        void raise() => changed?.Invoke();
        """);

    [Fact]
    public Task Constants_and_instance_state_are_no_static_state() => Contract.ReportsWhatIsMarked("""
        const int nr = 512;
        static readonly int order = 9;
        static int fixed_at_start { get; } = 1;
        static int computed => nr * order;
        static int forwarded { get => nr; set { } }
        static event Action forwarded_event { add { } remove { } }
        int per_object;
        int[] cells = new int[1];
        enum migrate_mode { MIGRATE_ASYNC, MIGRATE_SYNC }
        static Func<int, int> cached_lambda() => static i => i + nr;
        """);

    [Fact]
    public Task A_class_with_paths_has_no_static_collection_that_can_change() => Contract.ReportsWhatIsMarked("""
        static readonly int[] array = [1];                              // THP003
        static readonly List<int> list = [];                            // THP003
        static readonly IList<int> contract = [];                       // THP003
        static readonly System.Collections.Concurrent.ConcurrentQueue<int> queue = []; // THP003
        static readonly mine derived = [];                              // THP003
        static HashSet<int> property { get; } = [];                     // THP003
        static readonly IReadOnlyList<int> view = [];
        static readonly System.Collections.Immutable.ImmutableArray<int> immutable = [];
        static readonly System.Collections.ObjectModel.ReadOnlyCollection<int> wrapped = new([]);
        static readonly IEqualityComparer<int> comparer = EqualityComparer<int>.Default;
        static readonly EqualityComparer<int> comparer_class = EqualityComparer<int>.Default;
        readonly List<int> per_object = [];
        class mine : List<int>;
        async KernelTask path() => await spin_lock();
        """);

    [Fact]
    public Task A_class_without_paths_may_have_a_table() => Contract.ReportsWhatIsMarked("""
        static readonly Dictionary<string, int> names = [];
        static readonly int[] orders = [0, 9];
        """);
}
