"""The line to a sandbox: frames over one stream, with size limits and deadlines.

    magic "GRD1" | header length, u32 | body length, u64 | header, JSON object | body, raw bytes

All integers are big-endian. The guest has its own half of this format; a round-trip test holds
the two together. Everything that arrives was written by somebody who may own the whole sandbox:

- a length is compared with what the host itself expects before a byte is stored;
- a deadline covers a whole frame, so that one byte a second does not stretch it;
- bytes that arrive while nothing was asked are a violation;
- a header is a bounded JSON object, and nothing else is ever deserialised.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

MAGIC = b"GRD1"
PREFIX = struct.Struct(">4sIQ")
MAX_HEADER = 1 << 16
SHORT = 1 << 16  # bodies that travel in one piece with their header: each piece wakes who relays it
NOTES_KEPT = 8192
ENGINE_PREFIX = struct.Struct(">BxxxL")  # Docker's framing of an attached stream
STDOUT = 1

Header = dict[str, Any]
Clock = Callable[[], float]


class LineDeadline(Exception):  # noqa: N818 - names what happened on the line
    """The deadline passed before the whole frame was there."""


class LineEnded(Exception):  # noqa: N818
    """The other side closed the line."""


class LineViolation(Exception):  # noqa: N818
    """The bytes break the protocol; the message says how."""


class Line:
    """One duplex byte stream to a sandbox.

    ``multiplexed``: the stream carries Docker's eight-byte prefixes, with standard error beside
    standard output. Standard error is drained and its end is kept in ``notes``.
    """

    def __init__(
        self, sock: socket.socket, *, multiplexed: bool, clock: Clock = time.monotonic
    ) -> None:
        self._sock = sock
        self._multiplexed = multiplexed
        self._clock = clock
        self._raw = bytearray()  # of the engine, not yet taken apart
        self._data = bytearray()  # of the guest
        self._notes = bytearray()

    @property
    def notes(self) -> str:
        """The end of what came on standard error."""
        return self._notes.decode(errors="replace")

    def send(self, header: Header, body: bytes | memoryview = b"", *, deadline: float) -> None:
        """Send one frame; anything that arrived unasked since the last one is a violation."""
        if self._data or self._arrived(deadline):
            raise LineViolation("bytes arrived that nobody asked for")
        text = json.dumps(header).encode()
        head = PREFIX.pack(MAGIC, len(text), len(body)) + text
        for part in (head + body,) if len(body) < SHORT else (head, body):
            self.send_bytes(part, deadline=deadline)

    def send_bytes(self, data: bytes | memoryview, *, deadline: float) -> None:
        """Send raw bytes before the deadline (a moment of this line's clock, in seconds)."""
        view = memoryview(data)
        while view:
            self._await(deadline)
            try:
                view = view[self._sock.send(view[: 1 << 20]) :]
            except TimeoutError:
                continue
            except OSError:
                raise LineEnded from None

    def receive(self, *, max_body: int, deadline: float) -> tuple[Header, bytes]:
        """Receive one frame whose body is at most ``max_body`` bytes long."""
        self._need(PREFIX.size, deadline)
        magic, header_length, body_length = PREFIX.unpack_from(self._data)
        if magic != MAGIC:
            raise LineViolation("the reply does not start as a frame")
        if header_length > MAX_HEADER:
            raise LineViolation("the reply announces a header that is too long")
        if body_length > max_body:
            raise LineViolation(
                f"the reply announces {body_length} bytes where at most {max_body} are due"
            )
        end = PREFIX.size + header_length
        self._need(end + body_length, deadline)
        header = _parse(bytes(self._data[PREFIX.size : end]))
        body = bytes(memoryview(self._data)[end : end + body_length])
        del self._data[: end + body_length]
        return header, body

    def close(self) -> None:
        """Shut the stream down. An engine can hang on a container whose stream is not drained."""
        with contextlib.suppress(OSError):  # the other side was faster
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    # --- below the frames ---------------------------------------------------------------------

    def _await(self, deadline: float) -> None:
        left = deadline - self._clock()
        if left <= 0:
            raise LineDeadline
        self._sock.settimeout(left)

    def _need(self, length: int, deadline: float) -> None:
        while len(self._data) < length:
            self._await(deadline)
            self._read_some()

    def _read_some(self) -> None:
        try:
            piece = self._sock.recv(1 << 18)
        except TimeoutError:
            return
        except OSError:
            raise LineEnded from None
        if not piece:
            raise LineEnded
        if not self._multiplexed:
            self._data += piece
            return
        self._raw += piece
        while len(self._raw) >= ENGINE_PREFIX.size:
            stream, length = ENGINE_PREFIX.unpack_from(self._raw)
            end = ENGINE_PREFIX.size + length
            if len(self._raw) < end:
                break
            content = self._raw[ENGINE_PREFIX.size : end]
            del self._raw[:end]
            if stream == STDOUT:
                self._data += content
            else:
                self._notes = (self._notes + content)[-NOTES_KEPT:]

    def _arrived(self, deadline: float) -> bool:
        """Whether data of the guest is waiting (its end shows when a reply is awaited)."""
        while select.select([self._sock], [], [], 0)[0]:
            self._await(deadline)  # standard error may come without end
            before = len(self._raw), len(self._data), len(self._notes)
            self._read_some()
            if self._data or before == (len(self._raw), len(self._data), len(self._notes)):
                break
        return bool(self._data)


def _parse(text: bytes) -> Header:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise LineViolation("the header of the reply is not JSON") from None
    if not isinstance(header, dict):
        raise LineViolation("the header of the reply is not a JSON object")
    return header
