"""Parts 3 and 4: a transformer that keeps keys and values, and decoding with it."""

import math

import torch
from torch import nn

DRAFTED = 4  # tokens that the draft proposes for each pass of the target


class Cache:
    """Keys and values of the tokens that a model has seen, layer by layer."""

    def __init__(self, layers):
        self.keys = [None] * layers  # (B, H, P, d) each, once there are P tokens
        self.values = [None] * layers

    @property
    def length(self):
        """How many tokens have been seen."""
        return 0 if self.keys[0] is None else self.keys[0].shape[-2]

    def extend(self, layer, k, v):
        """Put k and v of new tokens, (B, H, N, d), behind the old ones: (B, H, P + N, d)."""
        if self.keys[layer] is not None:
            k = torch.cat([self.keys[layer], k], dim=-2)
            v = torch.cat([self.values[layer], v], dim=-2)
        self.keys[layer], self.values[layer] = k, v
        return k, v

    def cut(self, length):
        """Forget all tokens but the first ones."""
        self.keys = [k[:, :, :length] for k in self.keys]
        self.values = [v[:, :, :length] for v in self.values]


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

    def attend(self, x, cache, layer):
        """Let N new tokens look at themselves and at all P before them; x is (B, N, D)."""
        batch, length, width = x.shape
        heads = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (B, H, N, d) each
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, H, P + N, d) each
        past = k.shape[-2] - length
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, N, P + N)
        everything = torch.ones(length, past + length, dtype=torch.bool, device=x.device)
        later = everything.triu(past + 1)  # the first query stands at position P
        scores = scores.masked_fill(later, float("-inf"))
        mixed = torch.softmax(scores, dim=-1) @ v  # (B, H, N, d)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))  # (B, N, D)

    def forward(self, x, cache, layer):
        """x: (B, N, D), and so is what is returned."""
        x = x + self.attend(self.norms[0](x), cache, layer)
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

    def forward(self, ids, cache=None):
        """Return logits (B, N, V) for ids (B, N), which follow those in the cache."""
        past = cache.length if cache is not None else 0
        places = torch.arange(past, past + ids.shape[1], device=ids.device)  # (N,)
        x = self.tokens(ids) + self.positions(places)  # (B, N, D)
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        return self.head(self.norm(x))


@torch.no_grad()
def decode(model, ids, n):
    """Return ids (B, N) with the n most likely next tokens behind them: (B, N + n)."""
    cache = Cache(len(model.blocks))
    new = ids  # (B, N): the prompt, and then the last token alone
    for _ in range(n):
        logits = model(new, cache)  # (B, N, V), then (B, 1, V)
        new = logits[:, -1:].argmax(dim=-1)  # (B, 1)
        ids = torch.cat([ids, new], dim=1)
    return ids


@torch.no_grad()
def speculate(target, draft, ids, n):
    """Return what decode does of the target, (1, N + n), and how many tokens each pass accepted.

    The draft proposes some tokens one by one. One pass of the target tells its own choice after
    each of them: proposals are kept as long as they are that, and then comes one of the target's.
    """
    seen, drafted = Cache(len(target.blocks)), Cache(len(draft.blocks))
    end, accepted = ids.shape[1] + n, []
    while ids.shape[1] < end:
        length = ids.shape[1]
        count = min(DRAFTED, end - length - 1)  # the target adds one to what is kept
        guess = ids  # (1, length)
        for _ in range(count):
            logits = draft(guess[:, drafted.length :], drafted)  # (1, new, V)
            guess = torch.cat([guess, logits[:, -1:].argmax(dim=-1)], dim=1)
        logits = target(guess[:, seen.length :], seen)  # (1, new, V)
        best = logits[:, -count - 1 :].argmax(dim=-1)  # (1, count + 1)
        same = guess[0, length:] == best[0, :count]  # (count,)
        kept = int(same.long().cumprod(dim=0).sum())
        ids = torch.cat([guess[:, : length + kept], best[:, kept : kept + 1]], dim=1)
        accepted.append(kept)
        seen.cut(ids.shape[1] - 1)  # the last token is the next pass's first
        if count:
            drafted.cut(ids.shape[1] - 1)
    return ids, accepted
