"""Writes what optimizers do with given gradients, in float64: optimizers.safetensors beside this file.

The rules are PyTorch's, as its documentation of torch.optim and torch.nn.utils states them, written out for NumPy arrays; no line
is shared with the engine or its scalar reference. README.md names the tensors.
"""

from pathlib import Path

import numpy as np

from golden import safetensors

VOCABULARY, HIDDEN, STEPS = 7, 5, 3
RATE, BETA1, BETA2, ALPHA, MOMENTUM, EPSILON, DECAY = 0.01, 0.9, 0.999, 0.99, 0.9, 1e-8, 0.1
CLIP_NORM, CLIP_VALUE = 2.0, 0.25
SHAPES = {"Wxh": (HIDDEN, VOCABULARY), "Whh": (HIDDEN, HIDDEN), "bh": (HIDDEN,), "Why": (VOCABULARY, HIDDEN), "by": (VOCABULARY,)}
RULES = ("adagrad", "rmsprop", "adam", "adamw", "sgd", "momentum")


def draw(random, scale):
    return {name: (scale * random.standard_normal(shape)).astype(np.float32).astype(np.float64) for name, shape in SHAPES.items()}


def clipped(gradients):
    """clip_grad_norm_ without its 1e-6, then clip_grad_value_."""
    norm = np.sqrt(sum(np.sum(g * g) for g in gradients.values()))
    scale = min(1.0, CLIP_NORM / norm)
    return {name: np.clip(g * scale, -CLIP_VALUE, CLIP_VALUE) for name, g in gradients.items()}


class Rule:
    """One tensor's share of a torch.optim optimizer; adagrad is min-char-rnn's, with epsilon inside the root."""

    def __init__(self, name, shape, decay):
        self.name, self.decay = name, decay
        self.first, self.second, self.step = np.zeros(shape), np.zeros(shape), 0

    def update(self, theta, g):
        self.step += 1
        if self.name == "adamw":
            theta = theta - RATE * self.decay * theta
        else:
            g = g + self.decay * theta
        if self.name == "adagrad":
            self.first = self.first + g ** 2
            return theta - RATE * g / np.sqrt(self.first + EPSILON)
        if self.name == "rmsprop":
            self.first = ALPHA * self.first + (1 - ALPHA) * g ** 2
            return theta - RATE * g / (np.sqrt(self.first) + EPSILON)
        if self.name in ("adam", "adamw"):
            self.first = BETA1 * self.first + (1 - BETA1) * g
            self.second = BETA2 * self.second + (1 - BETA2) * g ** 2
            corrected = self.first / (1 - BETA1 ** self.step)
            return theta - RATE * corrected / (np.sqrt(self.second / (1 - BETA2 ** self.step)) + EPSILON)
        if self.name == "momentum":
            self.first = g if self.step == 1 else MOMENTUM * self.first + g
            return theta - RATE * self.first
        return theta - RATE * g


def record(tensors, rule_name, case, initial, gradients, decay):
    prefix = f"{rule_name}.{case}"
    # Biases do not decay.
    rules = {name: Rule(rule_name, shape, decay if len(shape) == 2 else 0.0) for name, shape in SHAPES.items()}
    weights = initial
    for step in range(STEPS):
        g = gradients[step] if case == "plain" else clipped(gradients[step])
        weights = {name: rules[name].update(weights[name], g[name]) for name in SHAPES}
        if step in (0, STEPS - 1):
            tensors.update({f"{prefix}.weights{step + 1}.{name}": value for name, value in weights.items()})
    moments = {"adam": ("first", "second"), "adamw": ("first", "second"), "sgd": ()}.get(rule_name, ("first",))
    for moment in moments:
        tensors.update({f"{prefix}.{moment}{STEPS}.{name}": getattr(rule, moment) for name, rule in rules.items()})


def main():
    random = np.random.RandomState(20240301)
    initial, gradients = draw(random, 0.5), [draw(random, 1.0) for _ in range(STEPS)]
    tensors = {f"initial.{name}": value for name, value in initial.items()}
    for step, gradient in enumerate(gradients, 1):
        tensors.update({f"gradient{step}.{name}": value for name, value in gradient.items()})
    for rule in RULES:
        record(tensors, rule, "plain", initial, gradients, 0.0)
        record(tensors, rule, "clipped", initial, gradients, DECAY)
    numbers = {"learning_rate": RATE, "beta1": BETA1, "beta2": BETA2, "rms_decay": ALPHA, "momentum": MOMENTUM, "epsilon": EPSILON,
               "weight_decay": DECAY, "clip_norm": CLIP_NORM, "clip": CLIP_VALUE, "vocabulary_size": VOCABULARY, "hidden_size": HIDDEN}
    metadata = {name: repr(value) for name, value in numbers.items()}
    Path(__file__).with_name("optimizers.safetensors").write_bytes(safetensors(tensors, metadata))


if __name__ == "__main__":
    main()
