from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Optional, TypeAlias

import torch
from torch import Tensor, nn

KV: TypeAlias = tuple[Tensor, Tensor]
ONE: Final = 1


@dataclass(slots=True)
class Config:
    vocab_size: int
    d_model: int
    d_ff: int
    num_layers: int
    max_seq_len: int
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("vocab_size", "d_model", "d_ff", "num_layers", "max_seq_len"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)
        self.scale: float = 1.0 / math.sqrt(d_model)

    def forward(
        self, x: Tensor, past_kv: Optional[KV] = None, use_cache: bool = False
    ) -> tuple[Tensor, Optional[KV]]:
        q: Tensor = self.W_q(x) * self.scale
        k: Tensor = self.W_k(x)
        v: Tensor = self.W_v(x)
        if past_kv is not None:
            k = torch.cat((past_kv[0], k), dim=1)
            v = torch.cat((past_kv[1], v), dim=1)
        t, s = q.size(1), k.size(1)
        bias: Tensor = torch.full((t, s), float("-inf"), device=x.device).triu(s - t + 1)
        weights: Tensor = (q @ k.mT + bias).softmax(dim=-1)
        return self.W_o(weights @ v), (k, v) if use_cache else None


class FeedForward(nn.Module):
    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x).relu())


class DecoderLayer(nn.Module):
    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, past_kv: Optional[KV] = None, use_cache: bool = False
    ) -> tuple[Tensor, Optional[KV]]:
        y, kv = self.attention(self.norm1(x), past_kv, use_cache)
        x = x + self.dropout(y)
        return x + self.dropout(self.feed_forward(self.norm2(x))), kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(
        self, vocab_size: int, d_model: int, d_ff: int, num_layers: int, max_seq_len: int
    ) -> None:
        super().__init__()
        self.config = c = Config(vocab_size, d_model, d_ff, num_layers, max_seq_len)
        self.token_embedding = nn.Embedding(c.vocab_size, c.d_model)
        self.pos_embedding = nn.Embedding(c.max_seq_len, c.d_model)
        self.layers = nn.ModuleList(
            DecoderLayer(c.d_model, c.d_ff, c.dropout) for _ in range(c.num_layers)
        )
        self.norm = nn.LayerNorm(c.d_model)
        self.output_projection = nn.Linear(c.d_model, c.vocab_size)

    def forward(
        self,
        input_ids: Tensor,
        past_kv: Optional[Sequence[KV]] = None,
        use_cache: bool = False,
    ) -> tuple[Tensor, Optional[list[KV]]]:
        past = past_kv if use_cache and past_kv is not None else None
        start: int = past[0][0].size(1) if past is not None else 0
        positions = torch.arange(start, start + input_ids.size(1), device=input_ids.device)
        x: Tensor = self.token_embedding(input_ids) + self.pos_embedding(positions)
        present: list[KV] = []
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, past[i] if past is not None else None, use_cache)
            if kv is not None:
                present.append(kv)
        return self.output_projection(self.norm(x)), present or None

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        max_new_tokens: int,
        temperature: float = 1.0,
        use_cache: bool = True,
    ) -> Tensor:
        tokens: Tensor = input_ids
        past: Optional[list[KV]] = None
        for _ in range(max_new_tokens):
            fed = tokens if past is None else tokens[:, -ONE:]
            logits, past = self(fed, past, use_cache)
            p: Tensor = (logits[:, -ONE] / temperature).softmax(dim=-1)
            tokens = torch.cat((tokens, p.multinomial(ONE)), dim=1)
        return tokens


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
