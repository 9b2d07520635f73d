using System.Numerics;
using CharRnn.Gpu.Kernels.Primitives;

namespace CharRnn.Gpu.Tests;

/// <summary>
/// Where a test can run, for <see cref="FactAttribute.SkipType"/>: known before it starts, so that it is skipped without an
/// exception. Wine's threads do not survive one that passes through reflection.
/// </summary>
public static class Systems
{
    public static bool IsWindows => OperatingSystem.IsWindows();

    public static bool IsUnix => !OperatingSystem.IsWindows();

    public static bool IsLinux => OperatingSystem.IsLinux();

    public static bool HasWideVectors => Product.VectorWidth > Vector<float>.Count;
}
