"""What lies beside a result and may be seen: pictures as they are, texts line by line."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.records import OWN, Json
from grader.text import shown

LINES, WIDTH = 400, 400  # of a text that is folded away
PIXELS = 40_000_000  # a picture of more could make a reader's browser stand still
PICTURE_BYTES = 4_000_000
HEADER = 33  # bytes of a PNG's mark and first chunk, which has the size
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Text:
    """Something with lines of its own, folded away."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A picture that stands in the page."""

    title: str
    data: str  # base64 of a PNG


def visible(
    result: Json, attachments: Mapping[str, bytes], *, staff: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the attachments that checks refer to and this audience may see, each content once."""
    named = [
        name
        for criterion in result["criteria"]
        for check in criterion["checks"]
        for name in check.get("attachments", ())
    ]
    seen: set[bytes] = set()
    for name in named:
        own = PurePosixPath(name).stem.endswith(OWN)
        data = attachments.get(name)
        if data is not None and (own or staff) and data not in seen:
            seen.add(data)
            yield name, data


def pictures(files: Mapping[str, bytes]) -> Iterator[Picture]:
    """Yield what is a PNG that a browser can bear."""
    for name, data in files.items():
        if bearable(data):
            yield Picture(title(name), base64.b64encode(data).decode("ascii"))


def bearable(data: bytes) -> bool:
    """Whether these bytes are a PNG that a browser can bear."""
    if not data.startswith(PNG) or not HEADER <= len(data) <= PICTURE_BYTES:
        return False
    width, height = struct.unpack(">II", data[16:24])
    return bool(0 < width * height <= PIXELS)


def texts(files: Mapping[str, bytes]) -> Iterator[Text]:
    """Yield everything but pictures as text."""
    for name, data in files.items():
        if not name.endswith(".png"):
            yield Text(title(name), tuple(lines(data.decode(errors="replace"))))


def lines(text: str, width: int = WIDTH) -> Iterator[str]:
    """Yield the lines of a text, each harmless, and how many more there are."""
    found = text.rstrip().replace("\r\n", "\n").split("\n")
    yield from (shown(line.expandtabs(4), width) for line in found[:LINES])
    if len(found) > LINES:
        yield f"… and {len(found) - LINES:,} more lines"


def title(name: str) -> str:
    """Return what an attachment is called in a page."""
    return shown(PurePosixPath(name).stem.removesuffix(OWN))
