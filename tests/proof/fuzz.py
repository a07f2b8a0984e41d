"""The protocol against twenty thousand guests that say anything."""

import functools
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.properties import LIMITS, MB, PROPERTIES, Seen
from tests.proof.ledger import Row

TITLE = "The protocol under fuzz"
ABOUT = f"""
A guest that owns its sandbox may answer anything: random bytes, frames with other lengths, types,
numbers and dimensions, JSON that is deep, huge or none, pieces one at a time, floods, silence, an
early end, more than was asked for; with and without the engine's framing, cut anywhere, with
standard error in between. Host and guest share one scripted clock.

- **anything a guest says**: three checks in a row of a whole submission. Each exchange is over
  within its limit and the grace of 0.05 s (0.1 s more where reading a flood takes the clock past
  it); nothing is raised but a `StudentFault` of the closed list or a `HarnessError`; the box is gone
  after whatever broke an exchange; what is believed is what was said; text that is handed on is
  bounded; the check after is not spoilt.
- **one reply, both halves**: any bytes are one reply or refused, and the host's half of the format
  and the guest's agree on which.
- **arrays there and back**: weights, ids and logits arrive bit by bit.

"Slowest wait" is by the guest's clock, relative to the limit of its exchange ({LIMITS.request_seconds:g} s for
a request); an example that really takes 30 s, or holds 24 MB at once (traced in each
fourth), does not hold.
"""  # noqa: E501 - text of a page
EXAMPLES = 1000  # of one row
ROWS = {"anything a guest says": 14, "one reply, both halves": 4, "arrays there and back": 2}


def rows():
    """Return the rows: each a thousand examples, from a seed of its own."""
    return [
        Row(f"{name} #{number}", functools.partial(measure, name, number))
        for name, count in ROWS.items()
        for number in range(1, count + 1)
    ]


def measure(name, number):
    """Run a property on a thousand examples."""
    holds, examples = PROPERTIES[name]
    seen = Seen()

    @seed(1000 * number + len(name))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(examples)
    def explore(drawn):
        holds(seen, *drawn)

    begin = time.monotonic()
    held = "yes"
    try:
        explore()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        notes = " ".join(getattr(error, "__notes__", []))
        held = f"no: {type(error).__name__}: {error} {notes}".replace("\n", " ")[:600]
    return {
        "property": name,
        "examples": str(seen.examples),
        "seconds": f"{time.monotonic() - begin:.0f}",
        "slowest wait": f"limit {seen.late:+.3f} s",
        "peak memory": f"{seen.peak / MB:.1f} MB",
        "held": held if held != "yes" or seen.examples >= EXAMPLES else "no: too few examples",
    }
