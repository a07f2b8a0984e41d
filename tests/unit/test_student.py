"""The host half of the conversation, against guests that say whatever a test scripts.

A scripted guest is a thread at the other end of a socket. It speaks the real format; only what it
answers is made up, as student code that owns its sandbox may make it up.
"""

import contextlib
import json
import re
import socket
import threading
import time

import numpy as np
import pytest

from grader.errors import HarnessError, StudentFault
from grader.guest import frames
from grader.intake import SourceFile
from grader.records import FAULTS, Ending, Interface, Limits
from grader.student import Student
from grader.wire import Line

INTERFACE = Interface(
    model="Net",
    classes=("Net",),
    expected=("net.py",),
    constructor=("words", "width"),
    forward=("past", "use_cache"),
    generate=("n", "temperature", "use_cache"),
    vocabulary="words",
    probe={"words": 3, "width": 2},
)
DIMS = {"words": 5, "width": 4}
WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
LIMITS = Limits(import_seconds=1.0, request_seconds=0.5, submission_seconds=30.0)
IDS = np.array([[1, 2, 3]])
FILES = [SourceFile("net.py", b"class Net: ...\n")]
LOGITS = np.arange(15, dtype="<f4").reshape(1, 3, 5)
GONE = object()  # as an answer: hang up
VANISHED = object()  # likewise, and the kernel's counters are gone with the container


class FakeBox:
    """A box whose guest is a thread with a script: by verb, what it answers, call by call.

    An answer is a reply (a dict, or a dict and a body), raw bytes, None for silence, GONE, or a
    function of the request that returns one of these.
    """

    work, wiped, device, ready = "/work", ["/work"], "cpu", None

    def __init__(self, script, ending, clock):
        ours, self.socket = socket.socketpair()
        self.line = Line(ours, multiplexed=False, clock=clock)
        self.script, self.end, self.killed, self.oom = script, ending, False, 0
        self.asked = []
        threading.Thread(target=self._serve, daemon=True).start()

    def oom_kills(self):
        return self.oom

    def ending(self, *, patience=5.0):
        return self.end

    def kill(self):
        self.killed = True
        self.line.close()

    def _serve(self):
        gone = (frames.EndOfStream, frames.Malformed, OSError)
        with contextlib.suppress(*gone), self.socket, self.socket.makefile("rb") as stream:
            stream.read(int(stream.readline()))  # the guest's own source
            alive = self._answer({}, self.script.get("boot", {"ready": True}))
            while alive:
                header, body = frames.read(self.socket.fileno())
                self.asked.append((header, bytes(body)))
                verb = header["verb"]
                answer = self.script.get(verb, [])
                if isinstance(answer, list):
                    answer = answer.pop(0) if answer else DEFAULTS.get(verb, {})
                alive = self._answer(header, answer)

    def _answer(self, header, answer):
        answer = answer(self, header) if callable(answer) else answer
        if answer is VANISHED:
            self.oom = None
        if answer in (GONE, VANISHED):
            return False
        if isinstance(answer, bytes):
            self.socket.sendall(answer)
        elif answer is not None:
            reply, body = answer if isinstance(answer, tuple) else (answer, b"")
            frames.write(self.socket.fileno(), {"id": header.get("id"), **reply}, body)
        return True


class FakeSandbox:
    """Starts such boxes and keeps them for the test to look at."""

    name, isolation = "fake", "container"

    def __init__(self, script, ending=Ending(None, False, ""), clock=time.monotonic):  # noqa: B008
        self.script, self.ending, self.clock, self.boxes = script, ending, clock, []

    def start(self, limits, *, device):
        self.boxes.append(FakeBox(self.script, self.ending, self.clock))
        return self.boxes[-1]

    def facts(self):
        return {}

    def verbs(self):
        return [header["verb"] for box in self.boxes for header, _ in box.asked]


def zeros(_, header):
    """Answer a forward with zeros of the shape that was asked for."""
    return {"result": {"handle": None}}, bytes(header["reply_bytes"])


DEFAULTS = {"forward": zeros, "find": {"result": {"files": ["net.py"]}}}


@pytest.fixture
def made():
    """Make a student of a script, and leave nothing open."""
    students = []

    def make(script, ending=None, *, files=FILES, limits=LIMITS, clock=time.monotonic, **more):
        sandbox = FakeSandbox(script, ending or Ending(None, False, ""), clock)
        students.append(Student(sandbox, files, INTERFACE, limits, clock=clock, **more))
        return students[-1], sandbox

    yield make
    for student in students:
        student.close()


