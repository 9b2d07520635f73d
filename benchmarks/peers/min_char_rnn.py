"""The classic character RNN in NumPy, as people run it today: one stream, one hidden layer, float64, Adagrad.

    python3 min_char_rnn.py FILE --iterations 5000 --seed 1 --sample 2000

The last line printed is one JSON object; its timings exclude reading and encoding the file.
"""

import argparse
import json
import time

import numpy as np

CLIP = 5.0


def parse_arguments():
    parser = argparse.ArgumentParser(description="Train a minimal character RNN on a text file.")
    parser.add_argument("file", metavar="FILE", help="plain text, UTF-8")
    parser.add_argument("--hidden-size", type=int, default=100)
    parser.add_argument("--seq-length", type=int, default=25)
    parser.add_argument("--iterations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--report-every", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="write N characters at the end, and time it")
    return parser.parse_args()


class CharRnn:
    def __init__(self, vocabulary_size, hidden_size, learning_rate, random):
        self.Wxh = random.standard_normal((hidden_size, vocabulary_size)) * 0.01
        self.Whh = random.standard_normal((hidden_size, hidden_size)) * 0.01
        self.Why = random.standard_normal((vocabulary_size, hidden_size)) * 0.01
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((vocabulary_size, 1))
        self.weights = [self.Wxh, self.Whh, self.Why, self.bh, self.by]
        self.memory = [np.zeros_like(w) for w in self.weights]
        self.learning_rate = learning_rate

    def step(self, x, h):
        """Reads character x in state h: the next state and the probabilities of the next character, as columns."""
        h = np.tanh(self.Wxh[:, x:x + 1] + self.Whh @ h + self.bh)   # a one-hot product is a column of Wxh
        e = np.exp(self.Why @ h + self.by)
        return h, e / e.sum()

    def loss_and_gradients(self, inputs, targets, h):
        states, probabilities, loss = {-1: h}, {}, 0.0
        for t, (x, y) in enumerate(zip(inputs, targets)):
            states[t], probabilities[t] = self.step(x, states[t - 1])
            loss -= np.log(probabilities[t][y, 0])

        gradients = dWxh, dWhh, dWhy, dbh, dby = [np.zeros_like(w) for w in self.weights]
        dh_next = np.zeros_like(h)
        for t in reversed(range(len(inputs))):
            dz = probabilities[t]
            dz[targets[t]] -= 1
            dWhy += dz @ states[t].T
            dby += dz
            da = (1 - states[t] ** 2) * (self.Why.T @ dz + dh_next)
            dWxh[:, inputs[t]:inputs[t] + 1] += da
            dWhh += da @ states[t - 1].T
            dbh += da
            dh_next = self.Whh.T @ da
        return loss, gradients, states[len(inputs) - 1]

    def update(self, gradients):
        for w, g, m in zip(self.weights, gradients, self.memory):
            np.clip(g, -CLIP, CLIP, out=g)
            m += g * g
            w -= self.learning_rate * g / np.sqrt(m + 1e-8)

    def sample(self, x, h, count, random):
        characters = []
        for _ in range(count):
            h, p = self.step(x, h)
            x = random.choice(len(p), p=p.ravel())
            characters.append(x)
        return characters


def main():
    arguments = parse_arguments()
    with open(arguments.file, encoding="utf-8", newline="") as file:
        text = file.read()
    vocabulary = sorted(set(text))
    index = {character: i for i, character in enumerate(vocabulary)}
    tokens = [index[character] for character in text]
    seq_length, iterations = arguments.seq_length, arguments.iterations
    if len(tokens) <= seq_length + 1:
        raise SystemExit(f"{arguments.file}: {len(tokens)} characters; more than --seq-length + 1 = {seq_length + 1} needed")
    model = CharRnn(len(vocabulary), arguments.hidden_size, arguments.learning_rate,
                    np.random.default_rng(arguments.seed))

    smooth_loss = np.log(len(vocabulary)) * seq_length
    p = len(tokens)
    started = time.perf_counter()
    for iteration in range(1, iterations + 1):
        if p + seq_length + 1 >= len(tokens):
            p, h = 0, np.zeros((arguments.hidden_size, 1))
        loss, gradients, h = model.loss_and_gradients(tokens[p:p + seq_length], tokens[p + 1:p + seq_length + 1], h)
        model.update(gradients)
        smooth_loss = 0.999 * smooth_loss + 0.001 * loss
        p += seq_length
        if iteration % arguments.report_every == 0:
            print(f"iter {iteration} smooth_loss {smooth_loss:.6f}", flush=True)
    seconds = time.perf_counter() - started

    result = {"iterations": iterations, "smooth_loss": float(smooth_loss),
              "characters_per_second": iterations * seq_length / seconds, "seconds": seconds}
    if arguments.sample > 0:
        started = time.perf_counter()
        sampled = model.sample(tokens[p], h, arguments.sample, np.random.default_rng([arguments.seed, 1]))
        result["sample_characters_per_second"] = arguments.sample / (time.perf_counter() - started)
        print("".join(vocabulary[i] for i in sampled))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
