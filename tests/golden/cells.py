"""Writes what training steps of recurrent cells give in float64: cells.safetensors beside this file.

Plain tanh, LSTM and GRU networks of one layer and of three, with and without dropout, under Adam. Row vectors, float64, one loop
over the layers and in each one over time; no line is shared with the engine or its scalar reference, and every gradient is checked
by finite differences. README.md names the tensors. Products are summed by NumPy's own reduction, for golden.py's reason.
"""

import math
from pathlib import Path

import numpy as np

from golden import exp, safetensors, tanh
from optimizers import BETA1, BETA2, EPSILON, RATE, Rule

SEED = 20241259            # of 1500 the one whose smallest gradient is largest; RandomState's stream is the one NumPy has frozen
SMALLEST_GRADIENT = 5e-7   # Adam's steps go by the gradient's sign: near zero, rounding alone would choose it
VOCABULARY, STEPS, UPDATES, DROPOUT = 11, 6, 3, 0.25
HIDDEN = {1: 15, 3: 5}     # by the number of layers: odd, and what keeps the file below 700 kB
BATCHES = (1, 4)
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


# The sums: a batch is [B, features], a matrix [outputs, inputs].

def project(batch, matrix):
    """[B, outputs]"""
    return np.add.reduce(batch[:, None, :] * matrix, axis=2)


def project_back(batch, matrix):
    """[B, inputs]: the gradient of what was projected."""
    return np.add.reduce(batch[:, :, None] * matrix, axis=1)


def outer_sum(outputs, inputs):
    """[outputs, inputs], summed over the streams: the gradient of the matrix."""
    return np.add.reduce(outputs[:, :, None] * inputs[:, None, :], axis=0)


def sigmoid(a):
    return 1 / (1 + exp(-a))


# The cells. Forward takes the two halves of the preactivations, u = x·Wx + b and v = h[t-1]·Wh, both [B, G·H], because the GRU does
# more than add them up. Backward takes the gradients of h[t] and c[t]; it gives those of u and v, and those of h[t-1] and c[t-1]
# that pass by the matrices. Only the LSTM has a c; the others' is zero and stays so. bhn is part of the GRU's v.

def rnn_forward(u, v, h, c):
    new = tanh(u + v)
    return new, c, new


def rnn_backward(dh, dc, saved):
    da = dh * (1 - saved ** 2)
    return da, da, np.zeros_like(dh), dc


def lstm_forward(u, v, h, c):
    a_i, a_f, a_g, a_o = np.split(u + v, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    new = f * c + i * g
    squashed = tanh(new)
    return o * squashed, new, (i, f, g, o, c, squashed)


def lstm_backward(dh, dc, saved):
    i, f, g, o, c, squashed = saved
    dc = dc + dh * o * (1 - squashed ** 2)   # c[t] reaches the loss through c[t+1] and through h[t]
    da = np.concatenate([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g ** 2), dh * squashed * o * (1 - o)], axis=1)
    return da, da, np.zeros_like(dh), dc * f


def gru_forward(u, v, h, c):
    u_r, u_z, u_n = np.split(u, 3, axis=1)
    v_r, v_z, v_n = np.split(v, 3, axis=1)
    r, z = sigmoid(u_r + v_r), sigmoid(u_z + v_z)
    n = tanh(u_n + r * v_n)
    return (1 - z) * n + z * h, c, (r, z, n, v_n, h)


def gru_backward(dh, dc, saved):
    r, z, n, v_n, h = saved
    da_z = dh * (h - n) * z * (1 - z)
    da_n = dh * (1 - z) * (1 - n ** 2)
    da_r = da_n * v_n * r * (1 - r)
    return np.concatenate([da_r, da_z, da_n], axis=1), np.concatenate([da_r, da_z, da_n * r], axis=1), dh * z, dc


FORWARD = {"rnn": rnn_forward, "lstm": lstm_forward, "gru": gru_forward}
BACKWARD = {"rnn": rnn_backward, "lstm": lstm_backward, "gru": gru_backward}


# The network. weights maps the file's names to matrices and vectors.

def shapes(cell, layers):
    hidden, rows = HIDDEN[layers], GATES[cell] * HIDDEN[layers]
    result = {}
    for l in range(layers):
        result[f"layers.{l}.Wxh"] = (rows, VOCABULARY if l == 0 else hidden)
        result[f"layers.{l}.Whh"] = (rows, hidden)
        result[f"layers.{l}.bh"] = (rows,)
        if cell == "gru":
            result[f"layers.{l}.bhn"] = (hidden,)
    result["Why"] = (VOCABULARY, hidden)
    result["by"] = (VOCABULARY,)
    return result


