"""Two machines that ssh reaches: network namespaces of this one, each with a real sshd; needs root.

They share this machine's files and process ids, and nothing of its network. Each has a core.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BRIDGE, HERE = "grader-br", "10.77.0.1"
NAMES = ("machine-1", "machine-2")
START_SECONDS = 10


class Hosts:
    """A context: the machines are there, and gone at the end. ``file`` is for ssh://."""

    def __init__(self, project, python=sys.executable, beside="nice -n 15"):
        self.folder = Path(tempfile.mkdtemp(prefix="grader-proof-hosts-"))
        self.addresses = {name: f"10.77.0.{n}" for n, name in enumerate(NAMES, start=2)}
        self.file, self.config = self.folder / "hosts.txt", self.folder / "config"
        self._command = f"{python} -m grader"
        self._before = f"cd {project} && {beside}"

    def __enter__(self):
        _clear()
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "addr", "add", f"{HERE}/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "key")
        shutil.copy(self.folder / "key.pub", self.folder / "authorized")
        Path("/run/sshd").mkdir(exist_ok=True)
        for number, (name, address) in enumerate(self.addresses.items()):
            self._machine(number, name, address)
        self.file.write_text("".join(
            f"{name} {self._before} taskset -c {number % os.cpu_count()} {self._command}\n"
            for number, name in enumerate(self.addresses)
        ))  # fmt: skip
        self.config.write_text("".join(
            f"Host {name}\n HostName {address}\n User root\n IdentityFile {self.folder}/key\n"
            f" UserKnownHostsFile {self.folder}/known\n StrictHostKeyChecking accept-new\n"
            for name, address in self.addresses.items()
        ))  # fmt: skip
        for name in self.addresses:
            _until(lambda name=name: self._answers(name), f"no sshd in {name}")
        return self

    def __exit__(self, *_):
        for file in self.folder.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(file.read_text()), signal.SIGTERM)
        _clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def engine(self):
        """Return what `--engine` takes."""
        return f"ssh://{self.file}?config={self.config}"

    def worker(self, name):
        """Return the process of the worker on a machine, or None."""
        for pid in _in_namespace(name):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if words[1:4] == [b"-m", b"grader", b"worker"]:
                    return pid
        return None

    def _machine(self, number, name, address):
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", f"gr{number}", "type", "veth", "peer", "eth0", "netns", name)
        _run("ip", "link", "set", f"gr{number}", "master", BRIDGE, "up")
        _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _run("ip", "-n", name, "link", "set", device, "up")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / f"{name}-host")
        sshd = self.folder / f"{name}.conf"
        sshd.write_text(
            f"ListenAddress {address}\nHostKey {self.folder}/{name}-host\nUsePAM no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nStrictModes no\n"
            f"PermitRootLogin prohibit-password\nPidFile {self.folder}/{name}.pid\n"
        )
        # Not `ip netns exec`, which hides the control groups behind a /sys of its own.
        _run("nsenter", f"--net=/run/netns/{name}", "/usr/sbin/sshd", "-f", sshd)

    def _answers(self, name):
        asked = ["ssh", "-F", self.config, "-o", "BatchMode=yes", name, "true"]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _in_namespace(name):
    found = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def _clear():
    """Remove what is here of machines, also of a run that was killed, with all that runs there."""
    for number, name in enumerate(NAMES):
        for pid in _in_namespace(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for command in (["ip", "netns", "del", name], ["ip", "link", "del", f"gr{number}"]):
            subprocess.run(command, capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)


def _run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def _until(condition, why):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(why)
        time.sleep(0.1)
