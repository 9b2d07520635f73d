// What a .NET user writes with TorchSharp, as a peer of this project's programs: CharacterNetwork has the model, CharacterTrainer a
// training step. The state is carried from chunk to chunk, and the loss is a sum over time and a mean over streams.
//
// A contestant of the benchmark table, which talks to it by lines: it prints "ready", and then, for each line SECONDS on stdin, a rate.
//
//   TorchSharpPeer THREADS HIDDEN BATCH STEPS              trained characters per second: rnn, one layer, Adagrad, clipping by value
//   TorchSharpPeer THREADS CELL LAYERS HIDDEN BATCH STEPS  the same of an rnn, lstm or gru: Adam, clipping by norm
//   TorchSharpPeer THREADS mlp IN HIDDEN OUT ROWS          a feed-forward network's rows per second: Linear, tanh, Linear, SGD
//   TorchSharpPeer THREADS matmul N                        the FLOP per second of an N³ matrix product
//
// A peer of loss curves, which trains on a text from given weights, with Adam and clipping by norm:
//
//   TorchSharpPeer THREADS learn CELL LAYERS HIDDEN BATCH STEPS RATE DROPOUT WEIGHTS.safetensors TEXT ITERATIONS EVERY
//
// For every EVERY iterations it prints a line of JSON: the iteration, the seconds of training so far without those of measuring, the
// mean training loss since the last line, and the loss of the text's last tenth, both in nats per character.

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharpPeer;
using static TorchSharp.torch;

const int Vocabulary = 65;
const int ValidationStreams = 16;
set_num_threads(Integer(0));
random.manual_seed(1);
if (args[1] == "learn")
{
    Learn();
    return;
}

Func<double> work = args[1] switch
{
    "matmul" => MatrixProduct(Integer(2)),
    "mlp" => NetworkStep(Integer(2), Integer(3), Integer(4), Integer(5)),
    "rnn" or "lstm" or "gru" => TrainingStep(
        new CharacterNetwork(args[1], Integer(2), Integer(3), Vocabulary), Integer(4), Integer(5), p => optim.Adam(p, 0.001), ClipByNorm),
    _ => TrainingStep(
        new CharacterNetwork("rnn", 1, Integer(1), Vocabulary), Integer(2), Integer(3), p => optim.Adagrad(p, 0.01), ClipByValue),
};
Measure(1);
Console.WriteLine("ready");
while (Console.ReadLine() is { } line)
    Console.WriteLine(Measure(double.Parse(line, CultureInfo.InvariantCulture)).ToString("R", CultureInfo.InvariantCulture));

int Integer(int argument) => int.Parse(args[argument], CultureInfo.InvariantCulture);

double Real(int argument) => double.Parse(args[argument], CultureInfo.InvariantCulture);

static void ClipByValue(Parameter[] parameters) => nn.utils.clip_grad_value_(parameters, 5);

static void ClipByNorm(Parameter[] parameters) => nn.utils.clip_grad_norm_(parameters, 5);

double Measure(double seconds)
{
    double done = 0;
    long started = Stopwatch.GetTimestamp();
    do
        done += work();
    while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds);
    return done / Stopwatch.GetElapsedTime(started).TotalSeconds;
}

static Func<double> MatrixProduct(int n)
{
    Tensor a = rand(n, n), b = rand(n, n);
    return () =>
    {
        using Tensor c = a.mm(b);
        return 2.0 * n * n * n;
    };
}

static Func<double> TrainingStep(
    CharacterNetwork network, int batch, int steps, Func<Parameter[], optim.Optimizer> optimizer, Action<Parameter[]> clip)
{
    var trainer = new CharacterTrainer(network, batch, optimizer, clip);
    const int Chunks = 64;
    Tensor text = randint(0, Vocabulary, [(Chunks * steps) + 1, batch], dtype: ScalarType.Int64);
    int chunk = 0;
    return () =>
    {
        using Tensor next = text.narrow(0, chunk * steps, steps + 1);
        chunk = (chunk + 1) % Chunks;
        trainer.Step(next);
        return (double)steps * batch;
    };
}

