"""Flops, reads and writes of a layer, counted one by one in nested loops.

The layer below is written with scalars only. Every addition, multiplication, division,
exponential and look at a mask is counted where it happens; every element that a kernel reads from
memory is counted once per kernel, every element that it writes once. Nothing of the calculator is
used to count. That the loops compute attention at all is seen by torch's own.
"""

import math
import random
from collections import defaultdict
from contextlib import contextmanager

import pytest
import torch

from reference import calculator as calc


class Memory:
    """Arrays as dicts from index to number, with a count of what each kernel does to them."""

    def __init__(self):
        self.arrays = defaultdict(dict)
        self.flops = defaultdict(int)
        self.read = defaultdict(lambda: defaultdict(int))  # kernel -> kind of array -> elements
        self.written = defaultdict(int)
        self.random = random.Random(0)

    def fill(self, name, *sizes):
        """Put random numbers into an array, without a kernel."""
        for index in indices(*sizes):
            self.arrays[name][index] = self.random.uniform(-1, 1)

    @contextmanager
    def kernel(self, name):
        """Count what happens inside as the kernel's; it reads no element twice."""
        self.name, self.seen = name, set()
        yield self

    def get(self, array, *index):
        """Read an element; a second read in the same kernel comes from the chip."""
        if (array, index) not in self.seen:
            self.seen.add((array, index))
            kind = array.partition("_")[0]
            self.read[self.name][kind if kind in ("weight", "cache") else "input"] += 1
        return self.arrays[array][index]

    def put(self, array, *index, value):
        """Write an element."""
        self.written[self.name] += 1
        self.arrays[array][index] = value

    def did(self, flops=1, of=None):
        """Count scalar operations, for the kernel or for a step that it does on the side."""
        self.flops[of or self.name] += flops


def indices(*sizes):
    """Yield all indices of an array."""
    if not sizes:
        yield ()
        return
    for first in range(sizes[0]):
        for rest in indices(*sizes[1:]):
            yield (first, *rest)


def linear(m, name, source, target, rows, size_in, size_out, *, bias, start=0, on_write=None):
    """(rows, in) @ (in, out); rows are (sequence, position), written from position ``start`` on."""
    m.fill(f"weight_{name}", size_in, size_out)
    m.fill(f"weight_{name} bias", size_out)
    with m.kernel(name):
        for sequence, position in rows:
            for out in range(size_out):
                value = 0.0
                for inner in range(size_in):
                    value += m.get(source, sequence, position, inner) * m.get(
                        f"weight_{name}", inner, out
                    )
                    m.did(2)
                if bias:
                    value += m.get(f"weight_{name} bias", out)
                    m.did()
                if on_write:
                    value = on_write(value, sequence, position, out)
                m.put(target, sequence, start + position, out, value=value)


