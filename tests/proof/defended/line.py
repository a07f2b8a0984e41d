"""The line to a box: what the host takes from whoever answers, and for how long it waits.

The boxes here are threads of ours that speak the protocol and break one rule of it, as an agent
would that students had taken over.
"""

import json
import socket
import threading
import time

from grader.conversation import Conversation
from grader.errors import HarnessError, StudentFault
from grader.records import Ending, Limits
from grader.wire import ENGINE_PREFIX, MAGIC, MAX_HEADER, PREFIX, Line
from tests.proof import broken
from tests.proof.trials import Defence, Seen

MB = 1 << 20
LIMIT = 1.0  # seconds for a call
PATIENCE = 4.0  # after which a box of ours hangs up


class Forged:
    """A sandbox whose boxes are well-behaved until the call, which ``answer`` answers."""

    name, isolation = "forged", "container"

    def __init__(self, answer, early=b""):
        self.answer = answer
        self.early = early  # sent before the call

    def start(self, limits, *, device):
        return _Box(self, device)


class _Box:
    work, wiped, ready = "/nowhere", (), None

    def __init__(self, sandbox, device):
        self.device = device
        ours, self.theirs = socket.socketpair()
        self.line = Line(ours, multiplexed=True)
        self.sandbox = sandbox
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            self._serve()
        except OSError:
            pass  # the host hung up
        finally:
            self.theirs.close()

    def _serve(self):
        stream = self.theirs.makefile("rb")
        stream.read(int(stream.readline()))
        self.send(frame({"ready": True}))
        while prefix := stream.read(PREFIX.size):
            _, header, body = PREFIX.unpack(prefix)
            request = json.loads(stream.read(header))
            stream.read(body)
            if request["verb"] == "forward":
                self.sandbox.answer(self, request)
                continue
            early = self.sandbox.early if request["verb"] == "worker" else b""
            self.send(frame({"ok": True, "id": request["id"]}) + early)

    def send(self, data, stream=1):
        """Send as the engine does, in one piece."""
        self.theirs.sendall(ENGINE_PREFIX.pack(stream, len(data)) + data)

    def oom_kills(self):
        return None

    def ending(self, *, patience=5.0):
        return Ending(None, out_of_memory=False, text="")

    def kill(self):
        self.line.close()


def frame(header, body=b""):
    """Return one frame; the header is an object, or JSON already."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return PREFIX.pack(MAGIC, len(text), len(body)) + text + body


def called(answer, expected, early=b""):
    """Return a trial: one call to a box that answers so; ``expected`` is how it has to end."""

    def trial():
        limits = Limits(request_seconds=LIMIT)
        with Conversation(Forged(answer, early), [], limits) as conversation:
            conversation.fresh_worker()
            time.sleep(0.05)  # what came early is there
            begin = time.monotonic()
            try:
                header, body = conversation.call("forward", {}, reply_bytes=8)
            except StudentFault as fault:
                seen = fault.outcome
            except (HarnessError, AttributeError) as error:
                seen = f"a fault of ours ({type(error).__name__})"
            else:
                seen = "accepted"
                if (size := len(json.dumps(header)) + len(body)) > MB:
                    seen += f", {size / MB:.0f} MB"
            seconds = time.monotonic() - begin
        text = seen.replace("_", " ") + (f" after {seconds:.0f} s" if seconds > 2 * LIMIT else "")
        return Seen(text, seen == expected)

    return trial


def guesses(box, request):
    """Answer somebody else's request."""
    box.send(frame({"ok": True, "id": "0123456789abcdef", "result": {}}, bytes(8)))


def long_header(box, request):
    """Answer with a header of many megabytes."""
    box.send(frame({"ok": True, "id": request["id"], "result": {"x": "x" * 8 * MB}}))


def long_body(box, request):
    """Answer with a body of many megabytes where a few bytes are due."""
    box.send(frame({"ok": True, "id": request["id"], "result": {}}, bytes(8 * MB)))


def listed(box, request):
    """Answer with a header that is a list."""
    box.send(frame(json.dumps([request["id"]]).encode()))


def drips(box, request):
    """Answer rightly, a few bytes at a time."""
    data = frame({"ok": True, "id": request["id"], "result": {}}, bytes(8))
    for at in range(0, len(data), 4):
        box.send(data[at : at + 4])
        time.sleep(0.1)


def silent(box, request):
    """Do not answer, and hang up in the end."""
    time.sleep(PATIENCE)
    box.theirs.shutdown(socket.SHUT_RDWR)


def well(box, request):
    """Answer as is due."""
    box.send(frame({"ok": True, "id": request["id"], "result": {}}, bytes(8)))


def _notes():
    """Flood standard error before a good answer; look at what the host keeps of it."""
    ours, theirs = socket.socketpair()
    line = Line(ours, multiplexed=True)

    def flood():
        for _ in range(64):
            theirs.sendall(ENGINE_PREFIX.pack(2, 1 << 17) + b"x" * (1 << 17))
        data = frame({"ok": True})
        theirs.sendall(ENGINE_PREFIX.pack(1, len(data)) + data)

    thread = threading.Thread(target=flood)
    thread.start()
    line.receive(max_body=0, deadline=time.monotonic() + 30)
    kept = len(line.notes)
    thread.join()
    line.close()
    theirs.close()
    return Seen(f"{kept / 1024:.0f} KB kept", kept <= 16384)


DEFENCES = [
    Defence("a reply names its request", "the name is not looked at",
            lambda: broken.name("grader.conversation._answers", lambda reply, nonce: None),
            "a reply to another request", called(guesses, "protocol_violation")),
    Defence("a reply's header has a largest size", "`MAX_HEADER` of a terabyte",
            lambda: broken.name("grader.wire.MAX_HEADER", 1 << 40),
            "a header of 8 MB", called(long_header, "protocol_violation")),
    Defence("a reply's body is no longer than is due", "the length is not compared",
            lambda: broken.host("grader.wire.Line.receive",
                                ("if body_length > max_body:", "if False:")),
            "8 MB where 8 bytes are due", called(long_body, "protocol_violation")),
    Defence("a reply's header is a JSON object", "any JSON will do",
            lambda: broken.host("grader.wire._parse",
                                ("if not isinstance(header, dict):", "if False:")),
            "a header that is a list", called(listed, "protocol_violation")),
    Defence("nothing may arrive before it is asked for", "it is not looked for",
            lambda: broken.host("grader.wire.Line.send",
                                ("if self._data or self._arrived(deadline):", "if False:")),
            "the announcement of a long header comes early",
            called(well, "protocol_violation", early=PREFIX.pack(MAGIC, MAX_HEADER, 8))),
    Defence("a deadline covers a whole frame", "each piece has its own",
            lambda: broken.host("grader.wire.Line._need",
                                ("self._await(deadline)", "self._await(self._clock() + 1)")),
            "a good reply in drips", called(drips, "timeout")),
    Defence("the host's own deadline", "an hour more",
            lambda: broken.host("grader.conversation.Conversation._exchange",
                                ("+ seconds + GRACE_SECONDS", "+ seconds + 3600")),
            "a box that never answers", called(silent, "timeout")),
    Defence("of what a box says of itself the end is kept", "`NOTES_KEPT` of a terabyte",
            lambda: broken.name("grader.wire.NOTES_KEPT", 1 << 40),
            "8 MB on standard error", _notes),
]  # fmt: skip
