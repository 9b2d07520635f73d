using System.Collections.Concurrent;
using System.Threading.Channels;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Storage;
using CharRnn.Text;
using ILGPU.Runtime;

namespace CharRnn.Dashboard;

/// <summary>A text to be written.</summary>
/// <param name="ModelPath">The weights' file, which is read when the text's turn comes: the model as it is by then.</param>
/// <param name="Prime">The text to continue.</param>
/// <param name="Length">New characters to write.</param>
/// <param name="StopTexts">The text ends before the first of them.</param>
/// <param name="Options">How they are drawn.</param>
/// <param name="Seed">The draws' seed.</param>
internal sealed record WritingOrder(
    string ModelPath, string Prime, int Length, IReadOnlyList<string> StopTexts, SamplingOptions Options, ulong Seed);

/// <summary>Writes one text after another, on one thread, which owns the device: a GPU's context belongs to a thread.</summary>
internal sealed class ModelWriter : IDisposable
{
    private const int MostOrders = 100; // orders whose reader has left count until their turn comes
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly BlockingCollection<(WritingOrder Order, ChannelWriter<byte[]> Text, CancellationToken Stop)> _orders = new(MostOrders);
    private readonly Func<ComputeDevice> _open;
    private readonly Thread _thread;

    /// <param name="open">Opens the device, when the first text is asked for.</param>
    public ModelWriter(Func<ComputeDevice> open)
    {
        _open = open;
        _thread = new Thread(Work) { IsBackground = true, Name = "writer" };
        _thread.Start();
    }

    /// <summary>Orders a text.</summary>
    /// <returns>The bytes of the text, without the prime, as they are written. A failure is thrown where they are read.</returns>
    /// <exception cref="CharRnnException">Too many texts wait to be written.</exception>
    public ChannelReader<byte[]> Write(WritingOrder order, CancellationToken stop)
    {
        // The channel needs no bound, because the length of an order has one.
        var text = Channel.CreateUnbounded<byte[]>();
        return _orders.TryAdd((order, text.Writer, stop))
            ? text.Reader
            : throw new CharRnnException(
                "the dashboard", $"has {MostOrders} texts to write before this one", "try again when some are done");
    }

    /// <summary>
    /// Ends after the order that is being written, and closes the device; if that takes too long, both end with the process.
    /// </summary>
    public void Dispose()
    {
        _orders.CompleteAdding();
        if (_thread.Join(Patience))
            _orders.Dispose();
    }

    private void Work()
    {
        ComputeDevice? device = null;
        foreach (var (order, text, stop) in _orders.GetConsumingEnumerable())
        {
            try
            {
                stop.ThrowIfCancellationRequested();
                Write(device ??= _open(), order, text, stop);
                text.Complete();
            }
            catch (Exception e)
            {
                text.Complete(e);
                if (e is AcceleratorException)
                {
                    device?.Dispose(); // it may be well when it is opened again
                    device = null;
                }
            }
        }

        device?.Dispose();
    }

    private static void Write(ComputeDevice device, WritingOrder order, ChannelWriter<byte[]> text, CancellationToken stop)
    {
        CharacterModel model = ModelFile.Load(order.ModelPath);
        int[] inputs = model.Vocabulary.Encode(order.Prime, UnknownCharacters.Error, "the beginning");
        var stopTexts = StopTexts.Of(model.Vocabulary, order.StopTexts, UnknownCharacters.Skip, "the end");
        using var deviceModel = new DeviceModel(device, model.Weights);
        using var sampler = new Sampler(deviceModel);
        IEnumerable<int[]> chunks = sampler.Write(
            inputs is [] ? [model.Vocabulary.StartToken] : inputs, order.Length, order.Options, order.Seed, 0);
        foreach (int[] chunk in stopTexts.Cut(chunks.TakeWhile(_ => !stop.IsCancellationRequested)))
            text.TryWrite(model.Vocabulary.Decode(chunk));
    }
}
