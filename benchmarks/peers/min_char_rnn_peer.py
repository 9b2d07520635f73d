"""min_char_rnn as a peer of the benchmark table, which talks to it by lines:

    python3 min_char_rnn_peer.py train HIDDEN STEPS     prints "ready", then for each line SECONDS on stdin characters per second
    python3 min_char_rnn_peer.py sample HIDDEN          the same, of text written

The text is random: the arithmetic is the same for any.
"""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # such small products are faster on one thread
import numpy as np

from min_char_rnn import CharRnn

VOCABULARY = 65
SAMPLED_AT_A_TIME = 100


def training(model, steps, random):
    text = random.integers(VOCABULARY, size=64 * steps + 1)
    state = np.zeros((model.bh.shape[0], 1))
    chunk = 0
    while True:
        begin = chunk * steps
        chunk = (chunk + 1) % 64
        _, gradients, state = model.loss_and_gradients(text[begin:begin + steps], text[begin + 1:begin + steps + 1], state)
        model.update(gradients)
        yield steps


def sampling(model, random):
    state = np.zeros((model.bh.shape[0], 1))
    while True:
        model.sample(0, state, SAMPLED_AT_A_TIME, random)
        yield SAMPLED_AT_A_TIME


def measure(work, seconds):
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += next(work)
    return done / (time.perf_counter() - started)


def main():
    kind, sizes = sys.argv[1], [int(size) for size in sys.argv[2:]]
    random = np.random.default_rng(1)
    model = CharRnn(VOCABULARY, sizes[0], 0.1, random)
    work = training(model, sizes[1], random) if kind == "train" else sampling(model, random)
    measure(work, 0.5)
    print("ready", flush=True)
    for line in sys.stdin:
        print(repr(measure(work, float(line))), flush=True)


if __name__ == "__main__":
    main()
