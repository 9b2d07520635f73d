"""Writes the golden numbers of min-char-rnn's mathematics: text.txt and golden.safetensors beside this file.

Column vectors, float64, one loop over the streams and one over time: nothing is shared with the engine or its
scalar reference. README.md names the tensors. Products are summed by NumPy's own reduction and tanh, exp and log
come from the C library, because BLAS and NumPy's vector functions round differently from one processor to the next.
"""

import json
import math
import struct
from pathlib import Path

import numpy as np

HIDDEN = 65
STEPS = 25
LEARNING_RATE = 0.1
EPSILON = 1e-8
CLIPS = {"loose": 50.0, "tight": 0.0625}   # 5 would bite on a few elements only
BATCHES = (1, 4)
ITERATIONS = 3
TRAINING_ITERATIONS = 300
TRAINING_CLIP = 5.0
SENTENCES = 70

tanh = np.vectorize(math.tanh, otypes=[float])
exp = np.vectorize(math.exp, otypes=[float])


# The text: lines of a small grammar.

SUBJECTS = "the old fisherman|a young queen|Zoé|my neighbour|the quiet fox|nobody|every judge|our wizard".split("|")
VERBS = "mends|watches|finds|hides|paints|forgets|borrows|explains".split("|")
OBJECTS = "a net|the blue boat|six apples|her café|the moon|an old joke|one key|the weather".split("|")
PLACES = "by the river|in the village|after supper|on Monday|before the storm|with great joy|under a vast sky".split("|")
ENDINGS = (".", ".", "!", "?", " 🙂")


def generate_text(random):
    def pick(words):
        return words[random.randint(len(words))]

    lines = []
    for _ in range(SENTENCES):
        lines.append(f"{pick(SUBJECTS)} {pick(VERBS)} {pick(OBJECTS)}, {pick(PLACES)}{pick(ENDINGS)}\n")
    return "".join(lines)


# The network.

def times(matrix, vector):
    return np.add.reduce(matrix * vector, axis=1)


def transpose_times(matrix, vector):
    return np.add.reduce(matrix * vector[:, None], axis=0)


def initial_weights(random, vocabulary_size):
    shapes = {"Wxh": (HIDDEN, vocabulary_size), "Whh": (HIDDEN, HIDDEN), "bh": (HIDDEN,),
              "Why": (vocabulary_size, HIDDEN), "by": (vocabulary_size,)}
    return {name: 0.01 * random.standard_normal(shape) if len(shape) == 2 else np.zeros(shape)
            for name, shape in shapes.items()}


def through_float32(weights):
    return {name: w.astype(np.float32).astype(np.float64) for name, w in weights.items()}


def forward(weights, inputs, targets, state):
    """One stream: loss summed over time, hidden states [T+1][H] (the first is the carried one), probabilities [T][V]."""
    loss, states, probabilities = 0.0, [state], []
    for x, y in zip(inputs, targets):
        states.append(tanh(weights["Wxh"][:, x] + times(weights["Whh"], states[-1]) + weights["bh"]))
        z = times(weights["Why"], states[-1]) + weights["by"]
        z -= z.max()
        e = exp(z)
        total = np.add.reduce(e)
        loss += math.log(total) - z[y]
        probabilities.append(e / total)
    return loss, states, probabilities


def backward(weights, inputs, targets, states, probabilities):
    """One stream: the gradients of its summed loss, truncated after the last step."""
    gradients = {name: np.zeros_like(w) for name, w in weights.items()}
    da = np.zeros(HIDDEN)
    for t in reversed(range(len(inputs))):
        dz = probabilities[t].copy()
        dz[targets[t]] -= 1
        gradients["Why"] += np.outer(dz, states[t + 1])
        gradients["by"] += dz
        dh = transpose_times(weights["Why"], dz) + transpose_times(weights["Whh"], da)
        da = (1 - states[t + 1] ** 2) * dh
        gradients["Wxh"][:, inputs[t]] += da
        gradients["Whh"] += np.outer(da, states[t])
        gradients["bh"] += da
    return gradients


def loss_and_gradients(weights, windows, states):
    """All streams: the mean loss, its gradients, the states to carry on. A window is T+1 tokens."""
    batch = len(windows)
    mean_loss, next_states = 0.0, []
    mean_gradients = {name: np.zeros_like(w) for name, w in weights.items()}
    for window, state in zip(windows, states):
        inputs, targets = window[:-1], window[1:]
        loss, hidden, probabilities = forward(weights, inputs, targets, state)
        mean_loss += loss / batch
        for name, gradient in backward(weights, inputs, targets, hidden, probabilities).items():
            mean_gradients[name] += gradient / batch
        next_states.append(hidden[-1])
    return mean_loss, mean_gradients, np.array(next_states)


# Training.

