"""Causal self-attention: the part of the model that you write."""

import torch


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return scaled dot-product attention in which no position sees a later one.

    q, k, v and what is returned: (B, H, N, d).
    """
    raise NotImplementedError("write attention in attention.py")
