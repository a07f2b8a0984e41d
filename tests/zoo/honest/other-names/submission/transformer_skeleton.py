import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SingleHeadAttention(nn.Module):
    """One attention head over the embeddings z."""

    def __init__(self, dim):
        super().__init__()
        self.W_q = nn.Linear(dim, dim, bias=False)
        self.W_k = nn.Linear(dim, dim, bias=False)
        self.W_v = nn.Linear(dim, dim, bias=False)
        self.W_o = nn.Linear(dim, dim, bias=False)
        self.root = math.sqrt(dim)

    def forward(self, z, memory=None, remember=False):
        queries = self.W_q(z) / self.root
        keys = self.W_k(z)
        values = self.W_v(z)
        if memory is not None:
            keys = torch.cat([memory[0], keys], 1)
            values = torch.cat([memory[1], values], 1)
        n_new, n_all = z.shape[1], keys.shape[1]

        # lower triangle, flush with the right edge: row i sees everything up to itself
        see = torch.tril(torch.ones(n_new, n_all, device=z.device), n_all - n_new).bool()
        logits = torch.bmm(queries, keys.transpose(1, 2))
        logits = torch.where(see, logits, torch.tensor(float("-inf"), device=z.device))
        mixed = torch.bmm(logits.softmax(-1), values)
        return self.W_o(mixed), [keys, values]

class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, z):
        return self.fc2(F.relu(self.fc1(z)))


class DecoderLayer(nn.Module):
    def __init__(self, dim, hidden_dim, p=0.1):
        super().__init__()
        self.attention = SingleHeadAttention(dim)
        self.feed_forward = FeedForward(dim, hidden_dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.drop = nn.Dropout(p)

    def forward(self, z, memory=None, remember=False):
        attended, memory = self.attention(self.norm1(z), memory, remember)
        z = z + self.drop(attended)
        z = z + self.drop(self.feed_forward(self.norm2(z)))
        return z, memory


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, n_words, dim, hidden_dim, depth, longest):
        super().__init__()
        self.token_embedding = nn.Embedding(n_words, dim)
        self.pos_embedding = nn.Embedding(longest, dim)
        self.layers = nn.ModuleList([DecoderLayer(dim, hidden_dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.output_projection = nn.Linear(dim, n_words)

    def forward(self, ids, memory=None, remember=False):
        seen = 0 if memory is None else memory[0][0].shape[1]
        where = torch.arange(ids.shape[1], device=ids.device) + seen
        z = self.token_embedding(ids) + self.pos_embedding(where)
        memories = []
        for i in range(len(self.layers)):
            z, layer_memory = self.layers[i](z, memory[i] if memory else None, remember)
            memories.append(layer_memory)
        z = self.output_projection(self.norm(z))
        return (z, memories) if remember else (z, None)

    @torch.no_grad()
    def generate(self, ids, how_many, heat=1.0, remember=True):
        z, memory = self.forward(ids, None, remember)
        while True:
            p = (z[:, -1] / heat).softmax(-1)
            ids = torch.cat([ids, torch.multinomial(p, 1)], 1)
            how_many -= 1
            if how_many == 0:
                return ids
            if remember:
                z, memory = self.forward(ids[:, -1:], memory, True)
            else:
                z, _ = self.forward(ids)


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
