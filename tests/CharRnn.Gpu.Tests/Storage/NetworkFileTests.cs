using CharRnn.Gpu.Tests.Files;
using CharRnn.Gpu.Tests.Networks;
using CharRnn.Networks;
using CharRnn.Storage;

namespace CharRnn.Gpu.Tests.Storage;

public sealed class NetworkFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(NetworkLoss.CrossEntropy)]
    [InlineData(NetworkLoss.BinaryCrossEntropy)]
    [InlineData(NetworkLoss.SquaredError)]
    public void A_network_is_read_as_it_was_written(NetworkLoss loss)
    {
        NetworkModel model = Model(loss);
        string path = _directory.File("model.safetensors");
        NetworkFile.Save(path, model);
        NetworkModel read = NetworkFile.Load(path);
        Assert.Equal(model.Parameters.Tensors.Select(tensor => tensor.Values), read.Parameters.Tensors.Select(tensor => tensor.Values));
        Assert.Equal(model.Shape.Layers, read.Shape.Layers);
        Assert.Equal((model.Shape.Inputs, loss), (read.Shape.Inputs, read.Shape.Loss));
        Assert.Equal(model.Encoding.ToJson(), read.Encoding.ToJson());

        byte[] bytes = File.ReadAllBytes(path);
        NetworkFile.Save(path, read);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void Every_damaged_byte_and_every_cut_is_noticed()
    {
        string path = _directory.File("model.safetensors"), damaged = _directory.File("damaged.safetensors");
        NetworkFile.Save(path, Model(NetworkLoss.CrossEntropy));
        byte[] bytes = File.ReadAllBytes(path);
        string before = Describe(NetworkFile.Load(path));
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] other = [.. bytes];
            other[i] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(damaged, other);
            try
            {
                // What is read all the same is what was written: a changed blank, say.
                Assert.Equal(before, Describe(NetworkFile.Load(damaged)));
            }
            catch (CharRnnException e)
            {
                Assert.StartsWith(damaged, e.Message, StringComparison.Ordinal);
            }

            if (i % 7 == 0)
            {
                File.WriteAllBytes(damaged, bytes[..i]);
                Assert.Throws<CharRnnException>(() => NetworkFile.Load(damaged));
            }
        }
    }

    [Fact]
    public void A_weight_that_is_not_finite_is_not_saved()
    {
        NetworkModel model = Model(NetworkLoss.CrossEntropy);
        model.Parameters.Weights(1)[3 * model.Shape.Layers[1].Width] = float.NaN; // of the first neuron's fourth input
        string path = _directory.File("model.safetensors");
        Assert.Contains(
            "tensor layers.1.weight is NaN at [0, 3]",
            Assert.Throws<CharRnnException>(() => NetworkFile.Save(path, model)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Each_kind_of_model_refuses_the_others()
    {
        string network = _directory.File("network.safetensors"), rnn = _directory.File("rnn.safetensors");
        NetworkFile.Save(network, Model(NetworkLoss.CrossEntropy));
        ModelFile.Save(rnn, Samples.Model());
        Assert.Contains(
            "metadata key cell is \"rnn\", not mlp",
            Assert.Throws<CharRnnException>(() => NetworkFile.Load(rnn)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "metadata key cell is \"mlp\", not rnn",
            Assert.Throws<CharRnnException>(() => ModelFile.Load(network)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(NetworkLoss.CrossEntropy, 1, "column 'kind' has 1 categories, not 2 to 1000")]
    [InlineData(NetworkLoss.CrossEntropy, 2_000_000, "column 'kind' has 2000000 categories, not 2 to 1000")]
    [InlineData(NetworkLoss.BinaryCrossEntropy, 3, "its label has 3 categories, and its loss is for 2")]
    public void A_label_that_nothing_can_be_learned_of_is_refused(NetworkLoss loss, int categories, string found)
    {
        NetworkModel model = Model(loss);
        ColumnEncoding label = model.Encoding.Label with { Categories = [.. Enumerable.Range(0, categories).Select(i => $"{i}")] };
        string path = _directory.File("model.safetensors");
        NetworkFile.Save(path, model with { Encoding = model.Encoding with { Label = label } });
        Assert.Contains(found, Assert.Throws<CharRnnException>(() => NetworkFile.Load(path)).Message, StringComparison.Ordinal);
    }

    private static string Describe(NetworkModel model) =>
        $"{model.Encoding.ToJson()} {string.Join(' ', model.Shape.Layers)} {model.Shape.Loss} "
            + $"{string.Join(' ', model.Parameters.Tensors.SelectMany(tensor => tensor.Values))}";

    private static NetworkModel Model(NetworkLoss loss)
    {
        ColumnEncoding[] inputs = [new("size", null, 1.5, 2), new("colour, \"dark\"", ["blue", "red é"], 0, 1)];
        string[]? kinds = loss switch
        {
            NetworkLoss.SquaredError => null,
            NetworkLoss.BinaryCrossEntropy => ["a", "b"],
            _ => ["a", "b", "c"],
        };
        var label = new ColumnEncoding("kind", kinds, 0, 1);
        var shape = new NetworkShape(
            3,
            [
                new Layer(5, ActivationFunction.Relu), new Layer(4, ActivationFunction.Sigmoid),
                new Layer(loss == NetworkLoss.CrossEntropy ? 3 : 1, ActivationFunction.Identity),
            ],
            loss);
        return new NetworkModel(TestNetworks.Parameters(shape, 1), new TableEncoding(inputs, label));
    }
}
