import torch
import torch.nn.functional as F


def attention(q, k, v):
    B, H, N, d = q.shape
    att = q @ k.transpose(2, 3)
    mask = torch.tril(torch.ones(N, N, device=q.device))
    att = att.masked_fill(mask == 0, -1e9)
    att = F.softmax(att, dim=-1)
    return att @ v