def attend(m, keys, values, B, T, S, H, K, d, fused):
    """Attention of T queries, the last of S positions, on S keys; every score is computed."""
    grid = list(indices(B, H, T, S))

    def scale(value, *_index):
        m.did(of="scale")
        return value / math.sqrt(d)

    def mask(value, _s, _h, t, k):
        m.did(of="mask")
        return value if k <= S - T + t else -math.inf

    steps = {"scale": scale, "mask": mask} if T > 1 else {"scale": scale}
    with m.kernel("scores"):
        for s, h, t, k in grid:
            score = 0.0
            for c in range(d):
                score += m.get("q", s, t, h * d + c) * m.get(keys, s, k, h // (H // K) * d + c)
                m.did(2)
            for name, step in steps.items():
                score = step(score, s, h, t, k) if name in fused else score
            m.put("scores", s, h, t, k, value=score)
    for name, step in steps.items():
        if name not in fused:
            with m.kernel(name):
                for index in grid:
                    m.put("scores", *index, value=step(m.get("scores", *index), *index))
    soften(m, B, T, S, H)
    weigh(m, values, B, T, S, H, K, d)


def soften(m, B, T, S, H):
    """Softmax over the keys."""
    with m.kernel("softmax"):
        for s, h, t in indices(B, H, T):
            powers, total = [], 0.0
            for k in range(S):
                powers.append(math.exp(m.get("scores", s, h, t, k)))
                total += powers[-1]
                m.did(2)
            for k in range(S):
                m.put("weights", s, h, t, k, value=powers[k] / total)
                m.did()


def weigh(m, values, B, T, S, H, K, d):
    """Sum the values by their weights."""
    with m.kernel("values"):
        for s, h, t, c in indices(B, H, T, d):
            value = 0.0
            for k in range(S):
                value += m.get("weights", s, h, t, k) * m.get(values, s, k, h // (H // K) * d + c)
                m.did(2)
            m.put("attended", s, t, h * d + c, value=value)


def feed(m, rows, D, F, *, gated, bias, fused):
    """The feed-forward network on ``x``."""
    elements = [(s, t, f) for s, t in rows for f in range(F)]
    activate = "gate" if gated else "up"

    def relu(value, *_index):
        return max(value, 0.0)

    def gating(value, *index):
        m.did(of="gating")
        return value * m.get("inner_gate", *index)

    if gated:
        linear(m, "gate", "x", "inner_gate", rows, D, F, bias=bias,
               on_write=relu if "activation" in fused else None)  # fmt: skip
    if not gated or "gating" not in fused:
        linear(m, "up", "x", "inner_up", rows, D, F, bias=bias,
               on_write=relu if not gated and "activation" in fused else None)  # fmt: skip
    if "activation" not in fused:
        with m.kernel("activation"):
            for index in elements:
                m.did()
                value = relu(m.get(f"inner_{activate}", *index))
                m.put(f"inner_{activate}", *index, value=value)
    if gated and "gating" in fused:
        linear(m, "up", "x", "inner_up", rows, D, F, bias=bias, on_write=gating)
    elif gated:
        with m.kernel("gating"):
            for index in elements:
                m.put("inner_up", *index, value=gating(m.get("inner_up", *index), *index))
    linear(m, "down", "inner_up", "y", rows, F, D, bias=bias)


def run(B, T, S, H, K, d, F, *, cached, gated, bias, fused):
    """Run a layer on T tokens of S, and return what was counted."""
    m = Memory()
    rows, D = list(indices(B, T)), H * d
    m.fill("x", B, T, D)
    keys, values = ("cache_k", "cache_v") if cached else ("k", "v")
    for array in (keys, values):
        m.fill(array, B, S - T, K * d)
    linear(m, "q projection", "x", "q", rows, D, D, bias=bias)
    linear(m, "k projection", "x", keys, rows, D, K * d, bias=bias, start=S - T)
    linear(m, "v projection", "x", values, rows, D, K * d, bias=bias, start=S - T)
    attend(m, keys, values, B, T, S, H, K, d, fused)
    linear(m, "output projection", "attended", "out", rows, D, D, bias=bias)
    feed(m, rows, D, F, gated=gated, bias=bias, fused=fused)
    return m, keys, values


def tensor(m, array, B, T, heads, d):
    """Return an array (B, T, heads * d) as a float64 tensor (B, heads, T, d)."""
    numbers = [m.arrays[array][index] for index in indices(B, T, heads * d)]
    return torch.tensor(numbers, dtype=torch.float64).reshape(B, T, heads, d).transpose(1, 2)


SIZES = [  # B, T, S, H, K, d, F
    (1, 1, 1, 1, 1, 1, 1),
    (1, 5, 5, 1, 1, 4, 3),
    (2, 4, 4, 4, 2, 3, 5),
    (2, 3, 3, 6, 2, 1, 7),
    (2, 1, 6, 4, 4, 2, 3),  # decoding
    (3, 1, 5, 4, 1, 2, 6),
    (2, 3, 7, 4, 2, 2, 5),  # a chunk on top of a cache
]
USUAL = calc.FUSED


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    ("gated", "bias", "fused"),
    [(True, False, USUAL), (False, True, USUAL), (True, True, frozenset()),
     (False, False, frozenset({"mask"})), (True, False, frozenset({"scale", "mask", "gating"}))],
    ids=["llama", "gpt2", "nothing fused", "mask fused", "activation apart"],
)  # fmt: skip
def test_a_layer_counted_one_by_one(sizes, gated, bias, fused):
    """Each step's flops, and its reads and writes by kind, are those that the loops meet."""
    B, T, S, H, K, d, F = sizes
    new = None if T == S and T > 1 else T
    model = calc.Model("tiny", 1, H, K, H * d, F, 1, ffn_matrices=3 if gated else 2, biases=bias)
    m, keys, values = run(*sizes, cached=new is not None, gated=gated, bias=bias, fused=fused)
    costs = calc.layer(model, B, S, 1, new_tokens=new, projection_biases=bias, fused=fused)
    assert {cost.name for cost in costs} == {*m.written, *m.flops}
    for cost in costs:
        read = dict(m.read[cost.name])
        counted = (m.flops[cost.name], read.pop("weight", 0), read.pop("cache", 0))
        assert (cost.flops, cost.weight_bytes, cost.cache_bytes) == counted, cost.name
        if cost.name == "gating" and "gating" in fused:  # read in the kernel it is fused into
            up = next(other for other in costs if other.name == "up")
            assert cost.input_bytes + up.input_bytes == m.read["up"]["input"]
        elif not (cost.name == "up" and gated and "gating" in fused):
            assert cost.input_bytes == read.pop("input", 0), cost.name
        assert cost.output_bytes == m.written[cost.name], cost.name

    q, attended = (tensor(m, a, B, T, H, d) for a in ("q", "attended"))
    k, v = (tensor(m, a, B, S, K, d) for a in (keys, values))
    seen = torch.ones(T, S, dtype=torch.bool).tril(S - T)
    right = torch.nn.functional.scaled_dot_product_attention(q, k, v, seen, enable_gqa=True)
    torch.testing.assert_close(attended, right)


@pytest.mark.parametrize(("N", "d"), [(1, 1), (2, 5), (7, 3), (8, 8)])
@pytest.mark.parametrize("decode", [False, True])
def test_standard_attention_counted_one_by_one(N, d, decode):
    """The standard algorithm's closed forms are what its loops count, softmax aside."""
    T = 1 if decode else N
    m = Memory()
    m.fill("q", 1, T, d)
    m.fill("k", 1, N, d)
    m.fill("v", 1, N, d)
    attend(m, "k", "v", 1, T, N, 1, 1, d, {"scale", "mask"})
    total = calc.total(calc.standard_attention(N, d, 1, decode=decode))
    assert total.flops == m.flops["scores"] + m.flops["values"]
    assert total.bytes == sum(sum(read.values()) for read in m.read.values()) + sum(
        m.written.values()
    )
    with_softmax = calc.total(calc.standard_attention(N, d, 1, decode=decode, softmax_flops=3))
    assert with_softmax.flops - total.flops == m.flops["softmax"]


def test_parts_of_the_standard_algorithm_add_up():
    """Flops and bytes of N tokens and width d have the closed forms of the literature."""
    for N, d, b in ((1, 1, 2), (64, 16, 1), (1000, 80, 4)):
        prefill = calc.total(calc.standard_attention(N, d, b))
        decode = calc.total(calc.standard_attention(N, d, b, decode=True))
        assert (prefill.flops, prefill.bytes) == (4 * N * N * d, (4 * N * N + 4 * N * d) * b)
        assert (decode.flops, decode.bytes) == (4 * N * d, (2 * N * d + 4 * N + 2 * d) * b)
        assert math.isclose(prefill.intensity, N * d / ((N + d) * b))
