using System.IO.Compression;
using System.Text;
using CharRnn.Exchange;
using CharRnn.Files;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Gpu.Tests.Files;
using CharRnn.Model;
using CharRnn.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

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
            weights.Bh[i] = -0.2f * i;
        return new CharacterModel(vocabulary ?? Characters, weights);
    }

    [Theory]
    [InlineData(TextEncoding.Utf8)]
    [InlineData(TextEncoding.Bytes)]
    public void Models_return_from_every_format_as_they_were(TextEncoding encoding)
    {
        using var directory = new TemporaryDirectory();
        CharacterModel model = Model(encoding == TextEncoding.Utf8 ? Characters : new Vocabulary(encoding, [0, 10, 65, 127, 128, 200, 255]));
        NpzFile.Save(directory.File("m.npz"), model);
        PyTorchFile.Save(directory.File("m.pt"), model);
        foreach (CharacterModel loaded in (CharacterModel[])[NpzFile.Load(directory.File("m.npz")), PyTorchFile.Load(directory.File("m.pt"))])
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
            [NamedOnnxValue.CreateFromTensor("tokens", inputs), NamedOnnxValue.CreateFromTensor("h0", new DenseTensor<float>(new[] { 1, 2, H }))]);
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
        Assert.Equal(Encoding.UTF8.GetString(Characters.Decode([.. Enumerable.Range(0, V)])), session.ModelMetadata.CustomMetadataMap["vocabulary"]);
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
        CharacterModel loaded = PyTorchFile.Load(path, new Vocabulary(TextEncoding.Utf8, order.Select(token => Characters.CodePoints[token])));
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

        static SafetensorsTensor Zeros(string name, params long[] shape) => new(name, shape, new float[shape.Aggregate(1L, (a, b) => a * b)]);
        Refused("has 0 tensors named ...weight_ih_l0, not one", Zeros("fc.weight", 2, 3));
        Refused("no single nn.RNN layer", Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("e.weight", 2, 2), Zeros("fc.weight", 2, 3)); // an embedding, too
        Refused("has shape [12, 3], not [H, H]", Zeros("l.weight_ih_l0", 12, 2), Zeros("l.weight_hh_l0", 12, 3), Zeros("fc.weight", 2, 3)); // an LSTM's four gates
        Refused("no single nn.RNN layer", Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("r.weight_ih_l1", 3, 3), Zeros("r.weight_hh_l1", 3, 3), Zeros("fc.weight", 2, 3));
        Refused("tensor fc.weight has shape [5, 3], not [2, 3]", Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("fc.weight", 5, 3));
        SafetensorsFile.Write(path, new Dictionary<string, string>(), [Zeros("r.weight_ih_l0", 3, 2), Zeros("r.weight_hh_l0", 3, 3), Zeros("fc.weight", 2, 3)]);
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

        void Refused(string found, string name, string header, int values)
        {
            File.WriteAllBytes(path, good);
            using (ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Update))
            {
                archive.GetEntry(name)!.Delete();
                using Stream entry = archive.CreateEntry(name).Open();
                entry.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.ASCII.GetBytes(header), .. new byte[values]]);
            }

            Errors.Expect(path, found, () => NpzFile.Load(path));
        }

        Refused("array by has shape (8, 1), not (7, 1)", "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 1), }", 32);
        Refused("has 0 hidden units and 7 characters", "bh.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1), }", 0);
        Refused("array by is of type \"<i8\"", "by.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (7, 1), }", 56);
        Refused("array chars is of type \"|O\"", "chars.npy", "{'descr': '|O', 'fortran_order': False, 'shape': (7,), }", 7);
        Refused("is no plain array", "by.npy", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (7,), }", 28);
        Refused("is no npz file", "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }", 28);
        Refused("is no npz file", "by.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000,), }", 28);
    }
}
