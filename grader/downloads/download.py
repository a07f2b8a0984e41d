"""A download: of which form it is, and its hand-ins, whose bytes are read when they are wanted.

A hand-in is kept as where it lies (`Bundle`): a path, and which entries of it. So it can be read by
another process, today or when a batch is gone on with, as long as the download is where it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import intake
from grader.downloads import canvas, classroom, gradescope, moodle, plain
from grader.downloads.sorting import Form, Found, Known, folder_of
from grader.errors import UsageError
from grader.intake import Submission, listing
from grader.intake.archive import TROUBLE
from grader.intake.basket import MAX_TOTAL, MB
from grader.intake.entry import Entry
from grader.records import Json
from grader.text import shown

PLAIN = "folder"
FORMS: Mapping[str, Form] = {
    "gradescope": gradescope,
    "moodle": moodle,
    "canvas": canvas,
    "classroom": classroom,
    PLAIN: plain,
}  # in the order in which they are tried
_WHOLE = ("classroom", PLAIN)  # their entries are read as they stand
_NOISE = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Bundle:
    """Where a hand-in lies."""

    path: str  # of the download; of the hand-in itself where it has no pieces
    id: str = ""
    pieces: tuple[tuple[str, str], ...] = ()  # entry of the download, path in the submission

    def to_json(self) -> Json:
        """Return it as JSON has it."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, told: Json) -> Bundle:
        """Return what `to_json` has made."""
        return cls(told["path"], told["id"], tuple((a, b) for a, b in told["pieces"]))

    def read(self) -> Submission:
        """Read its bytes; raises UsageError where there is nothing to grade."""
        if not self.pieces:
            return intake.read(Path(self.path))
        with listing.listed(Path(self.path)) as entries:
            return self.read_from({entry.name: entry for entry in entries})

    def read_from(self, entries: Mapping[str, Entry]) -> Submission:
        """Read its bytes out of a download that is open."""
        try:
            parts = [dataclasses.replace(entries[e], name=path) for e, path in self.pieces]
        except KeyError as error:
            raise UsageError(
                f"{shown(self.path)} no longer holds {shown(str(error.args[0]))}: give the same "
                "download again"
            ) from None
        return intake.gather(self.id, parts)


@dataclass(frozen=True)
class Download:
    """A download by hand-ins."""

    path: Path
    form: str
    root: str  # the one folder that all is in, with a "/" behind it; empty where there is none
    found: tuple[Found, ...]
    unclaimed: tuple[str, ...]

    def bundle(self, found: Found) -> Bundle:
        """Return where a hand-in lies."""
        whole = [piece.path for piece in found.pieces] == [""]
        if whole and self.form in _WHOLE and self.path.is_dir():
            return Bundle(str(self.path / self.root / found.pieces[0].entry))
        pieces = tuple(
            (f"{self.root}{piece.entry}", piece.path or piece.entry) for piece in found.pieces
        )
        return Bundle(str(self.path), found.name if self.form == PLAIN else found.id, pieces)

    def submissions(self) -> Iterator[tuple[Found, Bundle, Submission | UsageError]]:
        """Read all hand-ins, one after the other, with the download open once."""
        with contextlib.ExitStack() as stack:
            entries: dict[str, Entry] = {}
            for found in self.found:
                bundle = self.bundle(found)
                if bundle.pieces and not entries:
                    listed = stack.enter_context(listing.listed(self.path))
                    entries = {entry.name: entry for entry in listed}
                yield found, bundle, _read(found, bundle, entries)


def _read(found: Found, bundle: Bundle, entries: Mapping[str, Entry]) -> Submission | UsageError:
    if found.refusal:
        return UsageError(found.refusal)
    try:
        return bundle.read_from(entries) if bundle.pieces else bundle.read()
    except UsageError as error:
        return error


