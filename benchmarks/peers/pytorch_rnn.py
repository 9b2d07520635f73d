"""Training steps of a character RNN as a PyTorch user writes them, on cuDNN: the peer of gpu_table.py.

torch.nn.RNN, LSTM or GRU on one-hot characters, Linear, cross-entropy, value clipping, Adagrad; float32 with TF32 off; eager,
or the whole step captured in a CUDA graph. The text is random: the arithmetic is the same for any.
"""

import time

import torch

VOCABULARY = 65
RATE = 0.01


class Training:
    """Steps of B streams and T characters; call it to run one."""

    def __init__(self, cell, layers, hidden, streams, steps, graphed, device):
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(1)
        self.streams, self.steps = streams, steps
        module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
        self.rnn = module(VOCABULARY, hidden, layers, device=device)
        self.output = torch.nn.Linear(hidden, VOCABULARY, device=device)
        parameters = [*self.rnn.parameters(), *self.output.parameters()]
        self.parameters = parameters
        self.memory = [torch.zeros_like(parameter) for parameter in parameters]
        # An LSTM has two states, h and c; the others have h alone.
        self.states = [torch.zeros(layers, streams, hidden, device=device) for _ in range(2 if cell == "lstm" else 1)]
        self.text = torch.randint(VOCABULARY, (64 * steps + 1, streams)).to(device)
        self.inputs = self.text[:steps].clone()
        self.targets = self.text[1:steps + 1].clone()
        self.chunk = 0
        self.graph = None
        if graphed:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    self._step()
            torch.cuda.current_stream().wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self._step()

    def _step(self):
        one_hot = torch.nn.functional.one_hot(self.inputs, VOCABULARY).to(torch.float32)
        outputs, last = self.rnn(one_hot, tuple(self.states) if len(self.states) == 2 else self.states[0])
        logits = self.output(outputs).reshape(-1, VOCABULARY)
        loss = torch.nn.functional.cross_entropy(logits, self.targets.reshape(-1)) * self.steps
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad.zero_()
        loss.backward()
        torch.nn.utils.clip_grad_value_(self.parameters, 5)
        self._adagrad()
        for state, end in zip(self.states, last if len(self.states) == 2 else [last]):
            state.copy_(end.detach())

    @torch.no_grad()
    def _adagrad(self):
        """torch.optim.Adagrad's arithmetic for all tensors at once; its step count lies on the host, and no graph takes that."""
        gradients = [parameter.grad for parameter in self.parameters]
        torch._foreach_addcmul_(self.memory, gradients, gradients)
        roots = torch._foreach_sqrt(self.memory)
        torch._foreach_add_(roots, 1e-10)
        torch._foreach_addcdiv_(self.parameters, gradients, roots, value=-RATE)

    def __call__(self):
        begin = self.chunk * self.steps
        self.chunk = (self.chunk + 1) % 64
        self.inputs.copy_(self.text[begin:begin + self.steps])
        self.targets.copy_(self.text[begin + 1:begin + self.steps + 1])
        if self.graph is None:
            self._step()
        else:
            self.graph.replay()

    def characters_per_second(self, seconds):
        """Of so many seconds, the device's work waited for."""
        return rate(self, seconds) * self.streams * self.steps


class Product:
    """The matrix product alone, N³ in float32: what the machine gives."""

    def __init__(self, side, device):
        torch.backends.cuda.matmul.allow_tf32 = False
        self.side = side
        self.a, self.b = (torch.randn(side, side).to(device) for _ in range(2))

    def __call__(self):
        torch.mm(self.a, self.b)

    def flops_per_second(self, seconds):
        return rate(self, seconds) * 2 * self.side ** 3


class Copy:
    """A copy of memory alone: the bandwidth that the machine gives, reading and writing."""

    def __init__(self, floats, device):
        self.a, self.b = (torch.zeros(floats, device=device) for _ in range(2))

    def __call__(self):
        self.b.copy_(self.a)

    def bytes_per_second(self, seconds):
        return rate(self, seconds) * 2 * self.a.nbytes


def rate(work, seconds):
    """Calls per second, the device's work waited for."""
    def wait():
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    work()
    wait()
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(10):
            work()
        wait()
        done += 10
    return done / (time.perf_counter() - started)
