using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>Who runs a kernel's body: one SIMD worker on the CPU, one thread group elsewhere.</summary>
public static class Team
{
    /// <summary>The number of this team within the launch: a thread of the one group on the CPU, the group elsewhere.</summary>
    [IntrinsicImplementation]
    public static int Index() => Group.IdxX;

    internal static int IndexOnGroup() => Grid.IdxX;

    /// <summary>Memory for partial results that a thread group passes on to its primitives, one for all of them; a CPU worker needs none.</summary>
    [IntrinsicImplementation]
    public static ArrayView<float> Scratch() => default;

    // Allocated in the kernel itself: what another function allocates is one for all groups on some OpenCL devices. It is read
    // by fours: CUDA's assembler lays out shared arrays from an aligned begin, so each must have a multiple of 16 bytes.
    internal static ArrayView<float> ScratchOnGroup() =>
        SharedMemory.Allocate<float>(Reduction.MaxGroupSize * GroupProduct.TileSide * GroupProduct.TileSide);

    /// <summary>
    /// Group bodies wait here for each other's threads, which then see what was written in global and in shared memory. In
    /// OpenCL C it is a statement of its own: ILGPU's own barrier names the global memory alone.
    /// </summary>
    [IntrinsicImplementation]
    public static void Barrier() => Group.Barrier();

    internal static void BarrierOnGroup() => Group.Barrier();

    /// <summary>Sets one word if it is still 0. Teams that do so at the same time must bring the same value.</summary>
    [IntrinsicImplementation]
    public static void SetOnce(ArrayView<int> destination, int index, int value)
    {
        if (destination[index] == 0)
            destination[index] = value;
    }

    internal static void SetOnceOnGroup(ArrayView<int> destination, int index, int value)
    {
        if (Group.IdxX == 0 && destination[index] == 0)
            destination[index] = value;
        Team.Barrier();
    }

    /// <summary>Counts this team's arrival, and shows the others what it wrote before.</summary>
    /// <param name="words">Where the count is.</param>
    /// <param name="word">Its place there; the count goes on until the host clears it.</param>
    [IntrinsicImplementation]
    public static void Arrive(ArrayView<int> words, int word) => Interlocked.Increment(ref words[word]);

    internal static void ArriveOnGroup(ArrayView<int> _, int __) => Team.Barrier();

    /// <summary>
    /// Waits until so many arrivals are counted. On a GPU, whose groups may run one after the other, a kernel that waits is
    /// launched as one team, and there is nobody to wait for.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Await(ArrayView<int> words, int word, int arrivals)
    {
        // A microsecond where every worker has a core; where one waits for a core, it soon gets this one.
        ref int arrived = ref words[word];
        for (int spins = 0; Volatile.Read(ref arrived) < arrivals; spins++)
            if (spins < 500)
                Thread.SpinWait(1);
            else
                Thread.Yield();
    }

    internal static void AwaitOnGroup(ArrayView<int> _, int __, int ___) => Team.Barrier();

    /// <summary>
    /// Takes a task that no other team takes. A worker on the CPU takes the next one that is left, so that a worker whose core is
    /// slower does less. A group on a GPU takes the tasks <c>team</c>, <c>team + teams</c>, <c>team + 2·teams</c> and so on.
    /// </summary>
    /// <param name="words">Where the tasks are counted.</param>
    /// <param name="word">The count's place there; it goes on until the host clears it.</param>
    /// <param name="before">What the count was before the first of these tasks.</param>
    /// <param name="previous">The task that this team took before this one, or -1.</param>
    /// <param name="team">This team.</param>
    /// <param name="teams">Teams of the launch.</param>
    /// <returns>The task; there is none left when it is not below their number.</returns>
    [IntrinsicImplementation]
    public static int Take(ArrayView<int> words, int word, int before, int previous, int team, int teams) =>
        Interlocked.Increment(ref words[word]) - 1 - before;

    internal static int TakeOnGroup(ArrayView<int> _, int __, int ___, int previous, int team, int teams) =>
        previous < 0 ? team : previous + teams;

    /// <summary>Waits until every team of the launch is here.</summary>
    /// <param name="status">See <see cref="StepStatus"/>.</param>
    /// <param name="meeting">How many meetings there were since the host cleared the status.</param>
    /// <param name="teams">Teams of the launch.</param>
    public static void Meet(ArrayView<int> status, int meeting, int teams)
    {
        Arrive(status, StepStatus.Arrivals);
        Await(status, StepStatus.Arrivals, (meeting + 1) * teams);
    }
}
