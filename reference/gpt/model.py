"""A GPT-2 (Radford et al., 2019) of any of the calculator's shapes.

Letters of shapes, here and in `decode`:

    B  sequences      N  tokens fed now     S  tokens attended to     V  vocabulary
    D  width          H  heads              d  width of one head, D / H
    L  tokens that a static cache has room for

Attention asks a *cache* for the keys and values of all tokens, and does not know where they come
from: they are computed anew each time (`Recompute`), put behind those that were kept (`Growing`),
or written into their place in a buffer (`Static`).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from reference.calculator import Model


class Cache(Protocol):
    """What is known of tokens that were fed before."""

    def unseen(self, ids: Tensor) -> Tensor:
        """Return those of all tokens so far, (B, S), that have to be fed."""
        ...

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Feed that many tokens: return their places, (N,), and who may look where, (N, S)."""
        ...

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of all tokens, (B, H, S, d), given the new ones, (B, H, N, d)."""
        ...


class Recompute:
    """No cache: every token is fed again in every step."""

    def unseen(self, ids: Tensor) -> Tensor:
        return ids

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        places = torch.arange(count, device=device)  # (N,)
        return places, places <= places[:, None]  # (N, N)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - nothing is kept
        return k, v


class Growing:
    """Keys and values that grow by concatenation, as most solutions of the coursework do it."""

    def __init__(self, layers: int) -> None:
        self.length = 0
        self.kept: list[tuple[Tensor, Tensor] | None] = [None] * layers  # (B, H, P, d) each

    def unseen(self, ids: Tensor) -> Tensor:
        return ids[:, self.length :]

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        self.length += count
        all_places = torch.arange(self.length, device=device)  # (S,)
        places = all_places[-count:]  # (N,)
        return places, all_places <= places[:, None]  # (N, S): the first stands behind the past

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        past = self.kept[layer]
        if past is None:
            k, v = k.contiguous(), v.contiguous()  # views would keep the queries as well
        else:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        self.kept[layer] = k, v
        return k, v


class Static:
    """Buffers of a fixed size; nothing that a step does depends on how many tokens there are.

    So a step can be recorded once and played again: where the next token goes stands in a tensor.
    The price: a step attends to the whole buffer, and what has not been written yet is masked.
    """

    def __init__(self, shape: Model, batch: int, length: int, like: Tensor) -> None:
        size = (shape.layers, batch, shape.kv_heads, length, shape.head_dim)
        self.keys = torch.zeros(size, dtype=like.dtype, device=like.device)
        self.values = torch.zeros(size, dtype=like.dtype, device=like.device)
        self.all_places = torch.arange(length, device=like.device)  # (L,)
        self.end = torch.zeros(1, dtype=torch.long, device=like.device)  # where the next one goes
        self.places = self.end  # of the tokens that are being fed, (N,)

    def unseen(self, ids: Tensor) -> Tensor:
        return ids[:, int(self.end) :]

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        self.places = self.end + torch.arange(count, device=device)  # (N,)
        self.end += count
        return self.places, self.all_places <= self.places[:, None]  # (N, L)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.keys[layer], self.values[layer]  # (B, H, L, d)
        keys.index_copy_(2, self.places, k)
        values.index_copy_(2, self.places, v)
        return keys, values


class Block(nn.Module):
    """Attention and a feed-forward network, each after a norm and added to what came in."""

    def __init__(self, shape: Model) -> None:
        super().__init__()
        width = shape.d_model
        self.heads = shape.query_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, shape.d_ff), nn.Linear(shape.d_ff, width)

    def attend(self, x: Tensor, layer: int, cache: Cache, visible: Tensor) -> Tensor:
        """Let N tokens look at themselves and at all before them; x is (B, N, D)."""
        batch, count, width = x.shape
        split = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # (B, H, N, d) each
        k, v = cache.extend(layer, k, v)  # (B, H, S, d) each
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=visible)  # (B, H, N, d)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))  # (B, N, D)

    def forward(self, x: Tensor, layer: int, cache: Cache, visible: Tensor) -> Tensor:
        """Take and return (B, N, D)."""
        x = x + self.attend(self.norm_1(x), layer, cache, visible)
        return x + self.down(gelu(self.up(self.norm_2(x)), approximate="tanh"))


class GPT(nn.Module):
    """Embeddings, blocks, and a score for every token that may come after the last one."""

    def __init__(self, shape: Model) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocab_size, shape.d_model)  # the head as well
        self.positions = nn.Embedding(shape.learned_positions, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.d_model)

    def forward(self, ids: Tensor, cache: Cache) -> Tensor:
        """Return logits (B, V) after the last of these tokens, (B, N), which follow the cached."""
        places, visible = cache.begin(ids.shape[1], ids.device)  # (N,), (N, S)
        x = self.tokens(ids) + self.positions(places)  # (B, N, D)
        for layer, block in enumerate(self.blocks):
            x = block(x, layer, cache, visible)
        return linear(self.norm(x[:, -1]), self.tokens.weight)  # (B, V)
