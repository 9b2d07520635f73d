using System.Runtime.CompilerServices;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>A team executes a kernel's body: it is one worker on the CPU, and one thread group elsewhere.</summary>
public static class Team
{
    // How often a group looks whether others have arrived before it gives up. A look is an atomic, which should take about a microsecond,
    // so that this is less than the two seconds after which Windows resets a GPU. Once one group has given up, the others find out much
    // sooner.
    private const int MostLooks = 1 << 20, LooksBetweenGlances = 1 << 10;

    /// <summary>The number of this team in the launch. On the CPU a launch is one group, whose threads are the teams.</summary>
    [IntrinsicImplementation]
    public static int Index() => Group.IdxX;

    internal static int IndexOnGroup() => Grid.IdxX;

    /// <summary>
    /// The memory in which the threads of a group exchange partial results. A kernel asks for it once and passes it to all its
    /// primitives. A CPU worker needs none.
    /// </summary>
    [IntrinsicImplementation]
    public static ArrayView<float> Scratch() => default;

    // The kernel itself allocates it, because on some OpenCL devices all groups share what another function allocates. It is read
    // four floats at a time. CUDA's assembler puts shared arrays one behind the other, so each must be a multiple of 16 bytes long.
    internal static ArrayView<float> ScratchOnGroup() =>
        SharedMemory.Allocate<float>(Reduction.MaxGroupSize * GroupProduct.TileSide * GroupProduct.TileSide);

    /// <summary>
    /// Waits for all threads of the group, which then see what each of them wrote to global and to shared memory. OpenCL C gets a
    /// statement of its own, because ILGPU's barrier covers the global memory alone.
    /// </summary>
    [IntrinsicImplementation]
    public static void Barrier() => Group.Barrier();

    internal static void BarrierOnGroup() => Group.Barrier();

    /// <summary>Sets a word if it is still 0. Teams that do this at the same time must set the same value.</summary>
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

    /// <summary>Counts the arrival of this team, and lets the others see what it wrote before.</summary>
    /// <param name="words">Where the count is.</param>
    /// <param name="word">The index of the count, which grows until the host clears it.</param>
    [IntrinsicImplementation]
    public static void Arrive(ArrayView<int> words, int word) => Interlocked.Increment(ref words[word]);

    internal static void ArriveOnGroup(ArrayView<int> _, int __) => Team.Barrier();

    /// <summary>
    /// Waits until so many arrivals are counted. The groups of a GPU may run one after the other, so there a kernel that waits in this way
    /// is launched as one team, which has no others to wait for; <see cref="MeetSideBySide"/> is another way.
    /// </summary>
    [IntrinsicImplementation]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Await(ArrayView<int> words, int word, int arrivals)
    {
        // Where every worker has a core, this takes about a microsecond. Where another worker waits for a core, it soon gets this one.
        ref int arrived = ref words[word];
        for (int spins = 0; Volatile.Read(ref arrived) - arrivals < 0; spins++) // even where the count has overflowed
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
    /// <param name="word">The index of the count, which grows until the host clears it.</param>
    /// <param name="before">What the count was before the first of these tasks.</param>
    /// <param name="previous">The task that this team took before this one, or -1.</param>
    /// <param name="team">This team.</param>
    /// <param name="teams">Teams of the launch.</param>
    /// <returns>The task; none was left if it is not below the number of tasks.</returns>
    [IntrinsicImplementation]
    public static int Take(ArrayView<int> words, int word, int before, int previous, int team, int teams) =>
        Interlocked.Increment(ref words[word]) - 1 - before;

    internal static int TakeOnGroup(ArrayView<int> _, int __, int ___, int previous, int team, int teams) =>
        previous < 0 ? team : previous + teams;

    /// <summary>
    /// 1 where a group's products may have large tiles, else 0: with OpenCL, because PoCL 6.0 computes wrong sums with them, and no OpenCL
    /// GPU has run them.
    /// </summary>
    [IntrinsicImplementation]
    public static int HasWideTiles() => 1;

    internal static int HasWideTilesOnGroup() => 1;

    internal static int HasWideTilesOnOpenCl() => 0;

    /// <summary>Waits until every team of the launch is here.</summary>
    /// <param name="words">Where arrivals are counted.</param>
    /// <param name="word">The index of the count.</param>
    /// <param name="meeting">The number of meetings that the count has had since the host cleared it.</param>
    /// <param name="teams">Teams of the launch.</param>
    public static void Meet(ArrayView<int> words, int word, int meeting, int teams)
    {
        Arrive(words, word);
        Await(words, word, (meeting + 1) * teams);
    }

    /// <summary>
    /// Waits until all of some teams are here, which then see what each of them wrote to global memory. With CUDA, too, these are several
    /// teams: the caller promises that all groups of the launch run at once, which they do where there is room for them. A group that waits
    /// for a second gives up, and sets <see cref="StepStatus.Stuck"/>. With OpenCL, groups may run one after the other, so there is only
    /// one team.
    /// </summary>
    /// <param name="status">The words of <see cref="StepStatus"/>.</param>
    /// <param name="word">The index of the count of these teams' arrivals.</param>
    /// <param name="meeting">The number of meetings that the count has had since the host cleared it.</param>
    /// <param name="teams">The number of these teams.</param>
    [IntrinsicImplementation]
    public static void MeetSideBySide(ArrayView<int> status, int word, int meeting, int teams) => Meet(status, word, meeting, teams);

    internal static void MeetSideBySideOnOpenCl(ArrayView<int> _, int __, int ___, int ____) => Team.Barrier();

    // The fences order what the group wrote before its arrival, and what it reads after those of others; the barriers include its threads.
    internal static void MeetSideBySideOnGroup(ArrayView<int> status, int word, int meeting, int teams)
    {
        Team.Barrier();
        if (Group.IdxX == 0)
        {
            MemoryFence.DeviceLevel();
            Atomic.Add(ref status[word], 1);
            int arrivals = (meeting + 1) * teams, looks = 0;
            while (Atomic.Add(ref status[word], 0) - arrivals < 0 && looks < MostLooks)
            {
                looks++;
                if (looks % LooksBetweenGlances == 0 && Atomic.Add(ref status[StepStatus.Stuck], 0) != 0)
                    looks = MostLooks;
            }

            if (looks == MostLooks)
            {
                // Later launches end at once.
                Atomic.Exchange(ref status[StepStatus.Stuck], 1);
                Atomic.Exchange(ref status[StepStatus.Diverged], 1);
            }

            MemoryFence.DeviceLevel();
        }

        Team.Barrier();
    }
}
