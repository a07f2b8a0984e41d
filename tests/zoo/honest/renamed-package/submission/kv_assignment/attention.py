"""Single-head attention with a KV cache."""

import math

import torch
from torch import nn


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        # x: (batch, seq_len, d_model)
        q = self.W_q(x)
        k = self.W_k(x)
        v = self.W_v(x)

        # put the cached keys and values in front
        past_len = 0
        if use_cache and past_kv is not None:
            past_k, past_v = past_kv
            past_len = past_k.size(1)
            k = torch.cat([past_k, k], dim=1)
            v = torch.cat([past_v, v], dim=1)
        new_kv = (k, v)

        scores = torch.matmul(q, k.transpose(-2, -1)) / math.sqrt(self.d_model)

        # causal mask: no token may look at the tokens after it (the cached ones are before it)
        seq_len = x.size(1)
        mask = torch.ones(seq_len, past_len + seq_len, device=x.device)
        mask = torch.triu(mask, diagonal=1 + past_len)
        scores = scores.masked_fill(mask == 1, float("-inf"))

        attn = torch.softmax(scores, dim=-1)
        output = self.W_o(torch.matmul(attn, v))
        return output, new_kv
