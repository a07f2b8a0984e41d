"""What is measured, on what, and how a time is taken."""

import gc
import statistics
import time
from dataclasses import dataclass

import torch

from grader.devices import identity
from reference import calculator as calc
from reference.gpt import GPT

WARM_UP = 3  # runs before those that count

SMALL = calc.Model("small", 2, 4, 4, 64, 256, 500, ffn_matrices=2, tied=True, norm="layernorm",
                   biases=True, learned_positions=128)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is measured, and on what."""

    device: str
    dtype: torch.dtype
    model: calc.Model
    batches: tuple[int, ...]
    tokens: tuple[int, ...]
    sweep: tuple[int, ...]  # contexts of the plot, at the first batch
    crowds: tuple[int, ...]  # batches of the plot, at the first context
    contexts: tuple[int, ...]  # of the largest batch
    repeats: int
    lasting: float  # seconds for the best rates of the device
    compiled: bool

    @property
    def bytes(self):
        """Return the bytes of one element."""
        return self.dtype.itemsize

    @property
    def is_gpu(self):
        """Whether it is one."""
        return self.device.startswith("cuda")


FULL = Setting(
    device="cuda:0",
    dtype=torch.float16,
    model=calc.MODELS["gpt2-xl"],
    batches=(1, 64),
    tokens=(32, 1024),
    sweep=(32, 64, 128, 256, 512, 1024),
    crowds=(1, 4, 16, 64),
    contexts=(1024, 8192),
    repeats=20,
    lasting=2.0,
    compiled=True,
)
QUICK = Setting(
    device="cpu",
    dtype=torch.float32,
    model=SMALL,
    batches=(1, 4),
    tokens=(8, 64),
    sweep=(8, 32, 64),
    crowds=(1, 2, 4),
    contexts=(),
    repeats=3,
    lasting=0.5,
    compiled=False,
)


def timed(setting, work):
    """Return the seconds of some runs, after some to warm up."""
    times = []
    with torch.inference_mode():
        for number in range(WARM_UP + setting.repeats):
            wait(setting)
            begin = time.perf_counter()
            work()
            wait(setting)
            if number >= WARM_UP:
                times.append(time.perf_counter() - begin)
    return times


def wait(setting):
    """Wait until the device has done its work."""
    if setting.is_gpu:
        torch.cuda.synchronize(setting.device)


def freed(setting):
    """Give the device back what nobody refers to any more."""
    gc.collect()
    if setting.is_gpu:
        torch.cuda.empty_cache()


def median(times):
    """Return the median."""
    return statistics.median(times)


def built(setting):
    """Return a model with random weights."""
    with torch.device(setting.device):
        before = torch.get_default_dtype()
        torch.set_default_dtype(setting.dtype)
        try:
            return GPT(setting.model).eval()
        finally:
            torch.set_default_dtype(before)


def ids(setting, batch, tokens):
    """Return random tokens, (B, N)."""
    return torch.randint(setting.model.vocab_size, (batch, tokens), device=setting.device)


def name_of(setting):
    """Return the device's name."""
    return identity.of(setting.device).name
