"""Frames: the one form in which bytes travel between host, agent and worker.

    magic "GRD1" | header length, u32 | body length, u64 | header, JSON object | body, raw bytes

All integers are big-endian. The host has its own half of this format (`grader/wire.py`): the
format is written twice on purpose, since neither side may import the other; a round-trip test
holds the two together.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

MAGIC = b"GRD1"
PREFIX = struct.Struct(">4sIQ")
MAX_HEADER = 1 << 16
SHORT = 1 << 16  # bodies that travel in one piece with their header: each piece wakes who relays it

Header = dict[str, Any]


class Malformed(Exception):  # noqa: N818 - names what the bytes are
    """The bytes are not a frame, or announce more than was allowed."""


class EndOfStream(Exception):  # noqa: N818 - names what happened
    """The other side is gone."""


def encode(header: Header, body_length: int) -> bytes:
    """Return the prefix and the header of a frame whose body of that length follows."""
    text = json.dumps(header).encode()
    return PREFIX.pack(MAGIC, len(text), body_length) + text


def write(fd: int, header: Header, body: bytes | bytearray | memoryview = b"") -> None:
    """Write one whole frame to a blocking descriptor."""
    head = encode(header, len(body))
    for part in (head + body,) if len(body) < SHORT else (head, body):
        view = memoryview(part)
        while view:
            view = view[os.write(fd, view) :]


def read(fd: int) -> tuple[Header, bytearray]:
    """Read one whole frame from a blocking descriptor that a trusted side writes to."""
    magic, header_length, body_length = PREFIX.unpack(_exactly(fd, PREFIX.size))
    if magic != MAGIC or header_length > MAX_HEADER:
        raise Malformed
    header = json.loads(_exactly(fd, header_length))
    return header, _exactly(fd, body_length)


def _exactly(fd: int, length: int) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        piece = os.read(fd, min(len(view), 1 << 20))
        if not piece:
            raise EndOfStream
        view[: len(piece)] = piece
        view = view[len(piece) :]
    return data


class Assembly:
    """Puts one frame together from pieces, holding at most what was allowed."""

    def __init__(self, max_body: int) -> None:
        self.data = bytearray()
        self.max_body = max_body

    def feed(self, piece: bytes) -> tuple[Header, memoryview] | None:
        """Add a piece; return the frame once it is complete. Bytes beyond it are malformed."""
        self.data += piece
        if len(self.data) < PREFIX.size:
            return None
        magic, header_length, body_length = PREFIX.unpack_from(self.data)
        if magic != MAGIC or header_length > MAX_HEADER or body_length > self.max_body:
            raise Malformed
        start = PREFIX.size + header_length
        end = start + body_length
        if len(self.data) > end:
            raise Malformed
        if len(self.data) < end:
            return None
        try:
            header = json.loads(bytes(self.data[PREFIX.size : start]))
        except (ValueError, RecursionError):
            raise Malformed from None
        if not isinstance(header, dict):
            raise Malformed
        return header, memoryview(self.data)[start:]
