using CharRnn.Model;

namespace CharRnn.Gpu.Tests.Cli;

/// <summary>A small model, trained once for all tests of a class, that knows its text by heart.</summary>
public sealed class TinyRun : IDisposable
{
    /// <summary>Characters of two and four bytes, and line ends of two characters.</summary>
    public const string Line = "ab 😀 é\r\n";

    /// <summary>What it was trained on.</summary>
    public static readonly string Text = string.Concat(Enumerable.Repeat(Line, 60));

    /// <summary>The options of the run, as arguments.</summary>
    internal static readonly string[] Options =
    [
        "--preset", "classic", "--hidden-size", "16", "--seq-length", "8", "--batch-size", "3", "--iterations", "300",
        "--log-every", "50", "--sample-every", "100", "--sample-length", "20", "--eval-every", "75", "--checkpoint-every", "100",
        "--device", "cpu",
    ];

    public TinyRun()
    {
        Shell.Write("lines.txt", Text);
        Result = Shell.Succeeds(["train", "lines.txt", "--out", "run", .. Options]);
    }

    /// <summary>Where it lies: <c>lines.txt</c> and the run's directory <c>run</c>.</summary>
    internal Shell Shell { get; } = new();

    /// <summary>What training it said.</summary>
    internal CommandResult Result { get; }

    /// <summary>The model as it was saved.</summary>
    internal CharacterModel Model => CharRnn.Storage.ModelFile.Load(Shell["run/model.safetensors"]);

    /// <summary>Text in which every next character is a guess, so that losses differ from step to step.</summary>
    internal static string Words(int count)
    {
        string[] words = ["the ", "cat ", "sat ", "on ", "a ", "mat, ", "and ", "ran\n", "naïve ", "😀 "];
        var random = new Random(1);
        return string.Concat(Enumerable.Range(0, count).Select(_ => words[random.Next(words.Length)]));
    }

    public void Dispose() => Shell.Dispose();
}
