"""What `grader calc` answers about models and memory: parameters, KV cache, largest batch.

``calculator`` is the module `reference/calculator`; no formula stands here.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from grader.calc import sheets
from grader.calc.choice import Asked, Calculator, Model, chosen, known_device
from grader.calc.sheets import Column, Sheet

VARIANTS = tuple(product(("gqa", "mha"), (3, 2), (False, True)))
MEMORY = (
    Column("parameters", "parameters", sheets.whole),
    Column("bytes", "bytes", sheets.whole),
    Column("bytes", "GB", sheets.gigabytes),
    Column("bytes", "GiB", sheets.gibibytes),
)


def models(calculator: Calculator, _asked: Asked) -> list[Sheet]:
    """Return the table of known models."""
    rows = [
        {
            "name": model.name,
            "layers": model.layers,
            "query_heads": model.query_heads,
            "kv_heads": model.kv_heads,
            "head_dim": model.head_dim,
            "d_model": model.d_model,
            "d_ff": model.d_ff,
            "vocab_size": model.vocab_size,
            "parameters": calculator.parameters(model).total,
            "source": model.source,
        }
        for model in calculator.MODELS.values()
    ]
    inner = ("layers", "query_heads", "kv_heads", "head_dim", "d_model", "d_ff", "vocab_size",
             "parameters")  # fmt: skip
    numbers = tuple(Column(key, key.replace("_", " "), sheets.whole) for key in inner)
    columns = (Column("name", "model"), *numbers, Column("source", "source"))
    return [Sheet("models", "Models", columns, rows)]


def devices(calculator: Calculator, _asked: Asked) -> list[Sheet]:
    """Return the table of known devices."""
    rows = [
        {
            "name": device.name,
            "flops_per_second": device.flops_per_second,
            "bytes_per_second": device.bytes_per_second,
            "memory_bytes": device.memory_bytes,
            "ridge": device.ridge,
            "source": device.source,
        }
        for device in calculator.DEVICES.values()
    ]
    columns = (
        Column("name", "device"),
        Column("flops_per_second", "TFLOP/s", lambda rate: sheets.digits(rate / 1e12)),
        Column("bytes_per_second", "GB/s", sheets.gigabytes),
        Column("memory_bytes", "memory, GB", sheets.gigabytes),
        Column("ridge", "ridge, FLOP/B", sheets.digits),
        Column("source", "source"),
    )
    return [Sheet("devices", "Devices: dense fp16 or bf16 on tensor cores", columns, rows)]


def params(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return parameters part by part, or their total for each set of assumptions."""
    model = chosen(calculator, asked.model, asked)
    if asked.variants:
        return [_variants(calculator, model, asked)]
    found = calculator.parameters(
        model,
        attention=asked.attention,
        ffn_matrices=asked.ffn_matrices,
        tied=asked.tied,
        norms=not asked.no_norms,
    )
    parts = [
        ("attention, per layer", found.attention_per_layer),
        ("feed-forward network, per layer", found.ffn_per_layer),
        (f"attention, {model.layers} layers", found.attention),
        (f"feed-forward network, {model.layers} layers", found.ffn),
        ("norms", found.norms),
        ("token embedding", found.embedding),
        ("learned positions", found.positions),
        ("head", found.head),
        ("total", found.total),
    ]
    rows = [
        _memory({"part": part, "parameters": count}, calculator, asked) for part, count in parts
    ]
    title = f"Parameters of {model.name}, {sheets.digits(asked.bytes_per_weight)} bytes each"
    return [Sheet("parameters", title, (Column("part", ""), *MEMORY), rows)]


def _memory(row: dict[str, Any], calculator: Calculator, asked: Asked) -> dict[str, Any]:
    """Add to a row with ``parameters`` the bytes that they take."""
    return {**row, "bytes": calculator.weight_bytes(row["parameters"], asked.bytes_per_weight)}


def _variants(calculator: Calculator, model: Model, asked: Asked) -> Sheet:
    rows = [
        _memory(
            {
                "attention": attention,
                "ffn_matrices": matrices,
                "tied": tied,
                "parameters": calculator.parameters(
                    model,
                    attention=attention,
                    ffn_matrices=matrices,
                    tied=tied,
                    norms=not asked.no_norms,
                ).total,
            },
            calculator,
            asked,
        )
        for attention, matrices, tied in VARIANTS
    ]
    columns = (
        Column("attention", "attention"),
        Column("ffn_matrices", "FFN matrices", sheets.whole),
        Column("tied", "tied head", lambda tied: "yes" if tied else "no"),
        *MEMORY,
    )
    return Sheet("variants", f"Parameters of {model.name}, by assumptions", columns, rows)


