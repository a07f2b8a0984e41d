"""Greedy decoding: plain, and as quick as a step of a few hundred small kernels can be made.

A step of a plain decode is bound by the processor that launches its kernels, one by one, and not by
the GPU: its cache then changes little. Recorded once as a CUDA graph, the same kernels are launched
by one call, and what is left is the time to read weights and cache. That needs a cache of a fixed
size, and the next token and its place kept on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .model import GPT, Block, Cache, Static

WARM_UP_STEPS = 3  # libraries choose kernels and allocate workspace before anything is recorded


@torch.inference_mode()
def generate(model: GPT, ids: Tensor, count: int, cache: Cache) -> Tensor:
    """Return ids, (B, N), with the most likely next tokens behind them: (B, N + count)."""
    for _ in range(count):
        logits = model(cache.unseen(ids), cache)  # (B, V)
        ids = torch.cat([ids, logits.argmax(dim=-1, keepdim=True)], dim=1)
    return ids


def _compiled():
    """Return what a block does, compiled for one shape."""
    torch.compiler.reset()  # what was compiled for other shapes counts against a limit
    return torch.compile(Block.forward, fullgraph=True, dynamic=False,
                         options={"coordinate_descent_tuning": True})  # fmt: skip


class Decoder:
    """Decodes with a static cache of ``length`` tokens; on a GPU a step is one CUDA graph.

    ``compiled`` lets torch.compile write the kernels of a block, fewer of them. It is compiled
    once, not once for each block, in some ten seconds.
    """

    @torch.inference_mode()
    def __init__(self, model: GPT, batch: int, length: int, *, compiled: bool = False) -> None:
        self.model = model
        weight = model.tokens.weight
        self.cache = Static(model.shape, batch, length, weight)
        self.last = torch.zeros(batch, 1, dtype=torch.long, device=weight.device)  # (B, 1)
        self.through = _compiled() if compiled else Block.forward
        self.step = self._recorded() if weight.is_cuda else self._step

    @torch.inference_mode()
    def prefill(self, ids: Tensor) -> None:
        """Feed a prompt, (B, N), to an empty cache; `last` is then the token after it."""
        self.cache.end.zero_()
        self.last.copy_(self.model(ids, self.cache).argmax(dim=-1, keepdim=True))

    @torch.inference_mode()
    def generate(self, ids: Tensor, count: int) -> Tensor:
        """Return what `generate` of this module does: (B, N + count)."""
        self.prefill(ids)
        found = [ids, self.last.clone()]
        for _ in range(count - 1):
            self.step()
            found.append(self.last.clone())  # (B, 1)
        return torch.cat(found, dim=1)[:, : ids.shape[1] + count]

    @torch.inference_mode()
    def _step(self) -> None:
        """Feed the last token; the one after it takes its place."""
        logits = self.model(self.last, self.cache, self.through)  # (B, V)
        self.last.copy_(logits.argmax(dim=-1, keepdim=True))

    def _recorded(self):
        """Record one step; return what plays it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        return graph.replay
