"""A sandbox whose guest follows a plan, in a time of its own.

The host's half is the real one, and so is the stream between the two: a pair of sockets. Guest and
host share one thread. Whenever the host reads or waits, the clock that both go by moves on and the
guest does what is due by then, so that a minute of waiting costs nothing and every run is the same.
"""

import contextlib
import json
import math
import select
import socket
import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from grader.guest import frames
from grader.student import Student
from grader.wire import PREFIX, Line

READS = 3000  # of one exchange, above which the host is taken to read for ever
READ_AT_MOST = 1 << 20  # what the host may ask of the system at once
MOMENT = 1e-6  # what a read costs by the clock
FLOODED = 0.1  # likewise, when there is always more to be read
END = object()  # as a piece: hang up


class Clock:
    """A clock that goes only when somebody waits."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@dataclass
class Say:
    """What a guest does when it is asked: pieces, each with the seconds that it comes after the
    last one. A flood is sent over and over, behind them."""

    pieces: Iterable[tuple[float, object]] = ()
    flood: bytes = b""
    flood_stream: int = 2
    deaf: bool = False  # takes in nothing more


class Wire:
    """The host's end of the stream, with the guest behind it."""

    def __init__(self, clock, guest, *, multiplexed, cut):
        self.clock, self.guest, self.multiplexed, self.cut = clock, guest, multiplexed, cut
        self.ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.due = deque()  # (moment, bytes on the stream or END, what of them is the guest's)
        self.said = bytearray()  # what the guest has said since the host last sent
        self.flood = b""
        self.deaf = self.closed = False
        self.reads, self.timeout = 0, 0.0

    # --- what the line calls ------------------------------------------------------------------

    def fileno(self):
        return self.ours.fileno()

    def settimeout(self, seconds):
        assert seconds > 0, "the host would wait for ever, or not at all"
        self.timeout = seconds

    def recv(self, size):
        assert size <= READ_AT_MOST, f"the host asks for {size} bytes at once"
        self.reads += 1
        assert self.reads < READS, "the host reads on and on"
        self.clock.now += FLOODED if self.flood else MOMENT
        self.go_on()
        if not select.select([self.ours], [], [], 0)[0]:
            wait = self.due[0][0] - self.clock.now if self.due else math.inf
            self.clock.now += min(wait, self.timeout)
            if wait > self.timeout:
                raise TimeoutError
            self.go_on()
        data = self.ours.recv(size)
        self.go_on()
        return data

    def send(self, view):
        assert len(view) <= READ_AT_MOST
        if self.deaf:
            self.clock.now += self.timeout
            raise TimeoutError
        if self.closed:
            raise BrokenPipeError
        self.reads = 0
        self.said.clear()
        say = self.guest(bytes(view))
        if say is not None:
            self.answer(say)
        return len(view)

    def shutdown(self, how):
        self.ours.shutdown(how)

    def close(self):
        self.ours.close()
        self.theirs.close()

    # --- what the guest does ------------------------------------------------------------------

    def answer(self, say):
        at = self.clock.now
        for delay, piece in say.pieces:
            at += delay
            self.due.extend((at, *part) for part in self.framed(1, piece))
        if say.flood:
            self.flood = say.flood
            if self.multiplexed:
                self.flood = struct.pack(">BxxxL", say.flood_stream, len(say.flood)) + say.flood
        self.deaf = say.deaf
        self.go_on()

    def framed(self, stream, piece):
        """Yield a piece as the engine passes it on: cut anywhere, and with its prefixes."""
        if piece is END or not self.multiplexed:
            yield piece, b"" if piece is END else piece
            return
        while piece:
            note, length = self.cut(len(piece))
            if note:
                yield struct.pack(">BxxxL", 2, len(note)) + note, b""
            part, piece = piece[:length], piece[length:]
            yield struct.pack(">BxxxL", stream, len(part)) + part, part

    def go_on(self):
        """Do what is due by now, as far as the stream takes it in."""
        with contextlib.suppress(BlockingIOError, OSError):  # full, or the host has closed it
            while self.due and self.due[0][0] <= self.clock.now:
                at, piece, said = self.due.popleft()
                self.said += said
                if piece is END:
                    self.closed = True
                    self.theirs.shutdown(socket.SHUT_WR)
                    return
                rest = piece
                try:
                    while rest:
                        rest = rest[self.theirs.send(rest) :]
                finally:
                    if rest:
                        self.due.appendleft((at, rest, b""))
            while self.flood and not self.due and not self.closed:
                sent = self.theirs.send(self.flood)
                if sent < len(self.flood):  # a frame is never left half sent for good
                    self.due.appendleft((self.clock.now, self.flood[sent:], b""))
                    return