def fault(action, *arguments, **keywords):
    """Return the fault in which something ends."""
    with pytest.raises(StudentFault) as caught:
        action(*arguments, **keywords)
    assert caught.value.outcome in FAULTS
    assert len(caught.value.message) < 2000
    return caught.value


def everything(student):
    """Do what checks do."""
    model = student.build(DIMS, WEIGHTS)
    logits, past = model.forward(IDS, use_cache=True)
    assert logits.shape == (1, 3, 5)
    if past is not None:
        model.forward(IDS[:, :1], past)
    done = model.generate(IDS, 2, temperature=1.0, use_cache=True, seed=1)
    assert all(isinstance(n, int) for n in done.fed)


# --- what goes well -------------------------------------------------------------------------------


def test_what_a_model_answers_comes_back_as_arrays(made):
    """Logits, cache and ids arrive in the shape that was asked for, value by value."""
    script = {
        "forward": [
            zeros,  # the probe
            ({"result": {"handle": 7}}, LOGITS.tobytes()),
            ({"result": {"handle": 8}}, LOGITS[:, :1].tobytes()),
        ],
        "generate": ({"result": {"fed": [3, 1]}}, np.array([[1, 2, 3, 4, 0]], "<i8").tobytes()),
    }
    student, sandbox = made(script)
    model = student.build(DIMS, WEIGHTS)
    logits, past = model.forward(IDS, use_cache=True)
    assert np.array_equal(logits, LOGITS)
    assert model.forward(IDS[:, :1], past)[0].shape == (1, 1, 5)
    done = model.generate(IDS, 2, temperature=0.5, use_cache=True, seed=1)
    assert done.tokens.tolist() == [[1, 2, 3, 4, 0]]
    assert done.fed == (3, 1)
    (box,) = sandbox.boxes
    asked = [(header["verb"], header, body) for header, body in box.asked]
    assert asked[0][2].endswith(FILES[0].data)
    (weights,) = [body for verb, _, body in asked if verb == "tensors"]
    assert np.array_equal(np.frombuffer(weights, "<f4").reshape(2, 3), WEIGHTS["w"])
    second = [header for verb, header, _ in asked if verb == "forward"][2]
    assert (second["past"], second["shape"]) == (7, [1, 1])


def test_ids_may_come_with_or_without_the_prompt(made):
    """Both shapes that generate may return are taken, told apart by their size."""
    for shape in ((2, 5), (2, 2)):
        body = np.arange(shape[0] * shape[1], dtype="<i8").tobytes()
        student, _ = made({"generate": ({"result": {}}, body)})
        model = student.build(DIMS, WEIGHTS)
        ids = np.zeros((2, 3), np.int64)
        done = model.generate(ids, 2, temperature=1.0, use_cache=False, seed=1)
        assert done.tokens.shape == shape


def test_no_secret_of_the_host_goes_in(made):
    """Requests name what to do and nothing that a judge needs: no expected values, no limits."""
    student, sandbox = made({"generate": ({"result": {}}, bytes(40))})
    everything(student)
    allowed = {
        "id", "verb", "seconds", "reply_bytes", "listing", "class", "classes", "expected", "mode",
        "file", "device", "arguments", "tensors", "first", "dtype", "shape", "past", "use_cache",
        "names", "reply", "last", "n", "temperature", "seed", "vocabulary", "replies",
    }  # fmt: skip
    for header, _ in sandbox.boxes[0].asked:
        assert set(header) <= allowed, header["verb"]


def test_each_request_has_a_number_nobody_can_guess(made):
    """Each request carries 64 fresh random bits that its reply has to repeat."""
    student, sandbox = made({"generate": ({"result": {}}, bytes(40))})
    everything(student)
    numbers = [header["id"] for header, _ in sandbox.boxes[0].asked]
    assert len(set(numbers)) == len(numbers) > 5
    assert all(len(number) == 16 and int(number, 16) >= 0 for number in numbers)


# --- junk -----------------------------------------------------------------------------------------

DEEP = json.loads("[" * 500 + "]" * 500)
JUNK = [None, 1, -1, 0.5, True, "text", "\udcff\x1b[2J", [], [1, "a", None], {}, {"a": 1}, DEEP,
        [[]], [[1, 2, 3]], [{}], 10**4000, float("nan"), float("inf")]  # fmt: skip
