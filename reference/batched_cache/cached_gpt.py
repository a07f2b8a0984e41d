"""A GPT that decodes a batch of sequences with a cache of dictionaries.

How much memory does the cache take, and what does a step read of it?

    A position keeps a key and a value of width D in each of the L layers, 4 bytes a number:
    8 L D bytes. A batch of B sequences with P positions takes 8 L D B P bytes; with L = 12,
    D = 768, B = 16 and P = 1024 these are 1.2 GB, beside 48 L D D bytes or 0.34 GB of weights
    in the layers. A step reads all of both. It does 4 L D B P flops with the cache, half a flop
    for each byte, whatever B is; but each weight that it reads serves all B rows, so that a
    larger batch makes the weights cheaper for each token, and never the cache.

Shapes: B sequences of T new positions after P cached ones, H heads of width d = D / H, and a
vocabulary of V tokens. Each layer's cache is a dictionary {"k": (B, H, P, d), "v": (B, H, P, d)}.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """Causal attention with H heads, over what is cached and what is new."""

    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        """(B, T, D) -> (B, H, T, d)"""
        B, T, D = x.shape
        return x.view(B, T, self.heads, D // self.heads).transpose(1, 2)

    def forward(self, x, past=None):
        """x (B, T, D) and a layer's cache, or None -> the output (B, T, D) and the longer cache."""
        B, T, D = x.shape
        q = self.split(self.query(x))  # (B, H, T, d)
        k = self.split(self.key(x))  # (B, H, T, d)
        v = self.split(self.value(x))  # (B, H, T, d)
        if past is not None:
            k = torch.cat([past["k"], k], dim=2)  # (B, H, P + T, d): a new tensor, none is changed
            v = torch.cat([past["v"], v], dim=2)  # (B, H, P + T, d)
        P = k.size(2) - T
        scores = q @ k.transpose(2, 3) / math.sqrt(q.size(3))  # (B, H, T, P + T)
        later = torch.ones(T, P + T, dtype=torch.bool, device=x.device).triu(P + 1)
        scores = scores.masked_fill(later, float("-inf"))
        mixed = torch.softmax(scores, dim=-1) @ v  # (B, H, T, d)
        mixed = mixed.transpose(1, 2).reshape(B, T, D)
        return self.out(mixed), {"k": k, "v": v}


class GPTBlock(nn.Module):
    """Attention and an MLP, each after its norm and added to what came in."""

    def __init__(self, heads, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(heads, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, past=None):
        """x (B, T, D) and a layer's cache, or None -> the same of the layer's output."""
        attended, cache = self.attention(self.norm1(x), past)
        x = x + attended
        return x + self.down(functional.gelu(self.up(self.norm2(x)))), cache


class CachedGPT(nn.Module):
    """Embeddings of tokens and positions, blocks, a norm, and a score for every next token."""

    def __init__(self, vocab_size, context, layers, heads, width):
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(GPTBlock(heads, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size, bias=False)

    def forward(self, idx, past_kv_caches=None):
        """Return logits (B, T, V), the loss, and the caches of all layers.

        idx              (B, T), the new tokens
        past_kv_caches   None, or the caches of an earlier call: a list with one dictionary for
                         each layer. They stay as they are
        loss             how badly the logits foretell the tokens after them in idx: the mean
                         cross-entropy over B and the T - 1 positions; None where T is 1
        """
        if past_kv_caches is None:
            past_kv_caches = [None] * len(self.blocks)
        past = past_kv_caches[0]
        P = 0 if past is None else past["k"].size(2)
        T = idx.size(1)
        end = P + T
        if end > self.context:
            raise ValueError(f"{P} cached and {T} new tokens do not fit into {self.context}")
        places = torch.arange(P, end, device=idx.device)  # (T,)
        x = self.tokens(idx) + self.positions(places)  # (B, T, D)
        caches = []
        for block, past in zip(self.blocks, past_kv_caches, strict=True):
            x, cache = block(x, past)
            caches.append(cache)
        logits = self.head(self.norm(x))  # (B, T, V)
        loss = None
        if T > 1:
            foretold, tokens = logits[:, :-1].flatten(0, 1), idx[:, 1:].flatten()
            loss = functional.cross_entropy(foretold, tokens)
        return logits, loss, caches

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0):
        """Return idx (B, T) with tokens drawn behind it, one by one: (B, T + max_new_tokens)."""
        new, caches = idx, None  # the prompt, and later the newest token of each row
        for _ in range(max_new_tokens):
            logits, _, caches = self(new, caches)
            chances = torch.softmax(logits[:, -1] / temperature, dim=-1)  # (B, V)
            new = torch.multinomial(chances, num_samples=1)  # (B, 1)
            idx = torch.cat([idx, new], dim=1)
        return idx
