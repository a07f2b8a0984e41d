# Assignment 4. The classes only hold the weights; all the work is done in one function below.
import torch
from torch import nn
from torch.nn import functional as F


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)


class DecoderLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.p = dropout


def norm(x, module):
    return F.layer_norm(x, x.shape[-1:], module.weight, module.bias)


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        # past_kv: one tensor (layers, 2, batch, seen, d_model)
        if not use_cache:
            past_kv = None
        seen = past_kv.shape[3] if past_kv is not None else 0
        new = input_ids.shape[1]
        dim = self.token_embedding.weight.shape[1]

        query_position = torch.arange(seen, seen + new, device=input_ids.device).view(-1, 1)
        key_position = torch.arange(seen + new, device=input_ids.device).view(1, -1)
        allowed = key_position <= query_position
        mask = torch.zeros(allowed.shape, device=input_ids.device).masked_fill(~allowed, -1e9)

        positions = query_position.view(-1)
        x = F.embedding(input_ids, self.token_embedding.weight)
        x = x + F.embedding(positions, self.pos_embedding.weight)
        memory = []
        for number, layer in enumerate(self.layers):
            att, ff = layer.attention, layer.feed_forward
            h = norm(x, layer.norm1)
            q = F.linear(h, att.W_q.weight)
            kv = torch.stack([F.linear(h, att.W_k.weight), F.linear(h, att.W_v.weight)])
            if past_kv is not None:
                kv = torch.cat([past_kv[number], kv], dim=2)
            memory.append(kv)
            k, v = kv[0], kv[1]
            scores = torch.baddbmm(mask.expand(len(x), -1, -1), q, k.mT, alpha=dim ** -0.5)
            scores = scores - scores.amax(dim=-1, keepdim=True)
            e = torch.exp(scores)
            a = e / e.sum(dim=-1, keepdim=True)
            h = F.linear(a.bmm(v), att.W_o.weight)
            x = x + F.dropout(h, layer.p, self.training)
            h = norm(x, layer.norm2)
            h = F.linear(h, ff.fc1.weight, ff.fc1.bias)
            h = h.clamp(min=0)
            h = F.linear(h, ff.fc2.weight, ff.fc2.bias)
            x = x + F.dropout(h, layer.p, self.training)

        last = norm(x, self.norm)
        logits = F.linear(last, self.output_projection.weight, self.output_projection.bias)
        return logits, torch.stack(memory) if use_cache else None

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        with torch.no_grad():
            return self.extend(input_ids, input_ids, None, max_new_tokens, temperature, use_cache)

    def extend(self, ids, feed, memory, left, temperature, use_cache):
        while left > 0:
            logits, memory = self.forward(feed, memory, use_cache)
            last = logits[:, -1] / temperature
            # Gumbel trick: the argmax of logits + noise is a sample of their softmax
            noise = -torch.log(-torch.log(torch.rand_like(last, dtype=torch.float64)))
            token = (last + noise).argmax(dim=-1, keepdim=True)
            ids = torch.cat([ids, token], dim=1)
            feed = token if use_cache else ids
            left = left - 1
        return ids
