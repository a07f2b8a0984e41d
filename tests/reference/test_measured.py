"""The calculator beside real modules of torch: their parameters, flops and bytes.

Parameters are counted on modules that are built without memory (the meta device), flops by torch's
own counter, bytes by a meter that adds up what each arithmetic operator takes and gives.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from reference import calculator as calc


class Layer(nn.Module):
    """One layer of a Llama or of a GPT-2, without its norms' and residuals' arithmetic."""

    def __init__(self, model, attention_biases):
        super().__init__()
        D, KV, F = model.d_model, model.kv_heads * model.head_dim, model.d_ff
        self.model = model
        self.W_q = nn.Linear(D, D, attention_biases)
        self.W_k = nn.Linear(D, KV, attention_biases)
        self.W_v = nn.Linear(D, KV, attention_biases)
        self.W_o = nn.Linear(D, D, attention_biases)
        self.gate = nn.Linear(D, F, model.biases) if model.ffn_matrices == 3 else None
        self.up = nn.Linear(D, F, model.biases)
        self.down = nn.Linear(F, D, model.biases)
        norm = nn.RMSNorm if model.norm == "rmsnorm" else nn.LayerNorm
        self.norm1, self.norm2 = norm(D), norm(D)

    def forward(self, x, past=None):
        """Map x (B, T, D) to (B T, D); past, if any, is a pair of (B, P, K, d)."""
        m = self.model
        B, T, _ = x.shape
        G, d = m.query_heads // m.kv_heads, m.head_dim
        rows = x.reshape(B * T, -1)
        q, k, v = (linear(rows) for linear in (self.W_q, self.W_k, self.W_v))
        q = q.view(B, T, m.kv_heads, G, d).permute(0, 2, 3, 1, 4)  # (B, K, G, T, d)
        q = q.reshape(B * m.kv_heads, G * T, d)
        k, v = (t.view(B, T, m.kv_heads, d) for t in (k, v))
        if past is not None:
            k, v = (torch.cat(pair, dim=1) for pair in zip(past, (k, v), strict=True))
        S = k.shape[1]
        k, v = (t.transpose(1, 2).reshape(B * m.kv_heads, S, d) for t in (k, v))
        scores = torch.bmm(q, k.transpose(1, 2)) * d**-0.5  # (B K, G T, S)
        if T > 1:
            future = torch.ones(T, S, dtype=torch.bool).triu(S - T + 1).repeat(G, 1)
            scores = scores.masked_fill(future, float("-inf"))
        out = torch.bmm(torch.softmax(scores, dim=-1), v)
        out = out.view(B, m.kv_heads, G, T, d).permute(0, 3, 1, 2, 4).reshape(B * T, -1)
        out = self.W_o(out)
        if self.gate is None:
            return self.down(torch.nn.functional.gelu(self.up(out)))
        return self.down(torch.nn.functional.silu(self.gate(out)) * self.up(out))


class Transformer(nn.Module):
    """All that has parameters."""

    def __init__(self, model):
        super().__init__()
        D = model.d_model
        self.embedding = nn.Embedding(model.vocab_size, D)
        self.positions = nn.Embedding(model.learned_positions, D)
        self.layers = nn.ModuleList(Layer(model, model.biases) for _ in range(model.layers))
        self.norm = (nn.RMSNorm if model.norm == "rmsnorm" else nn.LayerNorm)(D)
        self.head = nn.Linear(D, model.vocab_size, bias=False)
        if model.tied:
            self.head.weight = self.embedding.weight


class ByteMeter(TorchDispatchMode):
    """Adds up bytes that arithmetic operators take and give; a mask's booleans are left out."""

    ARITHMETIC = ("mm", "addmm", "bmm", "mul", "masked_fill", "_softmax", "gelu", "silu")

    def __init__(self):
        super().__init__()
        self.bytes = 0
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in self.ARITHMETIC:
            self.seen.add(name)
            tensors = [x for x in (*args, out) if isinstance(x, torch.Tensor) and x.dim()]
            self.bytes += sum(x.nbytes for x in tensors if x.dtype != torch.bool)
        return out


