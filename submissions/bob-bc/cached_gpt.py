"""A GPT that decodes a batch of sequences with a cache of dictionaries.

How much memory does the cache take, and what does a step read of it?

    k and v are (B, H, P, d) floats each, in L layers: 2 * L * B * H * P * d * 4 bytes and
    H * d = D. With the numbers above it is 1.2 GB.

Shapes: B sequences of T new positions after P cached ones, H heads of width d = D / H, L layers,
and a vocabulary of V tokens. Each layer's cache is a dictionary with these two entries:
{"k": (B, H, P, d), "v": (B, H, P, d)}.

Keep the names of the classes and of their modules: weights are loaded by name.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


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
        q = self.split(self.query(x))
        k = self.split(self.key(x))
        v = self.split(self.value(x))
        if past is not None:
            k = torch.cat([past["k"], k], 2)
            v = torch.cat([past["v"], v], 2)
        S = k.shape[2]
        att = torch.einsum("bhtd,bhsd->bhts", q, k) * (q.shape[-1] ** -0.5)
        mask = torch.tril(torch.ones(S, S, device=x.device))[S - T :]  # last T rows
        att = att.masked_fill(mask == 0, -1e9)
        att = att.softmax(-1)
        y = torch.einsum("bhts,bhsd->bthd", att, v)
        return self.out(y.reshape(B, T, D)), {"k": k, "v": v}


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
        return x + self.down(F.gelu(self.up(self.norm2(x)))), cache


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
        B, T = idx.shape
        pos = torch.arange(T, device=idx.device)
        x = self.tokens(idx) + self.positions(pos)
        caches = []
        for i, block in enumerate(self.blocks):
            past = past_kv_caches[i] if past_kv_caches else None
            x, c = block(x, past)
            caches.append(c)
        logits = self.head(self.norm(x))
        loss = None
        if T > 1:
            V = logits.shape[-1]
            loss = F.cross_entropy(logits[:, :-1].reshape(-1, V), idx[:, 1:].reshape(-1))
        return logits, loss, caches

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0):
        """Return idx (B, T) with tokens drawn behind it, one by one: (B, T + max_new_tokens)."""
        out, caches = idx, None
        cur = idx
        for _ in range(max_new_tokens):
            logits, loss, caches = self(cur, past_kv_caches=caches)
            probs = (logits[:, -1] / temperature).softmax(-1)
            cur = torch.multinomial(probs, 1)
            out = torch.cat([out, cur], dim=1)
        return out
