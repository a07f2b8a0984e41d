import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class DynamicCache:
    """Same idea as the class of that name in Hugging Face transformers."""

    def __init__(self):
        self.key_cache = []
        self.value_cache = []

    def get_seq_length(self):
        return self.key_cache[0].shape[1] if len(self.key_cache) > 0 else 0

    def update(self, key_states, value_states, layer_idx):
        if len(self.key_cache) <= layer_idx:
            self.key_cache.append(key_states)
            self.value_cache.append(value_states)
        else:
            self.key_cache[layer_idx] = torch.cat([self.key_cache[layer_idx], key_states], dim=1)
            self.value_cache[layer_idx] = torch.cat([self.value_cache[layer_idx], value_states], dim=1)
        return self.key_cache[layer_idx], self.value_cache[layer_idx]

    def copy(self):
        # shallow: the tensors are never written to, only replaced
        other = DynamicCache()
        other.key_cache = list(self.key_cache)
        other.value_cache = list(self.value_cache)
        return other

    def __len__(self):
        return len(self.key_cache)


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model, layer_idx=0):
        super().__init__()
        self.d_model = d_model
        self.layer_idx = layer_idx
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        q, k, v = self.W_q(x), self.W_k(x), self.W_v(x)
        past_len = 0
        if past_kv is not None:
            k, v = past_kv.update(k, v, self.layer_idx)
            past_len = k.shape[1] - q.shape[1]
        scores = torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(self.d_model)
        q_pos = torch.arange(past_len, past_len + q.shape[1], device=x.device)[:, None]
        k_pos = torch.arange(k.shape[1], device=x.device)[None, :]
        scores = scores.masked_fill(k_pos > q_pos, torch.finfo(scores.dtype).min)
        return self.W_o(torch.einsum("bqk,bkd->bqd", scores.softmax(dim=-1), v)), past_kv


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class DecoderLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1, layer_idx=0):
        super().__init__()
        self.attention = SingleHeadAttention(d_model, layer_idx)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv=None, use_cache=False):
        attn_out, new_kv = self.attention(self.norm1(x), past_kv, use_cache)
        x = x + self.dropout(attn_out)
        x = x + self.dropout(self.feed_forward(self.norm2(x)))
        return x, new_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff, layer_idx=i) for i in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        cache = None
        if use_cache:
            cache = DynamicCache() if past_kv is None else past_kv.copy()
        past_len = cache.get_seq_length() if cache is not None else 0
        positions = torch.arange(past_len, past_len + input_ids.shape[1], device=input_ids.device)
        x = self.token_embedding(input_ids) + self.pos_embedding(positions)
        for layer in self.layers:
            x, _ = layer(x, cache, use_cache)
        return self.output_projection(self.norm(x)), cache

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        past_kv, step_input = None, input_ids
        for _ in range(max_new_tokens):
            logits, past_kv = self(step_input, past_kv, use_cache)
            probs = F.softmax(logits[:, -1] / temperature, dim=-1)
            next_token = torch.multinomial(probs, 1)
            input_ids = torch.cat([input_ids, next_token], dim=1)
            step_input = next_token if use_cache else input_ids
        return input_ids


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
