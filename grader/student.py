"""A submission, as checks see it: build its model, and it answers.

A `Student` is one conversation with one sandbox. It chooses once how the submission is to be
loaded and gives each check a fresh worker. The reference is held by the same class: to this
module there is no difference between the oracle and a student.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from grader.conversation import Conversation
from grader.errors import StudentFault
from grader.intake import SourceFile
from grader.model import Ids, Model
from grader.records import Interface, Limits
from grader.sandbox import Sandbox
from grader.weights import Weights, misfit, travelling
from grader.wire import Clock, Header

LINE = re.compile(r", line (\d{1,7})\b")  # where in a file something was raised
SLOW_IMPORT_SECONDS = 1.0  # above this, a way of loading that runs less is tried


@dataclass(frozen=True)
class Step:
    """A way of loading: as Python would, or rewritten (see `grader.guest.loading`)."""

    mode: str
    device: str | None

    def __str__(self) -> str:
        """Return the words for the result."""
        how = "imported" if self.mode == "import" else "loaded by its definitions only"
        return how + (f", with all devices replaced by {self.device!r}" if self.device else "")


class Student(Conversation):
    """One submission in one sandbox; ``given`` are the files that every student was given.

    ``handed_in`` is what ``files`` were made of, where they are not what was handed in, and
    ``nothing`` what to say where there is no Python among them. ``place`` tells where a line of
    theirs stands in what was handed in. ``also`` are other models of the same submission, each in
    a sandbox of its own, which end with this one.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        files: Sequence[SourceFile],
        interface: Interface,
        limits: Limits,
        *,
        device: str = "cpu",
        given: Sequence[SourceFile] = (),
        handed_in: Sequence[SourceFile] | None = None,
        nothing: str = "No Python file was handed in.",
        place: Callable[[int], str] = lambda _: "",
        preload: Sequence[str] = (),
        clock: Clock = time.monotonic,
        also: Mapping[str, Student] = MappingProxyType({}),
    ) -> None:
        self.handed_in = files if handed_in is None else handed_in
        own = {file.path for file in files}
        laid_out = [*files, *(file for file in given if file.path not in own)]
        super().__init__(sandbox, laid_out, limits, device=device, preload=preload, clock=clock)
        self.interface = interface
        self.also = also
        self._nothing, self._place = nothing, place
        self._has_python = any(path.endswith(".py") for path in own)
        self.flags: list[str] = []
        self._step: Step | None = None
        self._hopeless: StudentFault | None = None  # no way of loading works
        self._file = ""  # where the class is defined
        self._builds = 0
        self._sent: Weights | None = None  # the weights that the worker holds
        self._import_seconds = 0.0
        self._builds_on_cpu = False
        self._separated = False

    def close(self) -> None:
        """End the box, and those of its other models."""
        super().close()
        for other in self.also.values():
            other.close()

    @contextlib.contextmanager
    def on_cpu(self) -> Iterator[None]:
        """Build models on the CPU of the same box, whatever device there is."""
        with contextlib.ExitStack() as others:
            for other in self.also.values():
                others.enter_context(other.on_cpu())
            before, self._builds_on_cpu = self._builds_on_cpu, True
            try:
                yield
            finally:
                self._builds_on_cpu = before

    def _as_fault(self, verb: str, seconds: float, fault: Mapping[str, Any]) -> StudentFault:
        """Say where in what was handed in, too."""
        where = str(fault.get("where", ""))
        line = LINE.search(where)
        place = self._place(int(line[1])) if line else ""
        more = {"where": f"{where}; {place}"} if place else {}
        return super()._as_fault(verb, seconds, {**fault, **more})

    def fresh(self) -> None:
        """Begin a check: in a fresh worker, or where that is dear in the submission's one worker.

        It is on CUDA, and where the guest cannot fork.
        """
        if self._separated or not self.shares_worker:
            self.loaded = False

    @property
    def shares_worker(self) -> bool:
        """Whether checks follow one another in one worker."""
        return self.device != "cpu" or not self.ready.get("fresh_workers", True)

    @contextlib.contextmanager
    def separated(self) -> Iterator[None]:
        """Give each check a worker of its own, however dear."""
        with contextlib.ExitStack() as others:
            for other in self.also.values():
                others.enter_context(other.separated())
            self._separated = True
            try:
                yield
            finally:
                self._separated = False

    def build(
        self,
        dims: Mapping[str, int],
        weights: Weights,
        *,
        dtype: str | None = None,
    ) -> Model:
        """Build the model of these dimensions and put these weights into it.

        ``dtype`` converts the model, for example to "float64"; by default it stays as built.
        """
        self.load()
        arguments = {name: dims[name] for name in self.interface.constructor}
        self._new(arguments, dtype)
        self.put(weights)
        return self._model(dims)

    def holds(self, model: Model) -> bool:
        """Whether this model is the one that the worker has, and there is a worker."""
        return self.loaded and model.number == self._builds

    def put(self, weights: Weights) -> None:
        """Put these weights into the model that was built last; its caches stay as they are."""
        if self._sent is not weights:  # else the worker has them from an earlier model
            self._send(weights)
        result, _ = self.call("weights", {})
        if wrong := misfit(result):
            raise StudentFault("error", wrong)

    def _send(self, weights: Weights) -> None:
        self._sent = None
        for verb, header, body in travelling(weights):
            self.call(verb, header, body)
        self._sent = weights

    def choose(self, file: str) -> None:
        """Take this file from now on, without looking for another; in the same worker."""
        if file == self._file:
            return
        self._file, self._step = file, Step("import", None)
        if self.loaded:
            self._import(self._step)

    def load(self) -> None:
        """Import the submission into this check's worker."""
        if self._hopeless is not None:
            raise self._hopeless.with_traceback(None)  # it would grow with every check
        if self.loaded:
            return
        if not self._has_python:
            self._hopeless = StudentFault("not_submitted", self._nothing)
            raise self._hopeless
        if self._step is None:
            self._step = self._chosen_step()
            self.loaded = False  # what the module keeps of the small model is not this check's
        if not self.loaded:
            self._load(self._step)

    # --- loading ------------------------------------------------------------------------------

    def _chosen_step(self) -> Step:
        """Climb the ladder until the submission loads; say the step if it is not the first."""
        first: StudentFault | None = None
        for mode in ("import", "definitions"):
            for step in (Step(mode, None), Step(mode, self.device)):
                fault = self._try_step(step)
                if fault is None:
                    if first is not None:
                        self.flag(f"The submission was {step}, because: {first}")
                    elif self._import_seconds > SLOW_IMPORT_SECONDS:
                        return self._quicker_step(step)
                    return step
                first = first or fault
                if not self._calls_for_device(fault):
                    break
        assert first is not None
        self._hopeless = first
        raise first

    def _try_step(self, step: Step) -> StudentFault | None:
        """Load by this step; return the fault that calls for another step, if any.

        A small model tells whether a device is missing, or tensors are on another one than it is.
        What else goes wrong with it is for the checks to find.
        """
        try:
            self._load(step)
        except StudentFault as fault:
            return fault
        found = self._probe()
        if found is not None:
            self.loaded = False
            if self._calls_for_device(found) and step.device is None:
                return found
        return None

    def _probe(self) -> StudentFault | None:
        """Build a small model and call it once."""
        probe = self.interface.probe
        try:
            self._new({name: probe[name] for name in self.interface.constructor}, None)
            model, ids = self._model(probe), np.zeros((1, 2), dtype=np.int64)
            model.forward(ids)
        except StudentFault as fault:
            return fault
        return None if self.device == "cpu" else self._misplaced(model, ids)

    def _misplaced(self, model: Model, ids: Ids) -> StudentFault | None:
        """Call it with a cache and let it generate; return what is on another device then."""

        def with_cache() -> None:
            _, past = model.forward(ids, use_cache=True)
            model.forward(ids[:, -1:], past, use_cache=True)

        def generating() -> None:
            model.generate(ids, 2, temperature=1.0, use_cache=True, seed=1)

        for call in (with_cache, generating):
            try:
                call()
            except StudentFault as fault:
                if self._calls_for_device(fault):
                    return fault
        return None

    def _calls_for_device(self, fault: StudentFault) -> bool:
        """Whether it may work where all devices are replaced by the one that is here."""
        return fault.device_missing or (fault.misplaced and not self.interface.devices_asked)

    def _quicker_step(self, step: Step) -> Step:
        """Every check imports afresh: load by definitions if that works just as well."""
        seconds = self._import_seconds
        lighter = Step("definitions", step.device)
        try:
            self._load(lighter)
            works = self._probe() is None
        except StudentFault:
            works = False
        self.loaded = False
        if not works:
            return step
        self.flag(f"The submission was {lighter}, because importing it took {seconds:.1f} s.")
        return lighter

    def _load(self, step: Step) -> None:
        self.fresh_worker()
        self._sent = None
        if not self._file:
            self._file = self._found()
        self._import(step)

    def _found(self) -> str:
        """Return the file that defines the class."""
        interface = self.interface
        header: Header = {
            "class": interface.model,
            "classes": list(interface.classes),
            "expected": list(interface.expected),
        }
        found, _ = self.call("find", header, seconds=self.limits.import_seconds)
        listed = found.get("files")
        files = [str(path)[:1000] for path in listed[:10]] if isinstance(listed, list) else []
        if len(files) > 1:
            self.flag(
                f"Several files define {interface.model}: {', '.join(files)}; the first counts."
            )
        return files[0] if files else "?"

    def _import(self, step: Step) -> None:
        begin = self.clock()
        header: Header = {
            "class": self.interface.model,
            "classes": list(self.interface.classes),
            "file": self._file,
            "mode": step.mode,
            "device": self.inner_device if step.device else None,
        }
        self.call("load", header, seconds=self.limits.import_seconds)
        self.loaded = True
        self._import_seconds = self.clock() - begin

    def _model(self, dims: Mapping[str, int]) -> Model:
        vocabulary = dims[self.interface.vocabulary]
        return Model(self, self.interface, vocabulary, self._builds, lambda: self._builds)

    def _new(self, arguments: Mapping[str, int], dtype: str | None) -> None:
        self._builds += 1
        device = "cpu" if self._builds_on_cpu else self.inner_device
        header = {"arguments": arguments, "dtype": dtype, "device": device}
        self.call("new", header)

    def flag(self, text: str) -> None:
        """Have a remark in the result, once."""
        if text not in self.flags:
            self.flags.append(text)
