"""A notebook as a form to be filled in: a submission's files -> one Python module, and remarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from grader.intake import SourceFile
from grader.notebook import blocks as matching
from grader.notebook import books, clean, helpers, markers, outside
from grader.notebook.blocks import Block, Slot
from grader.notebook.books import Book, CannotRead
from grader.notebook.outside import Change
from grader.text import shown

POLICIES = ("ignore", "warn", "deduct")  # on changes outside the blocks
_MAX_BOOKS = 12
_MAX_SAID = 12  # changes outside that are told one by one


@dataclass(frozen=True)
class Form:
    """What a pack says of its notebook."""

    template: SourceFile
    module: str  # the file that the clean copy becomes
    words: str  # of the markers
    outside: str  # one of POLICIES
    points: float  # suggested to a human for changes outside, where the policy is to deduct
    adapter: SourceFile | None = None  # put after the copy: the interface that the checks use

    @cached_property
    def book(self) -> Book:
        """Return the template's cells; raises `CannotRead`."""
        return books.read(self.template.path, self.template.data)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Return the blocks to be filled in."""
        return matching.slots(self.book, self.words)

    def unfilled(self) -> SourceFile:
        """Return the clean copy as it is before anybody has filled it in."""
        return self._source({})

    def _source(self, texts: Mapping[str, str], carried: str = "") -> SourceFile:
        tail = (carried, self.adapter.data.decode().strip() if self.adapter else "")
        text = clean.module(self.book, texts, self.words, *tail)
        return SourceFile(self.module, text.encode(errors="replace"))

    def fill(self, files: Iterable[SourceFile]) -> Filled:
        """Put what was handed in into a clean copy; never raises for what that is."""
        remarks: list[str] = []
        book = self._chosen(files, remarks)
        if book is None:
            return Filled(None, None, (), (), tuple(remarks))
        found, said = matching.match(book, self.slots, self.words)
        remarks += [f"{shown(book.path)}: {sentence}" for sentence in said]
        texts = {}
        for block, slot in zip(found, self.slots, strict=True):
            texts[slot.id], trouble = clean.fitted(block, slot, self.book, self.words)
            remarks += [f"{shown(book.path)}: {shown(trouble)}"] if trouble else []
        own = [texts[block.id] for block in found if block.state == "filled"]
        carried, names = helpers.helpers(
            book,
            [helpers.dedented(text.split("\n")) for text in own],
            self._source({}).data.decode(),
        )
        for name, cell in names:
            remarks.append(
                f"{shown(book.path)}: {shown(name)}, which the blocks use, is defined outside of "
                f"them (cell {cell}): it was taken along"
            )
        changed = outside.changes(book, self.book, self.words)
        return Filled(
            self._source(texts, carried),
            book,
            tuple(found),
            changed,
            tuple(remarks),
            self.outside,
            self.words,
        )

    def _chosen(self, files: Iterable[SourceFile], remarks: list[str]) -> Book | None:
        """Return the file that holds most of the blocks, filled in."""
        found = []
        for file in self._candidates(files):
            try:
                book = books.read(file.path, file.data)
            except CannotRead as error:
                remarks.append(f"{shown(file.path)} {error}")
                continue
            states = [block.state for block in matching.match(book, self.slots, self.words)[0]]
            rank = (states.count("filled"), states.count("unfilled"), not book.is_export,
                    file.path == self.template.path, -file.path.count("/"))  # fmt: skip
            found.append((rank, book))
        found.sort(key=lambda pair: pair[0], reverse=True)
        others = [shown(book.path) for rank, book in found[1:] if rank[0]]
        if others:
            remarks.append(
                f"{shown(found[0][1].path)} is graded: {', '.join(others)} has solution blocks too"
            )
        if not found and not remarks:
            remarks.append("no notebook with solution blocks was handed in, nor an export of one")
        return found[0][1] if found else None

    def _candidates(self, files: Iterable[SourceFile]) -> list[SourceFile]:
        mark = self.words.split()[0].lower().encode()
        ends = (".ipynb", ".py")
        wanted = [
            file
            for file in files
            if file.path.lower().endswith(ends)
            and (file.path.lower().endswith(".ipynb") or mark in file.data.lower())
        ]
        return sorted(wanted, key=lambda file: (file.path.lower().endswith(".py"), file.path))[
            :_MAX_BOOKS
        ]


@dataclass(frozen=True)
class Filled:
    """What came of a submission: the module to be graded, and what there is to say."""

    module: SourceFile | None  # None where no notebook was handed in
    book: Book | None
    blocks: tuple[Block, ...]
    changes: tuple[Change, ...]  # outside the blocks
    remarks: tuple[str, ...]
    policy: str = "ignore"
    words: str = ""  # of the markers

    @property
    def counted(self) -> tuple[Change, ...]:
        """Return the changes outside that the policy is about."""
        return tuple(change for change in self.changes if not change.is_harmless)

    @property
    def flags(self) -> tuple[str, ...]:
        """Return all remarks, those on changes outside the blocks as the policy has it."""
        if self.policy == "ignore" or self.book is None:
            return self.remarks
        where = shown(self.book.path)
        said = [f"{where}: {change.sentence}; it is not graded" for change in self.counted]
        if len(said) > _MAX_SAID:
            said[_MAX_SAID:] = [f"{where}: and {len(said) - _MAX_SAID} more cells were changed"]
        return (*self.remarks, *said)

    def place(self, line: int) -> str:
        """Return where a line of the module stands in the blocks; nothing if it is in none."""
        source = self.module.data.decode() if self.module else ""
        return clean.place(source, line, self.words)

    def difference(self) -> str:
        """Return all changes outside the blocks as one text for a human."""
        parts = []
        for change in self.changes:
            harmless = ", harmless" if change.is_harmless else ""
            parts.append("\n".join((f"=== {change.sentence}{harmless}", *change.diff)))
        return "\n\n".join(parts)


def trouble_of(slots: Sequence[Slot]) -> str:
    """Return what is wrong with a template's blocks, or nothing."""
    names = [markers.key(slot.id) for slot in slots]
    if not names:
        return "it has no solution block"
    if not all(names):
        return "a solution block has no identifier"
    twice = [slot.id for slot in slots if names.count(markers.key(slot.id)) > 1]
    return f"the solution block {twice[0]} is there twice" if twice else ""
