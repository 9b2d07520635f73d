using CharRnn.Distributed;

namespace CharRnn.Gpu.Tests.Distribution;

public class MpiLauncherTests
{
    [Theory]
    [InlineData("OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 PMIX_RANK=3", 3, 4, "libmpi.so.40")]
    [InlineData("PMI_RANK=1 PMI_SIZE=2", 1, 2, "libmpich.so.12")]
    [InlineData("PMIX_RANK=5 SLURM_NTASKS=8", 5, 8, "libmpi.so.40")]
    [InlineData("PMIX_RANK=0", 0, null, "libmpi.so.40")]
    public void A_launcher_is_known_by_its_variables(string variables, int rank, int? size, string library)
    {
        MpiLauncher launcher = Assert.IsType<MpiLauncher>(Find(variables));
        Assert.Equal((rank, size), (launcher.Rank, launcher.Size));
        Assert.Equal(library, launcher.Libraries[0]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("SLURM_NTASKS=8")] // a script of Slurm's that starts the program once
    [InlineData("PMI_RANK=one")]
    public void Without_them_there_is_none(string variables) => Assert.Null(Find(variables));

    private static MpiLauncher? Find(string variables)
    {
        Dictionary<string, string> values =
            variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).ToDictionary(p => p[0], p => p[1]);
        return MpiLauncher.Of(values.GetValueOrDefault);
    }
}