def count(module):
    """Return how many parameters a module has, shared ones once."""
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", ["llama-3-8b", "mistral-7b", "gpt2", "gpt2-xl"])
def test_parameters_of_real_modules(name):
    """Part by part, a module built to a published shape has the calculator's parameters."""
    model = calc.MODELS[name]
    with torch.device("meta"):
        module = Transformer(model)
    found = calc.parameters(model)
    attention = ("W_q", "W_k", "W_v", "W_o")
    by_part = {
        "attention": sum(count(getattr(layer, w)) for layer in module.layers for w in attention),
        "ffn": sum(count(w) for layer in module.layers
                   for w in (layer.gate, layer.up, layer.down) if w is not None),
        "norms": count(module.norm)
        + sum(count(layer.norm1) + count(layer.norm2) for layer in module.layers),
        "embedding": count(module.embedding),
        "positions": count(module.positions),
        "head": 0 if model.tied else count(module.head),
    }  # fmt: skip
    assert {part: getattr(found, part) for part in by_part} == by_part
    assert found.total == count(module)


@pytest.mark.parametrize(
    ("name", "published"),
    [("llama-3-8b", 8.03e9), ("llama-3-70b", 70.6e9), ("mistral-7b", 7.24e9),
     ("gpt2", 124e6), ("gpt2-medium", 355e6), ("gpt2-large", 774e6), ("gpt2-xl", 1558e6)],
)  # fmt: skip
def test_parameters_as_published(name, published):
    """The totals are those by which the models are known, to three digits."""
    assert float(f"{calc.parameters(calc.MODELS[name]).total:.3g}") == pytest.approx(
        published, rel=2e-3
    )


LLAMA = calc.Model("little llama", 1, 8, 2, 64, 112, 1)
GPT = calc.Model("little gpt", 1, 4, 4, 32, 128, 1, ffn_matrices=2, biases=True, norm="layernorm")
PRODUCTS = {"q projection", "k projection", "v projection", "scores", "values",
            "output projection", "gate", "up", "down"}  # fmt: skip


@pytest.mark.parametrize("model", [LLAMA, GPT], ids=lambda model: model.name)
@pytest.mark.parametrize(
    ("batch", "past", "new"), [(1, 0, 16), (3, 0, 5), (1, 15, 1), (4, 31, 1), (2, 9, 4)]
)
def test_flops_and_bytes_of_a_real_layer(model, batch, past, new):
    """A layer of torch does the flops that are computed, and moves the bytes, operator by operator.

    Eager torch fuses nothing, and its flop counter knows products only, without their biases.
    """
    layer = Layer(model, attention_biases=model.biases).half()
    x = torch.randn(batch, new, model.d_model).half()
    shape = (batch, past, model.kv_heads, model.head_dim)
    held = (torch.randn(shape).half(), torch.randn(shape).half()) if past else None
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        layer(x, held)
    with torch.no_grad(), ByteMeter() as meter:
        layer(x, held)
    size = (batch, past + new)
    fed = {"new_tokens": new if past else None}
    plain = calc.layer(replace(model, biases=False), *size, **fed)
    assert flops.get_total_flops() == sum(cost.flops for cost in plain if cost.name in PRODUCTS)
    real = calc.layer(model, *size, **fed, fused=(), projection_biases=model.biases)
    assert meter.bytes == calc.total(real).bytes
    wanted = {"bmm", "mul", "_softmax", "addmm" if model.biases else "mm"}
    assert meter.seen >= wanted | ({"masked_fill"} if new > 1 else set())


def test_logits_and_products_of_real_operators():
    """The head's product, and any product, cost what torch counts."""
    model = replace(LLAMA, vocab_size=500)
    weight, x = torch.randn(500, 64).half(), torch.randn(3, 64).half()
    with FlopCounterMode(display=False) as flops, ByteMeter() as meter:
        torch.nn.functional.linear(x, weight)
    for cost in (calc.logits(model, 3), calc.matmul(3, 64, 500)):
        assert cost.flops == flops.get_total_flops()
        assert cost.bytes == meter.bytes


def test_a_cache_of_real_tensors():
    """Keys and values that a layer would keep take as many bytes as are computed."""
    model = calc.MODELS["llama-3-8b"]
    shape = (model.layers, 2, model.kv_heads, 1000, model.head_dim)
    cache = torch.empty(shape, dtype=torch.bfloat16, device="meta")
    assert calc.kv_bytes_per_request(model, 1000) == cache.nbytes
    assert calc.kv_bytes_per_token(model) * 1000 == cache.nbytes
