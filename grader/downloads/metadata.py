"""submission_metadata.yml of Gradescope: YAML written by Ruby, read as events and never as objects.

    submission_123:
      :submitters:
      - :name: Jane Doe
        :sid: '1234'
        :email: jane@example.edu
      :created_at: 2026-11-20 23:10:00.000000000 -08:00
      :history: [...]

It also holds what students' programs have printed, so nothing in it is trusted: tags are not looked
at, and what an alias refers to is not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grader.errors import UsageError

_MAX_DEPTH = 50


@dataclass(frozen=True)
class Submitter:
    """A person, as Gradescope knows them."""

    name: str
    sid: str
    email: str


@dataclass(frozen=True)
class Entry:
    """What is said of a submission; times as they stand there."""

    submitters: tuple[Submitter, ...] = ()
    created_at: str = ""
    history: tuple[str, ...] = ()  # when each earlier one was made


def read(data: bytes) -> dict[str, Entry]:
    """Return what is said of each submission, by its folder; raises UsageError."""
    from yaml import CSafeLoader, YAMLError, parse  # noqa: PLC0415 - only where there is such a file

    try:
        top = _value(parse(data, Loader=CSafeLoader))
    except (YAMLError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise UsageError(
            f"submission_metadata.yml cannot be read, {problem}: export the submissions again"
        ) from error
    return {name: _entry(each) for name, each in _mapping(top).items()}


def _entry(told: object) -> Entry:
    values = _mapping(told)
    return Entry(
        tuple(
            Submitter(*(_text(_mapping(person).get(f":{key}")) for key in ("name", "sid", "email")))
            for person in _sequence(values.get(":submitters"))
        ),
        _text(values.get(":created_at")),
        tuple(
            _text(_mapping(each).get(":created_at")) for each in _sequence(values.get(":history"))
        ),
    )


def _value(events: Iterable[object]) -> object:
    """Build dicts, lists and texts; a stack of our own, so that depth is bounded by us."""
    from yaml.events import (  # noqa: PLC0415 - as above
        AliasEvent,
        CollectionEndEvent,
        CollectionStartEvent,
        MappingStartEvent,
        ScalarEvent,
    )

    root: list[object] = []
    stack: list[tuple[object, list[str]]] = [(root, [])]  # with the key that waits for its value
    for event in events:
        if isinstance(event, CollectionEndEvent):
            stack.pop()
        elif isinstance(event, CollectionStartEvent):
            if len(stack) > _MAX_DEPTH:
                raise ValueError("it is too deep")
            inner: object = {} if isinstance(event, MappingStartEvent) else []
            _put(*stack[-1], inner)
            stack.append((inner, []))
        elif isinstance(event, ScalarEvent | AliasEvent):
            _put(*stack[-1], event.value if isinstance(event, ScalarEvent) else "")
    return root[0] if root else {}


def _put(into: object, waiting: list[str], value: object) -> None:
    if isinstance(into, list):
        into.append(value)
    elif isinstance(into, dict):
        if waiting:
            into[waiting.pop()] = value
        else:
            waiting.append(value if isinstance(value, str) else "")


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