def kv(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return the KV cache of each model, and what it would be without shared heads."""
    rows = []
    for name in asked.model:
        model = chosen(calculator, name, asked)
        for attention in ("gqa", "mha") if model.kv_heads < model.query_heads else ("gqa",):
            per_token = calculator.kv_bytes_per_token(
                model, asked.bytes_per_kv, attention=attention
            )
            per_request = calculator.kv_bytes_per_request(
                model, asked.context, asked.bytes_per_kv, attention=attention
            )
            heads = model.kv_heads if attention == "gqa" else model.query_heads
            rows.append({"model": model.name, "kv_heads": heads, "bytes_per_token": per_token,
                         "bytes_per_request": per_request})  # fmt: skip
    columns = (
        Column("model", "model"),
        Column("kv_heads", "KV heads", sheets.whole),
        Column("bytes_per_token", "B per token", sheets.whole),
        Column("bytes_per_request", "B per request", sheets.whole),
        Column("bytes_per_request", "MiB", sheets.mebibytes),
        Column("bytes_per_request", "GB", sheets.gigabytes),
    )
    title = (
        f"KV cache of a request of {asked.context:,} tokens, "
        f"{sheets.digits(asked.bytes_per_kv)} bytes per element"
    )
    compared = len(rows) > len(asked.model)
    notes = ("The second row of a model: were every query head to have its own KV head.",)
    return [Sheet("kv", title, columns, rows, notes if compared else ())]


def batch(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return the largest batch for each number of GPUs, memory read as GB and as GiB."""
    model, device = chosen(calculator, asked.model, asked), known_device(calculator, asked.device)
    found = calculator.parameters(
        model, attention=asked.attention, ffn_matrices=asked.ffn_matrices, tied=asked.tied
    )
    weights = calculator.weight_bytes(found.total, asked.bytes_per_weight)
    kv = calculator.kv_bytes_per_request(
        model, asked.context, asked.bytes_per_kv, attention=asked.attention
    )
    heads = model.kv_heads if asked.attention == "gqa" else model.query_heads
    gb = asked.memory_gb or device.memory_gb
    rows = [
        {
            "tensor_parallel": size,
            "weight_bytes_per_gpu": weights / size,
            "kv_bytes_per_gpu": float(calculator.kv_bytes_per_gpu(kv, size)),
            "batch_gb": calculator.largest_batch(gb * 1e9, weights, kv, size),
            "batch_gib": calculator.largest_batch(gb * sheets.GIB, weights, kv, size),
            "batch_gb_whole_heads": calculator.largest_batch(
                gb * 1e9, weights, kv, size, kv_heads=heads
            ),
            "batch_gib_whole_heads": calculator.largest_batch(
                gb * sheets.GIB, weights, kv, size, kv_heads=heads
            ),
        }
        for size in asked.tensor_parallel
    ]
    columns = [
        Column("tensor_parallel", "GPUs", sheets.whole),
        Column("weight_bytes_per_gpu", "weights per GPU, GB", sheets.gigabytes),
        Column("kv_bytes_per_gpu", "KV per request and GPU, MiB", sheets.mebibytes),
        Column("batch_gb", f"batch, {gb:g} GB", sheets.whole),
        Column("batch_gib", f"batch, {gb:g} GiB", sheets.whole),
    ]
    notes = []
    if any(heads % size for size in asked.tensor_parallel):
        columns += [
            Column("batch_gb_whole_heads", f"whole heads, {gb:g} GB", sheets.whole),
            Column("batch_gib_whole_heads", f"whole heads, {gb:g} GiB", sheets.whole),
        ]
        notes.append(
            f"whole heads: {heads} KV heads do not divide among all of these numbers of GPUs; "
            "each GPU holds whole ones."
        )
    title = f"Largest batch: {model.name} on {device.name}, {asked.context:,} tokens per request"
    return [Sheet("batch", title, tuple(columns), rows, tuple(notes))]
