"""Every check of parts 3 and 4: without it some mistake that no other check sees passes them all.

Each case is a small edit of one of two right solutions, wrong in what this one check asks for and
right in all else. What is timed has its row in `make proof PARTS=decoding`.
"""

import atexit
import functools

from tests.decoding import samples
from tests.proof import broken
from tests.proof.trials import Defence, Seen

STEP = "        logits = model(new, cache)  # (B, N, V), then (B, 1, V)\n"
TOKEN = "        new = logits[:, -1:].argmax(dim=-1)  # (B, 1)\n"
BEST = "        best = logits[:, -count - 1 :].argmax(dim=-1)  # (1, count + 1)\n"
KEPT = "        kept = int(same.long().cumprod(dim=0).sum())\n"
ENDS = "    return ids, accepted"

CASES = {
    "decode_forward": (
        "without a cache of its own the model scores the tokens in another order",
        ("        return self.head(self.norm(x))",
         "        logits = self.head(self.norm(x))\n"
         "        return logits if cache is not None else logits.flip(-1)"),
    ),
    "decode_tokens": (
        "after 80 tokens the least likely one is taken",
        (TOKEN, TOKEN + "        if ids.shape[1] == 80:\n"
                "            new = logits[:, -1:].argmin(dim=-1)\n"),
    ),
    "decode_rows": (
        "of five prompts the last four get the tokens of the first",
        (TOKEN, TOKEN + "        new = new[:1].expand(5, 1) if len(new) == 5 else new\n"),
    ),
    "decode_again": (
        "the cache is kept for the next prompt",
        ("    cache = Cache(len(model.blocks))\n    new",
         "    cache = model.__dict__.setdefault('kept', Cache(len(model.blocks)))\n"
         "    if cache.length and cache.keys[0].shape[0] != len(ids):\n"
         "        cache = Cache(len(model.blocks))\n    new"),
    ),
    "decode_work": (
        "the whole sequence is fed at every step",
        (STEP, "        logits = model(ids)\n"),
    ),
    "speculate_exact": (
        "after 45 tokens the draft's choice is taken over without a look",
        (KEPT, "        kept = count if length > 45 and count else "
               "int(same.long().cumprod(dim=0).sum())\n"),
    ),
    "speculate_worst": (
        "more is said to be accepted than was, where nothing is",
        (ENDS, "    if not any(accepted):\n        accepted = [1] * len(accepted)\n" + ENDS),
    ),
    "speculate_accepted": (
        "nothing that is proposed is ever accepted",
        (KEPT, "        kept = 0\n"),
    ),
    "speculate_few": (
        "where one token is asked for, two come",
        (ENDS, "    if n == 1:\n        ids = torch.cat([ids, ids[:, -1:]], dim=1)\n" + ENDS),
    ),
}  # fmt: skip


@functools.cache
def ground():
    """Return the one ground of this run."""
    found = samples.Ground(samples.optional())
    atexit.register(found.close)
    return found


def passes(*edits):
    """Return a trial: a check has to see the reference with these edits."""
    text = (samples.REFERENCE / samples.FILE).read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    def trial():
        failed = sorted(samples.wrong(ground().examine(text, diagnosed=False)))
        return Seen(f"not passed: {', '.join(failed) or 'none'}", bool(failed))

    return trial


DEFENCES = [
    Defence(
        name=f"check {check} of {samples.PACK}",
        disabled="taken out of the rubric",
        broken=functools.partial(lambda check: broken.without(check, ground()), check),
        case=says,
        trial=passes(*edits),
        guards=check,
        pack=samples.PACK,
    )
    for check, (says, *edits) in CASES.items()
]
