"""Whose a hand-in is: by the platform's own id, or by what else names somebody, if it names one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from grader.downloads.roster import Person
from grader.downloads.sorting import Found


class People:
    """The people of a roster, found by whatever names them on one platform."""

    def __init__(self, people: Sequence[Person], form: str) -> None:
        self._keys = _by(people, lambda each: [each.keys.get(form, "").lower()])
        self._exactly = _by(people, lambda each: map(str.casefold, _names(each)))
        self._plainly = _by(people, lambda each: map(plain, _names(each)))
        self._groups = _by(people, lambda each: [plain(each.group)] if each.group else [])

    @property
    def keys(self) -> frozenset[str]:
        """Return the platform's ids."""
        return frozenset(self._keys)

    def of(self, found: Found) -> tuple[Person, ...]:
        """Return whose it is: one, the members of a group, or nobody who could be told for sure."""
        if found.key and (by_key := self._keys.get(found.key.lower(), ())):
            one = by_key[0]  # in a group it is one member's
            group = self._groups.get(plain(one.group), ()) if one.group else ()
            return group if plain(one.group) == plain(found.name) and group else by_key
        if group := self._groups.get(plain(found.name), ()):
            return group
        named = found.people or ((found.name,),)
        each = [self._one((*names, *([found.name] if len(named) == 1 else []))) for names in named]
        return tuple({person.id: person for person in each if person}.values())

    def _one(self, names: Iterable[str]) -> Person | None:
        """Return the only person whom the first known one of these names."""
        for name in names:
            people = self._exactly.get(name.casefold()) or self._plainly.get(plain(name))
            if name and people:
                return people[0] if len(people) == 1 else None
        return None


def plain(name: str) -> str:
    """Return a name's letters and digits, in small ones: as Canvas has them in its files."""
    name = unicodedata.normalize("NFC", name).casefold()
    return "".join(char for char in name if char.isalnum())


def _names(person: Person) -> Iterator[str]:
    """Yield what names a person: ids, addresses, and the name from either end."""
    for each in (person.id, *person.others):
        yield each
        if "@" in each:
            yield each.partition("@")[0]
    yield person.name
    last, comma, first = person.name.partition(",")
    if comma:
        yield f"{first.strip()} {last}"
    else:
        first, _, last = person.name.rpartition(" ")
        yield f"{last} {first}"


def _by(
    people: Sequence[Person], names: Callable[[Person], Iterable[str]]
) -> dict[str, tuple[Person, ...]]:
    found: dict[str, tuple[Person, ...]] = {}
    for person in people:
        for name in dict.fromkeys(filter(None, names(person))):
            found[name] = (*found.get(name, ()), person)
    return found
