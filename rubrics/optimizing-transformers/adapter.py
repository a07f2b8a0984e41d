import torch


class AttentionProbe(torch.nn.Module):
    """The submission's attention as a model of ids: q, k and v are looked up in tables."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (torch.nn.Embedding(width, width) for _ in range(3))

    def forward(self, ids, past=None, use_cache=False):  # noqa: ARG002 - what the grader passes
        """Return what attention makes of ids (B, N), the heads side by side: (B, N, width)."""
        batch, length = ids.shape
        split = [table(ids).reshape(batch, length, self.heads, -1).transpose(1, 2).contiguous()
                 for table in (self.q, self.k, self.v)]  # fmt: skip
        out = attention(*split)  # (B, heads, N, width / heads)
        if tuple(out.shape) != tuple(split[0].shape):
            raise ValueError(f"attention returned shape {tuple(out.shape)} for q, k and v of "
                             f"shape {tuple(split[0].shape)}")  # fmt: skip
        return out.transpose(1, 2).reshape(batch, length, -1), None
