"""The line to a sandbox, between real sockets and pipes."""

import contextlib
import json
import os
import random
import select
import socket
import struct
import threading
import time
import tracemalloc

import pytest

from grader.guest import frames
from grader.wire import Line, LineDeadline, LineEnded, LineViolation

SLACK = 0.1  # seconds by which an answer may come after its deadline
MB = 1 << 20
HEADERS = [
    {},
    {"verb": "forward", "shape": [1, 2], "past": None, "use_cache": True},
    {"путь": "файл 😀", "combining": "e\u0301", "odd byte": "\udcff", "control": "\x00\x1b[2J"},
    {"text": "x" * 60_000},
]
BODIES = [b"", b"\x00", b"GRD1" * 5, os.urandom(3 * MB + 7)]


@pytest.fixture
def pair():
    """Two ends of one stream: ours and the guest's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def line(pair):
    """Our half of a plain stream."""
    return Line(pair[0], multiplexed=False)


@pytest.fixture
def engine_line(pair):
    """Our half of a stream with Docker's prefixes."""
    return Line(pair[0], multiplexed=True)


def soon(seconds=5.0):
    """Return a deadline that a test meets."""
    return time.monotonic() + seconds


@contextlib.contextmanager
def beside(work, *arguments):
    """Run something in another thread meanwhile, and wait for its end."""
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        assert not thread.is_alive()


def frame(header, body=b"", *, magic=b"GRD1", header_length=None, body_length=None):
    """Write a frame by hand: 4 bytes of magic, u32, u64, both big-endian, header, body."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (
        magic
        + struct.pack(">I", len(text) if header_length is None else header_length)
        + struct.pack(">Q", len(body) if body_length is None else body_length)
        + text
        + body
    )


def engine(stream, content):
    """Wrap bytes as Docker does: the stream's number, three zeros, u32 big-endian, the bytes."""
    return bytes([stream, 0, 0, 0]) + struct.pack(">I", len(content)) + content


# --- both halves of the format --------------------------------------------------------------------


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("body", BODIES, ids=len)
def test_what_the_host_sends_the_guest_reads(line, pair, header, body):
    """A frame of the host arrives at the guest with the same header and the same bytes."""
    got = []
    with beside(lambda: got.append(frames.read(pair[1].fileno()))):
        line.send(header, body, deadline=soon())
    assert got == [(header, bytearray(body))]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("body", BODIES, ids=len)
def test_what_the_guest_writes_the_host_receives(line, pair, header, body):
    """A frame of the guest arrives at the host with the same header and the same bytes."""
    with beside(frames.write, pair[1].fileno(), header, body):
        assert line.receive(max_body=len(body), deadline=soon()) == (header, body)


def test_the_format_is_what_both_halves_say(line, pair):
    """The bytes on the wire are those of the documented layout, so halves of two versions fit."""
    line.send({"a": 1}, b"xyz", deadline=soon())
    assert pair[1].recv(100) == b'GRD1\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x03{"a": 1}xyz'


def test_many_frames_follow_each_other(line, pair):
    """Question and answer alternate on one line without a byte lost or left."""

    def echo():
        for _ in range(50):
            header, body = frames.read(pair[1].fileno())
            frames.write(pair[1].fileno(), {"echo": header["n"]}, body * 2)

    with beside(echo):
        for n in range(50):
            body = bytes([n]) * (n * 997)
            line.send({"n": n}, body, deadline=soon())
            assert line.receive(max_body=2 * len(body), deadline=soon()) == ({"echo": n}, body * 2)


# --- Docker's framing -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_engine_frames_cut_anywhere_are_put_together(engine_line, pair, seed):
    """Docker may cut the stream and its own prefixes at any byte, with notes in between."""
    rng = random.Random(seed)
    body = rng.randbytes(200_000)
    content, stream, notes = frame({"seed": seed}, body), b"", b""
    while content:
        cut = rng.choice([1, 2, 15, 16, 17, 1000, 32768])
        stream += engine(1, content[:cut])
        content = content[cut:]
        if rng.random() < 0.3:
            note = rng.choice([b"", b"warning\n", b"GRD1"])
            notes += note
            stream += engine(2, note)

    def trickle():
        rest = stream
        while rest:
            cut = rng.choice([1, 7, 8, 9, 4096, 100_000])
            pair[1].sendall(rest[:cut])
            rest = rest[cut:]

    with beside(trickle):
        assert engine_line.receive(max_body=len(body), deadline=soon()) == ({"seed": seed}, body)
    assert notes.decode().startswith(engine_line.notes)


