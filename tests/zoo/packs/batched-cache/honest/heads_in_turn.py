"""The caches hold a key and a value for each layer, H heads and P tokens of B sequences:
8 * L * D * B * P bytes. A step reads it all and the weights. A larger batch shares the weights."""

from math import sqrt

import torch as t
from torch import nn


class Attention(nn.Module):
    def __init__(self, n_heads, n_embd):
        super().__init__()
        self.n_heads = n_heads
        for name in ("query", "key", "value", "out"):
            setattr(self, name, nn.Linear(n_embd, n_embd))

    def forward(self, x, kv=None):
        width = x.size(2) // self.n_heads
        keys, values, outputs = [], [], []
        for head in range(self.n_heads):
            mine = slice(head * width, (head + 1) * width)
            q, k, v = self.query(x)[..., mine], self.key(x)[..., mine], self.value(x)[..., mine]
            if kv is not None:
                k = t.cat((kv["k"][:, head], k), 1)
                v = t.cat((kv["v"][:, head], v), 1)
            rows = []
            for i in range(x.size(1)):  # one query after the other
                sees = k.size(1) - x.size(1) + i + 1
                score = (k[:, :sees] * q[:, i : i + 1]).sum(2) / sqrt(width)  # (B, sees)
                share = (score - score.logsumexp(1, keepdim=True)).exp()
                rows.append((share[..., None] * v[:, :sees]).sum(1))
            outputs.append(t.stack(rows, 1))
            keys.append(k)
            values.append(v)
        grown = {"v": t.stack(values, 1), "k": t.stack(keys, 1)}
        return self.out(t.cat(outputs, 2)), grown


class GPTBlock(nn.Module):
    def __init__(self, n_heads, n_embd):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.attention = Attention(n_heads, n_embd)
        self.up, self.down = nn.Linear(n_embd, 4 * n_embd), nn.Linear(4 * n_embd, n_embd)

    def forward(self, x, kv=None):
        y, kv = self.attention(self.norm1(x), kv)
        x = x + y
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x)))), kv


class CachedGPT(nn.Module):
    def __init__(self, vocabulary, longest, n_layers, n_heads, n_embd):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, n_embd)
        self.positions = nn.Embedding(longest, n_embd)
        self.blocks = nn.ModuleList([GPTBlock(n_heads, n_embd) for _ in range(n_layers)])
        self.norm = nn.LayerNorm(n_embd)
        self.head = nn.Linear(n_embd, vocabulary, bias=False)

    def forward(self, ids, caches=None, with_loss=True):
        caches = list(caches) if caches else [None] * len(self.blocks)
        start = caches[0]["k"].shape[2] if caches[0] else 0
        x = self.tokens(ids) + self.positions.weight[start : start + ids.shape[1]]
        for layer, block in enumerate(self.blocks):
            x, caches[layer] = block(x, caches[layer])
        logits = self.head(self.norm(x))
        if not with_loss or ids.shape[1] < 2:
            return [logits, None, caches]
        likely = logits[:, :-1] - logits[:, :-1].logsumexp(2, keepdim=True)
        loss = 0.0
        for row in range(ids.shape[0]):
            for at in range(ids.shape[1] - 1):
                loss = loss - likely[row, at, ids[row, at + 1]]
        return [logits, loss / (ids.shape[0] * (ids.shape[1] - 1)), caches]

    def generate(self, ids, n, heat=1.0):
        with t.no_grad():
            done, fed, caches = [ids], ids, None
            while len(done) <= n:
                logits, _, caches = self(fed, caches, with_loss=False)
                odds = (logits[:, -1] / heat).softmax(1)
                fed = t.stack([t.multinomial(row, 1) for row in odds])
                done.append(fed)
            return t.cat(done, 1)
