"""Causal self-attention: the part of the model that you write."""

import math

import torch


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return scaled dot-product attention in which no position sees a later one.

    q, k, v and what is returned: (B, H, N, d).
    """
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, N, N)
    length = q.shape[-2]
    later = torch.triu(torch.ones(length, length, dtype=torch.bool, device=q.device), 1)
    scores = scores.masked_fill(later, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v
