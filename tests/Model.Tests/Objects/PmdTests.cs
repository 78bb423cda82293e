using ThpCheck.Model.Objects;

namespace ThpCheck.Model.Tests.Objects;

public sealed class PmdTests
{
    [Fact]
    public void A_huge_pmd_is_not_the_migration_entry_that_takes_its_place()
    {
        var (present, absent, migration) = (new Pmd(Present: true, Huge: true, 2), new Pmd(Present: false, Huge: true, 2), new Pmd(Present: false, Huge: false, 2));

        Assert.Equal([false, false, true, false], new[] { present, absent, migration, default }.Select(p => p.IsMigration));
        Assert.All(new[] { present, absent, migration, default }, p => Assert.Equal(p, Pmd.FromWord(p.ToWord())));
    }
}