def test_standard_error_is_kept_apart_and_only_its_end(engine_line, pair):
    """However much comes on standard error, only its last few kilobytes are kept."""
    flood = b"".join(engine(2, b"%07d\n" % n * 1000) for n in range(500)) + engine(2, b"\xff last")
    with beside(pair[1].sendall, flood + engine(1, frame({"ok": True}))):
        assert engine_line.receive(max_body=0, deadline=soon()) == ({"ok": True}, b"")
    assert engine_line.notes.endswith("0000499\n\ufffd last")
    assert len(engine_line.notes) <= 10_000


def test_notes_before_a_request_are_no_violation(engine_line, pair):
    """What waits on standard error does not keep the host from sending."""
    pair[1].sendall(engine(2, b"a warning of torch\n") * 20)
    engine_line.send({"verb": "worker"}, deadline=soon())
    assert frames.read(pair[1].fileno())[0] == {"verb": "worker"}
    assert engine_line.notes == "a warning of torch\n" * 20


def test_a_flood_of_notes_does_not_hold_up_a_request(engine_line, pair):
    """Endless standard error keeps the host neither from sending nor past its deadline."""
    stop = threading.Event()

    def flood():
        rng, rest = random.Random(1), b""
        while not stop.is_set():
            rest = rest or engine(2, b"x" * 30_001) * 50
            cut = rng.randrange(1, 60_000)
            if select.select([], [pair[1]], [], 0.05)[1]:
                with contextlib.suppress(OSError):
                    rest = rest[pair[1].send(rest[:cut], socket.MSG_DONTWAIT) :]

    with beside(flood):
        time.sleep(0.05)
        try:
            began = time.monotonic()
            with contextlib.suppress(LineDeadline):
                engine_line.send({"verb": "worker"}, deadline=began + 0.3)
            assert time.monotonic() - began < 0.3 + SLACK
        finally:
            stop.set()
            pair[0].close()


def test_standard_error_without_end_cannot_hold_up_a_request(engine_line, pair):
    """Where notes come faster than they are read, a request still ends at its deadline."""
    now, piece = [0.0], engine(2, b"z" * 100_001) * 4
    engine_line._clock = lambda: now[0]
    rest = bytearray()

    def read_some():
        now[0] += 0.1  # whatever is read, there is more
        assert now[0] < 10, "the host reads on and on"
        type(engine_line)._read_some(engine_line)
        write_some()

    def write_some():
        with contextlib.suppress(BlockingIOError):
            while True:
                rest.extend(piece if not rest else b"")
                del rest[: pair[1].send(rest, socket.MSG_DONTWAIT)]

    engine_line._read_some = read_some
    write_some()
    with pytest.raises(LineDeadline):
        engine_line.send({"verb": "worker"}, deadline=1.0)
    assert now[0] < 1.2


# --- what an attacker may write -------------------------------------------------------------------

HUGE = [
    ("a body", frame(b"{}", body_length=1 << 40), "1099511627776 bytes where at most 64 are due"),
    ("a body by one", frame(b"{}", body_length=65), "65 bytes where at most 64 are due"),
    ("the largest body", frame(b"{}", body_length=2**64 - 1), "18446744073709551615 bytes"),
    ("a header", frame(b"{}", header_length=2**32 - 1), "header that is too long"),
    ("a header by one", frame(b"{}", header_length=65537), "header that is too long"),
]


@pytest.mark.parametrize(("data", "says"), [case[1:] for case in HUGE], ids=[c[0] for c in HUGE])
def test_announced_lengths_are_refused_before_a_byte_is_stored(line, pair, data, says):
    """A length above what is due is a violation at once, and costs no memory."""
    pair[1].sendall(data)
    tracemalloc.start()
    try:
        with pytest.raises(LineViolation, match=says):
            line.receive(max_body=64, deadline=soon())
        assert tracemalloc.get_traced_memory()[1] < 2 * MB
    finally:
        tracemalloc.stop()


def test_an_allowed_length_is_not_stored_before_it_comes(line, pair):
    """Memory grows with the bytes that arrive and not with the number that was announced."""
    pair[1].sendall(frame(b"{}", b"ten bytes!", body_length=1 << 32))
    pair[1].close()
    tracemalloc.start()
    try:
        with pytest.raises(LineEnded):
            line.receive(max_body=1 << 32, deadline=soon())
        assert tracemalloc.get_traced_memory()[1] < 2 * MB
    finally:
        tracemalloc.stop()