AGENTS = ["submission", "worker"]  # before any student code has run, their faults are ours
VERBS = [*AGENTS, "find", "load", "new", "tensors", "weights", "forward", "generate"]


def survived(student):
    """Do everything, and return the fault in which it ended, if it did."""
    try:
        everything(student)
    except StudentFault as found:
        return found
    return None


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("field", ["result", "fault", "prints", "ok", "id"])
def test_junk_in_a_reply_is_a_fault_or_ignored(made, verb, field):
    """Whatever stands in a reply's fields, the grader goes on or names a fault, never breaks."""
    for junk in (None, 1, "\udcff\x1b[2J", [], [1, "a", None], {"a": 1}, DEEP):
        student, _ = made({"generate": ({"result": {}}, bytes(40)), verb: {field: junk}})
        if verb in AGENTS and field == "id":
            with pytest.raises(HarnessError, match="a new sandbox failed"):
                everything(student)
            continue
        found = survived(student)
        assert found is None or found.outcome in FAULTS


RESULTS = {
    "find": ["files"],
    "load": ["file"],
    "weights": ["missing", "unexpected", "shapes", "buffers"],
    "forward": ["handle", "shape", "dtype"],
    "generate": ["fed", "shape", "dtype"],
}


@pytest.mark.parametrize(("verb", "name"), [(v, n) for v, names in RESULTS.items() for n in names])
@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_junk_in_a_result_is_a_fault_or_ignored(made, verb, name, junk):
    """Whatever stands in a result's fields, the grader goes on or names a fault of the student."""
    sizes = {"forward": lambda header: header["reply_bytes"], "generate": lambda _: 40}

    def answer(_, header):
        return {"result": {name: junk}}, bytes(sizes.get(verb, lambda _: 0)(header))

    student, _ = made({"generate": ({"result": {}}, bytes(40)), verb: answer})
    found = survived(student)
    assert found is None or found.outcome in FAULTS


FAULTY = ["outcome", "text", "where", "type", "signal", "code", "device_missing"]


@pytest.mark.parametrize("field", FAULTY)
@pytest.mark.parametrize(
    "outcome", ["error", "died", "timeout", "out_of_memory", "protocol_violation", "passed"]
)
def test_a_fault_with_odd_fields_is_a_fault(made, outcome, field):
    """A guest can only report a fault of its own, in bounded text, whatever types it uses."""
    answers = [{"fault": {"outcome": outcome, field: junk}} for junk in [*JUNK, "x" * 60_000]]
    student, _ = made({"forward": [zeros, *answers]})
    model = student.build(DIMS, WEIGHTS)
    for _ in answers:
        found = fault(model.forward, IDS)
        assert found.outcome != "not_submitted"
        assert json.dumps([found.message, found.detail]).isascii()


@pytest.mark.parametrize("word", ["passed", "harness_error", "inconclusive", "measured", "junk"])
def test_a_guest_cannot_claim_an_outcome_that_helps_it(made, word):
    """Only an outcome that harms the submission is believed; any other word is an error."""
    student, _ = made({"forward": [zeros, {"fault": {"outcome": word, "text": "ha"}}]})
    assert fault(student.build(DIMS, WEIGHTS).forward, IDS).outcome == "error"


def test_a_claimed_kill_for_memory_needs_the_kernels_word(made):
    """A worker that says it was killed ran out of memory only if the kernel counted a kill."""
    died = {"fault": {"outcome": "died", "signal": 9}}
    student, _ = made({"forward": [zeros, died]})
    found = fault(student.build(DIMS, WEIGHTS).forward, IDS)
    assert found.outcome == "error"
    assert "signal 9" in found.message

    def killed(box, _):
        box.oom += 1
        return died

    student, _ = made({"forward": [zeros, killed]})
    found = fault(student.build(DIMS, WEIGHTS).forward, IDS)
    assert found.outcome == "out_of_memory"
    assert "2048 MB" in found.message


def test_a_huge_list_of_counts_is_bounded(made):
    """Counts are a claim: what is no plausible number is not handed to a check."""
    for fed in ([1] * 20_000, [10**4000], [-(10**4000)], [-5, 3], [2**70]):
        student, _ = made({"generate": ({"result": {"fed": fed}}, bytes(40))})
        model = student.build(DIMS, WEIGHTS)
        try:
            done = model.generate(IDS, 2, temperature=1.0, use_cache=True, seed=1)
        except StudentFault:
            continue
        assert all(0 <= n < 2**63 for n in done.fed)
        assert float(sum(done.fed)) >= 0