static Func<double> NetworkStep(int inputs, int hidden, int outputs, int rows)
{
    Sequential network = nn.Sequential(("hidden", nn.Linear(inputs, hidden)), ("tanh", nn.Tanh()), ("output", nn.Linear(hidden, outputs)));
    optim.Optimizer optimizer = optim.SGD(network.parameters(), 0.01);

    const int Batches = 64;
    Tensor data = rand(Batches * rows, inputs), labels = randint(0, outputs, [Batches * rows], dtype: ScalarType.Int64);
    int batch = 0;
    return () =>
    {
        using DisposeScope scope = NewDisposeScope();
        long from = (long)batch * rows;
        batch = (batch + 1) % Batches;
        optimizer.zero_grad();
        Tensor loss = nn.functional.cross_entropy(network.forward(data.narrow(0, from, rows)), labels.narrow(0, from, rows));
        loss.backward();
        optimizer.step();
        return rows;
    };
}

void Learn()
{
    (string cell, int layers, int hidden, int batch, int steps) = (args[2], Integer(3), Integer(4), Integer(5), Integer(6));
    (double rate, double dropout, string weights, string path) = (Real(7), Real(8), args[9], args[10]);
    (int iterations, int every) = (Integer(11), Integer(12));

    int[] characters = [.. File.ReadAllText(path).EnumerateRunes().Select(c => c.Value)];
    int[] vocabulary = [.. characters.Distinct().Order()];
    Tensor text = tensor([.. characters.Select(c => (long)Array.BinarySearch(vocabulary, c))]);
    long cut = characters.LongLength - (characters.LongLength / 10); // as charrnn splits a text
    Tensor training = Streams(text.narrow(0, 0, cut), batch);
    Tensor validation = Streams(text.narrow(0, cut, characters.LongLength - cut), ValidationStreams);

    var network = new CharacterNetwork(cell, layers, hidden, vocabulary.Length, dropout);
    network.Load(weights);
    var trainer = new CharacterTrainer(network, batch, p => optim.Adam(p, rate), ClipByNorm);

    // A loss that is not a number is worth a line, too.
    var json = new JsonSerializerOptions { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };
    var time = new Stopwatch();
    double sum = 0;
    for (long iteration = 1, position = 0; iteration <= iterations; iteration++, position += steps)
    {
        time.Start();
        if (position + steps + 1 >= training.shape[0])
        {
            position = 0;
            trainer.Restart();
        }

        using Tensor next = training.narrow(0, position, steps + 1);
        sum += trainer.Step(next);
        time.Stop();

        if (iteration % every == 0)
        {
            (double seconds, double loss, double val_loss) = (time.Elapsed.TotalSeconds, sum / every, MeanLoss(network, validation));
            Console.WriteLine(JsonSerializer.Serialize(new { iteration, seconds, loss, val_loss }, json));
            sum = 0;
        }
    }
}

// A text [N] as contiguous streams side by side [N / count, count].
static Tensor Streams(Tensor text, int count)
{
    long length = text.shape[0] / count;
    return text.narrow(0, 0, length * count).reshape(count, length).t().contiguous();
}

// The mean loss over streams [L, B] that are read to their ends from a zero state.
static double MeanLoss(CharacterNetwork network, Tensor streams)
{
    const int PieceLength = 256;
    using DisposeScope scope = NewDisposeScope();
    using IDisposable untracked = no_grad();
    network.eval();
    Tensor[] state = network.ZeroState(streams.shape[1]);
    double sum = 0;
    long predictions = streams.shape[0] - 1;
    for (long position = 0; position < predictions; position += PieceLength)
    {
        using DisposeScope piece = NewDisposeScope();
        long steps = Math.Min(PieceLength, predictions - position);
        (Tensor loss, Tensor[] next) = network.Loss(streams.narrow(0, position, steps + 1), state);
        sum += loss.item<float>() * steps;
        state = [.. next.Select(s => s.MoveToOuterDisposeScope())];
    }

    network.train();
    return sum / predictions;
}
