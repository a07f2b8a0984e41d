"""A cache that is kept in the layers and emptied by hand; PyTorch's own attention."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.k = self.v = None

    def attention(self, x, cached):
        b, n, width = x.shape
        q, k, v = (
            part.view(b, n, self.heads, -1).transpose(1, 2)
            for part in self.qkv(x).split(width, dim=-1)
        )
        if cached:
            if self.k is not None:
                k = torch.cat((self.k, k), dim=2)
                v = torch.cat((self.v, v), dim=2)
            self.k, self.v = k, v
        total = k.shape[2]
        mask = torch.arange(total)[None] <= torch.arange(total - n, total)[:, None]
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(x.device))
        return self.out(y.transpose(1, 2).reshape(b, n, width))

    def forward(self, x, cached):
        x = x + self.attention(self.norms[0](x), cached)
        return x + self.mlp(self.norms[1](x))


class Transformer(nn.Module):
    def __init__(self, vocabulary, longest, layers, heads, width):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(heads, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        self.seen = 0

    def reset(self, seen=0):
        self.seen = seen
        for block in self.blocks:
            block.k = block.k[:, :, :seen] if seen else None
            block.v = block.v[:, :, :seen] if seen else None

    def forward(self, ids, *, cached=False):
        start = self.seen if cached else 0
        x = self.tokens(ids) + self.positions.weight[start : start + ids.shape[1]]
        for block in self.blocks:
            x = block(x, cached)
        if cached:
            self.seen += ids.shape[1]
        return self.head(self.norm(x))


@torch.no_grad()
def decode(model, ids, n):
    model.reset()
    out = [ids]
    logits = model(ids, cached=True)
    for step in range(n):
        token = logits[:, -1].argmax(-1, keepdim=True)
        out.append(token)
        if step < n - 1:
            logits = model(token, cached=True)
    return torch.cat(out, dim=1)


@torch.no_grad()
def speculate(target, draft, ids, n, ahead=3):
    wanted = ids.shape[1] + n
    target.reset()
    draft.reset()
    last = target(ids, cached=True)[:, -1].argmax(-1, keepdim=True)  # a token of the prompt's pass
    ids = torch.cat((ids, last), dim=1)
    accepted = [0]
    while ids.shape[1] < wanted:
        have, tokens = ids.shape[1], ids
        for _ in range(ahead):
            token = draft(tokens[:, draft.seen :], cached=True)[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat((tokens, token), dim=1)
        choices = target(tokens[:, have - 1 :], cached=True).argmax(-1)
        good = 0
        while good < ahead and tokens[0, have + good] == choices[0, good]:
            good += 1
        ids = torch.cat((tokens[:, : have + good], choices[:, good : good + 1]), dim=1)
        target.reset(have + good)
        draft.reset(min(have + good, draft.seen))
        accepted.append(good)
    return ids[:, :wanted], accepted
