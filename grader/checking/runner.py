"""Runs a pack's checks: pytest on the host, with our plugin and nothing of the caller's set-up.

A check that raises a `StudentFault` ends with that typed outcome. Whatever else it raises is a
fault of ours: such checks are run once more, and stay ``harness_error`` if it happens again.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import pytest_timeout

from grader.beside import PREFIX
from grader.checking.draw import Draw
from grader.checking.oracle import Oracle
from grader.checking.probing import VECTORS, load_vectors
from grader.checking.record import Record
from grader.devices.device import Device
from grader.errors import HarnessError, StudentFault
from grader.records import FAULTS, Evidence
from grader.scripts import Scripts
from grader.student import Student

UNUSED = (
    "cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "legacypath", "logging",
    "pastebin", "recwarn", "setuponly", "setupplan", "stepwise", "subtests", "threadexception",
    "unittest", "unraisableexception", "warnings",
)  # fmt: skip
"""Plugins of pytest that no check needs: setting them up, and the full garbage collections of two
of them, would be half of what pytest takes for a submission."""

COMPUTING = {"student", "also", "scripts"}  # fixtures by which a check runs what was handed in
OURS, BROKEN, SLOW = "harness_error", ("failed", "error"), ("timeout",)

CHECK_SECONDS = 300  # backstop for a check that hangs on our side; students have limits of theirs


@dataclass(frozen=True)
class Also:
    """A further model of a submission, with its oracle and its vectors: `also("NAME")`."""

    student: Student
    oracle: Oracle
    vectors: ModuleType


def run(
    folder: Path,
    checks: Collection[str],
    student: Student,
    oracle: Oracle,
    draw: Draw,
    say: Callable[[str], None] = lambda _: None,
) -> list[Evidence]:
    """Run the checks of a folder for one submission; one evidence for each, in their order.

    On a GPU, where checks share a process, what broke is tried again in a process of its own, and
    what took too long on the CPU: a module may keep something of an earlier check's model, and a
    loop over numbers takes longer there. What was timed is not: of that the GPU is the judge.
    """
    plugin = _Plugin(checks, say, student.device)
    evidence = _run_once(folder, plugin, student, oracle, draw)
    again = [check for check in checks if evidence[check].outcome == OURS]
    if again:
        student.close()
        oracle.close()
        evidence |= _run_once(folder, plugin.of(again), student, oracle, draw)
    for outcomes, elsewhere, why in _second_chances(student):
        lost = [c for c in checks if evidence[c].outcome in outcomes]
        if outcomes == SLOW:
            lost = [check for check in lost if check not in plugin.timed]
        if not lost:
            continue
        with elsewhere:
            repeated = _run_once(folder, plugin.of(lost), student, oracle, draw)
        better = {check: e for check, e in repeated.items() if e.outcome not in (*FAULTS, OURS)}
        if better:
            student.flag(f"{', '.join(better)}: {why}.")
        evidence |= better
    return [evidence[check] for check in checks]


Chance = tuple[tuple[str, ...], contextlib.AbstractContextManager[object], str]


def _second_chances(student: Student) -> Iterator[Chance]:
    """Yield which outcomes are tried again, how, and what there is to say if that went better."""
    if not student.shares_worker:
        return
    yield BROKEN, student.separated(), (
        "repeated in a process of its own, since what earlier checks left behind stood in the way"
    )  # fmt: skip
    if student.device != "cpu" and not student.interface.devices_asked:
        yield SLOW, student.on_cpu(), (
            "repeated on the CPU, since on the GPU it took longer than a request may"
        )  # fmt: skip


def _run_once(
    folder: Path,
    plugin: _Plugin,
    student: Student,
    oracle: Oracle,
    draw: Draw,
) -> dict[str, Evidence]:
    output = io.StringIO()
    with _quiet(output), _forgotten(folder):
        code = pytest.main(
            [
                *("-c", os.devnull, f"--rootdir={folder}", f"--confcutdir={folder}"),
                *("--import-mode=importlib", "--assert=plain", "-s", "-q", "--strict-markers"),
                "--tb=native",  # the default shows source around every frame: slow, and not shown
                *(word for name in UNUSED for word in ("-p", f"no:{name}")),
                f"--timeout={CHECK_SECONDS}",
                str(folder),
            ],
            plugins=[pytest_timeout, plugin, _fixtures(folder, student, oracle, draw, plugin)],
        )
    if plugin.stopped:
        raise KeyboardInterrupt
    for check in plugin.checks:
        if check not in plugin.evidence:
            plugin.evidence[check] = Evidence(
                check,
                OURS,
                message="This check could not be run.",
                staff_message=f"pytest ended with {code!r}: {output.getvalue()[-1500:]}",
            )
    return plugin.evidence


@contextlib.contextmanager
def _forgotten(folder: Path) -> Iterator[None]:
    """Forget afterwards the modules that pytest has imported from a folder.

    It knows them by their names alone, and would take those of another pack for them.
    """
    before = set(sys.modules)
    try:
        yield
    finally:
        inside = f"{folder.resolve()}{os.sep}"
        for name in sys.modules.keys() - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if not name.startswith(PREFIX) and str(Path(file).resolve()).startswith(inside):
                del sys.modules[name]


@contextlib.contextmanager
def _quiet(output: io.StringIO) -> Iterator[None]:
    """Keep pytest from reading the caller's settings and from writing to the terminal."""
    names = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    saved = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(saved)


