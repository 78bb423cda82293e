using ThpCheck.Checker.Drift;

namespace ThpCheck.Checker.Tests.Drift;

public sealed class CFunctionsTests
{
    [Theory]
    [InlineData("int f(void)\n{\n\treturn 0;\n}\n", "f")]
    [InlineData("static inline struct page *\nget_it(struct a *a,\n       int b)\n{\n}\n", "get_it")]
    [InlineData("static void f(void) __must_hold(lock)\n{\n}\n", "f")]
    [InlineData("static inline int f(void) { return 0; }\nint g(void)\n{\n}\n", "f,g")]
    [InlineData("SYSCALL_DEFINE2(munmap, unsigned long, addr, size_t, len)\n{\n}\n", "munmap")]
    [InlineData("#define lock_it(a) \\\n\tspin_lock(&(a)->lock)\n#define NUMBER (1)\n", "lock_it")]
    [InlineData("struct s {\n\tint (*f)(void);\n};\nint g(void)\n{\n}\n", "g")]
    [InlineData("struct ops o = {\n\t.f = g,\n};\nvoid h(void)\n{\n\tif (x) {\n\t}\n}\n", "h")]
    [InlineData("int g(void);\nint h(void)\n{\n}\n", "h")]
    public void Functions_are_found(string text, string names) => Assert.Equal(names, string.Join(',', In(text).Select(f => f.Name)));

    [Fact]
    public void Braces_that_both_sides_of_an_ifdef_open_do_not_run_into_the_next_function()
    {
        var found = In("void f(void)\n{\n#ifdef A\n\tif (a) {\n#else\n\tif (b) {\n#endif\n\t\tx();\n\t}\n}\n\nvoid g(void)\n{\n\ty();\n}\n");

        Assert.Equal(["f", "g"], found.Select(f => f.Name));
        Assert.True(found[0].HasConditions);
        Assert.DoesNotContain(found[0].Body, t => t.Text == "y");
    }

    [Fact]
    public void A_function_whose_end_is_missing_is_not_whole()
    {
        var found = In("void f(void)\n{\n\tx();\n");

        Assert.False(Assert.Single(found).IsWhole);
    }

    [Fact]
    public void Comments_strings_and_unknown_characters_do_not_confuse()
    {
        var found = Assert.Single(In("/* { */ void f(void)\n{\n\tg(\"} /* \\\" \"); // }\n\tc = '}'; @ ` $\n}\n"));

        Assert.True(found.IsWhole);
        Assert.Equal(["g"], SyncSequence.Of(found.Body, n => n is "g" ? (SyncKind.Call, n) : null).Select(o => o.Name));
    }

    [Fact]
    public void What_is_inside_of_parentheses_comes_first()
    {
        var body = CTokens.In("spin_unlock(lock_of(folio_get(f))); while (cmpxchg(&a, b, c) != b) barrier();");

        var operations = SyncSequence.Of(body, SyncTable.Guess).Select(o => o.Text);

        Assert.Equal(["folio_get(f)", "lock_of(folio_get(f))", "spin_unlock(lock_of(folio_get(f)))", "cmpxchg(&a, b, c)", "barrier()"], operations);
    }

    [Fact]
    public void Names_for_the_same_are_the_same()
    {
        Assert.Equal(SyncTable.Of("mmap_write_lock"), SyncTable.Of("down_write"));
        Assert.Equal(SyncTable.Of("put_page"), SyncTable.Of("folio_put"));
        Assert.NotEqual(SyncTable.Of("mmap_read_lock"), SyncTable.Of("mmap_write_lock"));
        Assert.Null(SyncTable.Of("vma_address"));
    }

    private static IReadOnlyList<CFunction> In(string text) => CFunctions.In(CTokens.In(text));
}
