import math

import torch
import torch.nn as nn
import torch.nn.functional as F

FUTURE = None  # which positions lie in the future, made once for all models


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        W = torch.cat([self.W_q.weight, self.W_k.weight, self.W_v.weight])  # (3D, D)
        Q, K, V = F.linear(x, W).chunk(3, dim=-1)
        if past_kv is not None:
            K = torch.cat([past_kv[0], K], dim=1)
            V = torch.cat([past_kv[1], V], dim=1)
        T, S = Q.shape[1], K.shape[1]
        scores = Q @ K.transpose(1, 2) / math.sqrt(self.d_model)
        mask = FUTURE[S - T : S, :S]
        scores = scores.masked_fill(mask, float("-inf"))
        output = self.W_o(torch.softmax(scores, dim=-1) @ V)
        return output, ((K, V) if use_cache else None)


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
        attn_out, new_kv = self.attention(self.norm1(x), past_kv, use_cache)
        x = x + self.dropout(attn_out)
        x = x + self.dropout(self.feed_forward(self.norm2(x)))
        return x, new_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        global FUTURE
        if FUTURE is None:
            FUTURE = torch.ones(max_seq_len, max_seq_len).triu(1).bool()
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        if past_kv is None or not use_cache:
            past_kv = [None] * len(self.layers)
        past_len = 0 if past_kv[0] is None else past_kv[0][0].shape[1]
        positions = torch.arange(past_len, past_len + input_ids.shape[1], device=input_ids.device)
        x = self.token_embedding(input_ids) + self.pos_embedding(positions)
        new_past_kv = []
        for layer, past in zip(self.layers, past_kv):
            x, kv = layer(x, past, use_cache)
            new_past_kv.append(kv)
        logits = self.output_projection(self.norm(x))
        return logits, (new_past_kv if use_cache else None)

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