JUNK = [
    ("other magic", frame({}, magic=b"GRD2"), "does not start as a frame"),
    ("text", b"Traceback (most recent call last)", "does not start as a frame"),
    ("no JSON", frame(b"{'a': 1}"), "not JSON"),
    ("nothing", frame(b""), "not JSON"),
    ("two objects", frame(b"{}{}"), "not JSON"),
    ("a list", frame(b"[1]"), "not a JSON object"),
    ("a text", frame(b'"GRD1"'), "not a JSON object"),
    ("null", frame(b"null"), "not a JSON object"),
    ("a number", frame(b"1"), "not a JSON object"),
    ("invalid UTF-8", frame(b'{"a": "\xff"}'), "not JSON"),
    ("pickle", frame(b"\x80\x04\x95."), "not JSON"),
    ("nested lists", frame(b"[" * 65_536), "not JSON"),
    ("nested objects", frame(b'{"":' * 16_000), "not JSON"),
    ("nested and whole", frame(b'{"a":' + b"[" * 32_000 + b"]" * 32_000 + b"}"), "not JSON"),
    ("nested too far to be read", frame(b"[" * 100_000 + b"]" * 100_000), "too long"),
    ("an endless number", frame(b'{"a": ' + b"9" * 60_000 + b"}"), "not JSON"),
]


@pytest.mark.parametrize(("data", "says"), [case[1:] for case in JUNK], ids=[c[0] for c in JUNK])
def test_junk_is_a_violation(line, pair, data, says):
    """Whatever is not a frame with a JSON object ends as a violation and never otherwise."""
    with beside(pair[1].sendall, data), pytest.raises(LineViolation, match=says):
        line.receive(max_body=0, deadline=soon())


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 20, 30])
def test_a_frame_that_breaks_off_is_an_end(line, pair, length):
    """A stream closed in the middle of a frame has ended, wherever it broke off."""
    whole = frame({"ok": True}, b"0123456789")
    assert length < len(whole)
    pair[1].sendall(whole[:length])
    pair[1].close()
    with pytest.raises(LineEnded):
        line.receive(max_body=10, deadline=soon())


def test_unasked_bytes_are_a_violation(line, pair):
    """What arrives before a request cannot pass for its reply."""
    pair[1].sendall(frame({"result": {}}))
    with pytest.raises(LineViolation, match="nobody asked for"):
        line.send({"verb": "forward"}, deadline=soon())


def test_one_unasked_byte_is_a_violation(engine_line, pair):
    """A single byte on standard output is enough, also behind Docker's framing and its notes."""
    pair[1].sendall(engine(2, b"note") + engine(1, b"\x00"))
    with pytest.raises(LineViolation, match="nobody asked for"):
        engine_line.send({"verb": "forward"}, deadline=soon())


def test_a_second_reply_is_a_violation(line, pair):
    """A reply that comes along with another one is not kept for the next request."""
    pair[1].sendall(frame({"n": 1}, b"body") + frame({"n": 2}))
    assert line.receive(max_body=4, deadline=soon()) == ({"n": 1}, b"body")
    with pytest.raises(LineViolation, match="nobody asked for"):
        line.send({"verb": "forward"}, deadline=soon())


# --- time -----------------------------------------------------------------------------------------


def test_one_byte_at_a_time_does_not_stretch_the_deadline(line, pair):
    """The deadline is that of the whole frame, however steadily its bytes come."""
    data = frame({"ok": True}, b"x" * 1000)
    stop = threading.Event()

    def trickle():
        for index in range(len(data)):
            pair[1].send(data[index : index + 1])
            if stop.wait(0.02):
                return

    with beside(trickle):
        began = time.monotonic()
        with pytest.raises(LineDeadline):
            line.receive(max_body=1000, deadline=began + 0.3)
        took = time.monotonic() - began
        stop.set()
    assert 0.3 <= took < 0.3 + SLACK


def test_silence_ends_at_the_deadline(line):
    """Where nothing comes, the host waits until the deadline and no longer."""
    began = time.monotonic()
    with pytest.raises(LineDeadline):
        line.receive(max_body=0, deadline=began + 0.2)
    assert 0.2 <= time.monotonic() - began < 0.2 + SLACK


def test_a_peer_that_never_reads_ends_at_the_deadline(line):
    """A request that nobody takes in does not hold the host beyond the deadline."""
    began = time.monotonic()
    with pytest.raises(LineDeadline):
        line.send({"verb": "tensor"}, bytes(64 * MB), deadline=began + 0.2)
    assert 0.2 <= time.monotonic() - began < 0.2 + SLACK


def test_a_deadline_that_has_passed_sends_nothing(line, pair):
    """After its deadline not even the first byte of a request goes out."""
    with pytest.raises(LineDeadline):
        line.send({"verb": "forward"}, deadline=time.monotonic() - 1)
    pair[0].close()
    assert pair[1].recv(1) == b""