def examine(
    path: Path, wanted: str | None, required: Collection[str], keys: Mapping[str, Collection[str]]
) -> Download:
    """Tell a download's form, unless one is wanted, and sort it by hand-ins.

    ``required`` are names of files that assignments ask for, ``keys`` the ids of a roster by form.
    Raises UsageError where there is nothing of the kind.
    """
    where = shown(str(path))
    if path.is_dir():
        return _folder(path, wanted, required, keys)
    if not path.exists():
        raise UsageError(f"there is no folder {where}: give the folder of all hand-ins")
    if path.suffix.lower() != ".zip":
        raise UsageError(f"{where} is one file: `grader grade` takes a single one")
    with listing.listed(path) as entries:
        names = [entry.name for entry in entries if not _is_noise(entry.name)]
        root = _only_folder(names)
        form = wanted or _recognised(_tops(name.removeprefix(root) for name in names))
        if wanted is None and form == PLAIN:
            raise UsageError(
                f"{where} is no download of Canvas, Moodle or Gradescope: unpack it and give the "
                "folder, or say what it is with --form; `grader grade` takes a single hand-in"
            )
        if form == "classroom":
            raise UsageError(f"{where} is one file: give the folder of the clones")
        return _sorted(path, form, root, entries, required, keys)


def _folder(
    path: Path, wanted: str | None, required: Collection[str], keys: Mapping[str, Collection[str]]
) -> Download:
    root, tops = "", _listed(path)
    form = wanted or _recognised(tops)
    if form == PLAIN and len(tops) == 1 and (only := folder_of(tops[0])):
        inside = _listed(path / only)  # as a zip is unpacked: one folder, and all is in it
        if wanted is None and (form := _recognised(inside)) != PLAIN:
            root, tops = f"{only}/", inside
    if form in _WHOLE:
        known = Known(required, keys.get(form, ()), _unreadable)
        names = tops if form == "classroom" else [top.partition("/")[0] for top in tops]
        found = FORMS[form].sort(names, known)
        return Download(path, form, root, found.found, found.unclaimed)
    with listing.listed(path) as entries:
        names = [entry.name for entry in entries if not _is_noise(entry.name)]
        return _sorted(path, form, root or _only_folder(names), entries, required, keys)


def _sorted(
    path: Path,
    form: str,
    root: str,
    entries: Sequence[Entry],
    required: Collection[str],
    keys: Mapping[str, Collection[str]],
) -> Download:
    by_name = {e.name.removeprefix(root): e for e in entries if not _is_noise(e.name)}
    known = Known(required, keys.get(form, ()), lambda name: _bytes(by_name[name]))
    found = FORMS[form].sort(list(by_name), known)
    return Download(path, form, root, found.found, found.unclaimed)


def _recognised(tops: Sequence[str]) -> str:
    """Return the first form that fits."""
    return next(name for name, form in FORMS.items() if form.fits(tops))


def _listed(path: Path) -> list[str]:
    """Return what is at the top of a folder, marked as forms want it."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise UsageError(f"{shown(str(path))} cannot be read: {error.strerror}") from error
    marked = []
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _NOISE:
            continue
        end = "/.git" if (entry / ".git").is_dir() else "/"
        is_folder = entry.is_dir() and not entry.is_symlink()
        marked.append(f"{entry.name}{end}" if is_folder else entry.name)
    return marked


def _tops(names: Iterable[str]) -> list[str]:
    """Return what is at the top, of the names of all files."""
    tops = (f"{top}/" if inner else top for top, inner, _ in (n.partition("/") for n in names))
    return list(dict.fromkeys(tops))


def _only_folder(names: Sequence[str]) -> str:
    """Return the one folder that all is in, if it is a wrapping and no hand-in."""
    tops = _tops(names)
    if len(tops) != 1 or not tops[0].endswith("/") or _recognised(tops) != PLAIN:
        return ""
    return tops[0]


def _is_noise(name: str) -> bool:
    parts = name.split("/")
    return any(part in _NOISE or part.startswith("._") for part in parts)


def _bytes(entry: Entry) -> bytes:
    try:
        with entry.open() as stream:
            data = stream.read(MAX_TOTAL + 1)
    except TROUBLE as error:
        raise UsageError(f"{shown(entry.name)} cannot be read: {error}") from error
    if len(data) > MAX_TOTAL:
        raise UsageError(f"{shown(entry.name)} is larger than {MAX_TOTAL // MB} MB")
    return data


def _unreadable(name: str) -> bytes:
    raise UsageError(f"{shown(name)} cannot be read")
