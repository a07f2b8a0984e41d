"""A decoder-only transformer with a KV cache: the full-marks answer to problem 2.

The letters below name the dimensions in every shape comment of this file.

    B  sequences in the batch
    T  tokens fed in this call
    P  tokens of the past, whose keys and values lie in the cache
    S  tokens that can be looked at, S = P + T
    D  width of the model (d_model)
    F  inner width of the feed-forward network (d_ff)
    V  size of the vocabulary

Without a cache P is 0 and T is the whole sequence. With one, T is usually the whole prompt in the
first call and 1 in every later call. The same lines serve both: nothing below asks which it is.
"""

import math

import torch
from torch import nn


class SingleHeadAttention(nn.Module):
    """Causal self-attention with one head."""

    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        """Attend from the tokens of `x` to themselves and to the past.

        x        (B, T, D)
        past_kv  None, or the pair (K, V) of the past, each (B, P, D)
        returns  the output (B, T, D), and the pair (K, V) of past and new tokens, each (B, S, D),
                 or None without `use_cache`
        """
        Q = self.W_q(x)  # (B, T, D)
        K = self.W_k(x)  # (B, T, D)
        V = self.W_v(x)  # (B, T, D)
        if past_kv is not None:
            past_K, past_V = past_kv  # (B, P, D) each
            K = torch.cat([past_K, K], dim=1)  # (B, S, D): a new tensor, the past stays as it was
            V = torch.cat([past_V, V], dim=1)  # (B, S, D)

        T, S = Q.size(1), K.size(1)
        P = S - T
        scores = Q @ K.transpose(1, 2) / math.sqrt(self.d_model)  # (B, T, S)

        # Query i stands at position P + i and may look at the keys 0 ... P + i. What lies further
        # right is the future, so the diagonal moves right by the length of the cache.
        future = torch.ones(T, S, dtype=torch.bool, device=x.device).triu(diagonal=P + 1)  # (T, S)
        scores = scores.masked_fill(future, float("-inf"))  # (B, T, S)

        weights = torch.softmax(scores, dim=-1)  # (B, T, S), each row sums to 1
        output = self.W_o(weights @ V)  # (B, T, D)
        return output, (K, V) if use_cache else None


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between them, applied to each token by itself."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x):
        """x (B, T, D) -> (B, T, D)"""
        hidden = torch.relu(self.fc1(x))  # (B, T, F)
        return self.fc2(hidden)  # (B, T, D)


class DecoderLayer(nn.Module):
    """Attention, then feed-forward; each behind its own LayerNorm and inside its own residual."""

    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv=None, use_cache=False):
        """x (B, T, D) -> the new x (B, T, D), and the attention's (K, V) pair or None"""
        attended, new_kv = self.attention(self.norm1(x), past_kv, use_cache)  # (B, T, D)
        x = x + self.dropout(attended)  # (B, T, D)
        x = x + self.dropout(self.feed_forward(self.norm2(x)))  # (B, T, D)
        return x, new_kv


class DecoderOnlyTransformer(nn.Module):
    """Token and position embeddings, the decoder layers, a last LayerNorm, and the projection."""

    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList(DecoderLayer(d_model, d_ff) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        """Score every token of the vocabulary as the successor of each token of `input_ids`.

        input_ids  (B, T)
        past_kv    None, or what an earlier call returned: a list with one pair (K, V) per layer.
                   It is read, never changed, so one past can be continued in several ways.
        use_cache  without it the past is ignored and no new one is returned
        returns    the logits (B, T, V), and the new past or None
        """
        if past_kv is None or not use_cache:
            past_kv = [None] * len(self.layers)
        P = 0 if past_kv[0] is None else past_kv[0][0].size(1)
        T = input_ids.size(1)
        end = P + T
        if end > self.max_seq_len:
            raise ValueError(
                f"{P} cached and {T} new tokens make {end}, but max_seq_len is {self.max_seq_len}"
            )

        positions = torch.arange(P, end, device=input_ids.device)  # (T,): counted from the past
        x = self.token_embedding(input_ids) + self.pos_embedding(positions)  # (B, T, D)

        new_past_kv = []
        for layer, layer_past in zip(self.layers, past_kv, strict=True):
            x, layer_kv = layer(x, layer_past, use_cache)  # (B, T, D)
            new_past_kv.append(layer_kv)

        logits = self.output_projection(self.norm(x))  # (B, T, V)
        return logits, new_past_kv if use_cache else None

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        """Continue the prompt by `max_new_tokens` tokens drawn from softmax(logits / temperature).

        input_ids  (B, T), the prompt
        returns    (B, T + max_new_tokens), the prompt and its continuation
        """
        total = input_ids.size(1) + max_new_tokens
        if total > self.max_seq_len:
            raise ValueError(
                f"prompt and new tokens make {total}, but max_seq_len is {self.max_seq_len}"
            )
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, not {temperature}")

        tokens = input_ids  # (B, T), grows by one column a step
        fed, past_kv = tokens, None  # the prompt goes in whole, with or without a cache
        for _ in range(max_new_tokens):
            logits, past_kv = self(fed, past_kv, use_cache)  # (B, number of tokens fed, V)
            probabilities = torch.softmax(logits[:, -1] / temperature, dim=-1)  # (B, V)
            new_token = torch.multinomial(probabilities, num_samples=1)  # (B, 1)
            tokens = torch.cat([tokens, new_token], dim=1)
            fed = new_token if use_cache else tokens  # the cache stands for all the rest
        return tokens


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
