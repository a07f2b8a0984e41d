"""What has to fit into a device: weights and KV cache, and how many requests then fit.

Activations and workspace are left out, as they are in most estimates by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

from .models import Model

Attention = Literal["gqa", "mha"]


@dataclass(frozen=True)
class Parameters:
    """Parameters of a whole model, by part; biases belong to the part that adds them."""

    layers: int
    attention: int  # W_q, W_k, W_v, W_o of all layers
    ffn: int  # of all layers
    norms: int  # two per layer and the last one
    embedding: int  # one row per token of the vocabulary
    positions: int  # learned positions
    head: int  # 0 where it is tied to the embedding

    @property
    def attention_per_layer(self) -> int:
        """Return the attention's parameters in one layer."""
        return self.attention // self.layers

    @property
    def ffn_per_layer(self) -> int:
        """Return the feed-forward network's parameters in one layer."""
        return self.ffn // self.layers

    @property
    def total(self) -> int:
        """Return all parameters."""
        return self.attention + self.ffn + self.norms + self.embedding + self.positions + self.head


def parameters(
    model: Model,
    *,
    attention: Attention = "gqa",
    ffn_matrices: int | None = None,
    tied: bool | None = None,
    norms: bool = True,
) -> Parameters:
    """Return a model's parameters.

    Per layer the attention has 2·d_model² for W_q and W_o and 2·d_model·kv_heads·head_dim for W_k
    and W_v (Ainslie et al., GQA, 2023); the feed-forward network ffn_matrices·d_model·d_ff, where
    the third matrix is the gate of SwiGLU (Shazeer, GLU Variants Improve Transformer, 2020).

    ``attention="mha"`` counts as many KV heads as query heads; ``ffn_matrices`` and ``tied`` take
    the place of the model's own; ``norms=False`` leaves the norms out. So the assumptions behind an
    estimate can be told apart.
    """
    matrices = model.ffn_matrices if ffn_matrices is None else ffn_matrices
    if matrices not in (2, 3):
        raise ValueError("ffn_matrices is 2, or 3 with a gate")
    d, kv_width = model.d_model, _kv_width(model, attention)
    projections = 2 * d * d + 2 * d * kv_width
    ffn = matrices * d * model.d_ff
    if model.biases:
        projections += 2 * d + 2 * kv_width
        ffn += (matrices - 1) * model.d_ff + d
    per_norm = d * (2 if model.norm == "layernorm" else 1)
    return Parameters(
        layers=model.layers,
        attention=model.layers * projections,
        ffn=model.layers * ffn,
        norms=(2 * model.layers + 1) * per_norm if norms else 0,
        embedding=model.vocab_size * d,
        positions=model.learned_positions * d,
        head=0 if (model.tied if tied is None else tied) else model.vocab_size * d,
    )


def weight_bytes(parameters: int, bytes_per_weight: float = 2) -> float:
    """Return the memory of the weights, in bytes: 2 per weight in fp16 or bf16, 0.5 in 4 bits."""
    return parameters * bytes_per_weight


def kv_bytes_per_token(
    model: Model, bytes_per_element: float = 2, *, attention: Attention = "gqa"
) -> float:
    """Return the KV cache's bytes for one token: 2·layers·kv_heads·head_dim·bytes_per_element.

    The 2 is for keys and values (Pope et al., Efficiently Scaling Transformer Inference, 2022).
    """
    return 2 * model.layers * _kv_width(model, attention) * bytes_per_element


def kv_bytes_per_request(
    model: Model, context: int, bytes_per_element: float = 2, *, attention: Attention = "gqa"
) -> float:
    """Return the KV cache's bytes for one request of ``context`` tokens."""
    if context < 1:
        raise ValueError("a context has at least 1 token")
    return context * kv_bytes_per_token(model, bytes_per_element, attention=attention)


def kv_bytes_per_gpu(
    kv_bytes_per_request: float, tensor_parallel: int = 1, kv_heads: int | None = None
) -> Fraction:
    """Return a request's KV bytes on each GPU of a tensor-parallel group, as an exact fraction.

    Without ``kv_heads`` the cache divides evenly: kv/X. With them each GPU holds whole heads,
    ceil(kv_heads/X) of them, so that X above kv_heads replicates (Pope et al., 2022; Megatron-LM).
    """
    if tensor_parallel < 1:
        raise ValueError("tensor_parallel is the number of GPUs, at least 1")
    if kv_heads is None:
        return Fraction(kv_bytes_per_request) / tensor_parallel
    held = -(-kv_heads // tensor_parallel)
    return Fraction(kv_bytes_per_request) * held / kv_heads


def largest_batch(
    device_bytes: float,
    weight_bytes: float,
    kv_bytes_per_request: float,
    tensor_parallel: int = 1,
    *,
    kv_heads: int | None = None,
) -> int:
    """Return how many requests fit on a group of X GPUs: floor((M - W/X) / (kv/X)).

    That is floor((X·M - W) / kv). ``device_bytes`` (M) is of one GPU, ``weight_bytes`` (W) of the
    whole model, divided evenly. Each request occupies all X GPUs. With ``kv_heads`` a GPU holds
    whole KV heads (see `kv_bytes_per_gpu`), which makes a difference where X does not divide them.
    0 where not even the weights fit. Computed in exact fractions: no rounding decides a batch.
    """
    if kv_bytes_per_request <= 0:
        raise ValueError("a request's KV cache has more than 0 bytes")
    per_gpu = kv_bytes_per_gpu(kv_bytes_per_request, tensor_parallel, kv_heads)
    free = Fraction(device_bytes) - Fraction(weight_bytes) / tensor_parallel
    return max(0, floor(free / per_gpu))


def _kv_width(model: Model, attention: Attention) -> int:
    if attention not in ("gqa", "mha"):
        raise ValueError(f"no attention {attention!r}: give 'gqa' or 'mha'")
    return model.kv_width if attention == "gqa" else model.d_model
