"""A GPT that decodes a batch of sequences with a cache of dictionaries.

How much memory does the cache take, and what does a step read of it?

    Every layer stores D numbers for the key and D for the value of each token, so the caches have
    2 * L * D * B * P numbers, times 4 bytes. For L = 12, D = 768, B = 16, P = 1024 I get
    2 * 12 * 768 * 16 * 1024 * 4 = 1,207,959,552 bytes, 1.2 GB.
    One step reads the whole cache and all the weights. The weights are the same for all rows, so
    with a batch of 16 each token pays only 1/16 of reading them. Every row has its own cache, so a
    bigger batch does not make that part cheaper.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


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
        q, new_k, new_v = [self.split(linear(x)) for linear in (self.query, self.key, self.value)]
        if past is None:
            cache = {"k": new_k, "v": new_v}
        else:
            # the old dictionary is left alone, someone may still need it
            cache = {
                "k": torch.cat((past["k"], new_k), dim=-2),
                "v": torch.cat((past["v"], new_v), dim=-2),
            }
        total = cache["k"].shape[-2]
        # the queries are the last T of all positions
        query_at = torch.arange(total - T, total, device=x.device)[:, None]  # (T, 1)
        key_at = torch.arange(total, device=x.device)[None, :]  # (1, total)
        allowed = key_at <= query_at  # (T, total)
        y = F.scaled_dot_product_attention(q, cache["k"], cache["v"], attn_mask=allowed)
        return self.out(y.transpose(1, 2).contiguous().view(B, T, D)), cache


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
        """Return logits (B, T, V), the loss, and the caches of all layers."""
        seen = 0 if past_kv_caches is None else past_kv_caches[0]["k"].shape[-2]
        T = idx.shape[1]
        position = seen + torch.arange(T, device=idx.device)
        x = self.tokens(idx) + self.positions(position)
        new_caches = []
        for i, block in enumerate(self.blocks):
            x, cache = block(x, None if past_kv_caches is None else past_kv_caches[i])
            new_caches.append(cache)
        logits = self.head(self.norm(x))
        if T == 1:
            return logits, None, new_caches  # there is no next token to compare with
        log_p = F.log_softmax(logits[:, :-1], dim=-1)
        loss = -log_p.gather(2, idx[:, 1:, None]).mean()
        return logits, loss, new_caches

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0):
        """Return idx (B, T) with tokens drawn behind it, one by one: (B, T + max_new_tokens)."""
        logits, _, caches = self(idx)
        for step in range(max_new_tokens):
            p = F.softmax(logits[:, -1, :] / temperature, dim=-1)
            token = torch.multinomial(p, 1)
            idx = torch.cat((idx, token), dim=1)
            if step < max_new_tokens - 1:
                logits, _, caches = self(token, past_kv_caches=caches)
        return idx
