namespace ThpCheck.Specs.Properties;

/// <summary>Every property that a scenario can name, the kernel bugs aside, which all scenarios have.</summary>
public static class PropertyCatalog
{
    /// <summary>In the order of their names.</summary>
    public static IReadOnlyList<Property> All { get; } =
    [
        .. new[]
        {
            RmapProperties.AnonVmaValid, RmapProperties.WalkerHoldsAnonVma, RmapProperties.MapcountCoversPtes, RmapProperties.MapcountConsistent,
            RmapProperties.RefcountCoversMapcount, RmapProperties.WalkerWalks, RmapProperties.WalkerMeetsUnlink, RmapProperties.WalkerMeetsFreed,
            AnonVmaProperties.RmapFindsPtes, AnonVmaProperties.OneAnonVmaOneChain, AnonVmaProperties.WalkerWalksNoStranger,
            AnonVmaProperties.VmasMerge, AnonVmaProperties.AnonVmaIsLeftOver,
            DirtyProperties.StoresReachTheDisk, DirtyProperties.EvictedPageIsOnDisk, DirtyProperties.DirtiedUnderLock, DirtyProperties.FlushedBeforeFree,
            DirtyProperties.RemovedPageIsUnmapped, DirtyProperties.FreedPageIsUnmapped, DirtyProperties.StaleDirtyEntry, DirtyProperties.WritebackMeetsZap,
            DirtyProperties.TruncateMeetsZap, DirtyProperties.DelayedRmapIsRemoved,
            PmdProperties.DecodedOnlyIfPresent, PmdProperties.ThpMapcountConsistent, PmdProperties.ThpRefcountCovers, PmdProperties.ThpRefcountConsistent, PmdProperties.RssConsistent,
            PmdProperties.MigrationEntryLocked, PmdProperties.MigrationOver, PmdProperties.DeletedPageUnmapped, PmdProperties.SplitPageUnmapped, PmdProperties.MlockedPageMapped,
            PmdProperties.MlockedPageNotReclaimed, PmdProperties.HugeZeroPageKept, PmdProperties.MeetsMigration, PmdProperties.MigrationSucceeds, PmdProperties.MeetsZap, PmdProperties.MeetsSplit, PmdProperties.PmdOutcome,
            MigrationProperties.NoEntryLeft, MigrationProperties.EntryNamesLockedFolio, MigrationProperties.PagesHoldTheirStores, MigrationProperties.MappingsComeBack,
            MigrationProperties.ReferencesAccounted, MigrationProperties.MapcountsAccounted, MigrationProperties.OffsetsAgree, MigrationProperties.RmapFindsEntries,
            MigrationProperties.PinnedPageIsExclusive, MigrationProperties.PagesStayExclusive, MigrationProperties.GivesUpForReferences, MigrationProperties.FaultWaits, MigrationProperties.FolioIsMoved, MigrationProperties.MigrationFails,
            CowProperties.PrivateWritesStayPrivate, CowProperties.ReadsSeeLastStore, CowProperties.GupPageIsMapped, CowProperties.ReferenceStaysMapped, CowProperties.ExclusiveIsMappedOnce, CowProperties.WritablePageIsAlone,
            CowProperties.NoNeedlessCopy, CowProperties.NoCopyForPassingReference, CowProperties.PagesCopied, CowProperties.SwapCountsAccounted, CowProperties.GupOutlivesMapping,
            CowProperties.StoreAfterFork,
            LifetimeProperties.NoLockLeaked, LifetimeProperties.NothingLeaked,
        }.Concat(CompoundProperties.All).Concat(CollapseProperties.All).Concat(MemcgProperties.All).Concat(MlockProperties.All).Concat(MempolicyProperties.All).OrderBy(p => p.Name, StringComparer.Ordinal),
    ];
}
