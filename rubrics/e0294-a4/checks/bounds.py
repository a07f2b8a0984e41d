"""The least time that a timed call can take on this device: the calculator's count, the roofline.

The flops and bytes are those of the assignment's model in float32, with scale, mask, softmax and
activation fused; what the device does at best was measured by `grader doctor --measure`.
"""

from pathlib import Path

from tabulate import tabulate

from grader.beside import by_path

FUSED = frozenset({"scale", "mask", "softmax", "activation"})
FLOAT = 4  # bytes


def calculator():
    """Return the reference calculator."""
    return by_path(Path(__file__).resolve().parents[3] / "reference" / "calculator" / "__init__.py")


class Bounds:
    """Lower bounds, in seconds, for models of these sizes on a device with these rates."""

    def __init__(self, rates, dims):
        self._rates, self._layers = rates, dims["num_layers"]
        self._known = calculator()
        self._model = self._known.Model(
            "timed", self._layers, 1, 1, dims["d_model"], dims["d_ff"], dims["vocab_size"],
            ffn_matrices=2, norm="layernorm", biases=True,
        )  # fmt: skip

    def full(self, tokens):
        """One forward over so many tokens, with the logits of all of them."""
        return self._least(tokens, None, tokens)

    def step(self, tokens):
        """One token after a cache, so many with it."""
        return self._least(tokens, 1, 1)

    def generate(self, prompt, new, *, use_cache):
        """So many new tokens after a prompt; the last one is never fed."""
        after = range(prompt + 1, prompt + new)
        return self.full(prompt) + sum((self.step if use_cache else self.full)(n) for n in after)

    def _least(self, tokens, new_tokens, logits):
        work = self._known
        how = {"new_tokens": new_tokens, "fused": FUSED}
        layer = work.total(work.layer(self._model, 1, tokens, FLOAT, **how))
        head = work.logits(self._model, 1, logits, FLOAT)
        found = work.total([layer.times(self._layers), head])
        return self._rates.least(found.flops, found.bytes)


def table(device, rates, rows):
    """Return rows (what, least, reference, student), in seconds, as text with their shares."""
    if rates is None:
        return ""
    cells = [
        [what, f"{1e3 * least:.4g}", *(part for each in sides for part in _share(least, each))]
        for what, least, *sides in rows
    ]
    headers = ["", "least, ms", "reference, ms", "reached", "student, ms", "reached"]
    return (
        f"{device}: {rates} (measured in {rates.sandbox}, torch {rates.torch})\n\n"
        + tabulate(cells, headers=headers, disable_numparse=True, stralign="right")
        + "\n\nleast: the roofline's lower bound; reached: the share of it that was attained\n"
    )


def _share(least, seconds):
    if not seconds:
        return "", ""
    return f"{1e3 * seconds:.4g}", f"{100 * least / seconds:.3g} %"
