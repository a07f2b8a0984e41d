"""PDF sheets, by PDFium: text with raised and lowered characters marked, and pictures of pages.

A PDF holds characters at positions, no formulas. Smaller characters above or below the line become
``^{}`` and ``_{}``; what a fraction's bar separates stays lost. So what is found here and does not
match is a human's to read, with the page's picture beside it.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from grader.formulas.mixed import lines_of
from grader.formulas.outline import CannotRead, Outline, Span

MAX_PAGES = 60
_MAX_CHARACTERS = 20_000  # of a page
MAX_PICTURES = 6
_PIXELS = 1_600  # of the longer side of a picture
_SMALLER = 0.86  # of the size of the line's own characters
_LIFT = 0.55  # of the size: how far an exponent is raised at most


@dataclass(frozen=True)
class _Character:
    text: str
    size: float
    left: float
    right: float
    bottom: float
    base: float  # where its line of writing is


def opened(data: bytes) -> pypdfium2.PdfDocument:
    """Open a PDF; raises `CannotRead`."""
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = "assword" in str(error)
        why = "it is locked with a password" if locked else f"it is damaged ({error})"
        raise CannotRead(why) from error


def spans(path: str, data: bytes) -> tuple[list[Span], dict[int, str], list[str]]:
    """Return the spans of a PDF, the text of its pages, and remarks; raises `CannotRead`."""
    document = opened(data)
    outline = Outline(path, "page")
    texts: dict[int, str] = {}
    remarks = []
    if len(document) > MAX_PAGES:
        remarks.append(f"{path} has {len(document)} pages: only the first {MAX_PAGES} were read")
    for number in range(min(len(document), MAX_PAGES)):
        try:
            page = document[number]
            text = "\n".join(_lines(page))
        except pypdfium2.PdfiumError:
            remarks.append(f"page {number + 1} of {path} is damaged and was not read")
            continue
        texts[number + 1] = text
        outline.fixed = number + 1
        for paragraph in text.split("\n"):
            lines_of(outline, paragraph, number + 1)
            outline.paragraph()
        page.close()
    if not any(text.strip() for text in texts.values()):
        remarks.append(f"{path} holds no text: its pages are pictures, which a person reads")
    document.close()
    return outline.spans, texts, remarks


def pictures(data: bytes, pages: list[int]) -> dict[int, bytes]:
    """Return pages as PNG; pages count from 1."""
    document = opened(data)
    found = {}
    for number in pages[:MAX_PICTURES]:
        page = document[number - 1]
        scale = min(2.0, _PIXELS / max(page.get_size()))
        buffer = io.BytesIO()
        page.render(scale=scale).to_pil().convert("L").save(buffer, "PNG", optimize=False)
        found[number] = buffer.getvalue()
    document.close()
    return found


def _lines(page: pypdfium2.PdfPage) -> Iterator[str]:
    """Yield the lines of a page, by the positions of its characters.

    PDFium's own lines break before a raised character. Here one goes on with the line if it is
    raised or lowered by less than half its size, as an exponent is and a numerator is not.
    """
    text = page.get_textpage()
    line: list[_Character] = []
    for character in _characters(text):
        if character.text in "\r\n":
            continue
        if line and not character.text.isspace() and not _goes_on(line, character):
            yield _written(line)
            line = []
        line.append(character)
    if line:
        yield _written(line)
    text.close()


def _goes_on(line: list[_Character], character: _Character) -> bool:
    solid = [c for c in line if not c.text.isspace()]
    if not solid:
        return True
    size = max(c.size for c in (*solid, character))
    base = next((c.base for c in reversed(solid) if c.size > size * _SMALLER), solid[-1].base)
    return abs(character.base - base) < _LIFT * size and character.left > solid[-1].left - size


def _characters(text: pypdfium2.PdfTextPage) -> Iterator[_Character]:
    for i in range(min(text.count_chars(), _MAX_CHARACTERS)):
        code = raw.FPDFText_GetUnicode(text, i)
        x, y = ctypes.c_double(), ctypes.c_double()
        raw.FPDFText_GetCharOrigin(text, i, x, y)
        left, bottom, right, _ = text.get_charbox(i)
        size = raw.FPDFText_GetFontSize(text, i)
        matrix = raw.FS_MATRIX()
        if raw.FPDFText_GetMatrix(text, i, matrix):
            size *= abs(matrix.d) or abs(matrix.b) or 1.0
        yield _Character(chr(code) if code else " ", size, left, right, bottom, y.value)


def _written(line: list[_Character]) -> str:
    """Return a line with raised and lowered characters marked."""
    solid = [c for c in line if not c.text.isspace()]
    if not solid:
        return ""
    size = max(c.size for c in solid)
    bases = sorted(c.base for c in solid if c.size > size * _SMALLER)
    base = bases[len(bases) // 2]
    out, state = "", ""
    for character in line:
        lift = character.base - base
        small = character.size <= size * _SMALLER
        if character.text.isspace():
            out += " " if not state else ""
            continue
        now = ("^" if lift > 0 else "_") if small and abs(lift) > size / 20 else ""
        if now != state:
            out += "}" if state else ""
            out += now + "{" if now else ""
        out, state = out + character.text, now
    return out + ("}" if state else "")
