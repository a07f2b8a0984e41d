"""Packs with samples in tests/zoo/packs: a row for each check, by the sample that it alone sees."""

import functools

from tests import packs as samples
from tests.proof import broken
from tests.proof.trials import Defence, Ground, Seen, words
from tests.zoo_cases import outcomes

ground = functools.cache(Ground)


def not_full(name, source):
    """Return a trial: some check that a machine judges has to see this submission."""

    def trial():
        judged = [check.id for check in ground(name).pack.checks if not check.manual]
        (file,) = ground(name).pack.interface.expected
        result = ground(name).grade({file: source}, judged)
        return Seen(words(result), set(outcomes(result).values()) != {"passed"})

    return trial


def without(name, check):
    """Take a check out of the rubric of a pack."""
    return broken.without(check, of=ground(name))


DEFENCES = [
    Defence(
        name=f"check {check} of {name}",
        disabled="taken out of the rubric",
        broken=functools.partial(without, name, check),
        case=sample.says,
        trial=not_full(name, sample.source),
        guards=check,
        pack=name,
    )
    for name in samples.IDS
    for check, sample in samples.guards(name).items()
]