def test_the_deadline_is_of_the_clock_that_was_given(pair):
    """A line with a clock of its own goes by that clock alone."""
    line = Line(pair[0], multiplexed=False, clock=lambda: 1000.0)
    pair[1].sendall(frame({"ok": True}))
    assert line.receive(max_body=0, deadline=1001.0) == ({"ok": True}, b"")
    with pytest.raises(LineDeadline):
        line.receive(max_body=0, deadline=999.0)


# --- the end --------------------------------------------------------------------------------------


def test_sending_to_one_who_left_is_an_end(line, pair):
    """A closed line shows as its end, and not as an error of the operating system."""
    pair[1].close()
    with pytest.raises(LineEnded):
        line.send({"verb": "tensor"}, bytes(4 * MB), deadline=soon())


def test_a_reset_is_an_end():
    """A connection that is reset instead of closed shows as the same end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    with ours, pytest.raises(LineEnded):
        Line(ours, multiplexed=False).receive(max_body=0, deadline=soon())


def test_closing_tells_the_other_side_and_is_harmless_twice(line, pair):
    """After close the guest reads the end of the stream; closing again does nothing."""
    line.close()
    line.close()
    with pytest.raises(frames.EndOfStream):
        frames.read(pair[1].fileno())


# --- the guest's half -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 16, 17, 1000, 10**6])
def test_assembly_puts_pieces_together(size):
    """A frame fed in pieces of any size comes out whole, once, with its last piece."""
    body = os.urandom(5000)
    data = frame({"путь": [1, None]}, body)
    assembly = frames.Assembly(len(body))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for piece in pieces[:-1]:
        assert assembly.feed(piece) is None
    done = assembly.feed(pieces[-1])
    assert done is not None
    assert done[0] == {"путь": [1, None]}
    assert bytes(done[1]) == body


def test_assembly_gives_a_frame_without_a_body():
    """An empty body is a body."""
    done = frames.Assembly(0).feed(frame({}))
    assert done is not None
    assert (done[0], bytes(done[1])) == ({}, b"")


MALFORMED = [(name, data) for name, data, _ in JUNK] + [
    ("a body too long", frame({}, body_length=11)),
    ("an endless body", frame({}, body_length=2**64 - 1)),
    ("a header too long", frame({}, header_length=65_537)),
    ("a byte too many", frame({}, b"0123456789") + b"x"),
    ("a second frame", frame({}, b"0123456789") + frame({})),
]


@pytest.mark.parametrize("data", [case[1] for case in MALFORMED], ids=[c[0] for c in MALFORMED])
@pytest.mark.parametrize("size", [1000, 10**6])
def test_assembly_refuses_what_is_no_frame(data, size):
    """Malformed bytes of a worker are reported as such, whole or in pieces."""

    def feed():
        assembly = frames.Assembly(10)
        for at in range(0, len(data), size):
            assembly.feed(data[at : at + size])

    with pytest.raises(frames.Malformed):
        feed()


def test_assembly_refuses_a_length_before_it_comes():
    """A worker that announces too much is stopped at the announcement."""
    assembly = frames.Assembly(10)
    with pytest.raises(frames.Malformed):
        assembly.feed(frame(b"", header_length=2, body_length=1 << 40))
    assert len(assembly.data) <= 16


def test_the_guest_sees_the_end_of_its_pipe():
    """A pipe closed before or within a frame is an end of the stream for the guest."""
    for rest in (b"", frame({"verb": "load"}, b"body")[:-1]):
        read_end, write_end = os.pipe()
        os.write(write_end, rest)
        os.close(write_end)
        with pytest.raises(frames.EndOfStream):
            frames.read(read_end)
        os.close(read_end)


def test_the_guest_refuses_another_magic(pair):
    """A guest that reads something else than a frame says so and does not guess."""
    pair[0].sendall(frame({}, magic=b"HTTP"))
    with pytest.raises(frames.Malformed):
        frames.read(pair[1].fileno())


def test_both_halves_allow_headers_of_the_same_size(line, pair):
    """The longest header that one half takes, the other takes too; one byte more, neither."""
    longest = {"x": "y" * (65_536 - len('{"x": ""}'))}
    with beside(frames.write, pair[1].fileno(), longest):
        assert line.receive(max_body=0, deadline=soon())[0] == longest
    done = frames.Assembly(0).feed(frame(longest))
    assert done is not None
    with pytest.raises(frames.Malformed):
        frames.Assembly(0).feed(frame({"x": longest["x"] + "y"}))
