"""Decoder-only transformer. Attention by PyTorch's fused kernel, cache in preallocated buffers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, scaled_dot_product_attention


class Cache:
    """Room for `capacity` tokens in every layer; the first `length` of them are filled."""

    def __init__(self, num_layers: int, batch: int, capacity: int, d_model: int, like: Tensor):
        self.k = like.new_zeros(num_layers, batch, capacity, d_model)
        self.v = like.new_zeros(num_layers, batch, capacity, d_model)
        self.length = 0

    def fork(self) -> Cache:
        """A copy to write to, so the caller's cache stays what it was."""
        other = object.__new__(Cache)
        other.k, other.v, other.length = self.k.clone(), self.v.clone(), self.length
        return other

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        end = self.length + k.size(1)
        self.k[layer, :, self.length : end] = k
        self.v[layer, :, self.length : end] = v
        return self.k[layer, :, :end], self.v[layer, :, :end]


def causal_mask(queries: int, keys: int, device) -> Tensor:
    """(queries, keys), True where a query may look; the last query sees all keys."""
    key_index = torch.arange(keys, device=device)
    query_index = torch.arange(keys - queries, keys, device=device)
    return key_index[None, :] <= query_index[:, None]


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model: int):
        super().__init__()
        for name in "qkvo":
            setattr(self, f"W_{name}", nn.Linear(d_model, d_model, bias=False))

    def forward(self, x, past_kv: Cache | None = None, use_cache=False, layer: int = 0):
        q = torch.einsum("btd,ed->bte", x, self.W_q.weight)
        k = torch.einsum("btd,ed->bte", x, self.W_k.weight)
        v = torch.einsum("btd,ed->bte", x, self.W_v.weight)
        if past_kv is not None:
            k, v = past_kv.write(layer, k, v)
        visible = causal_mask(q.size(1), k.size(1), x.device)
        # one head: (B, 1, T, D); the kernel divides by the square root of D by itself
        q, k, v = q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=visible)
        return torch.einsum("btd,ed->bte", mixed.squeeze(1), self.W_o.weight), past_kv


class FeedForward(nn.Module):
    def __init__(self, d_model: int, d_ff: int):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(relu(self.fc1(x)))


class DecoderLayer(nn.Module):
    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.1):
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv: Cache | None = None, use_cache=False, layer: int = 0):
        h, _ = self.attention(self.norm1(x), past_kv, use_cache, layer)
        x = x + self.dropout(h)
        h = self.feed_forward(self.norm2(x))
        return x + self.dropout(h), past_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList(DecoderLayer(d_model, d_ff) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv: Cache | None = None, use_cache=False):
        B, T = input_ids.shape
        tokens = self.token_embedding(input_ids)
        cache = None
        if use_cache and past_kv is None:
            cache = Cache(len(self.layers), B, self.max_seq_len, tokens.size(2), like=tokens)
        elif use_cache:
            cache = past_kv.fork()
        offset = cache.length if cache is not None else 0
        x = tokens + self.pos_embedding(torch.arange(T, device=input_ids.device) + offset)
        for index, layer in enumerate(self.layers):
            x, _ = layer(x, cache, use_cache, layer=index)
        if cache is not None:
            cache.length += T
        x = self.norm(x)
        logits = torch.einsum("btd,vd->btv", x, self.output_projection.weight)
        return logits + self.output_projection.bias, cache

    @torch.inference_mode()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        B, T = input_ids.shape
        out = input_ids.new_zeros(B, T + max_new_tokens)
        out[:, :T] = input_ids
        cache, fed = None, 0
        for end in range(T, T + max_new_tokens):
            start = fed if use_cache else 0
            logits, cache = self(out[:, start:end], cache, use_cache)
            p = torch.softmax(logits[:, -1] / temperature, dim=-1)
            out[:, end] = torch.multinomial(p, 1).squeeze(1)
            fed = end
        return out
