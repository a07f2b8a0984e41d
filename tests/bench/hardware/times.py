"""Times of a model, beside the least that the roofline allows."""

import functools

import torch

from reference import calculator as calc
from reference.gpt import Decoder, Growing, Recompute
from tests.bench.hardware.setting import built, freed, ids, median, timed

NO_CACHE = "no cache"
BESIDE = "t4"  # the device of the coursework's own predictions


class Times:
    """Times of one model on one device, beside the least that the roofline allows."""

    def __init__(self, setting, device):
        self.setting, self.device = setting, device
        self.points = []  # of the plots

    @functools.cached_property
    def model(self):
        """Return it, built when it is first asked for: memory is measured before."""
        return built(self.setting)

    def prefills(self):
        """One forward of a prompt."""
        for batch in self.setting.batches:
            for tokens in self.setting.tokens:
                took = self._recomputing(batch, tokens)
                yield self._row(NO_CACHE, batch, tokens, took, new_tokens=None)[0]

    def steps(self):
        """One token more, at a context: without a cache, with a growing one, and recorded."""
        setting = self.setting
        grid = [(b, n) for b in setting.batches for n in setting.tokens]
        grid += [(setting.batches[0], n) for n in setting.sweep]
        grid += [(b, setting.tokens[0]) for b in setting.crowds]
        for batch, tokens in dict.fromkeys(grid):
            slowest = None
            for way, took in self._ways(batch, tokens):
                freed(setting)
                new = None if way == NO_CACHE else 1
                row, bounds = self._row(way, batch, tokens, took, new_tokens=new)
                seconds = (median(took), *bounds)
                slowest = slowest or seconds
                gain, said, beside = (f"{a / b:.2f}" for a, b in zip(slowest, seconds, strict=True))
                yield {**row, "times as quick": gain, "by the roofline": said,
                       f"on a {BESIDE}": beside}  # fmt: skip

    def _ways(self, batch, tokens):
        """Time each way to take a step, the slowest in principle first."""
        yield NO_CACHE, self._recomputing(batch, tokens)
        yield "growing cache", self._growing(batch, tokens)
        recorded = "static cache, recorded" if self.setting.is_gpu else "static cache"
        yield recorded, self._static(batch, tokens, compiled=False)
        if self.setting.compiled:
            yield f"{recorded}, compiled", self._static(batch, tokens, compiled=True)

    def _recomputing(self, batch, tokens):
        prompt = ids(self.setting, batch, tokens)
        cache = Recompute(self.setting.model.layers)
        return timed(self.setting, lambda: self.model(prompt, cache))

    def _growing(self, batch, tokens):
        """One step behind a past; the cache is put back before each."""
        prompt = ids(self.setting, batch, tokens)
        cache = Growing(self.setting.model.layers)
        with torch.inference_mode():
            self.model(prompt[:, :-1], cache)
        kept, length = [layer.kept for layer in cache.layers], cache.length

        def step():
            for layer, own in zip(cache.layers, kept, strict=True):
                layer.kept = own
            cache.length = length
            self.model(prompt[:, -1:], cache)

        return timed(self.setting, step)

    def _static(self, batch, tokens, *, compiled):
        decoder = Decoder(self.model, batch, tokens, compiled=compiled)

        def step():
            decoder.cache.end.fill_(tokens - 1)
            decoder.step()

        return timed(self.setting, step)

    def _row(self, way, batch, tokens, took, *, new_tokens):
        """Return a row, and the least seconds here and on the device beside."""
        cost = calc.forward(self.setting.model, batch, tokens, self.setting.bytes,
                            new_tokens=new_tokens, projection_biases=True,
                            fused=calc.FLASH)  # fmt: skip
        least = calc.roofline(cost.flops, cost.bytes, self.device)
        seconds = median(took)
        self.points.append({
            "way": way, "batch": batch, "tokens": tokens, "seconds": seconds,
            "least": least.seconds,
            "intensity": cost.flops / cost.bytes, "flops": cost.flops,
            "step": new_tokens is not None,
        })  # fmt: skip
        elsewhere = calc.roofline(cost.flops, cost.bytes, calc.DEVICES[BESIDE]).seconds
        row = {
            "batch": batch,
            "tokens": tokens,
            "way": way,
            "ms": f"{1e3 * seconds:.3f}",
            "least - most": f"{1e3 * min(took):.3f} - {1e3 * max(took):.3f}",
            "roofline, ms": f"{1e3 * least.seconds:.3f}",
            "bound": least.bound,
            "reached": f"{least.seconds / seconds:.0%}",
        }
        return row, (least.seconds, elsewhere)