def train(weights, tokens, batch, clip, iterations):
    """Yields after every iteration: loss, unclipped gradients, weights, Adagrad memory, carried states [B,H]."""
    length = len(tokens) // batch
    streams = [tokens[b * length:(b + 1) * length] for b in range(batch)]
    memory = {name: np.zeros_like(w) for name, w in weights.items()}
    position = length
    for _ in range(iterations):
        if position + STEPS + 1 >= length:
            position, states = 0, np.zeros((batch, HIDDEN))
        windows = [stream[position:position + STEPS + 1] for stream in streams]
        loss, gradients, states = loss_and_gradients(weights, windows, states)
        clipped = {name: np.clip(g, -clip, clip) for name, g in gradients.items()}
        memory = {name: memory[name] + g * g for name, g in clipped.items()}
        weights = {name: w - LEARNING_RATE * clipped[name] / np.sqrt(memory[name] + EPSILON)
                   for name, w in weights.items()}
        position += STEPS
        yield loss, gradients, weights, memory, states


def bitten_share(gradients, clip):
    return np.mean(np.concatenate([abs(g).ravel() for g in gradients.values()]) > clip)


def record_case(prefix, weights, tokens, batch, clip_name):
    history = list(train(weights, tokens, batch, CLIPS[clip_name], ITERATIONS))
    shares = [bitten_share(gradients, CLIPS[clip_name]) for _, gradients, *_ in history]
    print(prefix, "elements clipped:", " ".join(f"{share:.1%}" for share in shares))
    if clip_name == "loose":
        assert max(shares) == 0
    else:
        assert min(shares) > 0 and np.mean(shares) > 0.2 and max(shares) < 0.9

    _, gradients1, weights1, _, _ = history[0]
    _, gradients3, weights3, memory3, state3 = history[-1]
    tensors = {f"{prefix}.losses": np.array([loss for loss, *_ in history]), f"{prefix}.state3": state3}
    for kind, values in {"grad1": gradients1, "weights1": weights1,
                         "grad3": gradients3, "weights3": weights3, "memory3": memory3}.items():
        tensors.update({f"{prefix}.{kind}.{name}": value for name, value in values.items()})
    return tensors


# The check of this program itself.

def check_gradients(weights, tokens, random):
    """A few entries of every tensor against central differences, with two streams and a carried state."""
    windows = [tokens[:STEPS + 1], tokens[500:500 + STEPS + 1]]
    states = random.uniform(-0.5, 0.5, (2, HIDDEN))
    _, gradients, _ = loss_and_gradients(weights, windows, states)

    def loss_with(name, index, delta):
        moved = {**weights, name: weights[name].copy()}
        moved[name][index] += delta
        return loss_and_gradients(moved, windows, states)[0]

    step, worst = 1e-4, 0.0
    for name, gradient in gradients.items():
        measurable = np.argwhere(abs(gradient) > 1e-3)   # below, the difference is mostly the loss's own rounding
        assert len(measurable) > 0
        for index in map(tuple, measurable[random.randint(len(measurable), size=6)]):
            near = (loss_with(name, index, step) - loss_with(name, index, -step)) / (2 * step)
            far = (loss_with(name, index, 2 * step) - loss_with(name, index, -2 * step)) / (4 * step)
            numeric = (4 * near - far) / 3   # cancels the error in step²
            worst = max(worst, abs(gradient[index] - numeric) / abs(numeric))
    print(f"analytic against numeric gradients: {worst:.1e}")
    assert worst <= 1e-6


def safetensors(tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t.astype("<f8").tobytes() for t in tensors.values())


def main():
    random = np.random.RandomState(20240229)   # the generator whose stream NumPy has frozen
    text = generate_text(random)
    vocabulary = sorted(set(text))
    tokens = [vocabulary.index(character) for character in text]

    fresh = through_float32(initial_weights(random, len(vocabulary)))
    *_, (loss, _, trained, _, _) = train(fresh, tokens, 1, TRAINING_CLIP, TRAINING_ITERATIONS)
    initial = {"fresh": fresh, "trained": through_float32(trained)}
    print(f"{len(text)} characters, {len(vocabulary)} distinct; loss after training {loss:.2f}")
    for weights in initial.values():
        check_gradients(weights, tokens, random)

    tensors = {f"initial.{start}.{name}": w for start, weights in initial.items() for name, w in weights.items()}
    for start, weights in initial.items():
        for batch in BATCHES:
            for clip_name in CLIPS:
                tensors.update(record_case(f"{start}.b{batch}.{clip_name}", weights, tokens, batch, clip_name))

    metadata = {"seq_length": str(STEPS), "hidden_size": str(HIDDEN), "learning_rate": str(LEARNING_RATE),
                **{f"clip.{name}": str(clip) for name, clip in CLIPS.items()}, "vocabulary": "".join(vocabulary)}
    here = Path(__file__).parent
    here.joinpath("text.txt").write_bytes(text.encode())
    here.joinpath("golden.safetensors").write_bytes(safetensors(tensors, metadata))


if __name__ == "__main__":
    main()
