"""Flops and bytes of every step of a transformer layer, counted kernel by kernel.

Letters in the formulas:

    B  sequences          T  tokens fed now       S  tokens attended to, S = past + T
    D  d_model            H  query heads          K  KV heads             d  head_dim
    F  d_ff               b  bytes per element    w  bytes per weight

A step reads what it needs from memory once and writes its result once; nothing stays on the chip
from one step to the next, unless a step is *fused*: it then works on what the step before it is
about to write, with flops of its own and no bytes. All of the T x S scores are computed, masked
or not, as standard attention does.
Norms, residuals, rotary positions and dropout are left out.

Without a KV cache T = S: a prefill, and as well every step of decoding without a cache, which
computes the whole sequence anew. With one, T = 1 per step of decoding.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from .cost import Cost, linear, total
from .models import Model

FUSED = frozenset({"scale", "activation", "gating"})  # what kernels usually fuse
FLASH = FUSED | {"mask", "softmax"}  # what one kernel for all of attention fuses besides
STEPS = FUSED | {"scores", "mask", "softmax", "values"}
SOFTMAX_FLOPS = 3  # per score: exponential, sum, division; 5 with the maximum and its subtraction


def input_projections(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    bytes_per_weight: float | None = None,
    biases: bool = False,
) -> tuple[Cost, ...]:
    """Return the costs of Q, K and V, three products that each read the tokens (B, T, D) anew.

    Together 6·B·T·D² flops and 6·B·T·D·b + 3·D²·w bytes where K = H. ``biases`` are left out
    unless asked for, also of a model that has some: they are one flop in D.
    """
    sizes = (("q projection", model.d_model), ("k projection", model.kv_width),
             ("v projection", model.kv_width))  # fmt: skip
    return tuple(
        linear(
            name, batch * tokens, model.d_model, out, bytes_per_element, bytes_per_weight, biases
        )
        for name, out in sizes
    )


def output_projection(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    bytes_per_weight: float | None = None,
    biases: bool = False,
) -> Cost:
    """Return the cost of the output projection: 2·B·T·D² flops, 2·B·T·D·b + D²·w bytes."""
    return linear(
        "output projection",
        batch * tokens,
        model.d_model,
        model.d_model,
        bytes_per_element,
        bytes_per_weight,
        biases,
    )


def attention(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    new_tokens: int | None = None,
    fused: Collection[str] = FUSED,
    without: Collection[str] = (),
    softmax_flops: int = SOFTMAX_FLOPS,
) -> tuple[Cost, ...]:
    """Return the costs of attention itself, between the projections, over all heads of one layer.

        scores   2·B·H·T·S·d flops   reads q (B, T, H, d) and k (B, S, K, d), writes (B, H, T, S)
        scale    B·H·T·S             fused into the scores unless ``fused`` says otherwise
        mask     B·H·T·S             one look at every score; none where T is 1
        softmax  3·B·H·T·S           reads and writes (B, H, T, S) once
        values   2·B·H·T·S·d         reads (B, H, T, S) and v (B, S, K, d), writes (B, T, H, d)

    ``tokens`` is S. ``new_tokens`` is T: None for all of them at once without a KV cache; with one,
    1 in decoding, more for a chunk of a prompt or the verification of drafted tokens. Keys and
    values then count as ``cache_bytes``. ``fused`` and ``without`` name steps that move no bytes of
    their own, or that are not taken at all. Query heads that share a KV head read it once.
    (Vaswani et al., Attention Is All You Need, 2017; Ainslie et al., GQA, 2023.)
    """
    fresh = _new_tokens(batch, tokens, new_tokens)
    _known(*fused, *without)
    b = bytes_per_element
    scores = batch * model.query_heads * fresh * tokens
    product = 2 * scores * model.head_dim
    queries = b * batch * fresh * model.d_model  # as large as the output
    keys = b * batch * tokens * model.kv_width  # as large as the values
    held, given = (0, keys) if new_tokens is None else (keys, 0)
    absent = {*without, "mask"} if fresh == 1 and new_tokens is not None else set(without)
    steps = (
        Cost("scores", product, 0, held, given + queries, b * scores),
        Cost("scale", scores, 0, 0, b * scores, b * scores),
        Cost("mask", scores, 0, 0, b * scores, b * scores),
        Cost("softmax", softmax_flops * scores, 0, 0, b * scores, b * scores),
        Cost("values", product, 0, held, given + b * scores, queries),
    )
    return tuple(_fused(step, fused) for step in steps if step.name not in absent)


def feed_forward(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    bytes_per_weight: float | None = None,
    fused: Collection[str] = FUSED,
) -> tuple[Cost, ...]:
    """Return the costs of the feed-forward network, biases as the model has them.

    Two matrices, up and down: 4·B·T·D·F flops and, with biases, B·T·(F + D) more. With a gate a
    third, and the product of gate and up, B·T·F flops (SwiGLU: Shazeer, 2020). The activation
    counts one flop per element where it is a kernel of its own, and none where it is fused; a fused
    product reads the gate's result beside what is about to be written.
    """
    _known(*fused)
    rows, b = batch * tokens, bytes_per_element
    inner = rows * model.d_ff

    def product(name: str, size_in: int, size_out: int) -> Cost:
        return linear(name, rows, size_in, size_out, b, bytes_per_weight, model.biases)

    steps = [product("up", model.d_model, model.d_ff)]
    if model.ffn_matrices == 3:  # noqa: PLR2004 - gate, up and down
        steps.insert(0, product("gate", model.d_model, model.d_ff))
    if "activation" not in fused:
        steps.insert(1, Cost("activation", inner, 0, 0, b * inner, b * inner))
    if steps[0].name == "gate":
        apart = Cost("gating", inner, 0, 0, 2 * b * inner, b * inner)
        steps.append(replace(apart, input_bytes=b * inner, output_bytes=0)
                     if "gating" in fused else apart)  # fmt: skip
    return (*steps, product("down", model.d_ff, model.d_model))


def layer(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    new_tokens: int | None = None,
    bytes_per_weight: float | None = None,
    projection_biases: bool = False,
    fused: Collection[str] = FUSED,
) -> tuple[Cost, ...]:
    """Return the costs of one layer, step by step; arguments as in `attention`.

    Of a GPT-2 without a cache (K = H, F = 4·D) they add up to 24·B·N·D² + 4·B·N²·D + 5·B·H·N²
    + 5·B·N·D flops.
    """
    fresh = _new_tokens(batch, tokens, new_tokens)
    b, w = bytes_per_element, bytes_per_weight
    return (
        *input_projections(model, batch, fresh, b, bytes_per_weight=w, biases=projection_biases),
        *attention(model, batch, tokens, b, new_tokens=new_tokens, fused=fused),
        output_projection(model, batch, fresh, b, bytes_per_weight=w, biases=projection_biases),
        *feed_forward(model, batch, fresh, b, bytes_per_weight=w, fused=fused),
    )


def logits(
    model: Model,
    batch: int,
    tokens: int = 1,
    bytes_per_element: float = 2,
    *,
    bytes_per_weight: float | None = None,
) -> Cost:
    """Return the cost of the head, (B·T, D) @ (D, V): for the last token of each sequence."""
    return linear(
        "logits",
        batch * tokens,
        model.d_model,
        model.vocab_size,
        bytes_per_element,
        bytes_per_weight,
        biases=False,
    )


def forward(
    model: Model,
    batch: int,
    tokens: int,
    bytes_per_element: float = 2,
    *,
    new_tokens: int | None = None,
    heads_of: int = 1,
    projection_biases: bool = False,
    fused: Collection[str] = FUSED,
) -> Cost:
    """Return the cost of all layers and of the head for the last ``heads_of`` tokens of each.

    The other arguments are those of `layer`.
    """
    one = total(
        layer(model, batch, tokens, bytes_per_element, new_tokens=new_tokens,
              projection_biases=projection_biases, fused=fused)
    )  # fmt: skip
    head = logits(model, batch, heads_of, bytes_per_element)
    return total([one.times(model.layers), head], "forward")


def standard_attention(
    tokens: int,
    head_dim: int,
    bytes_per_element: float = 2,
    *,
    decode: bool = False,
    batch: int = 1,
    softmax_flops: int = 0,
) -> tuple[Cost, ...]:
    """Return the costs of the standard attention algorithm: one head, no scale, no mask.

    S = QKᵀ and P = softmax(S) are written to memory and read back (Dao et al., FlashAttention,
    2022, algorithm 0). For N tokens and head width d

        prefill  4·N²·d flops, (4·N² + 4·N·d)·b bytes, intensity N·d / ((N + d)·b)
        decode   4·N·d flops, (2·N·d + 4·N + 2·d)·b bytes: one query on N keys and values

    The flops are the two products'; ``softmax_flops`` adds that many per score, 3 to 5.
    """
    head = Model("one head", 1, 1, 1, head_dim, 1, 1)
    return attention(
        head,
        batch,
        tokens,
        bytes_per_element,
        new_tokens=1 if decode else None,
        without=("scale", "mask"),
        softmax_flops=softmax_flops,
    )


def _fused(step: Cost, fused: Collection[str]) -> Cost:
    return Cost(step.name, step.flops) if step.name in fused else step


def _known(*steps: str) -> None:
    for step in steps:
        if step not in STEPS:
            raise ValueError(f"no step {step!r}: there are {', '.join(sorted(STEPS))}")


def _new_tokens(batch: int, tokens: int, new_tokens: int | None) -> int:
    """Return T; refuse what cannot be."""
    if batch < 1 or tokens < 1:
        raise ValueError("batch and tokens are at least 1")
    if new_tokens is None:
        return tokens
    if not 1 <= new_tokens <= tokens:
        raise ValueError(f"new_tokens is from 1 to all {tokens} tokens")
    return new_tokens