def initial_weights(random, cell, layers):
    bound = 1.5 / math.sqrt(HIDDEN[layers])
    return {name: random.uniform(-bound, bound, shape).astype(np.float32).astype(np.float64)
            for name, shape in shapes(cell, layers).items()}


def layer_forward(cell, weights, l, inputs, h, c):
    """inputs [T, B, in], h and c carried in: all h [T+1, B, H] (the first is the carried one), the last c, what backward needs."""
    states, saved = [h], []
    for x in inputs:
        u = project(x, weights[f"layers.{l}.Wxh"]) + weights[f"layers.{l}.bh"]
        v = project(states[-1], weights[f"layers.{l}.Whh"])
        if cell == "gru":
            v[:, -h.shape[1]:] += weights[f"layers.{l}.bhn"]
        h_new, c, kept = FORWARD[cell](u, v, states[-1], c)
        states.append(h_new)
        saved.append(kept)
    return np.array(states), c, saved


def layer_backward(cell, weights, l, inputs, states, saved, outputs_gradient, gradients):
    """Adds to the layer's gradients, truncated after the last step; gives those of its inputs [T, B, in]."""
    dh_later, dc = np.zeros_like(states[0]), np.zeros_like(states[0])
    inputs_gradient = np.zeros_like(inputs)
    for t in reversed(range(len(inputs))):
        du, dv, dh_direct, dc = BACKWARD[cell](outputs_gradient[t] + dh_later, dc, saved[t])
        gradients[f"layers.{l}.Wxh"] += outer_sum(du, inputs[t])
        gradients[f"layers.{l}.bh"] += np.add.reduce(du, axis=0)
        gradients[f"layers.{l}.Whh"] += outer_sum(dv, states[t])   # states[t] is h[t-1]: the carried one comes first
        if cell == "gru":
            gradients[f"layers.{l}.bhn"] += np.add.reduce(dv[:, -states.shape[2]:], axis=0)
        inputs_gradient[t] = project_back(du, weights[f"layers.{l}.Wxh"])
        dh_later = dh_direct + project_back(dv, weights[f"layers.{l}.Whh"])
    return inputs_gradient


def network(cell, weights, tokens, h, c, scales, with_gradients=True):
    """tokens [B, T+1]; h, c [N, B, H]; scales [N, T, B, H] is m / (1-p). Gives loss, gradients, and the h and c to carry on."""
    layers, batch = len(h), len(tokens)
    targets = tokens[:, 1:].T
    x = np.eye(VOCABULARY)[tokens[:, :-1].T]
    inputs, states, saved, next_h, next_c = [], [], [], [], []
    for l in range(layers):
        inputs.append(x)
        layer_states, last_c, kept = layer_forward(cell, weights, l, x, h[l], c[l])
        states.append(layer_states)
        saved.append(kept)
        next_h.append(layer_states[-1])   # what is carried on was not dropped out
        next_c.append(last_c)
        x = layer_states[1:] * scales[l]

    loss, dz = 0.0, []
    streams = np.arange(batch)
    for x_t, target in zip(x, targets):
        z = project(x_t, weights["Why"]) + weights["by"]
        z -= z.max(axis=1, keepdims=True)
        e = exp(z)
        total = np.add.reduce(e, axis=1)
        loss += sum(math.log(total[b]) - z[b, target[b]] for b in streams) / batch
        probabilities = e / total[:, None]
        probabilities[streams, target] -= 1
        dz.append(probabilities / batch)
    if not with_gradients:
        return loss, None, np.array(next_h), np.array(next_c)

    gradients = {name: np.zeros_like(w) for name, w in weights.items()}
    dx = np.zeros_like(x)
    for t in range(len(x)):
        gradients["Why"] += outer_sum(dz[t], x[t])
        gradients["by"] += np.add.reduce(dz[t], axis=0)
        dx[t] = project_back(dz[t], weights["Why"])
    for l in reversed(range(layers)):
        dx = layer_backward(cell, weights, l, inputs[l], states[l], saved[l], dx * scales[l], gradients)
    return loss, gradients, np.array(next_h), np.array(next_c)


# Training.

