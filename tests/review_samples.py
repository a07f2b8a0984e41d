"""A cohort whose answers wait for a human: words in several wordings, plots, timings."""

import random

from grader import results
from grader.records import Attachment
from tests.result_samples import check, criterion, png, result

PACK = {"id": "e0294-a4", "version": "1", "digest": "sha256:" + "2" * 64}
SAYS = (
    "The calculation of the KV cache per request is shown: all factors named (2), the result only "
    "or factors missing (1), nothing (0)."
)
WORDINGS = (
    "KV cache = 2 (K and V) x layers x N x h1 x bytes = 2 x 32 x 4096 x 4096 x 2 = 2.1 GB",
    "2 * L * N * h1 * 2 bytes: K and V for each layer and each token",
    "The cache needs 2.1 GB per request.",
    "We store keys and values of all tokens in all layers: 2 x L x N x d numbers of 2 bytes.",
    "I measured it with torch.cuda.memory_allocated and got about two gigabytes",
)  # fmt: skip


def student(folder, name, words, *, picture=None, timing="between 1.21 and 1.64 times as fast"):
    """Store a result of which two or three answers wait for a human."""
    data = [Attachment("shown_calculation-1.own.txt", words.encode())]
    checks = [
        check("total_parameters", "passed", 2.0, 2.0),
        check("shown_calculation", "inconclusive", 0.0, 2.0, message="A person reads this.",
              staff_message=SAYS, attachments=[data[0].name]),
    ]  # fmt: skip
    plots = []
    if picture is not None:
        data.append(Attachment("explanation-1.own.png", picture))
        plots = [
            check(
                "explanation",
                "inconclusive",
                0.0,
                1.0,
                message="A person reads this.",
                staff_message="The plot as it was drawn.",
                attachments=[data[1].name],
            )
        ]
    speed = check("step_latency", "inconclusive", 0.0, 1.0, message=f"The step is {timing}.")
    return results.write(
        folder,
        result(name, criterion("1a", *checks, title="Memory of a request"),
               *([criterion("1d", *plots, title="Explain the plot")] if plots else []),
               criterion("2d", speed, title="Latency"), pack=PACK),
        data,
    )  # fmt: skip


def cohort(folder, count, *, seed=0, pictures=True):
    """Store the results of a cohort, in which wordings come again, some with a word changed."""
    rng = random.Random(seed)
    for n in range(count):
        words = WORDINGS[min(int(rng.expovariate(0.7)), len(WORDINGS) - 1)]
        if rng.random() < 0.3:
            words = words.upper() if rng.random() < 0.5 else f"{words}\n"
        if rng.random() < 0.3:
            words = f"{words} (see also page {rng.randrange(1, 4)})"
        timing = f"between 1.{rng.randrange(10, 30)} and 1.{rng.randrange(40, 70)} times as fast"
        picture = png(1, 1) if pictures and n % 3 == 0 else None
        student(folder, f"student{n:03}", words, picture=picture, timing=timing)