@pytest.mark.parametrize("handle", [-1, 0, 2**63, 10**4000, True])
def test_an_odd_handle_harms_nobody(made, handle):
    """A handle is only ever given back to where it came from."""
    answer = {"result": {"handle": handle}}, LOGITS.tobytes()
    student, sandbox = made({"forward": [zeros, answer, zeros]})
    model = student.build(DIMS, WEIGHTS)
    _, past = model.forward(IDS, use_cache=True)
    if past is not None:
        model.forward(IDS, past)
        assert sandbox.boxes[0].asked[-1][0]["past"] == handle


@pytest.mark.parametrize(
    "prints", [7, {"tail": 7}, {"tail": ["x"]}, {}, None, {"tail": "x" * 9999}]
)
def test_prints_are_text_of_bounded_length(made, prints):
    """What was printed is kept as a short text, whatever stands in its place."""
    student, _ = made({"load": {"result": {}, "prints": prints}, "new": {"prints": prints}})
    student.load()
    assert isinstance(student.prints, str)
    assert len(student.prints) <= 4096


# --- sizes and shapes -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 59, 56, 40])
def test_fewer_bytes_than_the_shape_needs_are_a_wrong_shape(made, size):
    """Logits of another size fail with the shape that came and the shape that was due."""
    said = {"shape": [1, 3, 4], "dtype": "float16"}
    student, _ = made({"forward": [zeros, ({"result": said}, bytes(size))]})
    found = fault(student.build(DIMS, WEIGHTS).forward, IDS)
    assert found.outcome == "failed"
    for part in ("(1, 3, 4)", "float16", "(1, 3, 5)"):
        assert part in found.message


@pytest.mark.parametrize("size", [61, 120, 10_000_000])
def test_more_bytes_than_were_due_end_the_box(made, size):
    """A reply that is too long is a broken protocol, and the box does not live on."""
    student, sandbox = made({"forward": [zeros, ({"result": {}}, bytes(size))]})
    found = fault(student.build(DIMS, WEIGHTS).forward, IDS)
    assert found.outcome == "protocol_violation"
    assert sandbox.boxes[0].killed


def test_generated_ids_of_another_shape_fail(made):
    """Too few or too many new ids fail with both shapes that would have been right."""
    said = {"shape": [1, 4], "dtype": "int64"}
    student, _ = made({"generate": ({"result": said}, bytes(32))})
    model = student.build(DIMS, WEIGHTS)
    found = fault(model.generate, IDS, 2, temperature=1.0, use_cache=False, seed=1)
    assert found.outcome == "failed"
    for part in ("(1, 4)", "(1, 5)", "(1, 2)"):
        assert part in found.message


def test_parameters_that_do_not_fit_are_named(made):
    """A model with other parameters is refused with the names on both sides and the shapes."""
    said = {
        "missing": ["head.bias"],
        "unexpected": ["out.bias"],
        "shapes": [["w", [2, 4], [2, 3]]],
    }
    student, _ = made({"weights": {"result": said}})
    found = fault(student.build, DIMS, WEIGHTS)
    assert found.outcome == "error"
    for part in ("head.bias", "out.bias", "w has shape (2, 4), expected (2, 3)"):
        assert part in found.message


# --- the protocol ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "0" * 16, "result": {}},
        {"id": None, "result": {}},
        {"id": ["x"]},
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"GRD1" + b"\xff" * 12,
        b"GRD1\x00\x00\x00\x02" + bytes(8) + b"[]",
        b"GRD1\x00\x00\x00\x02" + bytes(8) + b"\xff\xff",
    ],
    ids=["wrong number", "no number", "odd number", "text", "endless", "no object", "no UTF-8"],
)
def test_what_does_not_answer_is_a_violation(made, answer):
    """A reply that is no frame, or not to this request, ends the box as a broken protocol."""
    student, sandbox = made({"forward": [zeros, answer]})
    found = fault(student.build(DIMS, WEIGHTS).forward, IDS)
    assert found.outcome == "protocol_violation"
    assert sandbox.boxes[0].killed


