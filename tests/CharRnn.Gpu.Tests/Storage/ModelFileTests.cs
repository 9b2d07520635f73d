using System.IO.Hashing;
using System.Security.Cryptography;
using CharRnn.Files;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Model;
using CharRnn.Storage;
using CharRnn.Text;

namespace CharRnn.Gpu.Tests.Storage;

public class ModelFileTests
{
    private const string Metadata = """{"format":"charrnn","version":"1","cell":"rnn","layers":"1","encoding":"utf-8","vocabulary":"ab"}""";

    // V = 2, H = 3; each value names its place: file Wxh[i,x] = 10i + x, Whh[i,j] = 100 + 10i + j, Why[y,i] = 200 + 10y + i.
    private static readonly (string Name, string Shape, float[] Values)[] s_tensors =
    [
        ("layers.0.Wxh", "[3,2]", [0, 1, 10, 11, 20, 21]),
        ("layers.0.Whh", "[3,3]", [100, 101, 102, 110, 111, 112, 120, 121, 122]),
        ("layers.0.bh", "[3]", [1, 2, 3]),
        ("Why", "[2,3]", [200, 201, 202, 210, 211, 212]),
        ("by", "[2]", [4, 5]),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(33)]
    [InlineData(65)]
    public void A_model_returns(int hiddenSize)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Samples.Model(hiddenSize);
        ModelFile.Save(directory.File("m"), model);
        CharacterModel loaded = ModelFile.Load(directory.File("m"));

