using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace CharRnn.Gpu.Tests.Architecture;

/// <summary>Who may know whom, as the assemblies' metadata have it.</summary>
public class BoundaryTests
{
    [Fact]
    public void Kernels_know_no_host()
    {
        var (types, assemblies) = References("CharRnn.Gpu.Kernels");
        Assert.Contains("ILGPU.ArrayView`1", types);
        Assert.DoesNotContain(types, type => type is "ILGPU.Context" or "ILGPU.Runtime.Accelerator" or "System.Console");
        Assert.DoesNotContain(
            types,
            type => type.Contains(".MemoryBuffer", StringComparison.Ordinal) || type.EndsWith("Accelerator", StringComparison.Ordinal));
        Assert.DoesNotContain(assemblies, name => name.StartsWith("CharRnn", StringComparison.Ordinal) || name == "charrnn");
    }

    [Fact]
    public void The_core_and_its_reference_know_no_device()
    {
        var (types, assemblies) = References("CharRnn.Core");
        Assert.Contains("System.Object", types); // the list is read
        Assert.DoesNotContain(assemblies, name => name.StartsWith("ILGPU", StringComparison.Ordinal));
        Assert.DoesNotContain(assemblies, name => name.StartsWith("CharRnn", StringComparison.Ordinal) || name == "charrnn");
    }

    [Fact]
    public void The_engine_knows_both_and_not_the_command_line()
    {
        var (_, assemblies) = References("CharRnn.Gpu");
        Assert.Contains("CharRnn.Core", assemblies);
        Assert.Contains("CharRnn.Gpu.Kernels", assemblies);
        Assert.DoesNotContain("charrnn", assemblies);
    }

    private static (List<string> Types, List<string> Assemblies) References(string assembly)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly + ".dll")));
        MetadataReader metadata = file.GetMetadataReader();
        return (
            [.. metadata.TypeReferences.Select(metadata.GetTypeReference)
                .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}")],
            [.. metadata.AssemblyReferences.Select(metadata.GetAssemblyReference).Select(reference => metadata.GetString(reference.Name))]);
    }
}
