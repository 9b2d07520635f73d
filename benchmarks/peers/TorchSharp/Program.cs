// The same training step as a .NET user writes it with TorchSharp: nn.RNN on one-hot characters, Linear, cross-entropy,
// value clipping, Adagrad, the state carried from chunk to chunk. A peer of the benchmark table, which talks to it by lines:
//
//   TorchSharpPeer THREADS HIDDEN BATCH STEPS     prints "ready", then for each line SECONDS on stdin characters per second
//   TorchSharpPeer THREADS mlp IN HIDDEN OUT ROWS the same of a feed-forward network's rows per second: Linear, tanh, Linear, SGD
//   TorchSharpPeer THREADS matmul N               the same with the FLOP per second of an N³ matrix product

using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

const int Vocabulary = 65;
int[] numbers = [.. args.Where(a => a is not ("matmul" or "mlp")).Select(a => int.Parse(a, CultureInfo.InvariantCulture))];
set_num_threads(numbers[0]);
random.manual_seed(1);
Func<double> work = args[1] switch
{
    "matmul" => MatrixProduct(numbers[1]),
    "mlp" => NetworkStep(numbers[1], numbers[2], numbers[3], numbers[4]),
    _ => TrainingStep(numbers[1], numbers[2], numbers[3]),
};
Measure(1);
Console.WriteLine("ready");
while (Console.ReadLine() is { } line)
    Console.WriteLine(Measure(double.Parse(line, CultureInfo.InvariantCulture)).ToString("R", CultureInfo.InvariantCulture));

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

static Func<double> TrainingStep(int hidden, int batch, int steps)
{
    RNN rnn = nn.RNN(Vocabulary, hidden);
    Linear output = nn.Linear(hidden, Vocabulary);
    Parameter[] parameters = [.. rnn.parameters(), .. output.parameters()];
    optim.Optimizer optimizer = optim.Adagrad(parameters, 0.01);

    const int Chunks = 64;
    Tensor text = randint(0, Vocabulary, [(Chunks * steps) + 1, batch], dtype: ScalarType.Int64);
    Tensor state = zeros(1, batch, hidden);
    int chunk = 0;
    return () =>
    {
        using DisposeScope scope = NewDisposeScope();
        long from = chunk * steps;
        chunk = (chunk + 1) % Chunks;
        Tensor input = nn.functional.one_hot(text.narrow(0, from, steps), Vocabulary).to(ScalarType.Float32);
        Tensor targets = text.narrow(0, from + 1, steps).reshape(-1);

        optimizer.zero_grad();
        (Tensor states, Tensor last) = rnn.forward(input, state);
        Tensor logits = output.forward(states).reshape(-1, Vocabulary);
        Tensor loss = nn.functional.cross_entropy(logits, targets) * steps; // a sum over time, a mean over streams
        loss.backward();
        nn.utils.clip_grad_value_(parameters, 5);
        optimizer.step();

        Tensor carried = last.detach();
        carried.MoveToOuterDisposeScope();
        state.Dispose();
        state = carried;
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
