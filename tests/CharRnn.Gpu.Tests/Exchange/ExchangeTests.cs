using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Storage;
using CharRnn.Model;
using CharRnn.Reference;
using CharRnn.Storage;
using CharRnn.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using ModelMetadata = CharRnn.Storage.ModelMetadata;

namespace CharRnn.Gpu.Tests.Exchange;

public class ExchangeTests
{
    private const int V = 7, H = 13;

    private static readonly Vocabulary Characters = Samples.Vocabulary("\n abé漢😀");

    private static CharacterModel Model(Vocabulary? vocabulary = null) => Model(RecurrentCell.Rnn, 1, vocabulary);

    private static CharacterModel Model(RecurrentCell cell, int layers, Vocabulary? vocabulary = null)
    {
        // So large that every tensor matters for the result.
        var random = new Random(3);
        ParameterSet<float> weights = new ParameterSet<float>(new ModelShape(V, H, cell, layers)).Convert(_ => random.NextSingle() - 0.5f);
        for (int i = 0; i < V; i++)
            weights.By[i] = 0.3f * i;
        return new CharacterModel(vocabulary ?? Characters, weights);
    }

    public static MatrixTheoryData<TextEncoding, RecurrentCell, int> Models =>
        new([TextEncoding.Utf8, TextEncoding.Bytes], Enum.GetValues<RecurrentCell>(), [1, 3]);

    [Theory]
    [MemberData(nameof(Models))]
    public void Models_return_from_every_format_as_they_were(TextEncoding encoding, RecurrentCell cell, int layers)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(
            cell, layers, encoding == TextEncoding.Utf8 ? Characters : new Vocabulary(encoding, [0, 10, 65, 127, 128, 200, 255]));
        NpzFile.Save(directory.File("m.npz"), model);
        PyTorchFile.Save(directory.File("m.pt"), model);
        foreach (CharacterModel loaded in (CharacterModel[])
            [NpzFile.Load(directory.File("m.npz")), PyTorchFile.Load(directory.File("m.pt"))])
        {
            Samples.AssertEqual(model.Weights, loaded.Weights);
            Assert.True(model.Vocabulary.Matches(loaded.Vocabulary));
        }