def test_frames_nobody_asked_for_are_a_violation(made):
    """A reply sent ahead of its request does not count, whoever guessed what would be asked."""

    def twice(box, header):
        frames.write(box.socket.fileno(), {"id": header["id"], "result": {}}, LOGITS.tobytes())
        return {"id": "early", "result": {}}, LOGITS.tobytes()

    student, sandbox = made({"forward": [zeros, twice]})
    model = student.build(DIMS, WEIGHTS)
    model.forward(IDS)
    deadline = time.monotonic() + 5
    while not sandbox.boxes[0].line._arrived(deadline) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert fault(model.forward, IDS).outcome == "protocol_violation"
    assert sandbox.boxes[0].killed


def test_after_a_violation_the_next_check_gets_a_new_box(made):
    """A check in a box that was ended does not spoil the next check."""
    student, sandbox = made({"forward": [zeros, b"junk" * 8]})
    fault(student.build(DIMS, WEIGHTS).forward, IDS)
    student.fresh()
    student.build(DIMS, WEIGHTS).forward(IDS)
    assert [box.killed for box in sandbox.boxes] == [True, False]


@pytest.mark.parametrize(
    ("answer", "ending", "kind"),
    [
        (b"junk" * 8, Ending(None, False, ""), "protocol_violation"),
        (None, Ending(None, False, ""), "timeout"),
        (GONE, Ending(137, False, ""), HarnessError),
    ],
    ids=["violation", "timeout", "lost"],
)
def test_a_model_whose_box_has_ended_says_again_why(made, answer, ending, kind):
    """A check that goes on with a model after its box ended gets the same fault, and no other."""
    student, sandbox = made({"forward": [zeros, answer]}, ending)
    model = student.build(DIMS, WEIGHTS)
    for _ in range(3):
        if kind is HarnessError:
            with pytest.raises(HarnessError):
                model.forward(IDS)
        else:
            assert fault(model.forward, IDS).outcome == kind
    assert len(sandbox.boxes) == 1


# --- time -----------------------------------------------------------------------------------------


class FakeClock:
    """A clock that goes only when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_silence_is_a_timeout_by_our_own_clock(made):
    """A guest that never answers is ended at its limit and a moment, and the box with it."""
    student, sandbox = made({"forward": [zeros, None]})
    model = student.build(DIMS, WEIGHTS)
    began = time.monotonic()
    found = fault(model.forward, IDS)
    assert found.outcome == "timeout"
    assert "forward" in found.message
    assert 0.5 <= time.monotonic() - began < 0.9
    assert sandbox.boxes[0].killed


def test_importing_has_a_limit_of_its_own(made):
    """Loading is given the seconds for importing, and any other call those for a request."""
    student, sandbox = made({})
    student.build(DIMS, WEIGHTS)
    seconds = {header["verb"]: header["seconds"] for header, _ in sandbox.boxes[0].asked}
    assert seconds["load"] == 1.0
    assert seconds["new"] == seconds["tensors"] == seconds["weights"] == 0.5


def test_when_the_submissions_seconds_are_used_up_nothing_is_asked(made):
    """Once all calls together have used the submission's time, a check ends without a call."""
    clock = FakeClock()

    def taking(seconds):
        def answer(_, header):
            clock.now += seconds
            return {"result": {}}, bytes(header["reply_bytes"])

        return answer

    limits = Limits(import_seconds=5.0, request_seconds=5.0, submission_seconds=10.0)
    script = {"forward": [zeros, taking(4.0), taking(4.0), taking(2.0)]}
    student, sandbox = made(script, limits=limits, clock=clock)
    model = student.build(DIMS, WEIGHTS)
    for given in (5.0, 5.0, 2.0):  # what a request may take, or what is left
        model.forward(IDS)
        assert sandbox.boxes[0].asked[-1][0]["seconds"] == pytest.approx(given)
    assert student.seconds == pytest.approx(10.0)
    before = len(sandbox.verbs())
    found = fault(model.forward, IDS)
    assert found.outcome == "timeout"
    assert "10 s for the whole submission" in found.message
    assert len(sandbox.verbs()) == before


def test_time_of_the_agent_is_not_the_students(made):
    """Storing files and starting workers is our time and is not counted."""
    clock = FakeClock()

    def slow(_box, _header):
        clock.now += 3.0
        return {}

    student, _ = made({"submission": slow, "worker": slow}, clock=clock)
    student.load()
    assert student.seconds == 0.0


def test_time_counts_when_a_call_fails_too(made):
    """A call that ends in a fault has used its time."""
    clock = FakeClock()

    def slow(_box, _header):
        clock.now += 0.25
        return {"fault": {"outcome": "error", "type": "ValueError", "text": "x"}}

    student, _ = made({"forward": [zeros, slow, slow]}, clock=clock)
    model = student.build(DIMS, WEIGHTS)
    fault(model.forward, IDS)
    fault(model.forward, IDS)
    assert student.seconds == pytest.approx(0.5)


