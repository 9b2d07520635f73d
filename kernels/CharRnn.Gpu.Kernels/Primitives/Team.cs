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

    /// <summary>Sets one word, seen by the whole team afterwards.</summary>
    [IntrinsicImplementation]
    public static void Set(ArrayView<int> destination, int index, int value) => destination[index] = value;

    internal static void SetOnGroup(ArrayView<int> destination, int index, int value)
    {
        if (Group.IdxX == 0)
            destination[index] = value;
        Group.Barrier();
    }

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
        Group.Barrier();
    }

    /// <summary>Where a team's contiguous share of some items begins; its end is the next team's begin.</summary>
    public static int ShareBegin(int items, int team, int teams) => (int)((long)items * team / teams);
}
