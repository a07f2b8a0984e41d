"""Inference arithmetic of transformers: what a model needs, does, and how long it takes at best.

    models       shapes of models as their authors publish them
    memory       parameters, weights, KV cache, largest batch
    cost, steps  flops and bytes of every step of a layer, with and without a KV cache
    devices      peak rates of GPUs by their datasheets; the roofline
    speculative  what drafting tokens gains

Pure functions of the standard library. One multiply-add counts as two flops. Numbers of bytes are
whole where the sizes given are whole. A wrong argument raises ValueError with one sentence.
"""

from .cost import Cost, matmul, total
from .devices import DEVICES, Device, Roofline, roofline
from .memory import (
    Parameters,
    kv_bytes_per_gpu,
    kv_bytes_per_request,
    kv_bytes_per_token,
    largest_batch,
    parameters,
    weight_bytes,
)
from .models import MODELS, Model
from .speculative import expected_tokens_per_pass, speculative_speedup
from .steps import (
    FLASH,
    FUSED,
    attention,
    feed_forward,
    forward,
    input_projections,
    layer,
    logits,
    output_projection,
    standard_attention,
)

__all__ = [
    "DEVICES",
    "FLASH",
    "FUSED",
    "MODELS",
    "Cost",
    "Device",
    "Model",
    "Parameters",
    "Roofline",
    "attention",
    "expected_tokens_per_pass",
    "feed_forward",
    "forward",
    "input_projections",
    "kv_bytes_per_gpu",
    "kv_bytes_per_request",
    "kv_bytes_per_token",
    "largest_batch",
    "layer",
    "logits",
    "matmul",
    "output_projection",
    "parameters",
    "roofline",
    "speculative_speedup",
    "standard_attention",
    "total",
    "weight_bytes",
]
