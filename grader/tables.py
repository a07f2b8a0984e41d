"""TOML tables that say where they are when something in them is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.errors import UsageError


class BadPack(UsageError):  # noqa: N818 - says what the pack is
    """The pack cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Table:
    """A TOML table that says where it is when something in it is wrong."""

    values: Mapping[str, Any]
    where: str

    def only(self, *known: str) -> None:
        """Refuse keys that are not known."""
        for key in self.values:
            if key not in known:
                raise BadPack(f"{self.where}: unknown key {key!r}{hint(key, known)}")

    def _get(self, key: str, kind: type | tuple[type, ...], what: str) -> Any:  # noqa: ANN401
        if key not in self.values:
            close = difflib.get_close_matches(key, list(self.values), n=1)
            hint = f" (there is {close[0]!r})" if close else ""
            raise BadPack(f"{self.where}: {key!r} is missing{hint}")
        value = self.values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise BadPack(f"{self.where}: {key!r} has to be {what}")
        return value

    def text(self, key: str) -> str:
        """Return a text."""
        return str(self._get(key, str, "a text"))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._get(key, list, "a list of texts")
        if not all(isinstance(item, str) for item in value):
            raise BadPack(f"{self.where}: {key!r} has to be a list of texts")
        return tuple(value)

    def number(self, key: str) -> float:
        """Return a number from 0 up."""
        value = float(self._get(key, (int, float), "a number"))
        if not 0 <= value < float("inf"):
            raise BadPack(f"{self.where}: {key!r} has to be a number from 0 up")
        return value

    def numbers(self) -> dict[str, float]:
        """Return the whole table as numbers from 0 up."""
        return {key: self.number(key) for key in self.values}

    def table(self, key: str, *, optional: bool = False) -> Table:
        """Return a table within this one."""
        if optional and key not in self.values:
            return Table({}, f"{self.where} [{key}]")
        return Table(self._get(key, dict, "a table"), f"{self.where} [{key}]")

    def tables(self, key: str, *, optional: bool = False) -> list[Table]:
        """Return a list of tables within this one."""
        if optional and key not in self.values:
            return []
        items = self._get(key, list, "a list of tables")
        return [
            Table(item, f"{self.where} [[{key}]] {item.get('id', index + 1)!r}")
            for index, item in enumerate(items)
            if isinstance(item, dict)
        ]


def hint(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
