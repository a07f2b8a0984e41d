"""What `grader calc` answers about work: steps of attention and of layers, and drafted tokens.

``calculator`` is the module `reference/calculator`; no formula stands here.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from grader.calc import sheets
from grader.calc.choice import Asked, Calculator, Cost, Device, Model, chosen, known_device
from grader.calc.sheets import Column, Sheet

STEP = Column("step", "step")
CASE = (Column("batch", "batch", sheets.whole), Column("tokens", "tokens", sheets.whole))
SPEEDUP = Column("speedup", "over no cache", lambda ratio: f"{sheets.digits(ratio)}x")
FUSED_NOTE = "No FLOP/B: the step is fused into the one before it and moves no bytes of its own."
COST = (
    Column("flops", "flops", sheets.whole),
    Column("weight_bytes", "weights, B", sheets.whole),
    Column("cache_bytes", "KV cache, B", sheets.whole),
    Column("input_bytes", "inputs, B", sheets.whole),
    Column("output_bytes", "outputs, B", sheets.whole),
    Column("bytes", "all bytes", sheets.whole),
    Column("intensity", "FLOP/B", sheets.digits),
)
TIMES = (
    Column("compute_seconds", "compute", sheets.seconds),
    Column("memory_seconds", "memory", sheets.seconds),
    Column("bound", "bound"),
)


def attention(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return the standard attention algorithm, step by step: a prefill, and a step of decoding."""
    found = []
    for name, decode in (("prefill", False), ("decode", True)):
        costs = calculator.standard_attention(
            asked.tokens,
            asked.head_dim,
            asked.bytes,
            decode=decode,
            batch=asked.batch,
            softmax_flops=asked.softmax_flops,
        )
        rows = [_cost(cost) for cost in (*costs, calculator.total(costs))]
        title = (
            f"Standard attention, {name}: N = {asked.tokens:,}, d = {asked.head_dim}, "
            f"batch {asked.batch}, {sheets.digits(asked.bytes)} bytes per element"
        )
        found.append(Sheet(name, title, (STEP, *_used(COST, rows)), rows))
    return found


def layer(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return one case step by step, or all layers together for several cases."""
    model = chosen(calculator, asked.model, asked)
    device = known_device(calculator, asked.device) if asked.device else None
    new = 1 if asked.decode else asked.new_tokens
    doing = "without a KV cache" if new is None else f"{new} new per sequence with a KV cache"
    where = f"{doing}, on {device.name}" if device else doing
    columns = COST + (TIMES if device else ())
    cases = list(product(asked.batch, asked.tokens))
    if len(cases) > 1:
        rows = [_case(calculator, model, asked, case, new, device) for case in cases]
        title = f"{model.name}, {model.layers} layers, {where}"
        shown = (*CASE, *_used((*columns, SPEEDUP), rows))
        return [Sheet("cases", title, shown, rows, keys=len(CASE))]
    ((batch, tokens),) = cases
    costs = layer_costs(calculator, model, asked, batch, tokens, new)
    one = calculator.total(costs, "one layer")
    costs = (*costs, one, one.times(model.layers, f"{model.layers} layers"))
    rows = [_cost(cost, calculator, device) for cost in costs]
    title = f"{model.name}, batch {batch}, {tokens:,} tokens, {where}"
    return [Sheet("steps", title, (STEP, *_used(columns, rows)), rows, (FUSED_NOTE,))]


def _case(
    calculator: Calculator,
    model: Model,
    asked: Asked,
    case: tuple[int, int],
    new: int | None,
    device: Device,
) -> dict[str, Any]:
    """Return all layers' cost for a batch and a context, and the gain over having no cache."""
    row = _cost(whole_model(calculator, model, asked, *case, new), calculator, device)
    del row["step"]
    if device and new is not None:
        naive = _cost(whole_model(calculator, model, asked, *case, None), calculator, device)
        row["speedup"] = naive["seconds"] / row["seconds"]
    return {"batch": case[0], "tokens": case[1], **row}


def layer_costs(
    calculator: Calculator, model: Model, asked: Asked, batch: int, tokens: int, new: int | None
) -> tuple[Cost, ...]:
    """Return a layer's costs under the assumptions asked for."""
    fused = (calculator.FUSED - set(asked.unfused)) | ({"mask"} if asked.fuse_mask else set())
    found: tuple[Cost, ...] = calculator.layer(
        model,
        batch,
        tokens,
        asked.bytes,
        new_tokens=new,
        bytes_per_weight=asked.bytes_per_weight,
        projection_biases=asked.projection_biases,
        fused=fused,
    )
    return found


def whole_model(
    calculator: Calculator, model: Model, asked: Asked, batch: int, tokens: int, new: int | None
) -> Cost:
    """Return the cost of all layers together."""
    costs = layer_costs(calculator, model, asked, batch, tokens, new)
    return calculator.total(costs, f"{model.layers} layers").times(model.layers)


def speculative(calculator: Calculator, asked: Asked) -> list[Sheet]:
    """Return expected tokens and speed-up for each number of drafted tokens up to the one asked."""
    rows = [
        {
            "drafted": drafted,
            "tokens_per_pass": calculator.expected_tokens_per_pass(asked.accept, drafted),
            "speedup": calculator.speculative_speedup(asked.accept, drafted, asked.cost_ratio),
        }
        for drafted in range(asked.draft + 1)
    ]
    columns = (
        Column("drafted", "drafted", sheets.whole),
        Column("tokens_per_pass", "tokens per target pass", sheets.digits),
        Column("speedup", "speed-up", sheets.digits),
    )
    title = f"Speculative decoding: acceptance {asked.accept:g}, cost ratio {asked.cost_ratio:g}"
    return [Sheet("speculative", title, columns, rows)]


def _cost(cost: Cost, calculator: Calculator = None, device: Device = None) -> dict[str, Any]:
    """Return a cost as a row; with a device, and with its times there."""
    row = {"step": cost.name, **{column.key: getattr(cost, column.key) for column in COST}}
    if not cost.bytes:
        row["intensity"] = None
    if device:
        line = calculator.roofline(cost.flops, cost.bytes, device)
        row |= {column.key: getattr(line, column.key) for column in TIMES}
        row |= {"seconds": line.seconds, "bound": line.bound if cost.bytes else None}
    return row


def _used(columns: Iterable[Column], rows: list[dict[str, Any]]) -> tuple[Column, ...]:
    """Return the columns in which any row has something."""
    return tuple(column for column in columns if any(row.get(column.key) for row in rows))
