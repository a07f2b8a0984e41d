"""A second Docker engine, to be killed and restarted while nobody else's containers run in it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import docker

from grader.sandbox import image

START_SECONDS = 60


class Engine:
    """An engine of its own: data, socket and processes; needs root and dockerd."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="grader-proof-engine-"))
        self.host = f"unix://{self.folder}/sock"
        self.environment = {**os.environ, "DOCKER_HOST": self.host}
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if (place := line.split()[1]).startswith(str(self.folder)):
                subprocess.run(["umount", "-l", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Start the engine and wait until it answers."""
        for left in ("pid", "run/containerd/containerd.pid"):  # of one that was killed
            (self.folder / left).unlink(missing_ok=True)
        command = [
            "dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "run",
            "--pidfile", self.folder / "pid", "-H", self.host, "--bridge=none",
            "--iptables=false", "--ip6tables=false",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.1)
        raise RuntimeError(f"no engine: {(self.folder / 'log').read_text()[-1000:]}")

    def _answers(self):
        # By hand: a client that finds no engine leaves its socket open.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.folder / "sock"))
            line.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in line.recv(64)
        return False

    def kill(self):
        """Kill the engine as a machine's lack of memory would."""
        containerd = int((self.folder / "run/containerd/containerd.pid").read_text())
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(ProcessLookupError):  # it is told to go with its parent
            os.kill(containerd, signal.SIGKILL)

    def client(self):
        """Return a client of this engine."""
        return docker.DockerClient(base_url=self.host, timeout=60)

    def load(self):
        """Bring the sandbox's image over from the usual engine, with its tag and its labels."""
        with subprocess.Popen(["docker", "save", image.tag("cpu")], stdout=subprocess.PIPE) as save:
            subprocess.run(
                ["docker", "-H", self.host, "load"],
                stdin=save.stdout, check=True, capture_output=True,
            )  # fmt: skip
