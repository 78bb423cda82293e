using ThpCheck.Checker.Exploration;

namespace ThpCheck.Checker.Sampling;

/// <summary>What a sample consists of.</summary>
/// <param name="Method">How it was drawn.</param>
/// <param name="Seed">From which seed; null of a trace that was executed again.</param>
/// <param name="Executions">How many executions were made.</param>
/// <param name="Unfinished">How many of them were cut off at the limit on steps.</param>
/// <param name="AllStatesCounted">Whether all the different states were counted, or there are too many to remember.</param>
/// <param name="Guarantee">What the method promises, or null.</param>
internal sealed record Sample(string Method, int? Seed, long Executions, long Unfinished, bool AllStatesCounted, Guarantee? Guarantee);

/// <summary>An execution of a sample that breaks something.</summary>
/// <param name="Seed">The sample's seed, or null.</param>
/// <param name="Execution">The first that does, from 1.</param>
/// <param name="Schedule">Its steps up to there.</param>
/// <param name="Hits">How many executions do.</param>
internal sealed record Hit(int? Seed, long Execution, Choice[] Schedule, long Hits);
