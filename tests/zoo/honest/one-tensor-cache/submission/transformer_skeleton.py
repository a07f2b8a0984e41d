import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        q = self.W_q(x)
        kv = torch.stack([self.W_k(x), self.W_v(x)])  # (2, batch, new, d_model)
        if past_kv is not None:
            kv = torch.cat([past_kv, kv], dim=2)  # (2, batch, all, d_model)
        k, v = kv.unbind(0)
        all_tokens, new_tokens = k.size(1), q.size(1)
        # rows of the full square mask that belong to the new tokens
        mask = torch.full((all_tokens, all_tokens), float("-inf"), device=x.device).triu(1)
        mask = mask[all_tokens - new_tokens :]
        attention = torch.baddbmm(
            mask.expand(x.size(0), -1, -1), q, k.transpose(1, 2), alpha=1 / math.sqrt(q.size(-1))
        ).softmax(-1)
        return self.W_o(attention.bmm(v)), kv


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
        self.norm1 = nn.LayerNorm(d_model)
        self.attention = SingleHeadAttention(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv=None, use_cache=False):
        y, kv = self.attention(self.norm1(x), past_kv, use_cache)
        x = x + self.dropout(y)
        y = self.feed_forward(self.norm2(x))
        return x + self.dropout(y), kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList(DecoderLayer(d_model, d_ff) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        past = past_kv.size(3) if past_kv is not None else 0  # (layers, 2, batch, past, d_model)
        weights = self.pos_embedding.weight[past : past + input_ids.size(1)]
        x = self.token_embedding(input_ids) + weights
        caches = []
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, past_kv[i] if past_kv is not None else None, use_cache)
            caches.append(kv)
        return self.output_projection(self.norm(x)), torch.stack(caches) if use_cache else None

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        ids, cache = input_ids, None
        for _ in range(max_new_tokens):
            if cache is None:
                logits, cache = self(ids, None, use_cache)
            else:
                logits, cache = self(ids[:, -1:], cache, use_cache)
            p = torch.softmax(logits[:, -1] / temperature, -1)
            ids = torch.cat([ids, p.multinomial(1)], 1)
        return ids


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
