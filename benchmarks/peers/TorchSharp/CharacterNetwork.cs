using CharRnn.Files;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpPeer;

/// <summary>
/// A character model as a .NET user writes it with TorchSharp: one-hot characters, nn.RNN, nn.LSTM or nn.GRU, dropout, Linear,
/// cross-entropy.
/// </summary>
internal sealed class CharacterNetwork : nn.Module
{
    private readonly int _layers, _hidden, _vocabulary;
    private readonly nn.Module _recurrent;
    private readonly Dropout _dropout;
    private readonly Linear _output;

    // The second biases of a GRU whose weights were loaded.
    private readonly List<Parameter> _candidateBiases = [];

    /// <param name="cell">rnn, lstm or gru.</param>
    /// <param name="layers">The recurrent layers.</param>
    /// <param name="hidden">H, units of each.</param>
    /// <param name="vocabulary">V, characters.</param>
    /// <param name="dropout">The part of the units that is dropped between layers and before the Linear.</param>
    public CharacterNetwork(string cell, int layers, int hidden, int vocabulary, double dropout = 0)
        : base(nameof(CharacterNetwork))
    {
        (_layers, _hidden, _vocabulary) = (layers, hidden, vocabulary);
        double between = layers > 1 ? dropout : 0; // libtorch warns of a dropout that has no effect
        _recurrent = cell switch
        {
            "rnn" => nn.RNN(vocabulary, hidden, layers, dropout: between),
            "lstm" => nn.LSTM(vocabulary, hidden, layers, dropout: between),
            "gru" => nn.GRU(vocabulary, hidden, layers, dropout: between),
            _ => throw new ArgumentException($"{cell} is not a cell; give rnn, lstm or gru"),
        };
        _dropout = nn.Dropout(dropout);
        _output = nn.Linear(hidden, vocabulary);
        RegisterComponents();
    }

    /// <summary>The state before a text: h, and c of an LSTM, each [layers, B, H].</summary>
    public Tensor[] ZeroState(long batch)
    {
        Tensor Zeros() => zeros(_layers, batch, _hidden);
        return _recurrent is LSTM ? [Zeros(), Zeros()] : [Zeros()];
    }

    /// <summary>Predicts each character of B streams from those before it.</summary>
    /// <param name="text">[T+1, B], Int64.</param>
    /// <param name="state">The state before the text.</param>
    /// <returns>The mean loss in nats per character, and the state behind the text's last character but one.</returns>
    public (Tensor Loss, Tensor[] State) Loss(Tensor text, Tensor[] state)
    {
        long steps = text.shape[0] - 1;
        Tensor input = nn.functional.one_hot(text.narrow(0, 0, steps), _vocabulary).to(ScalarType.Float32);
        Tensor targets = text.narrow(0, 1, steps).reshape(-1);

        (Tensor hidden, state) = Recur(input, state);
        Tensor logits = _output.forward(_dropout.forward(hidden)).reshape(-1, _vocabulary);
        return (nn.functional.cross_entropy(logits, targets), state);
    }

    /// <summary>
    /// Takes the weights of a file of this project. Its layers have one bias, where libtorch adds two: the second stays zero and is
    /// not trained, because together they would learn at twice the rate. Only the candidate n of a GRU has both.
    /// </summary>
    /// <param name="path">A safetensors file with layers.{l}.Wxh, .Whh, .bh, of a GRU .bhn, and Why and by, all F32.</param>
    public void Load(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable untracked = no_grad();
        void Copy(string name, Tensor to) => to.copy_(tensor(file.ReadFloats(name, to.shape), to.shape));

        Dictionary<string, Parameter> parameters = _recurrent.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        for (int l = 0; l < _layers; l++)
        {
            Copy($"layers.{l}.Wxh", parameters[$"weight_ih_l{l}"]);
            Copy($"layers.{l}.Whh", parameters[$"weight_hh_l{l}"]);
            Copy($"layers.{l}.bh", parameters[$"bias_ih_l{l}"]);

            Parameter second = parameters[$"bias_hh_l{l}"];
            second.zero_();
            if (_recurrent is GRU)
            {
                Copy($"layers.{l}.bhn", second.narrow(0, 2 * _hidden, _hidden));
                _candidateBiases.Add(second);
            }
            else
            {
                second.requires_grad = false;
            }
        }

        Copy("Why", _output.weight!);
        Copy("by", _output.bias!);
    }

    /// <summary>Clears the gradients of what has to stay zero in a parameter that is otherwise trained: see <see cref="Load"/>.</summary>
    public void ClearUntrainedGradients()
    {
        foreach (Parameter bias in _candidateBiases)
            bias.grad!.narrow(0, 0, 2 * _hidden).zero_();
    }

    private (Tensor Hidden, Tensor[] State) Recur(Tensor input, Tensor[] state)
    {
        if (_recurrent is LSTM lstm)
        {
            (Tensor hidden, Tensor h, Tensor c) = lstm.forward(input, (state[0], state[1]));
            return (hidden, [h, c]);
        }
        else
        {
            (Tensor hidden, Tensor h) = ((nn.Module<Tensor, Tensor, (Tensor, Tensor)>)_recurrent).forward(input, state[0]);
            return (hidden, [h]);
        }
    }
}
