"""What must hold whatever a guest says: the same properties for a short run and for a long one."""

import contextlib
import json
import time
import tracemalloc
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from grader.errors import HarnessError, StudentFault
from grader.guest import frames
from grader.intake import SourceFile
from grader.records import FAULTS, Interface, Limits
from grader.wire import Line, LineDeadline, LineEnded, LineViolation
from tests.fuzz import plans
from tests.fuzz.guest import FLOODED, Boxes, Clock, Say, Watched, Wire

INTERFACE = Interface(
    model="Net",
    classes=("Net",),
    expected=(plans.FILE,),
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
FILES = [SourceFile(plans.FILE, b"class Net: ...\n")]

GRACE = 0.05  # seconds that an exchange may last beyond its limit
MB = 1 << 20
PEAK = 24 * MB  # memory of one example; nearly all of it is what a header of 64 kB is parsed into
REAL_SECONDS = 30.0  # of one example, whatever the guest's clock says
TEXT, NOTE = 4000, 4096  # characters that are handed on


@dataclass
class Seen:
    """What a run has seen so far."""

    examples: int = 0
    late: float = float("-inf")  # seconds after its limit at which the slowest exchange ended
    real: float = 0.0  # seconds that the slowest example really took
    peak: int = 0  # bytes that the hungriest example held at once

    @contextlib.contextmanager
    def example(self, number):
        """Watch the real time of one example and, in each fourth, its memory: that takes thrice
        as long."""
        if number % 4 == 0:
            tracemalloc.start()
        begin = time.monotonic()
        try:
            yield
            peak = tracemalloc.get_traced_memory()[1]  # 0 where it is not traced
        finally:
            tracemalloc.stop()
        real = time.monotonic() - begin
        assert real < REAL_SECONDS, f"it really took {real:.1f} s"
        assert peak < PEAK, f"it held {peak / MB:.1f} MB at once"
        self.examples += 1
        self.real, self.peak = max(self.real, real), max(self.peak, peak)


# --- a whole submission ---------------------------------------------------------------------------


def anything(seen, plan):
    """Whatever a guest says, each check ends in time, in a typed outcome or in a fault of ours."""
    clock = Clock()
    boxes = Boxes(plan, clock)
    with seen.example(plan.seed), Watched(boxes, FILES, INTERFACE, LIMITS, clock=clock) as student:
        check(student)
        misbehaved = plan.done  # if it is now, the next check may still be hit by bytes too many
        for _ in range(2):
            student.fresh()
            fault = check(student)
        if misbehaved and plan.often == 1 and student._hopeless is None:
            assert fault is None, f"the check after it is spoilt: {fault}"
    assert all(box.killed for box in boxes.started)
    assert student.late <= GRACE + FLOODED, f"{student.late} s after its limit"
    seen.late = max(seen.late, student.late)


def check(student):
    """Do what a check does; return the fault in which it ends, if any."""
    model = fault = None
    try:
        model = student.build(DIMS, WEIGHTS)
        use(model)
    except (StudentFault, HarnessError) as error:
        fault = error
    bounded(student, fault)
    if model is not None and fault is not None:
        try:  # a check that goes on regardless
            use(model)
        except (StudentFault, HarnessError) as error:
            bounded(student, error)
    return fault


def use(model):
    """Call a model as checks do, and look at what comes back."""
    logits, past = model.forward(IDS, use_cache=True)
    assert (logits.shape, logits.dtype) == ((1, 3, 5), np.dtype("<f4"))
    if past is not None:
        assert isinstance(past.handle, int)
        model.forward(IDS[:, :1], past)
    done = model.generate(IDS, 2, temperature=1.0, use_cache=True, seed=1)
    assert done.tokens.shape in ((1, 5), (1, 2))
    assert all(0 <= n < 1 << 31 for n in done.fed)


def bounded(student, fault):
    """Look at all text that is handed on: of a closed list, of bounded length, storable."""
    if isinstance(fault, StudentFault):
        assert fault.outcome in FAULTS
        assert len(fault.message) < TEXT
        assert len(fault.detail) < NOTE
        assert isinstance(fault.device_missing, bool)
    assert fault is None or len(str(fault)) < TEXT
    assert len(student.prints) < NOTE
    assert all(len(flag) < 3 * TEXT for flag in student.flags)
    assert len(student.flags) < 5
    json.dumps([str(fault), getattr(fault, "detail", ""), student.prints, student.flags])


# --- the line alone -------------------------------------------------------------------------------


def one_line(seen, multiplexed, data, max_body, seed, ends):
    """One reply of any bytes is received as it stands or refused, and both halves agree on it."""
    clock = Clock()
    plan = plans.Plan(multiplexed, "", 0, None, None, 0, seed)
    wire = Wire(clock, None, multiplexed=multiplexed, cut=plan.cut)
    line = Line(wire, multiplexed=multiplexed, clock=clock)
    with seen.example(seed), contextlib.closing(line):
        wire.answer(plans.raw(data, "end" if ends else "")("", {}))
        begin = clock()
        try:
            got = line.receive(max_body=max_body, deadline=begin + 1.0)
        except (LineDeadline, LineEnded, LineViolation) as error:
            got = type(error)
        seen.late = max(seen.late, clock() - begin - 1.0)
        assert clock() - begin <= 1.0 + GRACE
        assert len(line.notes) <= 8192
        missing = LineEnded if ends else LineDeadline
        assert got == as_the_guest_reads(data, max_body, missing) or not _same(got)


def _same(got):
    return not (isinstance(got, tuple) and got != got)  # noqa: PLR0124 - NaN is in it


def as_the_guest_reads(data, max_body, missing):
    """Read a frame with the guest's half of the format."""
    assembly = frames.Assembly(max_body)
    try:
        for at in range(0, len(data), 7):
            frame = assembly.feed(data[at : at + 7])
            if frame is not None:
                return frame[0], bytes(frame[1])
    except frames.Malformed:
        return LineViolation
    return missing


replies = st.tuples(
    st.booleans(),
    plans.junk
    | st.builds(
        plans.framed,
        st.dictionaries(st.text(max_size=5), plans.values, max_size=3),
        st.binary(max_size=80),
    ),
    st.sampled_from(plans.HUGE),
    st.integers(0, 1 << 16),
    st.booleans(),
)


# --- what is well-formed --------------------------------------------------------------------------


def round_trip(seen, multiplexed, rows, length, words, dtype, seed):
    """Arrays and files arrive bit by bit, in both directions, however the stream is cut."""
    rng = np.random.default_rng(seed)
    clock = Clock()
    dims = {"words": words, "width": 2}
    due = np.frombuffer(rng.bytes(rows * length * words * np.dtype(dtype).itemsize), dtype)
    due = due.reshape(rows, length, words)
    ids = rng.integers(-(2**63), 2**63 - 1, (rows, length), dtype=np.int64)
    more = rng.integers(0, words, (rows, length + 2), dtype=np.int64)
    weights = {
        f"w{n}": rng.standard_normal(rng.integers(0, 5, n)).astype(np.float32) for n in range(3)
    }

    def act(verb, header):
        body = due.tobytes() if verb == "forward" else more.tobytes()
        return Say([(0.0, plans.framed({"id": header["id"], "result": {"handle": seed}}, body))])

    plan = plans.Plan(multiplexed, "forward", 1, act, None, 0, seed, often=100)
    boxes = Boxes(plan, clock)
    with seen.example(seed), Watched(boxes, FILES, INTERFACE, LIMITS, clock=clock) as student:
        model = student.build(dims, weights)
        logits, past = model.forward(ids, use_cache=True, dtype=dtype)
        assert logits.tobytes() == due.tobytes()
        assert (logits.shape, logits.dtype, past.handle) == (due.shape, np.dtype(dtype), seed)
        plan.verb, plan.well = "generate", 0
        done = model.generate(ids, 2, temperature=1.0, use_cache=True, seed=seed)
        assert np.array_equal(done.tokens, more)
    asked = {header["verb"]: (header, body) for header, body in boxes.started[0].asked}
    assert asked["submission"][1].endswith(FILES[0].data)
    assert asked["forward"][1] == asked["generate"][1] == ids.tobytes()
    assert asked["tensors"][0]["tensors"] == [[n, list(w.shape)] for n, w in weights.items()]
    assert asked["tensors"][1] == b"".join(weight.tobytes() for weight in weights.values())
    seen.late = max(seen.late, student.late)


trips = st.tuples(
    st.booleans(),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 40),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 1 << 31),
)

PROPERTIES = {
    "anything a guest says": (anything, st.tuples(plans.plans)),
    "one reply, both halves": (one_line, replies),
    "arrays there and back": (round_trip, trips),
}