def _fixtures(
    folder: Path, student: Student, oracle: Oracle, draw: Draw, plugin: _Plugin
) -> ModuleType:
    """Return the fixtures that checks may ask for, beside those of their own conftest.py.

    They live in a module: pytest gives a fixture of an object no session's life.
    """
    module = ModuleType("grader_fixtures")
    its_vectors = load_vectors(folder) if (folder / VECTORS).exists() else None

    @pytest.fixture(scope="session")
    def vectors() -> ModuleType | None:
        return its_vectors

    @pytest.fixture(scope="session", name="oracle")
    def the_oracle() -> Oracle:
        return oracle

    @pytest.fixture(scope="session", name="draw")
    def the_draw() -> Draw:
        return draw

    @pytest.fixture(name="student")
    def the_student() -> Student:
        student.fresh()
        return student

    @pytest.fixture
    def also() -> Callable[[str], Also]:
        def another(model: str) -> Also:
            other = student.also[model]
            other.fresh()
            return Also(other, oracle.of(model), load_vectors(folder, model))

        return another

    @pytest.fixture(scope="session")
    def scripts() -> Scripts:
        return Scripts(student, student.handed_in)

    @pytest.fixture(scope="session")
    def device() -> Device:
        return plugin.device

    module.__dict__.update(
        also=also,
        device=device,
        vectors=vectors,
        oracle=the_oracle,
        draw=the_draw,
        student=the_student,
        scripts=scripts,
    )
    return module


class _Plugin:
    """Chooses the checks, and writes down how each of them ended."""

    def __init__(self, checks: Collection[str], say: Callable[[str], None], device: str) -> None:
        self.checks = checks
        self.device = Device(device, say, self.unhurried)
        self.evidence: dict[str, Evidence] = {}
        self.timed: set[str] = set()  # checks that were lost while it was seen how long they take
        self.stopped = False  # by Ctrl-C
        self.say = say
        self._record = Record("")
        self._item: pytest.Item | None = None
        self._limit: object = None  # of the check that runs, as pytest-timeout keeps it

    def of(self, checks: Collection[str]) -> _Plugin:
        """Return one that begins anew, for these checks."""
        new = _Plugin(checks, self.say, self.device.name)
        new.timed = self.timed
        return new

    @pytest.hookimpl(tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: object) -> None:
        """Remember the limit that is being set; the plugin sets it."""
        self._item, self._limit = item, settings

    @contextlib.contextmanager
    def unhurried(self) -> Iterator[None]:
        """Stop the backstop's clock: waiting for other graders is not hanging."""
        item = self._item
        if item is None:
            yield
            return
        item.config.hook.pytest_timeout_cancel_timer(item=item)
        try:
            yield
        finally:
            item.config.hook.pytest_timeout_set_timer(item=item, settings=self._limit)
            self.say(_check_id(item))

    @pytest.fixture
    def record(self) -> Record:
        """Return where this check writes its evidence."""
        return self._record

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C from checks that cannot be read, which pytest takes for the same."""
        self.stopped = excinfo.type is KeyboardInterrupt

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the two marks of a check."""
        config.addinivalue_line("markers", "public: goes into the handout")
        config.addinivalue_line("markers", "hidden: stays with the staff")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the checks that were asked for."""
        items[:] = [item for item in items if _check_id(item) in self.checks]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin the evidence of a check."""
        check = _check_id(item)
        self.say(check)
        self._record = Record(check)
        self.evidence[check] = self._record.evidence
        if not COMPUTING.isdisjoint(item.fixturenames):  # type: ignore[attr-defined]
            self.device.enter()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        """Let those who time have the device, now and then."""
        self.device.make_way()

    def pytest_sessionfinish(self) -> None:
        """Let them have it."""
        self.device.leave()

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Turn what a check raised into its outcome."""
        if call.excinfo is None:
            return
        error = call.excinfo.value
        evidence = self.evidence[_check_id(item)]
        if isinstance(error, StudentFault):
            evidence.outcome = error.outcome
            evidence.message = error.message
            evidence.staff_message = "\n".join(filter(None, (error.message, error.detail)))
            if error.while_timed:
                self.timed.add(evidence.check)
            return
        evidence.outcome = OURS
        evidence.message = "The grader failed here; this is not your fault."
        text = (
            str(error)
            if isinstance(error, HarnessError)
            else "".join(traceback.format_exception(error))
        )
        evidence.staff_message = text[-3000:]


def _check_id(item: pytest.Item) -> str:
    """Return the id of a check: the function's name, or the parameter of one that serves many."""
    many = item.name.partition("[")[2].removesuffix("]")
    return many or item.name.removeprefix("test_")