# --- how a box ends -------------------------------------------------------------------------------

ENDINGS = [
    (Ending(137, True, ""), "out_of_memory"),
    (Ending(None, True, ""), "out_of_memory"),
    (Ending(137, False, ""), "ours"),
    (Ending(0, False, ""), "ours"),
    (Ending(1, False, ""), "ours"),
    (Ending(None, False, ""), "ours"),
    (Ending(70, True, "the agent says so"), "out_of_memory"),
]


@pytest.mark.parametrize(("ending", "outcome"), ENDINGS, ids=str)
@pytest.mark.parametrize("verb", ["load", "new", "weights", "forward"])
def test_the_engine_says_why_a_box_ended(made, verb, ending, outcome):
    """A box that hangs up ended as its engine says, and every trace of it is removed.

    Student code cannot reach the first process of a container: but for memory, its end is ours.
    """
    student, sandbox = made({verb: VANISHED}, ending)
    if outcome == "ours":
        with pytest.raises(HarnessError):
            student.build(DIMS, WEIGHTS).forward(IDS)
    else:
        assert fault(lambda: student.build(DIMS, WEIGHTS).forward(IDS)).outcome == outcome
    assert all(box.killed for box in sandbox.boxes)


def test_a_kill_that_the_kernel_counted_is_out_of_memory(made):
    """Where the engine does not say it, the kernel's counter does."""

    def killed(box, _header):
        box.oom += 1
        return GONE

    student, _ = made({"forward": [zeros, killed]}, Ending(137, False, ""))
    assert fault(student.build(DIMS, WEIGHTS).forward, IDS).outcome == "out_of_memory"


DIED = {"fault": {"outcome": "died", "signal": 9}}


def killed_worker(box, _header):
    """Answer as an agent whose worker was ended by the kernel, for memory."""
    box.oom += 1
    return DIED


@pytest.mark.parametrize(
    ("answer", "ending", "outcome"),
    [
        (None, Ending(None, True, ""), "timeout"),
        (DIED, Ending(None, True, ""), "error"),
        (GONE, Ending(137, True, ""), "ours"),
        (VANISHED, Ending(137, True, ""), "ours"),
    ],
    ids=["silent", "ended by itself", "ended by others", "ended by others, counters gone"],
)
@pytest.mark.parametrize("noticed", [True, False])
def test_memory_that_ran_out_before_is_not_blamed_again(made, answer, ending, outcome, noticed):
    """The engine's flag stays up after a kill; what happens later is told by what happened then."""

    def killed_child(box, header):
        box.oom += 1
        return zeros(box, header)

    before = killed_worker if noticed else killed_child
    student, sandbox = made({"forward": [zeros, before, answer]}, ending)
    model = student.build(DIMS, WEIGHTS)
    if noticed:
        assert fault(model.forward, IDS).outcome == "out_of_memory"
    else:
        model.forward(IDS)
    if outcome == "ours":
        with pytest.raises(HarnessError):
            model.forward(IDS)
    else:
        assert fault(model.forward, IDS).outcome == outcome
    assert len(sandbox.boxes) == 1


def test_after_a_kill_for_memory_the_next_worker_has_a_new_box(made):
    """The engine's flag, once up, stays up: a new worker starts where it is down."""
    student, sandbox = made({"forward": [zeros, killed_worker]})
    assert fault(student.build(DIMS, WEIGHTS).forward, IDS).outcome == "out_of_memory"
    student.fresh()
    student.build(DIMS, WEIGHTS).forward(IDS)
    assert [box.killed for box in sandbox.boxes] == [True, False]


def test_a_kill_between_two_calls_is_out_of_memory(made):
    """A worker that is ended for memory after its reply is told so at the next call."""

    def then_killed(box, header):
        answer = zeros(box, header)
        threading.Timer(0.1, lambda: setattr(box, "oom", 1)).start()
        return answer

    student, _ = made({"forward": [zeros, then_killed, DIED]})
    model = student.build(DIMS, WEIGHTS)
    model.forward(IDS)
    time.sleep(0.2)
    assert fault(model.forward, IDS).outcome == "out_of_memory"


