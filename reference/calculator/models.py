"""Shapes of decoder-only transformers, as their authors publish them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Model:
    """The shape of a decoder-only transformer; sizes in elements, raises ValueError if they clash.

    The defaults are those of the Llama family: a gated feed-forward network of three matrices,
    RMSNorm, no biases, rotary positions (which have no parameters), and a head of its own.
    """

    name: str
    layers: int
    query_heads: int
    kv_heads: int
    d_model: int  # width of the residual stream
    d_ff: int  # inner width of the feed-forward network
    vocab_size: int
    ffn_matrices: int = 3  # 3: gate, up and down (SwiGLU); 2: up and down
    tied: bool = False  # the head is the token embedding
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"  # a weight; LayerNorm has a bias as well
    biases: bool = False  # on every projection and both matrices of the feed-forward network
    learned_positions: int = 0  # rows of a learned table of positions
    max_context: int = 0  # longest context it was made for, in tokens; 0: not stated
    source: str = ""

    def __post_init__(self) -> None:
        for field in ("layers", "query_heads", "kv_heads", "d_model", "d_ff", "vocab_size"):
            if getattr(self, field) < 1:
                raise ValueError(f"{self.name}: {field} has to be at least 1")
        if self.learned_positions < 0:
            raise ValueError(f"{self.name}: learned_positions cannot be negative")
        if self.d_model % self.query_heads:
            raise ValueError(
                f"{self.name}: {self.query_heads} query heads do not divide d_model {self.d_model}"
            )
        if self.query_heads % self.kv_heads:
            raise ValueError(
                f"{self.name}: {self.kv_heads} KV heads do not divide "
                f"{self.query_heads} query heads"
            )
        if self.ffn_matrices not in (2, 3):
            raise ValueError(f"{self.name}: ffn_matrices is 2, or 3 with a gate")

    @property
    def head_dim(self) -> int:
        """Return the width of one head, in elements."""
        return self.d_model // self.query_heads

    @property
    def kv_width(self) -> int:
        """Return the elements of one token's keys in one layer, over all KV heads."""
        return self.kv_heads * self.head_dim


LLAMA_3 = "Meta, Llama 3 model card and params.json (2024)"
MISTRAL = "Jiang et al., Mistral 7B (2023), table 1; its sliding window is left out"
GPT_2 = "Radford et al., GPT-2 (2019), table 2, and the released hparams.json"


def _gpt2(name: str, layers: int, heads: int, d_model: int) -> Model:
    """Return a GPT-2: LayerNorm, biases, learned positions, and the embedding as its head."""
    return Model(
        name,
        layers,
        heads,
        heads,
        d_model,
        4 * d_model,
        50257,
        ffn_matrices=2,
        tied=True,
        norm="layernorm",
        biases=True,
        learned_positions=1024,
        max_context=1024,
        source=GPT_2,
    )


_KNOWN = (
    Model("llama-3-8b", 32, 32, 8, 4096, 14336, 128256, max_context=8192, source=LLAMA_3),
    Model("llama-3-70b", 80, 64, 8, 8192, 28672, 128256, max_context=8192, source=LLAMA_3),
    Model("mistral-7b", 32, 32, 8, 4096, 14336, 32000, max_context=8192, source=MISTRAL),
    _gpt2("gpt2", 12, 12, 768),
    _gpt2("gpt2-medium", 24, 16, 1024),
    _gpt2("gpt2-large", 36, 20, 1280),
    _gpt2("gpt2-xl", 48, 25, 1600),
)
MODELS = {model.name: model for model in _KNOWN}
