using System.Text;
using CharRnn.Gpu.Devices;
using CharRnn.Gpu.Execution;
using CharRnn.Model;
using CharRnn.Sampling;
using CharRnn.Storage;
using CharRnn.Text;
using CharRnn.Training;

namespace CharRnn.Gpu.Tests.Examples;

/// <summary>README's example: its lines from the first <c>using</c> on are these, which a test checks and runs.</summary>
internal static class LibraryExample
{
    public static void Run(string text, string file, TextWriter output)
    {
        using Corpus corpus = Corpus.Read([text]);
        var options = new StepOptions { HiddenSize = 64, BatchSize = 16, SequenceLength = 25, LearningRate = 0.05f };
        using ComputeDevice device = DeviceSelection.Auto.Open(check: _ => null, warn: output.WriteLine);
        var shape = new ModelShape(corpus.Vocabulary.Size, options.HiddenSize);
        using var model = new DeviceModel(device, InitialWeights.Create(shape, seed: 1));

        using var engine = new TrainingEngine(model, corpus.Tokens, options);
        for (long steps = 0; steps < 1000;)
            steps += engine.RunSteps(1000 - steps).Losses.Length;
        ModelFile.Save(file, new CharacterModel(corpus.Vocabulary, model.Read()));

        using var sampler = new Sampler(model);
        var sampling = new SamplingOptions { Temperature = 0.8f };
        foreach (int[] tokens in sampler.Write([corpus.Vocabulary.StartToken], 300, sampling, seed: 1, sequence: 0))
            output.Write(Encoding.UTF8.GetString(corpus.Vocabulary.Decode(tokens)));
    }
}
