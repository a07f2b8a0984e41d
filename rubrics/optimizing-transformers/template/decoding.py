"""Parts 3 and 4, optional: decoding with a cache of keys and values, and speculative decoding.

The model below works without a cache. Give it one, in whatever form you like, and keep
- `Transformer(vocabulary, longest, layers, heads, width)` and the names of its parameters: the
  weights are put in by their names;
- `model(ids)` for logits (B, N, V) of all positions without a cache.
"""

import torch
from attention import attention
from torch import nn


class Block(nn.Module):
    """Attention and an MLP, each after a norm and added to what came in."""

    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        """x: (B, N, D), and so is what is returned."""
        batch, length, width = x.shape
        heads = self.qkv(self.norms[0](x)).reshape(
            batch, length, 3, self.heads, width // self.heads
        )
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (B, H, N, d) each
        mixed = attention(q, k, v)  # (B, H, N, d)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norms[1](x))


class Transformer(nn.Module):
    """Token and position embeddings, blocks, and a score for every token that may come next."""

    def __init__(self, vocabulary, longest, layers, heads, width):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(heads, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids):
        """Return logits (B, N, V) for ids (B, N)."""
        places = torch.arange(ids.shape[1], device=ids.device)  # (N,)
        x = self.tokens(ids) + self.positions(places)  # (B, N, D)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@torch.no_grad()
def decode_naively(model, ids, n):
    """Return ids (B, N) with the n most likely next tokens behind them: (B, N + n)."""
    for _ in range(n):
        new = model(ids)[:, -1:].argmax(dim=-1)  # (B, 1)
        ids = torch.cat([ids, new], dim=1)
    return ids


def decode(model, ids, n):
    """Return the same tokens with a cache: nothing that was computed is computed again.

    ids: (B, N). Returned: (B, N + n). N + n is never more than the model's `longest`.
    """
    raise NotImplementedError("part 3: write decode in decoding.py")


def speculate(target, draft, ids, n):
    """Return the same tokens as decode(target, ids, n), and how many proposals were accepted.

    target and draft: two models of one vocabulary. ids: (1, N). Returned: ids (1, N + n), and a list
    with a whole number for each pass of the target, how many of the draft's tokens it accepted.
    """
    raise NotImplementedError("part 4: write speculate in decoding.py")