def test_a_failure_of_the_agent_is_ours(made):
    """An agent that failed by itself is our fault, told with what it wrote, and never a zero."""
    ending = Ending(70, False, "x" * 9000 + "AssertionError: agent")
    student, sandbox = made({"forward": [zeros, GONE]}, ending)
    model = student.build(DIMS, WEIGHTS)
    with pytest.raises(HarnessError, match="AssertionError: agent") as caught:
        model.forward(IDS)
    assert len(str(caught.value)) < 3000
    assert sandbox.boxes[0].killed


@pytest.mark.parametrize("boot", [GONE, b"Traceback: no module named torch" * 2, {"ready": 1}])
def test_a_guest_that_does_not_start_is_our_fault_and_is_not_tried_for_ever(made, boot):
    """A box that cannot start is a fault of ours; after three of them no more are started."""
    if isinstance(boot, dict):
        boot = (boot, b"unexpected")
    student, sandbox = made({"boot": boot}, Ending(1, False, "ImportError: torch"))
    for _ in range(6):
        with pytest.raises(HarnessError):
            student.load()
        student.fresh()
    assert len(sandbox.boxes) == 3
    assert all(box.killed for box in sandbox.boxes)


def test_a_guest_that_did_not_start_is_tried_again_a_minute_later(made):
    """Whoever lives for a whole batch, as the reference does, outlives an engine's bad minute."""
    minutes = [0]
    clock = lambda: time.monotonic() + 61 * minutes[0]  # noqa: E731
    script = {"boot": GONE}
    student, sandbox = made(script, Ending(1, False, "ImportError: torch"), clock=clock)
    for _ in range(4):
        with pytest.raises(HarnessError, match="ImportError"):
            student.load()
    assert len(sandbox.boxes) == 3
    script["boot"] = {"ready": True}
    minutes[0] += 1
    student.load()
    assert len(sandbox.boxes) == 4


# --- loading --------------------------------------------------------------------------------------


def modes(sandbox):
    """Return the ways of loading that were tried, with the device put in place."""
    asked = [header for box in sandbox.boxes for header, _ in box.asked]
    return [(h["mode"], h["device"]) for h in asked if h["verb"] == "load"]


BAD = {"fault": {"outcome": "error", "type": "SyntaxError", "text": "bad", "where": "net.py"}}
NO_GPU = {"fault": {"outcome": "error", "type": "E", "text": "no cuda", "device_missing": True}}


def test_a_hopeless_load_is_not_tried_again(made):
    """A submission that loads in no way is told why, at every check, without another attempt."""
    student, sandbox = made({"load": lambda _box, _header: BAD})
    first = fault(student.load)
    tried = modes(sandbox)
    assert tried == [("import", None), ("definitions", None)]
    for _ in range(3):
        student.fresh()
        assert fault(student.build, DIMS, WEIGHTS).message == first.message
    assert modes(sandbox) == tried
    assert "SyntaxError: bad" in first.message
    assert first.outcome == "error"


def test_the_step_that_works_is_said_and_kept(made):
    """The first way of loading that works is used for every check, and the result says which."""
    student, sandbox = made({"load": [BAD]})
    student.load()
    student.fresh()
    student.load()
    trials, checks = [("import", None), ("definitions", None)], [("definitions", None)] * 2
    assert modes(sandbox) == [*trials, *checks]
    (flag,) = student.flags
    assert "definitions only" in flag
    assert "SyntaxError: bad" in flag


@pytest.mark.parametrize("verb", ["load", "new", "forward"])
def test_a_missing_device_is_replaced(made, verb):
    """A device that is not here, wherever it shows, is replaced by the one graded on."""
    student, sandbox = made({verb: [NO_GPU]})
    student.load()
    trials, check = [("import", None), ("import", "cpu")], [("import", "cpu")]
    assert modes(sandbox) == [*trials, *check]
    (flag,) = student.flags
    assert "'cpu'" in flag


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_tensors_on_another_device_than_the_model_are_made_there(made, device):
    """On a GPU a small model is asked for a cache and for tokens, too: what it makes for them on
    the CPU is made on the device, in the same way as devices that are not here are replaced."""
    student, sandbox = made({"generate": [NO_GPU]}, device=device)
    student.load()
    inside = "cpu"  # the name of the device in this sandbox
    replaced = [("import", None), ("import", inside), ("import", inside)]
    assert modes(sandbox) == (replaced if device != "cpu" else [("import", None)] * 2)
    assert len(student.flags) == (device != "cpu")


