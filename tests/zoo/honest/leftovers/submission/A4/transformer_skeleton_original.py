"""Problem 2: a decoder-only transformer with a KV cache. Fill in every TODO.

The letters below name the dimensions in every shape comment of this file.

    B  sequences in the batch
    T  tokens fed in this call
    P  tokens of the past, whose keys and values lie in the cache
    S  tokens that can be looked at, S = P + T
    D  width of the model (d_model)
    F  inner width of the feed-forward network (d_ff)
    V  size of the vocabulary

Without a cache P is 0 and T is the whole sequence. With one, T is usually the whole prompt in the
first call and 1 in every later call; T > 1 after a cache must work as well.

Keep the names of the classes, of their arguments and of the modules: the weights are loaded by
name. Everything else is yours to add.
"""

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
        # TODO 1: queries, keys and values of the new tokens, each (B, T, D).
        # TODO 2: put the keys and values of the past in front of the new ones, (B, S, D).
        # TODO 3: scores (B, T, S): queries times keys, divided by the square root of D.
        # TODO 4: hide the future. Which position has the first query, if P tokens are cached?
        # TODO 5: softmax over the keys, weighted sum of the values, then W_o.
        raise NotImplementedError("TODO 1-5: attention")


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between them, applied to each token by itself."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)

    def forward(self, x):
        """x (B, T, D) -> (B, T, D)"""
        # TODO 6: fc1 to (B, T, F), ReLU, fc2 back to (B, T, D).
        raise NotImplementedError("TODO 6: feed-forward network")


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
        # TODO 7: x + dropout(attention(norm1(x))): the norm comes first, the residual goes around.
        # TODO 8: the same with the feed-forward network and norm2.
        raise NotImplementedError("TODO 7-8: decoder layer")


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
        past_kv    None, or what an earlier call returned: one pair (K, V) per layer. Do not change
                   it in place: one past may be continued in several ways.
        returns    the logits (B, T, V), and the new past or None
        """
        # TODO 9: embed the tokens and their positions. Where do positions start after a cache?
        # TODO 10: go through the layers; hand each its own past and collect the new one.
        # TODO 11: the last norm, then the projection to logits (B, T, V).
        raise NotImplementedError("TODO 9-11: transformer")

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        """Continue the prompt by `max_new_tokens` tokens drawn from softmax(logits / temperature).

        input_ids  (B, T), the prompt; T + max_new_tokens may be as large as max_seq_len
        returns    (B, T + max_new_tokens), the prompt and its continuation
        """
        # TODO 12: forward; take the logits of the last position, divide them by the temperature,
        #          draw one token from their softmax (torch.multinomial) and append it; repeat.
        # TODO 13: with `use_cache`, feed the whole prompt once, then only the newest token.
        raise NotImplementedError("TODO 12-13: generate")


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
