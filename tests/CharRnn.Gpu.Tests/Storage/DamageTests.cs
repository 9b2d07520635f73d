using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Model;
using CharRnn.Runs;
using CharRnn.Storage;
using CharRnn.Training;
using CsCheck;

namespace CharRnn.Gpu.Tests.Storage;

/// <summary>A damaged file loads never by luck: it is refused with a clear error, or its values are untouched.</summary>
public class DamageTests
{
    private const int FilesPerTest = 2000; // twelve such tests

    private static readonly ModelShape Classic = new(5, 3), Deep = new(5, 3, RecurrentCell.Gru, 2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_truncation_of_a_model_is_refused(bool isDeep)
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("m"), Model(isDeep));
        TryEveryLength(directory, File.ReadAllBytes(directory.File("m")), path => ModelFile.Load(path));
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("deep")]
    [InlineData("table")]
    public void Every_truncation_of_a_checkpoint_is_refused(string kind)
    {
        using var directory = new TemporaryDirectory();
        CheckpointFile.Save(directory.File("c"), Description(kind), Snapshot(kind));
        TryEveryLength(directory, File.ReadAllBytes(directory.File("c")), path => CheckpointFile.Load(path));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(7, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public void A_model_with_random_bytes_changed_is_refused_or_has_its_values(int changes, bool isDeep)
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("m"), Model(isDeep));
        byte[] good = File.ReadAllBytes(directory.File("m"));
        TryRandomChanges(directory, good, changes, path =>
        {
            CharacterModel loaded = ModelFile.Load(path);
            if (Has(path, "checksum"))
                Samples.AssertEqual(Model(isDeep).Weights, loaded.Weights);
            if (Has(path, "vocabulary-checksum"))
                Assert.True(Samples.Vocabulary().Matches(loaded.Vocabulary));
        });
    }

    [Theory]
    [InlineData(1, "classic")]
    [InlineData(2, "classic")]
    [InlineData(1, "deep")]
    [InlineData(2, "deep")]
    [InlineData(1, "table")]
    [InlineData(2, "table")]
    public void A_checkpoint_with_random_bytes_changed_is_refused_or_has_its_values(int changes, string kind)
    {
        using var directory = new TemporaryDirectory();
        TrainingSnapshot saved = Snapshot(kind);
        CheckpointFile.Save(directory.File("c"), Description(kind), saved);
        byte[] good = File.ReadAllBytes(directory.File("c"));
        TryRandomChanges(directory, good, changes, path =>
        {
            Checkpoint loaded = CheckpointFile.Load(path);
            if (!Has(path, "checksum"))
                return;
            Samples.AssertEqual(saved.Weights, loaded.Snapshot.Weights);
            Samples.AssertEqual(saved.Engine.Moments[0].Values, loaded.Snapshot.Engine.Moments[0].Values);
            Assert.Equal(saved.Iteration, loaded.Snapshot.Iteration);
        });
    }

    private static CharacterModel Model(bool isDeep) => new(Samples.Vocabulary(), Samples.Weights(isDeep ? Deep : Classic));

    private static ModelDescription Description(string kind) => kind == "table" ? Samples.Network : Samples.Description;

    private static TrainingSnapshot Snapshot(string kind) =>
        kind == "table" ? Samples.TableSnapshot() : Samples.Snapshot(Samples.State(kind == "deep" ? Deep : Classic));

    [Fact]
    public void A_configuration_with_random_bytes_changed_is_refused_or_read()
    {
        using var directory = new TemporaryDirectory();
        var configuration = new RunConfiguration();
        configuration.Set("hidden-size", 100);
        configuration.Set("corpus", ["/a/é", "b"]);
        configuration.Write(directory.File("config.json"));
        TryRandomChanges(directory, File.ReadAllBytes(directory.File("config.json")), 2, path => RunConfiguration.Read(path));
    }

    // A change to the key's own name makes it one of the unknown keys, which a reader ignores.
    private static bool Has(string path, string key)
    {
        using var file = SafetensorsFile.Open(path);
        return file.Metadata.ContainsKey(key);
    }

    private static void TryEveryLength(TemporaryDirectory directory, byte[] good, Action<string> load)
    {
        for (int length = 0; length < good.Length; length++)
        {
            string path = directory.Write("cut", good[..length]);
            Errors.Expect(path, "", () => load(path));
        }
    }

    private static void TryRandomChanges(TemporaryDirectory directory, byte[] good, int changes, Action<string> load)
    {
        // A single bit half of the time: those leave JSON intact more often.
        Gen<byte> flip = Gen.OneOf(Gen.Int[0, 7].Select(bit => (byte)(1 << bit)), Gen.Byte[1, 255]);
        Gen.Select(Gen.Int[0, good.Length - 1], flip).Array[changes].Sample(
            flips =>
            {
                byte[] bad = [.. good];
                foreach ((int place, byte difference) in flips)
                    bad[place] ^= difference;
                string path = directory.Write("changed", bad);
                try
                {
                    load(path);
                }
                catch (CharRnnException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                }
            },
            iter: FilesPerTest,
            threads: 1);
    }
}
