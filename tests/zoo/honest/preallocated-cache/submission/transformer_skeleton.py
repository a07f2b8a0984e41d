import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class KVBuffer:
    """Keys and values of one layer, in tensors that have room for the longest sequence."""

    def __init__(self, room):
        self.room = room
        self.keys = None
        self.values = None
        self.length = 0

    def copy(self):
        other = KVBuffer(self.room)
        other.length = self.length
        if self.keys is not None:
            other.keys, other.values = self.keys.clone(), self.values.clone()
        return other

    def append(self, keys, values):
        batch, new, width = keys.shape
        if self.keys is None:
            self.keys = keys.new_zeros(batch, self.room, width)
            self.values = values.new_zeros(batch, self.room, width)
        end = self.length + new
        self.keys[:, self.length : end] = keys
        self.values[:, self.length : end] = values
        self.length = end
        return self.keys[:, :end], self.values[:, :end]


class KVCache:
    """One buffer per layer."""

    def __init__(self, num_layers, room):
        self.layers = [KVBuffer(room) for _ in range(num_layers)]

    def __len__(self):
        return self.layers[0].length

    def copy(self):
        # whoever gave us this cache may want to use it again
        twin = KVCache(0, 0)
        twin.layers = [layer.copy() for layer in self.layers]
        return twin


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        q, k, v = self.W_q(x), self.W_k(x), self.W_v(x)
        past = 0
        if past_kv is not None:
            past = past_kv.length
            k, v = past_kv.append(k, v)
        scores = q @ k.mT / math.sqrt(self.d_model)
        rows = torch.arange(past, past + x.size(1), device=x.device)
        columns = torch.arange(k.size(1), device=x.device)
        scores.masked_fill_(columns > rows[:, None], -torch.inf)
        return self.W_o(F.softmax(scores, -1) @ v), past_kv


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class DecoderLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv=None, use_cache=False):
        h, past_kv = self.attention(self.norm1(x), past_kv, use_cache)
        x = x + self.dropout(h)
        return x + self.dropout(self.feed_forward(self.norm2(x))), past_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        cache = None
        if use_cache:
            fresh = KVCache(len(self.layers), self.max_seq_len)
            cache = past_kv.copy() if past_kv is not None else fresh
        start = len(cache) if cache is not None else 0
        positions = torch.arange(start, start + input_ids.size(1), device=input_ids.device)
        x = self.token_embedding(input_ids) + self.pos_embedding(positions)
        for i, layer in enumerate(self.layers):
            x, _ = layer(x, cache.layers[i] if cache is not None else None, use_cache)
        return self.output_projection(self.norm(x)), cache

    @torch.inference_mode()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        output = input_ids
        logits, cache = self(output, use_cache=use_cache)
        for i in range(max_new_tokens):
            probs = F.softmax(logits[:, -1] / temperature, -1)
            token = torch.multinomial(probs, 1)
            output = torch.cat([output, token], 1)
            if i + 1 < max_new_tokens:
                logits, cache = self(token if use_cache else output, cache, use_cache)
        return output


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
