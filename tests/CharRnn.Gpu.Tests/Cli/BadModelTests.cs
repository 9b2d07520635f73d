using CharRnn.Files;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>Model files that must not be used, 28–33 of the catalogue: each a good one with one thing changed.</summary>
public sealed class BadModelTests(TinyRun run) : IClassFixture<TinyRun>
{
    private readonly Shell _shell = run.Shell;

    [Theory]
    [InlineData("Why", "tensor Why is missing")]
    [InlineData("layers.0.Whh", "tensor layers.0.Whh is missing")]
    public void A_missing_tensor(string name, string found) =>
        Refused(found, (_, tensors) => tensors.RemoveAll(tensor => tensor.Name == name));

    [Fact]
    public void An_extra_tensor() =>
        Refused("tensor \"layers.1.bh\" belongs to no model of this kind", (_, tensors) => tensors.Add(new("layers.1.bh", [1], [1f])));

    [Fact]
    public void A_shape_that_disagrees() =>
        Refused(
            "tensor layers.0.Whh has shape [4, 64], not [16, 16]",
            (_, tensors) => Replace(tensors, "layers.0.Whh", [4, 64], new float[256]));

    [Theory]
    [InlineData("ab", "its vocabulary has 2 characters, but tensor by has shape [7]")]
    [InlineData("\n\r abbé", "U+0062 occurs at indices 4 and 5")]
    public void A_vocabulary_that_disagrees(string vocabulary, string found) =>
        Refused(found, (metadata, _) => metadata["vocabulary"] = vocabulary);

    [Fact]
    public void Weights_that_are_no_numbers()
    {
        Refused("tensor by is NaN at [3]", (_, tensors) => Replace(tensors, "by", [7], [0, 0, 0, float.NaN, 0, 0, 0]));
        Refused("tensor by is infinite at [0]", (_, tensors) => Replace(tensors, "by", [7], [float.PositiveInfinity, 0, 0, 0, 0, 0, 0]));
    }

    [Fact]
    public void A_newer_format() =>
        Refused("it is of format version 3, newer than this program's 2; update charrnn", (metadata, _) => metadata["version"] = "3");

    [Fact]
    public void Weights_to_start_from_of_another_size()
    {
        _shell.Fails(
            1, "run/model.safetensors", "its model has 16 hidden units, but --hidden-size is 17",
            "train", "lines.txt", "--init-from", "run/model.safetensors", "--hidden-size", "17", "--device", "cpu", "--out", "new");
    }

    [Fact]
    public void A_checkpoint_that_disagrees_with_its_configuration()
    {
        string copy = _shell.Copy("run", "copy");
        string configuration = File.ReadAllText(_shell["run/config.json"])
            .Replace("\"hidden-size\": 16", "\"hidden-size\": 20", StringComparison.Ordinal);
        _shell.Write("copy/config.json", configuration);
        _shell.Fails(
            1, "copy/checkpoint.safetensors", "its model has 16 hidden units, but --hidden-size is 20",
            "train", "--resume", "--out", copy, "--iterations", "400");
    }

    [Fact]
    public void What_is_no_model()
    {
        _shell.Fails(1, "none", "does not exist", "sample", "none");
        Directory.CreateDirectory(_shell["empty"]);
        _shell.Fails(1, "empty", "holds no model.safetensors", "eval", "empty", "lines.txt");
        _shell.Fails(1, "lines.txt", "is text; give a run's directory, or a .safetensors file of a model", "sample", "lines.txt");
        _shell.Fails(1, "standard input", "was given, and a model is read from a file", "sample", "-");
        File.Copy(_shell["run/model.safetensors"], _shell[$"{_shell.Copy("run", "copied")}/checkpoint.safetensors"], overwrite: true);
        File.Delete(_shell["copied/checkpoint-1.safetensors"]);
        _shell.Fails(1, "copied/checkpoint.safetensors", "it is a model, not a checkpoint", "train", "--resume", "--out", "copied");
    }


    private static void Replace(List<SafetensorsTensor> tensors, string name, long[] shape, float[] values) =>
        tensors[tensors.FindIndex(tensor => tensor.Name == name)] = new(name, shape, values);

    private void Refused(string found, Action<Dictionary<string, string>, List<SafetensorsTensor>> change)
    {
        Edit("bad.safetensors", change);
        _shell.Fails(1, "bad.safetensors", found, "sample", "bad.safetensors", "--device", "cpu");
    }

    private void Edit(string name, Action<Dictionary<string, string>, List<SafetensorsTensor>> change)
    {
        using var good = SafetensorsFile.Open(_shell["run/model.safetensors"]);
        var metadata = new Dictionary<string, string>(good.Metadata);
        metadata.Remove("checksum"); // or they would be the first things wrong
        metadata.Remove("vocabulary-checksum");
        List<SafetensorsTensor> tensors =
        [
            .. good.Tensors.Select(tensor =>
                new SafetensorsTensor(tensor.Name, tensor.Shape, good.ReadFloats(tensor.Name, [.. tensor.Shape]))),
        ];
        change(metadata, tensors);
        SafetensorsFile.Write(_shell[name], metadata, tensors);
    }
}
