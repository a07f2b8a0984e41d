"""A GPT that decodes a batch of sequences with a cache of dictionaries. Fill in every TODO.

How much memory does the cache take, and what does a step read of it?

    TODO 6: your answer, in a few sentences: the bytes of the caches by L, D, B and P, in general
    and for L = 12, D = 768, B = 16 and P = 1024 in float32; what a step reads of caches and
    weights, and which of the two a larger batch makes cheaper for each token.

Shapes: B sequences of T new positions after P cached ones, H heads of width d = D / H, L layers,
and a vocabulary of V tokens. Each layer's cache is a dictionary with these two entries:
{"k": (B, H, P, d), "v": (B, H, P, d)}.

Keep the names of the classes and of their modules: weights are loaded by name.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """Causal attention with H heads, over what is cached and what is new."""

    def __init__(self, heads, width):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        """(B, T, D) -> (B, H, T, d)"""
        B, T, D = x.shape
        return x.view(B, T, self.heads, D // self.heads).transpose(1, 2)

    def forward(self, x, past=None):
        """x (B, T, D) and a layer's cache, or None -> the output (B, T, D) and the longer cache."""
        # TODO 1: queries, keys and values of the new positions, (B, H, T, d) each.
        # TODO 2: keys and values of the cache in front of the new ones. Change no tensor of it.
        # TODO 3: causal attention: new position i stands behind all P cached ones.
        raise NotImplementedError("TODO 1-3: attention")


class GPTBlock(nn.Module):
    """Attention and an MLP, each after its norm and added to what came in."""

    def __init__(self, heads, width):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(heads, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, past=None):
        """x (B, T, D) and a layer's cache, or None -> the same of the layer's output."""
        attended, cache = self.attention(self.norm1(x), past)
        x = x + attended
        return x + self.down(functional.gelu(self.up(self.norm2(x)))), cache


class CachedGPT(nn.Module):
    """Embeddings of tokens and positions, blocks, a norm, and a score for every next token."""

    def __init__(self, vocab_size, context, layers, heads, width):
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(GPTBlock(heads, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size, bias=False)

    def forward(self, idx, past_kv_caches=None):
        """Return logits (B, T, V), the loss, and the caches of all layers.

        idx              (B, T), the new tokens
        past_kv_caches   None, or the caches of an earlier call: a list with one dictionary for
                         each layer. They stay as they are
        loss             how badly the logits foretell the tokens after them in idx: the mean
                         cross-entropy over B and the T - 1 positions; None where T is 1
        """
        # TODO 4: embeddings, blocks with their caches, the last norm and the head; then the loss.
        raise NotImplementedError("TODO 4: forward")

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0):
        """Return idx (B, T) with tokens drawn behind it, one by one: (B, T + max_new_tokens)."""
        # TODO 5: the prompt goes in once, and then the newest token of each row; each is drawn
        # from softmax(logits / temperature).
        raise NotImplementedError("TODO 5: generate")