        byte[] first = File.ReadAllBytes(directory.File("m.npz"));
        NpzFile.Save(directory.File("m.npz"), model);
        Assert.Equal(first, File.ReadAllBytes(directory.File("m.npz")));
    }

    [Fact]
    public void Files_of_a_single_vanilla_layer_have_the_bytes_that_they_always_had()
    {
        using var directory = new TemporaryDirectory();
        OnnxFile.Save(directory.File("m.onnx"), Samples.Model());
        Assert.Equal(
            "c91efb627d4e2cd0f0dde4c3179f5d982181ee2cdc3fdc7c16ef922fb51a4db4",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(directory.File("m.onnx")))));

        // An archive also says on which system it was written.
        NpzFile.Save(directory.File("m.npz"), Samples.Model());
        using ZipArchive archive = ZipFile.OpenRead(directory.File("m.npz"));
        using var entries = new MemoryStream();
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            entries.Write(Encoding.ASCII.GetBytes(entry.FullName));
            using Stream content = entry.Open();
            content.CopyTo(entries);
        }

        Assert.Equal(
            "97f0505060b11d00bc796bc658e4a8f407327e51860b7cf5de4d033988881dd3",
            Convert.ToHexStringLower(SHA256.HashData(entries.ToArray())));
    }

    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void Onnx_runtime_predicts_what_the_evaluation_does(RecurrentCell cell, int layers)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(cell, layers);
        OnnxFile.Save(directory.File("m.onnx"), model);
        int[] tokens = [.. Enumerable.Range(0, 500).Select(i => i * i % 11 % V)];
        using var session = new InferenceSession(directory.File("m.onnx"));
        var inputs = new DenseTensor<long>(new[] { tokens.Length - 1, 2 });
        for (int t = 0; t + 1 < tokens.Length; t++)
            (inputs[t, 0], inputs[t, 1]) = (tokens[t], tokens[^(t + 1)]);
        Tensor<float> logits = Run(session, inputs, model.Shape.States.Select(_ => new float[2 * H]))["logits"];
        Assert.Equal([tokens.Length - 1, 2, V], logits.Dimensions.ToArray());
        double loss = Enumerable.Range(0, tokens.Length - 1).Average(t =>
            Math.Log(Enumerable.Range(0, V).Sum(k => Math.Exp(logits[t, 0, k]))) - logits[t, 0, tokens[t + 1]]);

        using ComputeDevice device = DeviceCatalog.OpenCpu();
        using var deviceModel = new DeviceModel(device, model.Weights);
        using var evaluator = new Evaluator(deviceModel, streams: 1);
        double expected = evaluator.Evaluate(new TokenArray(tokens), TestContext.Current.CancellationToken).Loss;
        Assert.InRange(loss, expected - 1e-5, expected + 1e-5);
        Assert.NotEqual(Math.Log(V), loss, 0.05);
        Assert.Equal(
            Encoding.UTF8.GetString(Characters.Decode([.. Enumerable.Range(0, V)])),
            session.ModelMetadata.CustomMetadataMap["vocabulary"]);
    }

    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void Onnx_runtime_goes_on_from_a_state_as_the_reference_does(RecurrentCell cell, int layers)
    {
        const int T = 20, B = 3;
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(cell, layers);
        OnnxFile.Save(directory.File("m.onnx"), model);
        var random = new Random(5);
        float[] Some(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        float[][] states = [.. model.Shape.States.Select(_ => Some(B * H))];
        var tokens = new DenseTensor<long>(new[] { T, B });
        for (int i = 0; i < T * B; i++)
            tokens.SetValue(i, random.Next(V));
        using var session = new InferenceSession(directory.File("m.onnx"));
        Dictionary<string, Tensor<float>> outputs = Run(session, tokens, states);

        ParameterSet<double> weights = model.Weights.Convert(w => (double)w);
        for (int b = 0; b < B; b++)
        {
            double[][] state = [.. states.Select(values => values[(b * H)..((b + 1) * H)].Select(value => (double)value).ToArray())];
            for (int t = 0; t < T; t++)
            {
                state = ReferenceRnn.Step(weights, (int)tokens[t, b], state);
                foreach ((int k, double logit) in ReferenceRnn.Logits(weights, state).Index())
                    Assert.Equal(logit, outputs["logits"][t, b, k], 1e-5);
            }

            for (int l = 0; l < layers; l++)
                for (int unit = 0; unit < H; unit++)
                {
                    Assert.Equal(state[l][unit], outputs["hn"][l, b, unit], 1e-5);
                    if (model.Shape.HasCellState)
                        Assert.Equal(state[layers + l][unit], outputs["cn"][l, b, unit], 1e-5);
                }
        }
    }

    /// <summary>The outputs of an ONNX graph by their names.</summary>
    /// <param name="session">The graph.</param>
    /// <param name="tokens"><c>[T, B]</c>.</param>
    /// <param name="states">An array <c>[B, H]</c> for each of <see cref="ModelShape.States"/>.</param>
    private static Dictionary<string, Tensor<float>> Run(InferenceSession session, DenseTensor<long> tokens, IEnumerable<float[]> states)
    {
        string[] names = [.. session.InputNames.Except(["tokens"])];
        float[][] all = [.. states];
        int layers = all.Length / names.Length;
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = session.Run(
        [
            NamedOnnxValue.CreateFromTensor("tokens", tokens),
            .. names.Zip(all.Chunk(layers), (name, values) => NamedOnnxValue.CreateFromTensor(
                name, new DenseTensor<float>(values.SelectMany(value => value).ToArray(), [layers, tokens.Dimensions[1], H]))),
        ]);
        return outputs.ToDictionary(output => output.Name, output => output.AsTensor<float>().Clone());
    }

    [Theory]
    [MemberData(nameof(Samples.CellsAndLayers), MemberType = typeof(Samples))]
    public void A_module_may_call_its_parts_what_it_likes(RecurrentCell cell, int layers)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(cell, layers);
        PyTorchFile.Save(directory.File("m.pt"), model);
        using var file = SafetensorsFile.Open(directory.File("m.pt"));
        Assert.Equal(($"{cell}".ToLowerInvariant(), $"{layers}"), (file.Metadata["cell"], file.Metadata["layers"]));
        int[] order = [6, 2, 0, 1, 5, 3, 4];
        string path = directory.File("foreign.safetensors");
        SafetensorsFile.Write(
            path, new Dictionary<string, string> { ["format"] = "pt" }, [.. file.Tensors.Reverse().Select(Foreign)]);

        Errors.Expect(path, "its metadata have no vocabulary", () => PyTorchFile.Load(path));
        CharacterModel loaded = PyTorchFile.Load(
            path, new Vocabulary(TextEncoding.Utf8, order.Select(token => Characters.CodePoints[token])));
        Assert.True(Characters.Matches(loaded.Vocabulary));
        Assert.Equal(model.Shape, loaded.Shape);
        foreach ((ParameterTensor<float> expected, ParameterTensor<float> actual) in model.Weights.Tensors.Zip(loaded.Weights.Tensors))
            Assert.All(expected.Values.Zip(actual.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
        Errors.Expect(path, "is the state of a PyTorch module; make a model of it with charrnn import", () => ModelFile.Load(path));

        // In double, with the hidden biases shared out where they are added, and the characters in another order and not in the file.
        SafetensorsTensor Foreign(SafetensorsEntry entry)
        {
            double[] values = [.. file.ReadFloats(entry.Name, [.. entry.Shape]).Select(value => (double)value)];
            int added = cell == RecurrentCell.Gru ? 2 * H : values.Length;
            double[] changed = entry.Name.Split('.')[1] switch
            {
                "weight_ih_l0" => [.. values.Chunk(V).SelectMany(row => order.Select(token => row[token]))],
                "weight" => [.. order.SelectMany(token => values[(token * H)..((token + 1) * H)])],
                "bias" => [.. order.Select(token => values[token])],
                ['b', 'i', 'a', 's', '_', 'i', 'h', ..] => [.. values.Select((value, i) => i < added ? value - 1 : value)],
                ['b', 'i', 'a', 's', '_', 'h', 'h', ..] => [.. values.Select((value, i) => i < added ? value + 1 : value)],
                _ => values,
            };
            string name = entry.Name.Replace("rnn.", "net.0.", StringComparison.Ordinal).Replace("fc.", "head.", StringComparison.Ordinal);
            return new(name, entry.Shape, changed);
        }
    }

    [Fact]
    public void Networks_of_another_kind_are_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.safetensors");
        Vocabulary two = Samples.Vocabulary("ab");
        SafetensorsTensor[] rnn = [.. Layer("r", 0, 3, 2)], stack = [.. rnn, .. Layer("r", 1, 3, 3), .. Layer("r", 2, 3, 3)];
        SafetensorsTensor[] linear = [Zeros("fc.weight", 2, 3), Zeros("fc.bias", 2)];
        Refused("has 0 tensors named ...weight_ih_l0, not one", linear);
        Refused("has 2 tensors named ...weight_ih_l0, not one", [.. rnn, .. Layer("s", 0, 3, 3), .. linear]);
        Refused("has no weight of an nn.Linear", rnn);
        foreach ((string name, SafetensorsTensor[] tensors) in ((string, SafetensorsTensor[])[])
        [
            ("e.weight", [.. rnn, Zeros("e.weight", 2, 2), Zeros("fc.weight", 2, 3)]),
            ("e.weight", [.. rnn, Zeros("e.weight", 5, 2), .. linear]),
            ("fc1.weight", [.. rnn, Zeros("fc1.weight", 3, 3), Zeros("fc1.bias", 3), .. linear]),
            ("norm.weight", [.. rnn, Zeros("norm.weight", 3), Zeros("norm.bias", 3), .. linear]),
            ("r.weight_ih_l0_reverse", [.. rnn, Zeros("r.weight_ih_l0_reverse", 3, 2), .. linear]),
            ("p.weight_hr_l0", [Zeros("p.weight_ih_l0", 12, 2), Zeros("p.weight_hh_l0", 12, 2), Zeros("p.weight_hr_l0", 2, 3), .. linear]),
            ("r.weight_hh_l1", [.. rnn, Zeros("r.weight_hh_l1", 3, 3), .. linear]),
            ("r.bias_ih_l1", [.. rnn, Zeros("r.bias_ih_l1", 3), .. linear]),
        ])
            Refused($"tensor \"{name}\" is not one of a single nn.RNN, nn.LSTM or nn.GRU and a single nn.Linear", tensors);
        foreach (string name in (string[])["r.weight_ih_l1", "r.weight_hh_l2", "r.weight_hh_l0", "r.bias_hh_l1"])
            Refused($"tensor {name} is missing", [.. stack.Where(tensor => tensor.Name != name), .. linear]);
        Refused("has tensor r.weight_ih_l100, and a model has at most 100 layers", [.. rnn, Zeros("r.weight_ih_l100", 3, 3), .. linear]);

        Refused(
            "tensor r.weight_ih_l0 has 6 rows, not 3 or 12 or 9; give the weights of rnn, lstm, gru cells",
            [.. Layer("r", 0, 6, 2), .. linear]);
        Refused("tensor r.weight_hh_l1 has shape [3, 2], not [3, 3]", [.. stack.Select(Replaced("r.weight_hh_l1", 3, 2)), .. linear]);
        Refused("tensor r.weight_ih_l2 has shape [3, 2], not [3, 3]", [.. stack.Select(Replaced("r.weight_ih_l2", 3, 2)), .. linear]);
        Refused("tensor r.bias_hh_l0 has shape [2], not [3]", [.. stack.Select(Replaced("r.bias_hh_l0", 2)), .. linear]);
        Refused(
            "tensor r.weight_hh_l0 has shape [9], not [gates x hidden size, hidden size]",
            [.. rnn.Select(Replaced("r.weight_hh_l0", 9)), .. linear]);
        Refused(
            "tensor r.weight_ih_l0 has shape [6], not [gates x hidden size, characters]",
            [.. rnn.Select(Replaced("r.weight_ih_l0", 6)), .. linear]);
        Refused("tensor fc.weight has shape [5, 3], not [2, 3]", [.. rnn, Zeros("fc.weight", 5, 3)]);

        // Without biases they are zeros.
        SafetensorsFile.Write(path, new Dictionary<string, string>(), [.. stack.Where(tensor => tensor.Shape.Count == 2), linear[0]]);
        Assert.Equal(new ModelShape(2, 3, Layers: 3), PyTorchFile.Load(path, two).Weights.Shape);

        void Refused(string found, SafetensorsTensor[] tensors)
        {
            SafetensorsFile.Write(path, new Dictionary<string, string>(), tensors);
            Errors.Expect(path, found, () => PyTorchFile.Load(path, two));
        }

        static SafetensorsTensor Zeros(string name, params long[] shape) =>
            new(name, shape, new float[shape.Aggregate(1L, (a, b) => a * b)]);
        static IEnumerable<SafetensorsTensor> Layer(string module, int layer, int rows, int inputs) =>
        [
            Zeros($"{module}.weight_ih_l{layer}", rows, inputs), Zeros($"{module}.weight_hh_l{layer}", rows, 3),
            Zeros($"{module}.bias_ih_l{layer}", rows), Zeros($"{module}.bias_hh_l{layer}", rows),
        ];
        static Func<SafetensorsTensor, SafetensorsTensor> Replaced(string name, params long[] shape) =>
            tensor => tensor.Name == name ? Zeros(name, shape) : tensor;
    }

    [Fact]
    public void Arrays_of_layers_have_the_names_of_model_files_and_those_of_one_layer_may_do_without()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.npz");
        NpzFile.Save(path, Model(RecurrentCell.Gru, 2));
        using (ZipArchive archive = ZipFile.OpenRead(path))
            Assert.Equal(
                "layers.0.Wxh layers.0.Whh layers.0.bh layers.0.bhn layers.1.Wxh layers.1.Whh layers.1.bh layers.1.bhn Why by chars",
                string.Join(' ', archive.Entries.Select(entry => Path.GetFileNameWithoutExtension(entry.FullName))));
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            NpzFile.Save(path, Model(cell, 1));
            foreach (string name in (string[])["Wxh", "Whh", "bh", "bhn"])
                Rename(path, $"layers.0.{name}", name);
            Samples.AssertEqual(Model(cell, 1).Weights, NpzFile.Load(path).Weights);
        }
    }

    [Theory]
    [InlineData("layers.1.Whh", "has no array layers.1.Whh, but \"layers.0.Wxh, layers.0.Whh")]
    [InlineData("layers.0.bh", "; write the arrays of all layers with np.savez, under the names in charrnn import --help")]
    [InlineData("layers.0.bhn", "has no array layers.0.bhn, but")]
    [InlineData("by", "has no array by, but")]
    [InlineData("layers.1.bh", "array layers.1.bh has shape (13, 1), not (39, 1)", 13, 1)]
    [InlineData("layers.1.bhn", "array layers.1.bhn has shape (39, 1), not (13, 1)", 39, 1)]
    [InlineData("layers.1.Wxh", "array layers.1.Wxh has shape (39, 7), not (39, 13)", 39, 7)]
    [InlineData("layers.0.Whh", "array layers.0.Whh has shape (13, 39), not (39, 13)", 13, 39)]
    [InlineData("Why", "array Why has shape (7, 39), not (7, 13); give arrays whose sizes agree", 7, 39)]
    public void A_wrong_array_of_layers_is_named(string name, string found, params int[] shape)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.npz");
        NpzFile.Save(path, Model(RecurrentCell.Gru, 2));
        Rename(path, name, null);
        if (shape is [var rows, var columns])
            using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update))
                Add(archive, name, 1, "|u1", $"({rows}, {columns})", false, new byte[rows * columns]);
        Errors.Expect(path, found, () => NpzFile.Load(path));
    }

    [Fact]
    public void Arrays_of_no_cell_and_of_too_many_layers_are_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.npz");
        NpzFile.Save(path, Model(RecurrentCell.Lstm, 2));
        Rename(path, "layers.1.bh", "layers.100.bh");
        Errors.Expect(path, "has an array \"layers.100.bh.npy\", and a model has at most 100 layers", () => NpzFile.Load(path));

        path = directory.File("two.npz");
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create))
            foreach ((string name, int rows, int columns) in ((string, int, int)[])
                [("Wxh", 6, 2), ("Whh", 6, 3), ("bh", 6, 1), ("Why", 2, 3), ("by", 2, 1)])
                Add(archive, name, 1, "|u1", $"({rows}, {columns})", false, new byte[rows * columns]);
        Errors.Expect(
            path, "array Wxh has 6 rows, not 3 or 12 or 9; give the weights of rnn, lstm, gru cells, all of 3 hidden units",
            () => NpzFile.Load(path, Samples.Vocabulary("ab")));
    }

    /// <summary>Gives an array of an archive, if it is there, another name, or removes it.</summary>
    private static void Rename(string path, string from, string? to)
    {
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update);
        if (archive.GetEntry($"{from}.npy") is not { } entry)
            return;
        using var content = new MemoryStream();
        using (Stream stream = entry.Open())
            stream.CopyTo(content);
        entry.Delete();
        if (to is null)
            return;
        using Stream renamed = archive.CreateEntry($"{to}.npy").Open();
        renamed.Write(content.ToArray());
    }

    [Fact]
    public void Damaged_archives_are_refused()
    {
        using var directory = new TemporaryDirectory();
        NpzFile.Save(directory.File("m.npz"), Model());
        byte[] good = File.ReadAllBytes(directory.File("m.npz"));
        string path = directory.File("bad.npz");
        var random = new Random(1);
        for (int i = 0; i < 500; i++)
        {
            byte[] bad = i % 2 == 0 ? good[..random.Next(good.Length)] : [.. good];
            if (i % 2 == 1)
                bad[random.Next(good.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bad);
            try
            {
                Samples.AssertEqual(Model().Weights, NpzFile.Load(path).Weights); // what loads is as it was
            }
            catch (CharRnnException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        void Refused(string found, string name, string header, params byte[] values)
        {
            File.WriteAllBytes(path, good);
            using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update))
            {
                archive.GetEntry(name)!.Delete();
                using Stream entry = archive.CreateEntry(name).Open();
                byte[] length = [(byte)header.Length, (byte)(header.Length >> 8)];
                entry.Write([0x93, .. "NUMPY"u8, 1, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. values]);
            }

            Errors.Expect(path, found, () => NpzFile.Load(path));
        }

        Refused(
            "array by has shape (8, 1), not (7, 1)",
            "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 1), }", new byte[32]);
        Refused(
            $"array Wxh has shape ({H + 1}, 7), not ({H}, 7)",
            "Wxh.npy", $"{{'descr': '|u1', 'fortran_order': False, 'shape': ({H + 1}, 7), }}", new byte[(H + 1) * 7]);
        Refused(
            $"array Wxh has shape ({H}, 8), not ({H}, 7)",
            "Wxh.npy", $"{{'descr': '|u1', 'fortran_order': False, 'shape': ({H}, 8), }}", new byte[H * 8]);
        Refused($"array bh has shape (0, 1), not ({H}, 1)", "bh.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1), }");
        Refused(
            "array by is of type \"<c8\", not of numbers of up to 8 bytes; convert it with astype(np.float32)",
            "by.npy", "{'descr': '<c8', 'fortran_order': False, 'shape': (7, 1), }");
        Refused(
            "array chars is of type \"|O\", not of strings or bytes; save it with chars=np.array([str(c) for c in chars])",
            "chars.npy", "{'descr': '|O', 'fortran_order': False, 'shape': (7,), }", new byte[7]);
        Refused(
            "array chars is of type \"<i8\", not of strings or bytes; save it with chars=np.array([chr(c) for c in chars])",
            "chars.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (7,), }", new byte[56]);
        Refused(
            "array chars has a string of several characters at index 1",
            "chars.npy", "{'descr': '|S2', 'fortran_order': False, 'shape': (2,), }", [1, 0, 2, 3]);
        Refused(
            "array chars has 6 characters, array Wxh is for 7",
            "chars.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }", [1, 2, 3, 4, 5, 6]);
        Refused(
            "tensor bh is NaN at [1, 0]",
            "bh.npy", $"{{'descr': '<f2', 'fortran_order': False, 'shape': ({H}, 1), }}", [0, 0, 0, 0x7E, .. new byte[2 * (H - 2)]]);
        Refused(
            "array by has the value 1E+300, more than a weight can be",
            "by.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (7, 1), }", [.. new byte[48], .. BitConverter.GetBytes(1e300)]);
        Refused("is not a plain array", "by.npy", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (7,), }", new byte[28]);
        Refused(
            "is not an npz file",
            "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }", new byte[28]);
        Refused("is not an npz file", "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000,), }", new byte[28]);
    }

    // Header versions 1.0 to 3.0, Python 2's long numbers, either byte order, column-major, and every type of numbers.
    [Theory]
    [InlineData(1, "<f4", "({0}, {1})", false)]
    [InlineData(2, "<f8", "({0}, {1})", false)]
    [InlineData(3, ">f8", "({0}, {1})", true)]
    [InlineData(1, ">f4", "({0}L, {1}L)", true)]
    [InlineData(1, "<f2", "({0}, {1})", false)]
    [InlineData(1, ">f2", "({0}, {1})", true)]
    [InlineData(1, "=f4", "({0}, {1})", false)]
    [InlineData(1, "|i1", "({0}, {1})", false)]
    [InlineData(1, "<i2", "({0}, {1})", true)]
    [InlineData(1, ">i4", "({0}, {1})", false)]
    [InlineData(1, "<i8", "({0}, {1})", false)]
    [InlineData(1, "|u1", "({0}, {1})", false)]
    [InlineData(1, ">u2", "({0}, {1})", true)]
    [InlineData(1, "<u4", "({0}, {1})", false)]
    [InlineData(1, ">u8", "({0}, {1})", false)]
    public void What_numpy_reads_is_read(int version, string type, string shape, bool isColumnMajor)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("weights");
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            // Small whole numbers, which every type has, different from element to element.
            foreach ((string name, int rows, int columns) in ((string, int, int)[])
                [("Wxh", 3, 2), ("Whh", 3, 3), ("bh", 3, 1), ("Why", 2, 3), ("by", 2, 1)])
                Add(
                    archive, name, version, type, string.Format(CultureInfo.InvariantCulture, shape, rows, columns), isColumnMajor,
                    Numbers(type, isColumnMajor ? ByColumns(name, rows, columns) : ByRows(name, rows, columns)));
            Add(archive, "chars", 1, "|S1", "(2L,)", false, "ab"u8.ToArray());
        }

        CharacterModel model = ForeignModel.Load(path);
        Assert.Equal("ab", ModelMetadata.VocabularyText(model.Vocabulary));
        ParameterSet<float> weights = model.Weights; // whose matrices are the file's transposes
        Assert.Equal(Transposed("Wxh", 3, 2), weights.Layer(0).Wxh);
        Assert.Equal(Transposed("Whh", 3, 3), weights.Layer(0).Whh);
        Assert.Equal(Transposed("bh", 3, 1), weights.Layer(0).Bh);
        Assert.Equal(Transposed("Why", 2, 3), weights.Why);
        Assert.Equal(Transposed("by", 2, 1), weights.By);

        static float[] Transposed(string name, int rows, int columns) =>
            [.. ByColumns(name, rows, columns).Select(value => (float)value)];
        static int[] ByColumns(string name, int rows, int columns) =>
            [.. from column in Enumerable.Range(0, columns) from row in Enumerable.Range(0, rows) select Value(name, row, column)];
        static int[] ByRows(string name, int rows, int columns) =>
            [.. from row in Enumerable.Range(0, rows) from column in Enumerable.Range(0, columns) select Value(name, row, column)];
        static int Value(string name, int row, int column) => name.Length + (10 * row) + column;
    }

    [Theory]
    [InlineData("<U1", "(3,)", "b\0\0\0a\0\0\0\u0022\u006F\0\0", "ab漢", TextEncoding.Utf8)]
    [InlineData(">U2", "(3, 1)", "\0\0\0b\0\0\0\0\0\0\0a\0\0\0\0\0\0\u006F\u0022\0\0\0\0", "ab漢", TextEncoding.Utf8)]
    [InlineData("<U3", "()", "b\0\0\0a\0\0\0\u0022\u006F\0\0", "ab漢", TextEncoding.Utf8)]
    [InlineData("|S1", "(3L,)", "bac", "abc", TextEncoding.Utf8)]
    [InlineData("|S3", "()", "bac", "abc", TextEncoding.Utf8)]
    [InlineData("|S1", "(3,)", "ba\u00E9", "abé", TextEncoding.Bytes)]
    [InlineData("|u1", "(3,)", "ba\u00E9", "abé", TextEncoding.Bytes)]
    public void Characters_are_strings_or_bytes(string type, string shape, string content, string expected, TextEncoding encoding)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("weights.npz");
        Vocabulary three = Samples.Vocabulary("abc");
        NpzFile.Save(path, new CharacterModel(three, InitialWeights.Create(new ModelShape(3, 2), 1)));
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update))
        {
            archive.GetEntry("chars.npy")!.Delete();
            Add(archive, "chars", 1, type, shape, false, Encoding.Latin1.GetBytes(content));
        }

        Vocabulary vocabulary = NpzFile.Load(path).Vocabulary;
        Assert.Equal(encoding, vocabulary.Encoding);
        Assert.Equal(expected, ModelMetadata.VocabularyText(vocabulary));
    }

    [Fact]
    public void Weights_that_compress_well_are_weights()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("weights.npz");
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create))
        {
            foreach ((string name, int rows, int columns) in ((string, int, int)[])
                [("Wxh", 600, 2), ("Whh", 600, 600), ("bh", 600, 1), ("Why", 2, 600), ("by", 2, 1)])
                Add(archive, name, 1, "<f8", $"({rows}, {columns})", false, new byte[8 * rows * columns]);
            Add(archive, "chars", 1, "|S1", "(2,)", false, "ab"u8.ToArray());
        }

        Assert.InRange(new FileInfo(path).Length, 0, 100_000);
        Assert.Equal(new ModelShape(2, 600), NpzFile.Load(path).Weights.Shape);
    }

    [Fact]
    public void Errors_name_the_files_own_tensors_and_the_file_that_is_wrong()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.npz"), state = directory.File("m.safetensors");
        CharacterModel model = Model();
        NpzFile.Save(path, model);
        PyTorchFile.Save(state, model);
        Vocabulary six = Samples.Vocabulary("abcdef"), line = Samples.Vocabulary("abcdefg\n");
        foreach ((string file, string weights) in ((string, string)[])[(path, "array Wxh"), (state, "tensor rnn.weight_ih_l0")])
        {
            Errors.Expect(
                "chars.txt", $"has 6 characters, {file} has weights for 7 ({weights})",
                () => ForeignModel.Load(file, six, "chars.txt"));
            Errors.Expect(file, $"the given vocabulary has 8 characters, {weights} is for 7", () => ForeignModel.Load(file, line));
            // The vocabulary's file may end with an editor's line end.
            Assert.Equal("abcdefg", ModelMetadata.VocabularyText(ForeignModel.Load(file, line, "chars.txt").Vocabulary));
        }

        Errors.Expect(
            state, $"is the state of a PyTorch module; make a model of it with charrnn import {state}",
            () => ModelFile.Load(state));
        Errors.Expect(
            path, $"is an npz archive, of NumPy's arrays; make a model of it with charrnn import {path}",
            () => ModelFile.Load(path));
        ModelFile.Save(directory.File("ours"), model);
        Errors.Expect(directory.File("ours"), "is a model of charrnn already", () => ForeignModel.Load(directory.File("ours")));
        Errors.Expect(
            directory.Write("text.npz", "text"), "is text; give an npz archive of a model's arrays, or",
            () => ForeignModel.Load(directory.File("text.npz")));
        Errors.Expect(directory.Write("empty.npz", ""), "is not an npz file", () => ForeignModel.Load(directory.File("empty.npz")));
        Errors.Expect("-", "is standard input", () => ForeignModel.Load("-"));

        using (var file = SafetensorsFile.Open(state))
        {
            SafetensorsTensor[] tensors =
            [
                .. file.Tensors.Select(tensor => new SafetensorsTensor(
                    tensor.Name, tensor.Shape,
                    [.. file.ReadFloats(tensor.Name, [.. tensor.Shape]).Select(w => tensor.Name == "fc.bias" ? float.NaN : w)])),
            ];
            SafetensorsFile.Write(directory.File("bad"), file.Metadata, tensors);
        }

        Errors.Expect(directory.File("bad"), "tensor fc.bias is NaN at [0]", () => ForeignModel.Load(directory.File("bad")));
        using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update))
            archive.GetEntry("Whh.npy")!.Delete();
        Errors.Expect(path, "has no array Whh, but \"Wxh, bh, Why, by, chars\"", () => ForeignModel.Load(path));
    }

    private static void Add(ZipArchive archive, string name, int version, string type, string shape, bool isColumnMajor, byte[] values)
    {
        byte[] header = Encoding.ASCII.GetBytes(
            $"{{'descr': '{type}', 'fortran_order': {(isColumnMajor ? "True" : "False")}, 'shape': {shape}, }}\n");
        byte[] length = [(byte)header.Length, 0, .. version == 1 ? [] : new byte[2]];
        using Stream entry = archive.CreateEntry($"{name}.npy").Open();
        entry.Write([0x93, .. "NUMPY"u8, (byte)version, 0, .. length, .. header, .. values]);
    }

    private static byte[] Numbers(string type, int[] values)
    {
        bool isBigEndian = type[0] == '>';
        return [.. values.SelectMany(value =>
        {
            byte[] bytes = type[1..] switch
            {
                "f2" => BitConverter.GetBytes((Half)value),
                "f4" => BitConverter.GetBytes((float)value),
                "f8" => BitConverter.GetBytes((double)value),
                _ => BitConverter.GetBytes((long)value)[..(type[2] - '0')],
            };
            return isBigEndian ? bytes.Reverse() : bytes;
        })];
    }
}