        Assert.True(model.Vocabulary.Matches(loaded.Vocabulary));
        Samples.AssertEqual(model.Weights, loaded.Weights);
    }

    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void A_model_of_any_cell_and_several_layers_returns(RecurrentCell cell, int layers)
    {
        using var directory = new TemporaryDirectory();
        var shape = new ModelShape(5, 3, cell, layers);
        ModelFile.Save(directory.File("m"), new CharacterModel(Samples.Vocabulary(), Samples.Weights(shape)));
        Samples.AssertEqual(Samples.Weights(shape), ModelFile.Load(directory.File("m")).Weights);

        // Every release reads what the first one could write.
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) = Samples.TakeApart(directory.File("m"));
        Assert.Equal(
            (cell == RecurrentCell.Rnn && layers == 1 ? "1" : "2", $"{cell}".ToLowerInvariant(), $"{layers}"),
            (metadata["version"], metadata["cell"], metadata["layers"]));
        Assert.Equal(TensorsOf(cell, layers).Select(tensor => tensor.Name), tensors.Keys);
        foreach ((string name, long[] size) in TensorsOf(cell, layers))
        {
            Assert.Equal(size, tensors[name].Shape);
            SafetensorsFile.Write(directory.File("bad"), metadata, [.. tensors.Values.Where(tensor => tensor.Name != name)]);
            Errors.Expect(directory.File("bad"), $"tensor {name} is missing", () => ModelFile.Load(directory.File("bad")));
        }
    }

    // V = 5, H = 3.
    private static IEnumerable<(string Name, long[] Size)> TensorsOf(RecurrentCell cell, int layers)
    {
        long rows = cell switch { RecurrentCell.Lstm => 12, RecurrentCell.Gru => 9, _ => 3 };
        for (int l = 0; l < layers; l++)
        {
            yield return ($"layers.{l}.Wxh", [rows, l == 0 ? 5 : 3]);
            yield return ($"layers.{l}.Whh", [rows, 3]);
            yield return ($"layers.{l}.bh", [rows]);
            if (cell == RecurrentCell.Gru)
                yield return ($"layers.{l}.bhn", [3]);
        }

        yield return ("Why", [5, 3]);
        yield return ("by", [5]);
    }

    [Fact]
    public void A_single_vanilla_layer_has_the_bytes_that_the_first_version_wrote()
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("m"), Samples.Model());
        Assert.Equal(
            "937c226c27d4026fc6f683d7de4de4859983f8f0db2237517f10b1ff0af8ffd9",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(directory.File("m")))));
    }

    [Fact]
    public void Matrices_in_files_are_transposed()
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = ModelFile.Load(directory.Write("m", RawSafetensors.Model(Metadata, s_tensors)));

        // Input unit by input unit, as E1 and E2 have them.
        Assert.Equal([0, 10, 20, 1, 11, 21], model.Weights.Layer(0).Wxh);
        Assert.Equal([100, 110, 120, 101, 111, 121, 102, 112, 122], model.Weights.Layer(0).Whh);
        Assert.Equal([1, 2, 3], model.Weights.Layer(0).Bh);
        Assert.Equal([200, 210, 201, 211, 202, 212], model.Weights.Why);
        Assert.Equal([4, 5], model.Weights.By);

        ModelFile.Save(directory.File("again"), model);
        using var file = SafetensorsFile.Open(directory.File("again"));
        Assert.Equal(s_tensors.Select(t => t.Name), file.Tensors.Select(t => t.Name));
        foreach ((string name, string shape, float[] values) in s_tensors)
            Assert.Equal(values, file.ReadFloats(name, [.. shape.Trim('[', ']').Split(',').Select(long.Parse)]));
    }

    [Fact]
    public void A_matrix_of_one_row_is_no_bias()
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("m"), new CharacterModel(Samples.Vocabulary("x"), Samples.Weights(1, 4)));
        using var file = SafetensorsFile.Open(directory.File("m"));
        Assert.Equal([4L, 1L], file.Entry("layers.0.Wxh").Shape);
        Assert.Equal([1L, 4L], file.Entry("Why").Shape);
        Assert.Equal([1L], file.Entry("by").Shape);
    }

    [Fact]
    public void Equal_models_give_equal_bytes()
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("first"), Samples.Model());
        ModelFile.Save(directory.File("second"), Samples.Model());
        Assert.Equal(File.ReadAllBytes(directory.File("first")), File.ReadAllBytes(directory.File("second")));
    }

    [Fact]
    public void Metadata_say_what_the_file_is_and_nothing_of_when_and_where()
    {
        using var directory = new TemporaryDirectory();
        ModelFile.Save(directory.File("m"), Samples.Model());
        using var file = SafetensorsFile.Open(directory.File("m"));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["format"] = "charrnn",
                ["version"] = "1",
                ["cell"] = "rnn",
                ["layers"] = "1",
                ["encoding"] = "utf-8",
                ["vocabulary"] = "\n aé😀",
                ["vocabulary-checksum"] = Convert.ToHexStringLower(XxHash3.Hash("utf-8\n\n aé😀"u8)),
                ["checksum"] = file.ReadChecksum(TestContext.Current.CancellationToken),
            },
            file.Metadata);
        Assert.Matches("^[0-9a-f]{16}$", file.Metadata["checksum"]);
    }

    [Fact]
    public void All_bytes_make_a_vocabulary()
    {
        using var directory = new TemporaryDirectory();
        var vocabulary = new Vocabulary(TextEncoding.Bytes, Enumerable.Range(0, 256));
        ModelFile.Save(directory.File("m"), new CharacterModel(vocabulary, Samples.Weights(256, 2)));

        Assert.True(vocabulary.Matches(ModelFile.Load(directory.File("m")).Vocabulary));
        using var file = SafetensorsFile.Open(directory.File("m"));
        Assert.Equal("bytes", file.Metadata["encoding"]);
        Assert.Equal(string.Concat(Enumerable.Range(0, 256).Select(c => (char)c)), file.Metadata["vocabulary"]);
    }

    [Fact]
    public void Every_scalar_value_makes_a_vocabulary()
    {
        using var directory = new TemporaryDirectory();
        var vocabulary = new Vocabulary(TextEncoding.Utf8, Enumerable.Range(0, 0x110000).Where(c => c is < 0xD800 or > 0xDFFF));
        ModelFile.Save(directory.File("m"), new CharacterModel(vocabulary, Samples.Weights(vocabulary.Size, 1)));
        Assert.True(vocabulary.Matches(ModelFile.Load(directory.File("m")).Vocabulary));
    }

    [Fact]
    public void Unknown_metadata_are_ignored_and_the_vocabulary_keeps_its_order()
    {
        using var directory = new TemporaryDirectory();
        string metadata = Metadata.Replace("\"ab\"", "\"ba\",\"author\":\"somebody\"", StringComparison.Ordinal);
        CharacterModel model = ModelFile.Load(directory.Write("m", RawSafetensors.Model(metadata, s_tensors)));
        Assert.Equal(['b', 'a'], model.Vocabulary.CodePoints);
    }

    [Fact]
    public void A_checkpoint_loads_as_a_model()
    {
        using var directory = new TemporaryDirectory();
        CheckpointFile.Save(directory.File("c"), Samples.Description, Samples.Snapshot());
        Samples.AssertEqual(Samples.Weights(5, 3), ModelFile.Load(directory.File("c")).Weights);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "infinite")]
    [InlineData(float.NegativeInfinity, "infinite")]
    public void A_model_that_is_not_finite_is_not_saved(float value, string word)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("m", "old");
        CharacterModel model = Samples.Model();
        model.Weights.Layer(0).Wxh[(4 * 3) + 1] = value; // x = 4, i = 1: file [1, 4]

        Errors.Expect(path, $"tensor layers.0.Wxh is {word} at [1, 4]", () => ModelFile.Save(path, model));
        Assert.Equal("old", File.ReadAllText(path));
        model = Samples.Model();
        model.Weights.By[2] = value;
        Errors.Expect(path, $"tensor by is {word} at [2]", () => ModelFile.Save(path, model));
    }

    [Theory]
    [InlineData("format", null, "metadata key format is missing")]
    [InlineData("format", "pt", "metadata key format is \"pt\", not charrnn")]
    [InlineData("version", null, "metadata key version is missing")]
    [InlineData("version", "3", "format version 3, newer than this program's 2")]
    [InlineData("version", "0", "metadata key version is \"0\", not 1")]
    [InlineData("version", "1.0", "metadata key version is \"1.0\"")]
    [InlineData("cell", null, "metadata key cell is missing")]
    [InlineData("cell", "gru", "tensor layers.0.Whh has shape [3, 3], not [3, 1]")]
    [InlineData("cell", "lstm", "tensor layers.0.bh has shape [3], not [4 x hidden size]")]
    [InlineData("cell", "LSTM", "metadata key cell is \"LSTM\", not rnn or lstm or gru")]
    [InlineData("cell", "mlp", "metadata key cell is \"mlp\", not rnn or lstm or gru; it is a feed-forward network")]
    [InlineData("cell", "/etc/passwd", "metadata key cell is \"/etc/passwd\"")]
    [InlineData("layers", null, "metadata key layers is missing")]
    [InlineData("layers", "2", "tensor layers.1.Wxh is missing")]
    [InlineData("layers", "0", "metadata key layers is \"0\", not 1 to 100")]
    [InlineData("layers", "101", "metadata key layers is \"101\", not 1 to 100")]
    [InlineData("layers", "1.0", "metadata key layers is \"1.0\", not 1 to 100")]
    [InlineData("encoding", null, "metadata key encoding is missing")]
    [InlineData("encoding", "utf-16", "metadata key encoding is \"utf-16\", not utf-8 or bytes")]
    [InlineData("vocabulary", null, "metadata key vocabulary is missing")]
    [InlineData("vocabulary", "", "metadata key vocabulary is empty")]
    [InlineData("vocabulary", "a", "its vocabulary has 1 characters, but tensor by has shape [2]")]
    [InlineData("vocabulary", "abc", "its vocabulary has 3 characters, but tensor by has shape [2]")]
    [InlineData("vocabulary", "aa", "U+0061 occurs at indices 0 and 1")]
    [InlineData("checksum", "0123456789abcdef", "metadata key checksum says \"0123456789abcdef\"")]
    public void Wrong_metadata_are_refused(string key, string? value, string found)
    {
        using var directory = new TemporaryDirectory();
        var metadata = new Dictionary<string, string>
        {
            ["format"] = "charrnn",
            ["version"] = "1",
            ["cell"] = "rnn",
            ["layers"] = "1",
            ["encoding"] = "utf-8",
            ["vocabulary"] = "ab",
        };
        if (value is null)
            metadata.Remove(key);
        else
            metadata[key] = value;
        string json = $"{{{string.Join(",", metadata.Select(pair => $"\"{pair.Key}\":\"{pair.Value}\""))}}}";
        string path = directory.Write("m", RawSafetensors.Model(json, s_tensors));
        Errors.Expect(path, found, () => ModelFile.Load(path));
    }

    [Fact]
    public void A_character_beyond_a_byte_is_no_byte()
        => ExpectBad(
            "U+0100 is not a character",
            Metadata.Replace("utf-8", "bytes", StringComparison.Ordinal).Replace("\"ab\"", "\"aĀ\"", StringComparison.Ordinal),
            s_tensors);

    [Fact]
    public void No_metadata_at_all_is_refused() => ExpectBad("metadata key format is missing", "{}", s_tensors);

    [Theory]
    [InlineData("layers.0.Wxh")]
    [InlineData("layers.0.Whh")]
    [InlineData("layers.0.bh")]
    [InlineData("Why")]
    [InlineData("by")]
    public void A_missing_tensor_is_named(string name)
        => ExpectBad($"tensor {name} is missing", Metadata, [.. s_tensors.Where(t => t.Name != name)]);

    [Theory]
    [InlineData("extra")]
    [InlineData("layers.1.Whh")]
    [InlineData("adagrad.by")]
    [InlineData("state.hidden")]
    [InlineData("../../etc/passwd")]
    public void An_extra_tensor_is_named(string name)
        => ExpectBad($"tensor \"{name}\" belongs to no model", Metadata, [.. s_tensors, (name, "[1]", [0])]);

    [Theory]
    [InlineData("layers.0.Wxh", "[2,3]", "tensor layers.0.Wxh has shape [2, 3], not [3, 2]")]
    [InlineData("layers.0.Wxh", "[6]", "tensor layers.0.Wxh has shape [6], not [3, 2]")]
    [InlineData("layers.0.Whh", "[1,9]", "tensor layers.0.Whh has shape [1, 9], not [3, 3]")]
    [InlineData("layers.0.bh", "[3,1]", "tensor layers.0.bh has shape [3, 1], not [hidden size]")]
    [InlineData("Why", "[3,2]", "tensor Why has shape [3, 2], not [2, 3]")]
    [InlineData("by", "[2,1]", "tensor by has shape [2, 1], not [2]")]
    public void A_wrong_shape_is_named(string name, string shape, string found)
        => ExpectBad(found, Metadata, [.. s_tensors.Select(t => t.Name == name ? (name, shape, t.Values) : t)]);

    public static TheoryData<string, string> WrongLayers => new()
    {
        { "layers.0.bh", "tensor layers.0.bh has shape [13], not [4 x hidden size]" },
        { "layers.1.bh", "tensor layers.1.bh has shape [3], not [12]" },
        { "layers.1.Wxh", "tensor layers.1.Wxh has shape [12, 5], not [12, 3]" },
        { "layers.1.bhn", "tensor \"layers.1.bhn\" belongs to no model of this kind" },
        { "layers.2.bh", "tensor \"layers.2.bh\" belongs to no model of this kind" },
    };

    [Theory]
    [MemberData(nameof(WrongLayers))]
    public void A_wrong_tensor_of_a_model_of_layers_is_named(string name, string found)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m");
        ModelFile.Save(path, new CharacterModel(Samples.Vocabulary(), Samples.Weights(new ModelShape(5, 3, RecurrentCell.Lstm, 2))));
        (Dictionary<string, string> metadata, Dictionary<string, SafetensorsTensor> tensors) = Samples.TakeApart(path);
        long[] size = name switch { "layers.0.bh" => [13], "layers.1.Wxh" => [12, 5], _ => [3] };
        tensors[name] = new(name, size, new float[size.Aggregate((a, b) => a * b)]);
        SafetensorsFile.Write(path, metadata, [.. tensors.Values]);
        Errors.Expect(path, found, () => ModelFile.Load(path));
    }

    [Fact]
    public void A_hidden_size_of_zero_is_refused()
        => ExpectBad(
            "tensor layers.0.bh has shape [0]", Metadata,
            ("layers.0.Wxh", "[0,2]", []), ("layers.0.Whh", "[0,0]", []), ("layers.0.bh", "[0]", []), ("Why", "[2,0]", []),
            ("by", "[2]", [0, 0]));

    [Fact]
    public void Weights_of_another_dtype_are_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m");
        var metadata = new Dictionary<string, string>
        {
            ["format"] = "charrnn",
            ["version"] = "1",
            ["cell"] = "rnn",
            ["layers"] = "1",
            ["encoding"] = "utf-8",
            ["vocabulary"] = "a",
        };
        SafetensorsFile.Write(
            path, metadata,
            [
                new("layers.0.Wxh", [1, 1], [1.0]), new("layers.0.Whh", [1, 1], [1f]), new("layers.0.bh", [1], [1f]),
                new("Why", [1, 1], [1f]), new("by", [1], [1f]),
            ]);
        Errors.Expect(path, "tensor layers.0.Wxh is F64, not F32", () => ModelFile.Load(path));
    }

    [Theory]
    [InlineData("layers.0.Wxh", 3, "[1, 1]")]
    [InlineData("layers.0.Whh", 5, "[1, 2]")]
    [InlineData("layers.0.bh", 2, "[2]")]
    [InlineData("Why", 5, "[1, 2]")]
    [InlineData("by", 0, "[0]")]
    public void A_weight_that_is_not_finite_is_named(string name, int index, string place)
    {
        foreach (float value in new[] { float.NaN, float.PositiveInfinity })
            ExpectBad(
                $"tensor {name} is {(float.IsNaN(value) ? "NaN" : "infinite")} at {place}",
                Metadata,
                [.. s_tensors.Select(t => t.Name == name ? (name, t.Shape, [.. t.Values.Select((v, i) => i == index ? value : v)]) : t)]);
    }

    [Fact]
    public void A_model_must_fit_the_text_and_the_configuration()
    {
        CharacterModel model = Samples.Model();
        ModelFile.RequireFits("m", model, Samples.Vocabulary(), new ModelShape(1, 3));
        Errors.Expect(
            "m", "its model has 3 hidden units, but --hidden-size is 4",
            () => ModelFile.RequireFits("m", model, Samples.Vocabulary(), new ModelShape(1, 4)));
        Errors.Expect(
            "m", "its model has rnn cells, but --cell is gru; give --cell rnn or another file",
            () => ModelFile.RequireFits("m", model, Samples.Vocabulary(), new ModelShape(1, 3, RecurrentCell.Gru)));
        Errors.Expect(
            "m", "its model has 1 layer, but --layers is 2; give --layers 1 or another file",
            () => ModelFile.RequireFits("m", model, Samples.Vocabulary(), new ModelShape(1, 3, Layers: 2)));
        Errors.Expect(
            "m", "its vocabulary has 5 characters, the text has 4",
            () => ModelFile.RequireFits("m", model, Samples.Vocabulary("abcd"), new ModelShape(1, 3)));
        Errors.Expect(
            "m", "its vocabulary has U+0020 at index 1, the text has U+0061",
            () => ModelFile.RequireFits("m", model, Samples.Vocabulary("\na é😀"), new ModelShape(1, 3)));
        Errors.Expect(
            "m", "its encoding is utf-8, the text's is bytes",
            () => ModelFile.RequireFits("m", model, new Vocabulary(TextEncoding.Bytes, [1, 2]), new ModelShape(1, 3)));
    }

    private static void ExpectBad(string found, string metadata, params (string Name, string Shape, float[] Values)[] tensors)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("m", RawSafetensors.Model(metadata, tensors));
        Errors.Expect(path, found, () => ModelFile.Load(path));
    }
}
