"""Part 4, optional: speculation returns exactly the target's tokens, whatever the draft proposes.

Passes of the target are counted in the sandbox, and accepted tokens are what the submission says.
The reference knows which tokens the draft would have proposed: what cannot be is denied by that.
"""

import pytest

NEW = 19  # a number that common lengths of a draft's proposal do not divide


@pytest.mark.public
def test_speculate_exact(speculated, prompt, record):
    """With a draft that is often right all tokens are the target's."""
    told = speculated("often", [prompt(1, 1), prompt(1, 9), prompt(1, 40)], NEW, "A good draft")
    said(record, told, 3 * NEW, "With a draft that is often right")


@pytest.mark.public
def test_speculate_worst(speculated, prompt, record):
    """With a draft that is always wrong all tokens are the target's, and none is accepted."""
    told = speculated("never", [prompt(1, 2), prompt(1, 17)], NEW, "A draft that is always wrong")
    said(record, told, 2 * NEW, "In the worst case, a draft that is always wrong,")
    record.set(accepted_beyond_agreed=max(0, told["kept"] - told["agreed"]))


@pytest.mark.hidden
def test_speculate_accepted(speculated, prompt, record):
    """A draft that is always right saves passes of the target."""
    told = speculated("same", [prompt(1, 6), prompt(1, 30)], NEW, "A draft that is the target")
    said(record, told, 2 * NEW, "With a draft that is always right")


@pytest.mark.hidden
def test_speculate_few(speculated, prompt, record):
    """Fewer tokens than the draft proposes at once are returned as asked for."""
    for new in (1, 2, 3):
        speculated("same", [prompt(1, 5)], new, f"{new} new tokens")
        told = speculated("often", [prompt(1, 5)], new, f"{new} new tokens")
        record.set(passes=told["passes"])


def said(record, told, new, begin):
    """Write down what a pass of the target was worth, and what cannot be so."""
    passes = max(1, told["passes"])
    record.set(
        accepted_per_pass=told["kept"] / passes,
        passes_per_token=told["passes"] / new,
        draft_agrees=told["agreed"] / new,
        unaccounted=max(0, new - told["agreed"] - told["passes"]),
    )
    if record.evidence.measured["logits_below_best"]:
        return  # which has been said, and counts for more
    record.say(
        f"{begin} {told['kept']} of its tokens were accepted in {told['passes']} passes of the "
        f"target for {new} tokens: {told['kept'] / passes:.3g} per pass."
    )
