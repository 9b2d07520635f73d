using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Kernels;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace CharRnn.Gpu.Tests.Kernels;

/// <summary>Every kernel compiles for GPUs of two generations, on a machine that has none.</summary>
public sealed class CompilationTests : IDisposable
{
    private static readonly Regex SharedArray = new(@"\.shared \.align \d+ \.b8 \w+\[(\d+)\]");

    private static readonly Regex Used = new("Used ([0-9]+) registers");

    // What ILGPU makes of a primitive, such as a barrier, that it has not replaced by the group's body.
    private static readonly Regex EmptyFunction = new(@"\)\s*\{\s*(\.reg [^;]*;\s*)*(ret(urn)?;\s*)?\}");

    private readonly Context _context = ContextFactory.Create(_ => { });

    /// <summary>The kernels as the assembly has them, so that a new one cannot be forgotten.</summary>
    public static TheoryData<string> Kernels =>
    [
        .. from type in typeof(HiddenKernel).Assembly.GetTypes()
           where type.Name.EndsWith("Kernel", StringComparison.Ordinal)
               && type.GetMethod("Run", BindingFlags.Public | BindingFlags.Static) is not null
           select type.FullName,
    ];

    /// <summary>The kernels with CUDA's compute capabilities, as ptxas names them.</summary>
    public static MatrixTheoryData<string, int> KernelsAndCapabilities => new([.. Kernels.Select(row => row.Data)], [75, 80, 90]);

    [Fact]
    public void All_kernels_are_found() => Assert.Equal(15, Kernels.Count);

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_for_CUDA(string kernel)
    {
        foreach (CudaArchitecture architecture in (CudaArchitecture[])[CudaArchitecture.SM_80, CudaArchitecture.SM_90])
        {
            string ptx = Ptx(kernel, architecture);
            Assert.Contains(".entry", ptx, StringComparison.Ordinal);
            Assert.DoesNotContain(".local", ptx, StringComparison.Ordinal); // arrays in memory that should be registers
            Assert.DoesNotMatch(EmptyFunction, ptx);

            // Shared memory is read by fours, and one after the other its arrays begin at multiples of 16 bytes.
            Assert.All(SharedArray.Matches(ptx), array =>
                Assert.Equal(0, int.Parse(array.Groups[1].Value, CultureInfo.InvariantCulture) % 16));
        }
    }

    [Theory]
    [InlineData(nameof(HiddenKernel))]
    [InlineData(nameof(OutputKernel))]
    [InlineData(nameof(ChainKernel))]
    [InlineData(nameof(InputKernel))]
    [InlineData(nameof(GradientKernel))]
    [InlineData(nameof(TrainStepsKernel))]
    [InlineData(nameof(EvaluateKernel))]
    [InlineData(nameof(SampleKernel))]
    public void Products_load_four_floats_at_a_time_on_CUDA(string kernel)
    {
        string ptx = Ptx($"{typeof(HiddenKernel).Namespace}.{kernel}", CudaArchitecture.SM_90);
        string[] lines = ptx.Split('\n');
        Assert.NotEmpty(SharedArray.Matches(ptx));

        int[] multiplications =
        [
            .. lines.Index().Where(line => line.Item.Contains("mul.f32", StringComparison.Ordinal)).Select(line => line.Index),
        ];
        int longest = multiplications.Zip(multiplications.Skip(1), (from, to) => to - from <= 2).Aggregate(
            (Longest: 0, Run: 0),
            (state, near) => near ? (Math.Max(state.Longest, state.Run + 1), state.Run + 1) : (state.Longest, 0)).Longest;
        Assert.InRange(longest, 15, int.MaxValue); // a term of 16 elements, with nothing between but the additions
        int loadsOfFour = lines.Count(line =>
            line.Contains("ld.", StringComparison.Ordinal) && line.Contains(".v4.f32", StringComparison.Ordinal));
        Assert.InRange(loadsOfFour, 4, int.MaxValue);
    }

    [Theory]
    [MemberData(nameof(KernelsAndCapabilities))]
    public void A_kernel_keeps_to_its_registers_on_CUDA(string kernel, int capability)
    {
        var architecture = new CudaArchitecture(capability / 10, capability % 10);
        string ptx = Ptx(kernel, architecture, CudaInstructionSet.ISA_78);
        Assert.Contains(".maxntid 256, 1, 1", ptx, StringComparison.Ordinal);
        Type type = TypeOf(kernel);
        bool isAlone = type == typeof(TrainStepsKernel) || type == typeof(NetworkStepsKernel) || type == typeof(SampleKernel)
            || type == typeof(EvaluateKernel);
        Assert.Contains($".minnctapersm {(isAlone ? 1 : 2)}", ptx, StringComparison.Ordinal);

        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, ptx);
            using Process? assembler = Ptxas($"-arch=sm_{capability}", "-v", file, "-o", file + ".cubin");
            Assert.SkipWhen(assembler is null, "ptxas, the assembler of NVIDIA's toolkit, is not on the path");
            string report = assembler.StandardError.ReadToEnd() + assembler.StandardOutput.ReadToEnd();
            assembler.WaitForExit();
            Assert.True(assembler.ExitCode == 0, report);
            int most = isAlone ? 255 : 128;
            Assert.All(Used.Matches(report), use => Assert.InRange(int.Parse(use.Groups[1].Value, CultureInfo.InvariantCulture), 1, most));
            Assert.NotEmpty(Used.Matches(report));
            Assert.DoesNotMatch("[1-9][0-9]* bytes (stack frame|spill)", report);
        }
        finally
        {
            File.Delete(file);
            File.Delete(file + ".cubin");
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_kernel_compiles_for_OpenCL(string kernel)
    {
        // The least that ILGPU accepts: no subgroups, no 64-bit atomics, and no doubles, which many GPUs lack.
        var capabilities = new CLCapabilityContext(
            float16: false, float64: false, genericAddressSpace: true, int64_Atomics: false, subGroups: false);
        using var backend = new CLBackend(_context, capabilities, CLDeviceVendor.Other, CLCVersion.CL20);
        string source = ((CLCompiledKernel)Compile(backend, kernel, KernelSpecialization.Empty)).Source;
        Assert.Contains("kernel void", source, StringComparison.Ordinal);
        Assert.DoesNotMatch(EmptyFunction, source);

        // What a group shares lies in local memory as well as in global memory.
        string[] barriers = [.. source.Split('\n').Where(line => line.Contains("barrier", StringComparison.Ordinal))];
        Assert.NotEmpty(barriers);
        Assert.All(barriers, line => Assert.Contains("CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE", line, StringComparison.Ordinal));
    }

    public void Dispose() => _context.Dispose();

    private string Ptx(string kernel, CudaArchitecture architecture, CudaInstructionSet? instructions = null)
    {
        using var backend = new PTXBackend(
            _context, new CudaCapabilityContext(architecture), architecture, instructions ?? CudaInstructionSet.ISA_88, null);
        return ((PTXCompiledKernel)Compile(backend, kernel, KernelSet.CudaBudget(TypeOf(kernel)))).PTXAssembly;
    }

    private static CompiledKernel Compile(Backend backend, string kernel, KernelSpecialization specialization) => backend.Compile(
        EntryPointDescription.FromExplicitlyGroupedKernel(TypeOf(kernel).GetMethod("Run")!), specialization);

    private static Type TypeOf(string kernel) => typeof(HiddenKernel).Assembly.GetType(kernel)!;

    private static Process? Ptxas(params string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("ptxas", arguments) { RedirectStandardError = true, RedirectStandardOutput = true });
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
