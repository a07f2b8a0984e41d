"""Decoding with a cache and with a draft: right solutions pass, and each mistake gets its name."""

import atexit
import functools
import time

from tests.decoding import samples
from tests.proof.ledger import Row

TITLE = "Decoding"
ABOUT = """
Parts 3 and 4 of `optimizing-transformers`, one draw for all rows. The reference and a solution
written otherwise (a cache kept in the layers, PyTorch's attention, another number of proposals)
have to pass all checks, what is timed too. Each known mistake is made in the reference, and some in
the other solution: a row holds where a check saw it and the diagnosis named it and nothing else.
"""


@functools.cache
def ground(*, timed):
    """Return what the rows share."""
    found = samples.Ground(samples.optional(timed=timed))
    atexit.register(found.close)
    return found


def rows():
    """Return a row for each sample."""
    reference = (samples.REFERENCE / samples.FILE).read_text()
    honest = {"the reference": reference, "another solution": samples.STATEFUL.read_text()}
    return [
        *(Row(f"{who}, right", functools.partial(_right, text)) for who, text in honest.items()),
        *(Row(f"{mistake.id}, in the reference", functools.partial(_made, reference, mistake))
          for mistake in samples.optional().also[samples.MODEL].mistakes),
        *(Row(f"{name}, in another solution", functools.partial(_written, name))
          for name in samples.MISTAKES),
    ]  # fmt: skip


def _right(text):
    begin = time.monotonic()
    result = ground(timed=True).grade(text)
    failed = sorted(samples.wrong(result))
    speed = next(check["measured"] for c in result["criteria"] for check in c["checks"]
                 if check["id"] == samples.TIMED)  # fmt: skip
    told = f"{speed.get('generate_speedup', 0):.3g} times as quick"
    return {"not passed": ", ".join(failed) or "–", "named": told,
            "seconds": f"{time.monotonic() - begin:.0f}",
            "held": "no" if failed or result["diagnosis"] else "yes"}  # fmt: skip


def _made(text, mistake):
    for old, new in mistake.edits:
        assert text.count(old) == 1, mistake.id
        text = text.replace(old, new)
    return _named(text, mistake.id)


def _written(name):
    return _named(samples.mistaken(name), name)


def _named(text, name):
    begin = time.monotonic()
    result = ground(timed=False).examine(text)
    named, failed = samples.named(result), sorted(samples.wrong(result))
    return {"not passed": ", ".join(failed) or "–", "named": ", ".join(map(str, named)) or "–",
            "seconds": f"{time.monotonic() - begin:.0f}",
            "held": "yes" if failed and named == [name] else "no"}  # fmt: skip