def test_a_model_that_fails_when_called_is_loaded_all_the_same(made):
    """What is wrong with the model is for the checks to find; loading works."""
    student, sandbox = made({"new": [BAD], "forward": [BAD]})
    student.load()
    student.build(DIMS, WEIGHTS)
    assert modes(sandbox)[0] == ("import", None)
    assert ("definitions", None) not in modes(sandbox)


def test_several_candidates_are_named(made):
    """Where several files define the model the result says which was graded."""
    student, sandbox = made({"find": {"result": {"files": ["b/net.py", "a/net.py"]}}})
    student.load()
    (flag,) = student.flags
    assert "b/net.py, a/net.py" in flag
    _trial, load = [header for header, _ in sandbox.boxes[0].asked if header["verb"] == "load"]
    assert load["file"] == "b/net.py"


def test_a_long_path_is_loaded_as_it_was_found(made):
    """The file to load is named in full, however long its path is."""
    path = "/".join(["assignment four, final version, really"] * 6) + "/my transformer.py"
    student, sandbox = made({"find": {"result": {"files": [path]}}})
    student.load()
    _trial, load = [header for header, _ in sandbox.boxes[0].asked if header["verb"] == "load"]
    assert load["file"] == path


@pytest.mark.parametrize("files", [[], [SourceFile("answers.pdf", b"%PDF")]])
def test_nothing_to_import_is_not_submitted(made, files):
    """Without a Python file there is nothing to load, and no box is started for it."""
    student, sandbox = made({}, files=files)
    for _ in range(2):
        assert fault(student.build, DIMS, WEIGHTS).outcome == "not_submitted"
    assert sandbox.boxes == []


def test_many_files_with_long_names_can_be_sent(made):
    """As many files as intake accepts, with names as long as it accepts, reach the guest."""
    names = [f"{n:04}/" + "/".join(["я" * 120] * 4) + ".py" for n in range(2000)]
    files = [SourceFile(name, b"<%d>" % n) for n, name in enumerate(names)]
    student, sandbox = made({}, files=files)
    student.load()
    sent = b"".join(body for _, body in sandbox.boxes[0].asked)
    assert {file.data for file in files} <= set(re.findall(rb"<\d+>", sent))


# --- leaving nothing behind -----------------------------------------------------------------------


def test_a_fresh_check_has_a_fresh_worker(made):
    """Each check imports the submission into a worker of its own."""
    student, sandbox = made({})
    student.load()
    before = sandbox.verbs().count("worker")
    for _ in range(3):
        student.fresh()
        student.load()
        student.load()
    assert sandbox.verbs().count("worker") == before + 3
    assert len(sandbox.boxes) == 1


def test_a_cache_belongs_to_the_model_that_made_it(made):
    """A check of ours that mixes up two models is a fault of ours."""
    answer = {"result": {"handle": 1}}, LOGITS.tobytes()
    student, _ = made({"forward": [zeros, answer]})
    _, past = student.build(DIMS, WEIGHTS).forward(IDS, use_cache=True)
    with pytest.raises(HarnessError, match="did not make it"):
        student.build(DIMS, WEIGHTS).forward(IDS, past)


def test_leaving_ends_the_box(made):
    """A student used as a context leaves no box, also after an error."""
    student, sandbox = made({"forward": [zeros, BAD]})

    def check():
        with student:
            student.build(DIMS, WEIGHTS).forward(IDS)

    fault(check)
    assert [box.killed for box in sandbox.boxes] == [True]
    student.close()


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (Ending(None, False, ""), "timeout"),  # it runs: student code never came back
        (Ending(0, False, ""), "timeout"),  # it ended because we hung up to ask
        (Ending(137, True, ""), "out_of_memory"),  # and so are the kernel's counters
        (Ending(137, False, ""), "ours"),  # somebody else ended it while we waited
    ],
    ids=str,
)
def test_a_late_reply_is_told_from_a_lost_box(made, ending, outcome):
    """When a deadline passes, the engine is asked whether the box was there to answer at all."""

    def silent(box, _header):
        box.oom = 0 if ending.exit_code is None else None

    student, sandbox = made({"forward": [zeros, silent]}, ending)
    model = student.build(DIMS, WEIGHTS)
    if outcome == "ours":
        with pytest.raises(HarnessError):
            model.forward(IDS)
    else:
        assert fault(model.forward, IDS).outcome == outcome
    assert all(box.killed for box in sandbox.boxes)
