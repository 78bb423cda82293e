namespace ThpCheck.Bench;

/// <summary>
/// Keeps a local variable in the state as long as SPIN does: until the process sets it to something else. Here one that is
/// not read again is no part of the state, so where the PROMELA sets it the thread reads it, and the states are the same.
/// </summary>
internal static class Locals
{
    /// <summary>Where it is set to 0.</summary>
    public static void Keep(int local) => _ = local;

    /// <summary>Where it is set to what a step returned.</summary>
    /// <returns>Its next value.</returns>
    public static int Set(int local, int next)
    {
        Keep(local);
        return next;
    }
}
