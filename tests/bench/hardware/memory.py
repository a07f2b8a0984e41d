"""Bytes and flops: what the formulas say, what the allocator and PyTorch's counter say."""

import dataclasses
import gc

import torch
from torch.utils.flop_counter import FlopCounterMode

from reference import calculator as calc
from reference.gpt import Growing, Recompute
from tests.bench.hardware.setting import built, ids

SERVED = "llama-3-8b"  # of which the largest batch is asked


def allocated(setting, make):
    """Return what is made, and by how many bytes the allocator says that it grew."""
    if not setting.is_gpu:
        made = make()
        tensors = made.state_dict().values() if isinstance(made, torch.nn.Module) else made
        return made, sum(t.untyped_storage().nbytes() for t in tensors)
    gc.collect()
    before = torch.cuda.memory_allocated(setting.device)
    made = make()
    torch.cuda.synchronize()
    return made, torch.cuda.memory_allocated(setting.device) - before


def sizes(setting):
    """Weights and cache: what the formulas say, and what is allocated."""
    model, weights = allocated(setting, lambda: built(setting))
    said = calc.parameters(setting.model).total * setting.bytes
    yield {"what": "weights", "batch": "", "tokens": "", **against(said, weights)}
    for batch in setting.batches:
        for tokens in setting.tokens:
            prompt = ids(setting, batch, tokens)

            def kept(prompt=prompt):
                cache = Growing(setting.model.layers)
                with torch.inference_mode():
                    model(prompt, cache)
                return [tensor for layer in cache.layers for tensor in layer.kept]

            kept()  # libraries take memory of their own when they are first used
            said = batch * calc.kv_bytes_per_request(setting.model, tokens, setting.bytes)
            _, seen = allocated(setting, kept)
            yield {"what": "KV cache", "batch": batch, "tokens": tokens, **against(said, seen)}


def against(said, seen):
    """Return two columns and their ratio."""
    return {
        "by the formula": f"{said:,.0f}",
        "allocated": f"{seen:,}",
        "ratio": f"{seen / said:.5f}",
    }


def largest_batches(setting):
    """How many requests fit beside the weights: by the formula on free memory, and for real."""
    model = calc.MODELS[SERVED]
    for context in setting.contexts:
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(setting.device)
        weights = calc.weight_bytes(calc.parameters(model).total)
        each = calc.kv_bytes_per_request(model, context)
        said = calc.largest_batch(free, weights, each)
        held = [torch.empty(int(weights), dtype=torch.uint8, device=setting.device)]
        try:
            while True:
                held.append(torch.empty(int(each), dtype=torch.uint8, device=setting.device))
        except torch.OutOfMemoryError:
            fit = len(held) - 1
        del held
        torch.cuda.empty_cache()
        yield {
            "context": f"{context:,}",
            "free, bytes": f"{free:,}",
            "by the formula": said,
            "fit": fit,
            "off by": f"{abs(said - fit) / said:.2%}",
        }


def flops(setting):
    """Matrix products, by the formulas and by PyTorch's counter."""
    model = built(setting)
    for tokens in setting.tokens:
        counter = FlopCounterMode(display=False)
        with torch.inference_mode(), counter, torch.nn.attention.sdpa_kernel(
            torch.nn.attention.SDPBackend.MATH
        ):  # fmt: skip
            model(ids(setting, 1, tokens), Recompute(setting.model.layers))
        steps = calc.layer(setting.model, 1, tokens, setting.bytes)
        plain = dataclasses.replace(setting.model, biases=False)
        products = [step for step in calc.layer(plain, 1, tokens, setting.bytes)
                    if step.name not in ("scale", "mask", "softmax")]  # fmt: skip
        head = calc.logits(setting.model, 1).flops
        said = setting.model.layers * calc.total(products).flops + head
        everything = setting.model.layers * calc.total(steps).flops + head
        yield {
            "tokens": tokens,
            "products by the formulas": f"{said:,.0f}",
            "counted": f"{counter.get_total_flops():,}",
            "counted/said": f"{counter.get_total_flops() / said:.5f}",
            "with scale, mask, softmax, biases": f"{everything:,.0f}",
        }
