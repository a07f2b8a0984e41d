"""A `grader batch` as a process of its own, watched from outside while it runs."""

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

RESULT = re.compile(r"^ *(\d+)/\d+  (\S+): (.*)$")
SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """What a batch holds at one moment: its command and its slots together."""

    at: float
    results: int
    memory_mb: float  # proportional set size: what they share counts once
    descriptors: int
    cpu_seconds: float  # of the graders themselves, so far; not of their sandboxes


class Batch:
    """One `grader batch`; ``seen`` has when each result was told, in order."""

    def __init__(self, project, submissions, out, *options, environment=None):
        self.begin = time.monotonic()
        self.seen = []
        self.lines = []
        self.samples = []
        self.pids = set()  # of all its processes so far
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", "batch", submissions, "--out", out, *options],
            cwd=project, env=environment or dict(os.environ), text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._threads = [threading.Thread(target=each) for each in (self._read, self._sample)]
        for thread in self._threads:
            thread.start()

    def end(self):
        """Wait for its end; return the exit code."""
        code = self.process.wait()
        for thread in self._threads:
            thread.join()
        self.process.stderr.close()
        self.seconds = time.monotonic() - self.begin
        return code

    def slots(self):
        """Return the processes that grade."""
        return [pid for pid, parent in _parents().items() if parent == self.process.pid]

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if RESULT.match(line):
                self.seen.append(time.monotonic())

    def _sample(self):
        while self.process.poll() is None:
            pids = [self.process.pid, *self.slots()]
            self.pids.update(pids)
            memory, descriptors = sum(map(_memory_mb, pids)), sum(map(_descriptors, pids))
            cpu = sum(map(_cpu_seconds, pids))
            sample = Sample(time.monotonic(), len(self.seen), memory, descriptors, cpu)
            self.samples.append(sample)
            time.sleep(SAMPLE_SECONDS)


def _parents():
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(words[1])
    return parents


def _memory_mb(pid):
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _cpu_seconds(pid):
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
