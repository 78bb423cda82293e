// The kernel dialect: primitives are called by their bare names, as in the C.
global using ThpCheck.Model.Objects;
global using ThpCheck.Model.Primitives;
global using static ThpCheck.Model.Primitives.Atomics;
global using static ThpCheck.Model.Primitives.Control;
global using static ThpCheck.Model.Primitives.FolioLock;
global using static ThpCheck.Model.Primitives.GuardedLists;
global using static ThpCheck.Model.Primitives.MemoryAccess;
global using static ThpCheck.Model.Primitives.Mmu;
global using static ThpCheck.Model.Primitives.Rcu;
global using static ThpCheck.Model.Primitives.RwSemaphores;
global using static ThpCheck.Model.Primitives.Slab;
global using static ThpCheck.Model.Primitives.Spinlocks;
