using System.Reflection;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>A dense operation with a body for CPU workers and one for thread groups.</summary>
/// <param name="Method">Its C# body, which uses SIMD instructions and which the CPU accelerator runs as it is.</param>
/// <param name="GroupBody">The body that CUDA compiles instead: the same operation by a thread group.</param>
/// <param name="OpenClBody">The body that OpenCL compiles, which is the same but where OpenCL promises less.</param>
public readonly record struct Primitive(MethodInfo Method, MethodInfo GroupBody, MethodInfo OpenClBody);

/// <summary>
/// Lists the primitives of this assembly for whoever builds a context. A primitive is a static method with the attribute
/// <see cref="IntrinsicImplementationAttribute"/>; its group body is beside it and has its name plus <c>OnGroup</c>. If OpenCL has a body
/// of its own, that has <c>OnOpenCl</c>.
/// </summary>
/// <remarks>
/// Kernels are written for a team, which executes each primitive together and finishes it before the next one. A team is one worker on
/// the CPU and one thread group on a GPU, where a barrier ends every group body. Thus one source of a kernel is correct and fast on
/// both. Matrices are stored in rows or in panels (<see cref="Layout"/>), which are padded to a multiple of
/// <see cref="Layout.PanelWidth"/> floats. The padding holds zeros; a SIMD body may compute it too, and gets zeros again.
/// </remarks>
public static class PrimitiveRegistry
{
    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Every primitive.</summary>
    /// <exception cref="MissingMethodException">A primitive lacks its group body.</exception>
    public static IReadOnlyList<Primitive> All { get; } =
    [
        .. from type in typeof(PrimitiveRegistry).Assembly.GetTypes()
           from method in type.GetMethods(AnyStatic)
           where method.IsDefined(typeof(IntrinsicImplementationAttribute))
           let onGroup = type.GetMethod(method.Name + "OnGroup", AnyStatic)
               ?? throw new MissingMethodException(type.FullName, method.Name + "OnGroup")
           select new Primitive(method, onGroup, type.GetMethod(method.Name + "OnOpenCl", AnyStatic) ?? onGroup),
    ];
}