def record_case(case, cell, layers, batch, weights, tokens, scales):
    """scales [UPDATES, N, T, B, H]. The tensors of one case, under their names in the file."""
    rules = {name: Rule("adam", w.shape, 0.0) for name, w in weights.items()}
    h = c = np.zeros((layers, batch, HIDDEN[layers]))
    losses, tensors = [], {}
    for step in range(UPDATES):
        window = tokens[:batch, step * STEPS:(step + 1) * STEPS + 1]
        loss, gradients, h, c = network(cell, weights, window, h, c, scales[step])
        weights = {name: rules[name].update(weights[name], gradients[name]) for name in weights}
        losses.append(loss)
        for name, rule in rules.items():   # exactly zero is sure: a character not read, a unit dropped out throughout
            size = np.sqrt(rule.second / (1 - BETA2 ** rule.step))
            assert np.all((size == 0) | (size > SMALLEST_GRADIENT)), f"{case}: {name} has a gradient near zero"
        if step == 0:
            tensors.update({f"{case}.grad1.{name}": g for name, g in gradients.items()})
        if step in (0, UPDATES - 1):
            tensors.update({f"{case}.weights{step + 1}.{name}": w for name, w in weights.items()})
    tensors[f"{case}.losses"] = np.array(losses)
    tensors[f"{case}.state{UPDATES}.h"] = h
    if cell == "lstm":
        tensors[f"{case}.state{UPDATES}.c"] = c
    return tensors


# The check of this program itself.

def check_gradients(cell, layers, weights, tokens, masks, random):
    """Every entry of every tensor against central differences, with four streams, a mask and a carried state."""
    batch = len(tokens)
    h = random.uniform(-0.5, 0.5, (layers, batch, HIDDEN[layers]))
    c = random.uniform(-1, 1, h.shape) if cell == "lstm" else np.zeros_like(h)
    window, scales = tokens[:, :STEPS + 1], masks / (1 - DROPOUT)
    _, gradients, _, _ = network(cell, weights, window, h, c, scales)

    def loss_with(name, index, delta):
        moved = {**weights, name: weights[name].copy()}
        moved[name][index] += delta
        return network(cell, moved, window, h, c, scales, with_gradients=False)[0]

    step, worst = 1e-3, {}
    for name, gradient in gradients.items():
        errors = []
        for index in np.ndindex(gradient.shape):
            near = (loss_with(name, index, step) - loss_with(name, index, -step)) / (2 * step)
            far = (loss_with(name, index, 2 * step) - loss_with(name, index, -2 * step)) / (4 * step)
            numeric = (4 * near - far) / 3   # cancels the error in step²
            # Below 1e-3 the difference is mostly the loss's own rounding, so there the error counts as a share of 1e-3.
            errors.append(abs(gradient[index] - numeric) / max(abs(numeric), 1e-3))
        assert np.count_nonzero(gradient) > 0
        worst[name] = max(errors)
    name = max(worst, key=worst.get)
    print(f"{cell}.l{layers} analytic against numeric gradients, {len(worst)} tensors: at worst {worst[name]:.1e} ({name})")
    assert worst[name] < 1e-6


def main():
    random = np.random.RandomState(SEED)
    tokens = random.randint(VOCABULARY, size=(max(BATCHES), UPDATES * STEPS + 1))
    masks = {(layers, batch): (random.uniform(size=(UPDATES, layers, STEPS, batch, hidden)) >= DROPOUT).astype(np.float64)
             for layers, hidden in HIDDEN.items() for batch in BATCHES}
    initial = {(cell, layers): initial_weights(random, cell, layers) for cell in GATES for layers in HIDDEN}
    for (cell, layers), weights in initial.items():
        check_gradients(cell, layers, weights, tokens, masks[layers, max(BATCHES)][0], random)

    tensors = {"tokens": tokens.astype(np.float64)}
    tensors.update({f"masks.l{layers}.b{batch}": mask for (layers, batch), mask in masks.items()})
    for (cell, layers), weights in initial.items():
        tensors.update({f"initial.{cell}.l{layers}.{name}": w for name, w in weights.items()})
    for (cell, layers), weights in initial.items():
        for batch in BATCHES:
            mask, prefix = masks[layers, batch], f"{cell}.l{layers}.b{batch}"
            tensors.update(record_case(f"{prefix}.plain", cell, layers, batch, weights, tokens, np.ones_like(mask)))
            tensors.update(record_case(f"{prefix}.dropped", cell, layers, batch, weights, tokens, mask / (1 - DROPOUT)))

    numbers = {"seq_length": STEPS, "vocabulary_size": VOCABULARY, **{f"hidden_size.l{n}": hidden for n, hidden in HIDDEN.items()},
               "learning_rate": RATE, "dropout": DROPOUT, "beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON}
    metadata = {name: repr(value) for name, value in numbers.items()}
    data = safetensors(tensors, metadata)
    print(f"{len(tensors)} tensors, {len(data)} bytes")
    Path(__file__).with_name("cells.safetensors").write_bytes(data)


if __name__ == "__main__":
    main()
