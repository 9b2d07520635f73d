using System.Reflection;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>Every kernel compiles for GPUs of two generations, on a machine that has none.</summary>
public sealed class CompilationTests : IDisposable
{
    private readonly Context _context = ContextFactory.Create(_ => { });

    /// <summary>The kernels as the assembly has them, so that a new one cannot be forgotten.</summary>
    public static TheoryData<string> Kernels =>
    [
        .. from type in typeof(SequenceKernel).Assembly.GetTypes()
           where type.Name.EndsWith("Kernel", StringComparison.Ordinal) && type.GetMethod("Run", BindingFlags.Public | BindingFlags.Static) is not null
           select type.FullName,
    ];

    [Fact]
    public void All_kernels_are_found() => Assert.Equal(7, Kernels.Count);

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_for_CUDA(string kernel)
    {
        foreach (CudaArchitecture architecture in (CudaArchitecture[])[CudaArchitecture.SM_80, CudaArchitecture.SM_90])
        {
            using var backend = new PTXBackend(_context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_88, null);
            string ptx = ((PTXCompiledKernel)Compile(backend, kernel)).PTXAssembly;
            Assert.Contains(".entry", ptx, StringComparison.Ordinal);
            Assert.DoesNotContain(".local", ptx, StringComparison.Ordinal); // arrays in memory that should be registers
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_for_OpenCL(string kernel)
    {
        // The least that ILGPU accepts: no subgroups, no 64-bit atomics, and no doubles, which many GPUs lack.
        var capabilities = new CLCapabilityContext(float16: false, float64: false, genericAddressSpace: true, int64_Atomics: false, subGroups: false);
        using var backend = new CLBackend(_context, capabilities, CLDeviceVendor.Other, CLCVersion.CL20);
        string source = ((CLCompiledKernel)Compile(backend, kernel)).Source;
        Assert.Contains("kernel void", source, StringComparison.Ordinal);
    }

    public void Dispose() => _context.Dispose();

    private static CompiledKernel Compile(Backend backend, string kernel) => backend.Compile(
        EntryPointDescription.FromExplicitlyGroupedKernel(typeof(SequenceKernel).Assembly.GetType(kernel)!.GetMethod("Run")!), default);
}
