using System.Globalization;
using System.IO.Compression;
using System.Text;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Storage;
using CharRnn.Model;
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

    private static CharacterModel Model(Vocabulary? vocabulary = null)
    {
        // Large enough that every tensor matters for the result.
        ParameterSet<float> weights = InitialWeights.Create(new ModelShape(V, H), 3).Convert(w => 30 * w);
        for (int i = 0; i < V; i++)
            weights.By[i] = 0.3f * i;
        for (int i = 0; i < H; i++)
            weights.Layer(0).Bh[i] = -0.2f * i;
        return new CharacterModel(vocabulary ?? Characters, weights);
    }

    [Theory]
    [InlineData(TextEncoding.Utf8)]
    [InlineData(TextEncoding.Bytes)]
    public void Models_return_from_every_format_as_they_were(TextEncoding encoding)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(
            encoding == TextEncoding.Utf8 ? Characters : new Vocabulary(encoding, [0, 10, 65, 127, 128, 200, 255]));
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
    public void Onnx_runtime_predicts_what_the_evaluation_does()
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model();
        OnnxFile.Save(directory.File("m.onnx"), model);
        int[] tokens = [.. Enumerable.Range(0, 500).Select(i => i * i % 11 % V)];

        using var session = new InferenceSession(directory.File("m.onnx"));
        var inputs = new DenseTensor<long>(new[] { tokens.Length - 1, 2 });
        for (int t = 0; t + 1 < tokens.Length; t++)
            (inputs[t, 0], inputs[t, 1]) = (tokens[t], tokens[^(t + 1)]);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = session.Run(
            [
                NamedOnnxValue.CreateFromTensor("tokens", inputs),
                NamedOnnxValue.CreateFromTensor("h0", new DenseTensor<float>(new[] { 1, 2, H })),
            ]);
        var logits = outputs.Single(output => output.Name == "logits").AsTensor<float>();
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

    [Fact]
    public void A_module_may_call_its_parts_what_it_likes()
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model();
        PyTorchFile.Save(directory.File("m.pt"), model);
        using var file = SafetensorsFile.Open(directory.File("m.pt"));
        double[] Values(string name) => [.. file.ReadFloats(name, [.. file.Entry(name).Shape]).Select(value => (double)value)];

        // In double, with the hidden bias shared out, the characters in another order and not in the file.
        int[] order = [6, 2, 0, 1, 5, 3, 4];
        double[] wxh = Values("rnn.weight_ih_l0"), why = Values("fc.weight"), by = Values("fc.bias"), bh = Values("rnn.bias_ih_l0");
        string path = directory.File("foreign.safetensors");
        SafetensorsFile.Write(path, new Dictionary<string, string>(),
        [
            new("net.0.weight_ih_l0", [H, V], [.. from row in Enumerable.Range(0, H) from token in order select wxh[(row * V) + token]]),
            new("net.0.weight_hh_l0", [H, H], Values("rnn.weight_hh_l0")),
            new("net.0.bias_ih_l0", [H], [.. bh.Select(b => b - 1)]),
            new("net.0.bias_hh_l0", [H], [.. bh.Select(_ => 1.0)]),
            new("head.weight", [V, H], [.. from token in order from column in Enumerable.Range(0, H) select why[(token * H) + column]]),
            new("head.bias", [V], [.. order.Select(token => by[token])]),
        ]);
        Errors.Expect(path, "its metadata have no vocabulary", () => PyTorchFile.Load(path));
        CharacterModel loaded = PyTorchFile.Load(
            path, new Vocabulary(TextEncoding.Utf8, order.Select(token => Characters.CodePoints[token])));
        Assert.True(Characters.Matches(loaded.Vocabulary));
        foreach ((ParameterTensor<float> expected, ParameterTensor<float> actual) in model.Weights.Tensors.Zip(loaded.Weights.Tensors))
            Assert.All(expected.Values.Zip(actual.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void Networks_of_another_kind_are_refused()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.File("m.safetensors");
        Vocabulary two = Samples.Vocabulary("ab");
        void Refused(string found, params SafetensorsTensor[] tensors)
        {
            SafetensorsFile.Write(path, new Dictionary<string, string>(), tensors);
            Errors.Expect(path, found, () => PyTorchFile.Load(path, two));
        }

        static SafetensorsTensor Zeros(string name, params long[] shape) =>
            new(name, shape, new float[shape.Aggregate(1L, (a, b) => a * b)]);
        Refused("has 0 tensors named ...weight_ih_l0, not one", Zeros("fc.weight", 2, 3));
        // One of the matrices is an embedding's.
        Refused(
            "not one nn.RNN layer and one nn.Linear",
            Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("e.weight", 2, 2), Zeros("fc.weight", 2, 3));
        // An LSTM has four gates in each matrix.
        Refused(
            "has shape [12, 3], not [H, H]",
            Zeros("l.weight_ih_l0", 12, 2), Zeros("l.weight_hh_l0", 12, 3), Zeros("fc.weight", 2, 3));
        Refused(
            "not one nn.RNN layer and one nn.Linear",
            Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("r.weight_ih_l1", 3, 3), Zeros("r.weight_hh_l1", 3, 3),
            Zeros("fc.weight", 2, 3));
        Refused(
            "tensor fc.weight has shape [5, 3], not [2, 3]",
            Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("fc.weight", 5, 3));
        SafetensorsFile.Write(
            path, new Dictionary<string, string>(),
            [Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("fc.weight", 2, 3)]);
        Assert.Equal(new ModelShape(2, 3), PyTorchFile.Load(path, two).Weights.Shape); // without biases they are zeros
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
            "array by is of type \"<c8\", not of numbers of up to 8 bytes; save it with by=np.asarray(by, dtype=np.float32)",
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
            directory.Write("text.npz", "text"), "is text; give an npz archive of min-char-rnn's arrays, or",
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
