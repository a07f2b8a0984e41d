"""The checks of 2d: the reference with time wasted in one place, where one check alone sees it.

Outputs are right, and each new token is fed once: nothing but time tells. These are graded in
containers, whose CPU time is counted, by all of 2a to 2d that a machine judges but the plot.
"""

import functools

from tests.family.styles import FILE, ROOT
from tests.proof import broken
from tests.proof.trials import Defence, Seen, edited, ground, not_full, words
from tests.zoo_cases import FULL, TIMED, outcomes

GENERATE = "    @torch.no_grad()\n    def generate("
SPEND = '''    def spend(self, share):
        """Compute something of no use, as much as a forward over a share of all positions."""
        x = self.pos_embedding.weight[None, : int(share * self.max_seq_len)]
        for layer in self.layers:
            x, _ = layer(x)
        self.output_projection(self.norm(x))

'''
LOGITS = "logits = self.output_projection(self.norm(x))  # (B, T, V)"
FED = "logits, past_kv = self(fed, past_kv, use_cache)  # (B, number of tokens fed, V)"
PLOT = "latency_plot.py"
PLOT_TEXT = (ROOT / "reference" / "e0294_a4" / PLOT).read_text()


def wasteful(old, new):
    """Return the reference with a method that wastes time, and a place that calls it."""
    return edited((GENERATE, SPEND + GENERATE), (old, f"{old}\n{new}"))


# A step takes a twelfth of a full forward, and a share of all positions somewhat less than its
# share of one: two thirds of it grow with the length and one third with its square.
OWN = {
    "step_latency": (
        "each step with the cache takes nearly half as long as a full forward, at any length",
        wasteful(LOGITS, "        if P:\n            self.spend(0.43)"),
    ),
    "latency_growth": (
        "steps after a long prompt waste a quarter of a full forward, those after a short one none",
        wasteful(LOGITS, "        if P > self.max_seq_len // 2:\n            self.spend(0.25)"),
    ),
    "generate_latency": (
        "generate wastes two thirds of a full forward for each new token",
        wasteful(FED, "            if use_cache:\n                self.spend(0.73)"),
    ),
}


def _timed(files):
    """Return a trial: something has to be lost by the checks of 2a to 2d, the plot's left out."""

    def trial():
        place = ground()
        chosen = [c for criterion in place.pack.criteria if criterion.id in (*FULL, "2d")
                  for c in criterion.checks]  # fmt: skip
        checks = [c.id for c in chosen if not c.manual and not c.credit]
        result = place.grade(files, checks, boxes=place.docker, oracle=place.docker_oracle)
        return Seen(words(result), set(outcomes(result).values()) != {"passed"})

    return trial


DEFENCES = [
    Defence(
        name=f"check {check}",
        disabled="taken out of the rubric",
        broken=functools.partial(broken.without, check),
        case=says,
        trial=_timed(files),
        guards=check,
    )
    for check, (says, files) in OWN.items()
] + [
    Defence(
        name="check latency_plot",
        disabled="taken out of the rubric",
        broken=functools.partial(broken.without, "latency_plot"),
        case="the plot's axes have no labels",
        trial=not_full(
            {**edited(), PLOT: PLOT_TEXT.replace("axes.set_xlabel", "axes.get_xlabel")},
            ("2b", "2d"),
            without=TIMED,
        ),
        guards="latency_plot",
    )
]
assert OWN.keys() == set(TIMED)
assert FILE not in PLOT
