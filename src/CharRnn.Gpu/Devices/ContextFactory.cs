using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Devices;

/// <summary>The one place that builds ILGPU contexts: optimised, and with every primitive's bodies registered.</summary>
public static class ContextFactory
{
    /// <summary>A context with the devices that <paramref name="addDevices"/> adds; no driver but theirs is touched.</summary>
    /// <param name="addDevices">Adds them.</param>
    /// <param name="profiling">Whether launches can be timed.</param>
    public static Context Create(Action<Context.Builder> addDevices, bool profiling = false)
    {
        // O2, since O1 leaves generic loads in PTX; algorithms before any accelerator exists.
        Context.Builder builder = Context.Create().Optimize(OptimizationLevel.O2).EnableAlgorithms();
        IntrinsicImplementationManager intrinsics = builder.GetIntrinsicManager();
        foreach (Primitive primitive in PrimitiveRegistry.All)
        {
            intrinsics.RegisterMethod(primitive.Method, new CpuIntrinsic(primitive.GroupBody));
            intrinsics.RegisterMethod(primitive.Method, new PTXIntrinsic(primitive.GroupBody, IntrinsicImplementationMode.Redirect));
            intrinsics.RegisterMethod(primitive.Method, new CLIntrinsic(primitive.GroupBody, IntrinsicImplementationMode.Redirect));
        }

        if (profiling)
            builder.Profiling();
        addDevices(builder);
        return builder.ToContext();
    }

    /// <summary>
    /// Satisfies ILGPU's front end, which wants to translate whatever a kernel calls; the CPU accelerator then runs the
    /// kernel's own C#, and with it the primitive's SIMD body.
    /// </summary>
    private sealed class CpuIntrinsic(System.Reflection.MethodInfo groupBody)
        : IntrinsicImplementation(BackendType.IL, groupBody, IntrinsicImplementationMode.Redirect)
    {
        protected override bool CanHandleBackend(Backend backend) => backend.BackendType == BackendType.IL;
    }
}
