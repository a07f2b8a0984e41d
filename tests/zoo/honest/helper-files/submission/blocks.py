import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        Q, K, V = self.W_q(x), self.W_k(x), self.W_v(x)
        if past_kv is not None:
            K = torch.cat([past_kv[0], K], dim=1)
            V = torch.cat([past_kv[1], V], dim=1)
        T, S = Q.shape[1], K.shape[1]
        scores = Q @ K.transpose(1, 2) / math.sqrt(self.d_model)
        mask = torch.triu(torch.ones(T, S, device=x.device), diagonal=S - T + 1).bool()
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
