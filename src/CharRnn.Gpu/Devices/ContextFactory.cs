using System.Reflection;
using System.Reflection.Emit;
using CharRnn.Gpu.Kernels.Primitives;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;

namespace CharRnn.Gpu.Devices;

/// <summary>The one place that builds ILGPU contexts, with every primitive's bodies registered.</summary>
public static class ContextFactory
{
    private static readonly Lazy<Dictionary<MethodInfo, MethodInfo>> Stubs = new(CreateStubs);

    /// <summary>A context with the devices that <paramref name="addDevices"/> adds; no driver but theirs is touched.</summary>
    /// <param name="addDevices">Adds them.</param>
    /// <param name="profiling">Whether launches can be timed.</param>
    /// <param name="optimization">How far the kernels' translations are optimised: O1 leaves generic loads in PTX.</param>
    public static Context Create(
        Action<Context.Builder> addDevices, bool profiling = false, OptimizationLevel optimization = OptimizationLevel.O2)
    {
        DriverLibrary.Register();

        // Algorithms before any accelerator exists.
        Context.Builder builder = Context.Create().Optimize(optimization).EnableAlgorithms();
        IntrinsicImplementationManager intrinsics = builder.GetIntrinsicManager();
        foreach (Primitive primitive in PrimitiveRegistry.All)
        {
            intrinsics.RegisterMethod(primitive.Method, new CpuIntrinsic(Stubs.Value[primitive.Method]));
            intrinsics.RegisterMethod(primitive.Method, new PTXIntrinsic(primitive.GroupBody, IntrinsicImplementationMode.Redirect));
            intrinsics.RegisterMethod(primitive.Method, primitive.Method.Name == nameof(Team.Barrier)
                ? new CLIntrinsic(typeof(ContextFactory), nameof(EmitBarrier), IntrinsicImplementationMode.GenerateCode)
                : new CLIntrinsic(primitive.OpenClBody, IntrinsicImplementationMode.Redirect));
        }

        if (profiling)
            builder.Profiling();
        addDevices(builder);
        return builder.ToContext();
    }

    /// <summary>The statement of <see cref="Team.Barrier"/> in OpenCL C.</summary>
    private static void EmitBarrier(CLBackend _, CLCodeGenerator generator, Value __)
    {
        using CLCodeGenerator.StatementEmitter statement =
            generator.BeginStatement("work_group_barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");
    }

    /// <summary>
    /// Stands for a primitive where ILGPU's front end translates a kernel for the CPU accelerator, which then runs the kernel's
    /// own C#, and with it the primitive's SIMD body. It does nothing: translating the group bodies for nobody would take most of
    /// the time that opening the CPU takes.
    /// </summary>
    private sealed class CpuIntrinsic(MethodInfo stub) : IntrinsicImplementation(BackendType.IL, stub, IntrinsicImplementationMode.Redirect)
    {
        protected override bool CanHandleBackend(Backend backend) => backend.BackendType == BackendType.IL;
    }

    /// <summary>A method of each primitive's signature that returns a default.</summary>
    private static Dictionary<MethodInfo, MethodInfo> CreateStubs()
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("CharRnn.Gpu.Stubs"), AssemblyBuilderAccess.Run);
        TypeBuilder type = assembly.DefineDynamicModule("Stubs")
            .DefineType("Stubs", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        foreach ((int i, Primitive primitive) in PrimitiveRegistry.All.Index())
        {
            MethodInfo like = primitive.Method;
            ILGenerator il = type.DefineMethod(
                $"Stub{i}", MethodAttributes.Public | MethodAttributes.Static, like.ReturnType,
                [.. like.GetParameters().Select(p => p.ParameterType)]).GetILGenerator();
            if (like.ReturnType != typeof(void))
                il.Emit(OpCodes.Ldloc, il.DeclareLocal(like.ReturnType));
            il.Emit(OpCodes.Ret);
        }

        Type stubs = type.CreateType();
        return PrimitiveRegistry.All.Index().ToDictionary(pair => pair.Item.Method, pair => stubs.GetMethod($"Stub{pair.Index}")!);
    }
}
