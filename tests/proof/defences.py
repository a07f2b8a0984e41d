"""The judge is tested by breaking it: each defence in turn is disabled, and something must slip."""

import functools

from tests.proof.defended import (
    accepting,
    answer_sheets,
    checks,
    container,
    decoding_checks,
    downloads,
    guest,
    intake,
    judge,
    latency,
    line,
    notebook_checks,
    notebooks,
    packs,
    problem1,
    review,
    transformers,
)
from tests.proof.ledger import Row

TITLE = "Defences"
ABOUT = """
No check may be decoration. For each row one defence of the grader was disabled in memory, as the
row says, and one case was tried twice: with the defence and without it. A row holds if the case
came out as expected with the defence and otherwise without it: points earned that are not deserved,
a right submission harmed, a wrong outcome, a limit overrun, something left behind.

Two were never disabled at once. Attacks of the zoo ran in containers. Where a container's own
isolation was disabled, the case was a right submission that only looks; where the line to a box
was, a box of ours that breaks one rule of the protocol. A row "check ..." takes a check out of the
rubric: the case is then graded with full marks by all the others of its problem.
"""
GROUPS = (judge, checks, latency, problem1, line, guest, intake, notebooks, notebook_checks,
          transformers, answer_sheets, decoding_checks, packs, downloads, review,
          accepting, container)  # fmt: skip
DEFENCES = [defence for group in GROUPS for defence in group.DEFENCES]


def rows():
    """Return a row for each defence."""
    return [Row(defence.name, functools.partial(measure, defence)) for defence in DEFENCES]


def measure(defence):
    """Make the trial with the defence and without it."""
    with_it = defence.trial()
    with defence.broken():
        without_it = defence.trial()
    if not with_it.expected:
        held = "no: not as expected with the defence"
    elif without_it.expected:
        held = "no: nothing slips without it"
    else:
        held = "yes"
    return {
        "disabled by": defence.disabled,
        "case": defence.case,
        "with it": with_it.text,
        "without it": without_it.text,
        "held": held,
    }
