"""A GPT-2 (Radford et al., 2019) of any of the calculator's shapes.

Letters of shapes, here and in `decode`:

    B  sequences      N  tokens fed now     S  tokens attended to     V  vocabulary
    D  width          H  heads              d  width of one head, D / H
    L  tokens that a static cache has room for

A *cache* says which tokens have to be fed and where they stand; attention asks the part of it that
belongs to its layer for the keys and values of all tokens, and does not know where those come from:
computed anew each time (`Recompute`), put behind those that were kept (`Growing`), or written into
their place in a buffer (`Static`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from reference.calculator import Model


class Layer(Protocol):
    """What one layer knows of tokens that were fed before."""

    def extend(self, k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of all tokens, (B, H, S, d), given the new ones, (B, H, N, d)."""
        ...


class Cache(Protocol):
    """What a model knows of tokens that were fed before."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The parts of the layers, from the first to the last."""
        ...

    def unseen(self, ids: Tensor) -> Tensor:
        """Return those of all tokens so far, (B, S), that have to be fed."""
        ...

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
        """Feed that many tokens: return their places, (N,), and who may look where.

        That is (N, S), or None where the tokens fed are all there are: each then sees itself and
        what stands before it, for which kernels exist that do not read a mask.
        """
        ...


class Recompute:
    """No cache: every token is fed again in every step."""

    def __init__(self, layers: int) -> None:
        self.layers = [self] * layers

    def unseen(self, ids: Tensor) -> Tensor:
        return ids

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, None]:
        return torch.arange(count, device=device), None  # (N,)

    def extend(self, k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - nothing is kept
        return k, v


class Growing:
    """Keys and values that grow by concatenation, as most solutions of the coursework do it."""

    def __init__(self, layers: int) -> None:
        self.length = 0
        self.layers = [GrowingLayer() for _ in range(layers)]

    def unseen(self, ids: Tensor) -> Tensor:
        return ids[:, self.length :]

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
        self.length += count
        all_places = torch.arange(self.length, device=device)  # (S,)
        places = all_places[-count:]  # (N,)
        if count == self.length:
            return places, None
        return places, all_places <= places[:, None]  # (N, S): the first stands behind the past


class GrowingLayer:
    """The keys and values of one layer."""

    def __init__(self) -> None:
        self.kept: tuple[Tensor, Tensor] | None = None  # (B, H, P, d) each

    def extend(self, k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - they go to the end
        if self.kept is None:
            k, v = k.contiguous(), v.contiguous()  # views would keep the queries as well
        else:
            k, v = torch.cat([self.kept[0], k], dim=2), torch.cat([self.kept[1], v], dim=2)
        self.kept = k, v
        return k, v


class Static:
    """Buffers of a fixed size; nothing that a step does depends on how many tokens there are.

    So a step can be recorded once and played again: where the next token goes stands in a tensor.
    The price: a step attends to the whole buffer, and what has not been written yet is masked.
    """

    def __init__(self, shape: Model, batch: int, length: int, like: Tensor) -> None:
        size = (batch, shape.kv_heads, length, shape.head_dim)
        self.layers = [StaticLayer(like.new_zeros(size), like.new_zeros(size))
                       for _ in range(shape.layers)]  # fmt: skip
        self.all_places = torch.arange(length, device=like.device)  # (L,)
        self.end = torch.zeros(1, dtype=torch.long, device=like.device)  # where the next one goes

    def unseen(self, ids: Tensor) -> Tensor:
        return ids[:, int(self.end) :]

    def begin(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        places = self.end + torch.arange(count, device=device)  # (N,)
        self.end += count
        return places, self.all_places <= places[:, None]  # (N, L)


class StaticLayer:
    """The buffers of one layer, (B, H, L, d) each."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values

    def extend(self, k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        self.keys.index_copy_(2, places, k)
        self.values.index_copy_(2, places, v)
        return self.keys, self.values


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

    def attend(self, x: Tensor, past: Layer, places: Tensor, visible: Tensor | None) -> Tensor:
        """Let N tokens look at themselves and at all before them; x is (B, N, D)."""
        batch, count, width = x.shape
        split = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # (B, H, N, d) each
        k, v = past.extend(k, v, places)  # (B, H, S, d) each
        mixed = scaled_dot_product_attention(q, k, v, visible, is_causal=visible is None)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))  # (B, N, D)

    def forward(self, x: Tensor, past: Layer, places: Tensor, visible: Tensor | None) -> Tensor:
        """Take and return (B, N, D)."""
        x = x + self.attend(self.norm_1(x), past, places, visible)
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

    def forward(
        self, ids: Tensor, cache: Cache, through: Callable[..., Tensor] = Block.forward
    ) -> Tensor:
        """Return logits (B, V) after the last of these tokens, (B, N), which follow the cached.

        ``through`` takes a block and does what it does: the same code, or one that was compiled.
        """
        places, visible = cache.begin(ids.shape[1], ids.device)  # (N,), (N, S)
        x = self.tokens(ids) + self.positions(places)  # (B, N, D)
        for block, past in zip(self.blocks, cache.layers, strict=True):
            x = through(block, x, past, places, visible)
        return linear(self.norm(x[:, -1]), self.tokens.weight)  # (B, V)