class Guest:
    """Reads requests and answers them well, until the plan says otherwise."""

    def __init__(self, plan, box):
        self.plan, self.box = plan, box
        self.boot = bytearray()
        self.assembly = None  # of the frame that is coming in
        self.nonce = ""

    def __call__(self, data):
        if self.assembly is None:
            return self.booted(data)
        frame = self.assembly.feed(data)
        if frame is None:
            return None
        self.assembly = frames.Assembly(1 << 40)
        header, body = frame
        self.nonce = header["id"]
        self.box.asked.append((header, bytes(body)))
        return self.plan.answer(self.box, header["verb"], header)

    def booted(self, data):
        self.boot += data
        length, newline, rest = self.boot.partition(b"\n")
        if not newline or len(rest) < int(length):
            return None
        self.assembly = frames.Assembly(1 << 40)
        return self.plan.answer(self.box, "boot", {})


class Box:
    """A box with such a guest."""

    work, wiped, device, ready = "/work", ["/work"], "cpu", None

    def __init__(self, plan, clock):
        self.plan, self.killed, self.kills, self.asked = plan, False, 0, []
        self.guest = Guest(plan, self)
        self.wire = Wire(clock, self.guest, multiplexed=plan.multiplexed, cut=plan.cut)
        self.line = Line(self.wire, multiplexed=plan.multiplexed, clock=clock)

    def oom_kills(self):
        return self.kills

    def ending(self, *, patience=5.0):
        self.line.close()
        return self.plan.ending

    def kill(self):
        self.killed = True
        self.line.close()


class Boxes:
    """A sandbox that starts such boxes."""

    name, isolation = "fuzz", "container"

    def __init__(self, plan, clock):
        self.plan, self.clock, self.started = plan, clock, []

    def start(self, limits, *, device):
        self.started.append(Box(self.plan, self.clock))
        return self.started[-1]

    def facts(self):
        return {}


class Watched(Student):
    """A student whose every exchange is looked at: how long it waited, what it believed, and
    whether the box is gone where the exchange failed."""

    late = -math.inf  # seconds by which the slowest exchange ended after its limit

    def _exchange(self, verb, header, body, *, seconds, reply_bytes):
        box, begin = self._box, self.clock()
        try:
            reply, array = super()._exchange(
                verb, header, body, seconds=seconds, reply_bytes=reply_bytes
            )
        except Exception:
            assert self._box is None, "a box lives on after an exchange that failed"
            assert box is None or box.killed
            raise
        finally:
            self.late = max(self.late, self.clock() - begin - seconds)
        assert len(self.prints) < 4096
        header, body = as_specified(bytes(box.wire.said))
        assert (list(reply), array) == (list(header), body), "that is not what was said"
        assert reply["id"] == box.guest.nonce
        assert len(array) <= reply_bytes
        return reply, array


def as_specified(said):
    """Read one frame at the beginning of what was said, by the letter of the format."""
    magic, header, body = PREFIX.unpack_from(said)
    assert magic == b"GRD1"
    end = PREFIX.size + header
    assert len(said) >= end + body
    return json.loads(said[PREFIX.size : end]), said[end : end + body]
