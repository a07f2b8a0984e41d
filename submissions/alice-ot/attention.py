import torch


def causal_bias(n, like):
    # 0 where we may look, -inf where we may not
    bias = torch.zeros(n, n, dtype=like.dtype, device=like.device)
    return bias.masked_fill_(~torch.ones(n, n, dtype=torch.bool, device=like.device).tril(), float("-inf"))


def attention(q, k, v):
    n, d = q.shape[-2:]
    scores = torch.einsum("bhid,bhjd->bhij", q, k) * d**-0.5
    weights = (scores + causal_bias(n, scores)).softmax(-1)
    return torch.einsum("bhij,bhjd->bhid", weights, v)
