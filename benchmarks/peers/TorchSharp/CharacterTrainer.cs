using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharpPeer;

/// <summary>Trains a network on B streams side by side; the state is carried from chunk to chunk.</summary>
internal sealed class CharacterTrainer
{
    private readonly CharacterNetwork _network;
    private readonly Parameter[] _parameters;
    private readonly optim.Optimizer _optimizer;
    private readonly Action<Parameter[]> _clip;
    private Tensor[] _state;

    /// <param name="network">The network, with the weights to start from.</param>
    /// <param name="batch">B, streams.</param>
    /// <param name="optimizer">Makes the optimizer of the parameters.</param>
    /// <param name="clip">Clips the gradients of the parameters.</param>
    public CharacterTrainer(
        CharacterNetwork network, int batch, Func<Parameter[], optim.Optimizer> optimizer, Action<Parameter[]> clip)
    {
        _network = network;
        _parameters = [.. network.parameters().Where(p => p.requires_grad)];
        _optimizer = optimizer(_parameters);
        _clip = clip;
        _state = network.ZeroState(batch);
    }

    /// <summary>One training step on the streams' next chunk.</summary>
    /// <param name="text">[T+1, B], Int64.</param>
    /// <returns>The mean loss before the update, in nats per character.</returns>
    public double Step(Tensor text)
    {
        using DisposeScope scope = NewDisposeScope();
        _optimizer.zero_grad();
        (Tensor loss, Tensor[] state) = _network.Loss(text, _state);
        (loss * (text.shape[0] - 1)).backward(); // a sum over time, a mean over streams
        _network.ClearUntrainedGradients();
        _clip(_parameters);
        _optimizer.step();

        Carry([.. state.Select(s => s.detach().MoveToOuterDisposeScope())]);
        return loss.item<float>();
    }

    /// <summary>Forgets what was carried: the next chunk begins a text.</summary>
    public void Restart() => Carry([.. _state.Select(s => zeros_like(s))]);

    private void Carry(Tensor[] state)
    {
        foreach (Tensor old in _state)
            old.Dispose();
        _state = state;
    }
}
