using System.Reflection;
using CharRnn.Gpu.Kernels.Arguments;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Kernels.Primitives;

/// <summary>A dense operation with two bodies.</summary>
/// <param name="Method">Its C# body, SIMD, which the CPU accelerator runs as it is.</param>
/// <param name="GroupBody">The body every other backend compiles instead: the same operation by a thread group.</param>
public readonly record struct Primitive(MethodInfo Method, MethodInfo GroupBody);

/// <summary>
/// The primitives of this assembly, as data for whoever builds a context. A primitive is a static method marked
/// <see cref="IntrinsicImplementationAttribute"/>; its group body stands beside it under its name plus <c>OnGroup</c>.
/// </summary>
/// <remarks>
/// Kernels are written for a <em>team</em> that executes each primitive together and finishes it before the next:
/// one SIMD worker on the CPU, one thread group (a barrier closes every group body) on a GPU. That is what lets one
/// kernel source be right and fast on both. Matrices lie in rows or in panels (<see cref="Layout"/>), padded to a
/// multiple of <see cref="Layout.PanelWidth"/> floats; the padding holds zeros, and a SIMD body may compute it, to zeros again.
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
           select new Primitive(
               method,
               type.GetMethod(method.Name + "OnGroup", AnyStatic)
                   ?? throw new MissingMethodException(type.FullName, method.Name + "OnGroup")),
    ];
}
