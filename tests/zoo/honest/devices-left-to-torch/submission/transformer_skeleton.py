"""Decoder-only transformer with a KV cache."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)
        self.scale = d_model**-0.5

    def forward(self, x, past_kv=None, use_cache=False):
        query, key, value = self.W_q(x), self.W_k(x), self.W_v(x)

        # How many tokens are already in the cache? They come before the new ones.
        num_cached = 0
        if past_kv is not None:
            num_cached = past_kv[0].shape[1]
            key = torch.cat((past_kv[0], key), dim=1)
            value = torch.cat((past_kv[1], value), dim=1)

        # Compare real positions, so the mask is right for a whole prompt, for one
        # token after a cache, and for several tokens after a cache.
        key_position = torch.arange(key.shape[1])
        query_position = num_cached + torch.arange(query.shape[1])
        allowed = key_position[None, :] <= query_position[:, None]

        attention_scores = torch.einsum("bqd,bkd->bqk", query, key) * self.scale
        attention_scores = attention_scores.masked_fill(~allowed, float("-inf"))
        attention_weights = F.softmax(attention_scores, dim=-1)
        context = torch.einsum("bqk,bkd->bqd", attention_weights, value)

        new_kv = (key, value) if use_cache else None
        return self.W_o(context), new_kv


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
        # attention block (norm first, then add back)
        residual = x
        attention_output, new_kv = self.attention(
            self.norm1(x), past_kv=past_kv, use_cache=use_cache
        )
        x = residual + self.dropout(attention_output)

        # feed-forward block
        residual = x
        x = residual + self.dropout(self.feed_forward(self.norm2(x)))
        return x, new_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)
        self.max_seq_len = max_seq_len

    def forward(self, input_ids, past_kv=None, use_cache=False):
        # The cache is a tuple with one (key, value) tuple for each layer.
        start = 0
        if past_kv is not None:
            start = past_kv[0][0].shape[1]
        end = start + input_ids.shape[1]
        if end > self.max_seq_len:
            raise ValueError(f"sequence of {end} tokens is longer than {self.max_seq_len}")

        # The positions go on where the cache ends.
        position_ids = torch.arange(start, end).unsqueeze(0)
        hidden = self.token_embedding(input_ids) + self.pos_embedding(position_ids)

        presents = ()
        for index, layer in enumerate(self.layers):
            layer_past = None if past_kv is None else past_kv[index]
            hidden, present = layer(hidden, past_kv=layer_past, use_cache=use_cache)
            presents += (present,)

        logits = self.output_projection(self.norm(hidden))
        return logits, presents if use_cache else None

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        generated = input_ids
        cache = None
        with torch.no_grad():
            for step in range(max_new_tokens):
                # With a cache only the prompt (first step) or the newest token goes in.
                feed_newest = use_cache and step > 0
                model_input = generated[:, -1:] if feed_newest else generated
                logits, cache = self.forward(model_input, past_kv=cache, use_cache=use_cache)
                distribution = F.softmax(logits[:, -1, :] / temperature, dim=-1)
                next_token = torch.multinomial(distribution, num_samples=1)
                generated = torch.cat((generated, next_token), dim=1)
        # the prompt is known, so hand back the continuation only
        return generated[:, input_ids.shape[1] :]


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
