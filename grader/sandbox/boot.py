"""Booting a box: the guest's source goes in as the first bytes, READY comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from importlib import resources

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import Box, Sandbox
from grader.wire import Clock, Header, LineDeadline, LineEnded, LineViolation

START_ATTEMPTS = 3
RESTED_SECONDS = 60.0  # after as many that failed
BOOT_SECONDS = 60.0  # importing torch takes one second, or seven on a cold disk

HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""In the environment of a box: memory in pages of 2 MB, where the kernel leaves that to programs.

A worker is forked for each check, and ended after it, and what both take grows with the number of
pages: on a 2-core AMD EPYC 1.5 and 2 ms in place of 3 and 4.5."""

# What a sandbox's Python is started with: read one line with a length, then that much JSON, and
# serve the guest's modules from memory.
BOOTSTRAP = """
import importlib.util, json, os, sys
def read(length):
    data = bytearray()
    while len(data) < length:
        piece = os.read(0, length - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data
line = bytearray()
while not line.endswith(b"\\n"):
    line += read(1)
boot = json.loads(read(int(line)))
class Sources:
    def find_spec(self, name, path=None, target=None):
        if name in boot["modules"]:
            package = name in ("grader", "grader.guest")
            return importlib.util.spec_from_loader(name, self, is_package=package)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        source = boot["modules"][module.__name__]
        exec(compile(source, module.__name__ + ".py", "exec"), module.__dict__)
sys.meta_path.insert(0, Sources())
from grader.guest import agent
agent.run(boot["config"])
"""
SOLO_BOOTSTRAP = BOOTSTRAP.replace("import agent", "import solo as agent")
MODULES = (
    "frames",
    "arrays",
    "rates",
    "folder",
    "preloading",
    "cleaning",
    "rewriting",
    "loading",
    "exchange",
    "agent",
    "solo",
    "watching",
    "building",
    "figures",
    "script",
    "worker",
)


def boot(box: Box, clock: Clock = time.monotonic) -> Header:
    """Send the guest in and wait until it is ready; return what it says of itself.

    A box that was booted ahead is ready already. ``clock`` is that of the box's line.
    """
    if box.ready is not None:
        return box.ready
    config = {"work": box.work, "wiped": box.wiped}
    payload = json.dumps({"modules": _sources(), "config": config}).encode()
    deadline = clock() + BOOT_SECONDS
    try:
        box.line.send_bytes(b"%d\n" % len(payload) + payload, deadline=deadline)
        ready, _ = box.line.receive(max_body=0, deadline=deadline)
    except LineDeadline:
        box.kill()
        raise HarnessError(f"the sandbox was not ready within {BOOT_SECONDS:.0f} s") from None
    except (LineEnded, LineViolation):
        try:
            ending = box.ending()
            text = box.line.notes.strip() or ending.text
        finally:
            box.kill()
        if ending.out_of_memory:
            raise HarnessError(
                "the sandbox ran out of memory before it was ready; raise memory_mb in rubric.toml"
            ) from None
        raise HarnessError(f"the sandbox did not start: {text[-1500:] or 'no message'}") from None
    except BaseException:
        box.kill()
        raise
    box.ready = ready
    return ready


class Starting:
    """Starts boxes that are ready; a machine that cannot is not asked for ever.

    What lives for a whole batch, as the reference does, outlives a bad minute of the machine.
    """

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self._sandbox, self._clock = sandbox, clock
        self._failed: list[HarnessError] = []  # attempts, one after the other
        self._at = 0.0  # when the last of them failed

    def box(self, limits: Limits, device: str) -> tuple[Box, Header]:
        """Return a box, and what its guest says of itself; raises HarnessError."""
        if len(self._failed) == START_ATTEMPTS:
            if self._clock() - self._at < RESTED_SECONDS:
                raise self._failed[-1]
            self._failed.clear()
        try:
            box = self._sandbox.start(limits, device=device)
            ready = boot(box, self._clock)
        except HarnessError as error:
            self._failed.append(error)
            self._at = self._clock()
            raise
        self._failed.clear()
        return box, ready


def _sources() -> Mapping[str, str]:
    """Return the source text of the guest's modules by name."""
    folder = resources.files("grader") / "guest"
    return {"grader": "", "grader.guest": ""} | {
        f"grader.guest.{name}": (folder / f"{name}.py").read_text("utf-8") for name in MODULES
    }
