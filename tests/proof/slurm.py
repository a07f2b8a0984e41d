"""A Slurm of two nodes on this machine: munged, slurmctld and two slurmd; needs root.

The nodes are this machine twice. There is no accounting, and no control group of Slurm's own.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

NODES = ("n1", "n2")
PARTITION = "grading"
START_SECONDS = 30


class Slurm:
    """A context: the daemons run, and have gone at the end."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="grader-proof-slurm-"))
        self.folder.chmod(0o755)
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        self.daemons = {}

    def __enter__(self):
        self._configure()
        munge = self.folder / "munge"
        key = ["--key-file", munge / "key", "--socket", munge / "socket", "--force"]
        logs = ["--pid-file", munge / "pid", "--log-file", munge / "log", "--seed-file",
                munge / "seed"]  # fmt: skip
        self._start("munged", "munged", "--foreground", *key, *logs)
        _until((munge / "socket").exists, "no munged")
        self._start("slurmctld", "slurmctld", "-D", "-f", self.folder / "slurm.conf")
        for node in NODES:
            self._start(node, "slurmd", "-D", "-N", node, "-f", self.folder / "slurm.conf")
        _until(self._is_ready, f"no Slurm: {self._log()}")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.SubprocessError):
            self.run("scancel", "-p", PARTITION)
            _until(lambda: not self.run("squeue", "-h"), "jobs are left")
        for process in reversed(self.daemons.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command):
        """Run one of Slurm's commands; return what it prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=20
        ).stdout

    def workers(self):
        """Return the processes of workers that jobs have started, oldest first."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes()
                if words[1:4] == [b"-m", b"grader", b"worker"] and b"SLURM_JOB_ID=" in environment:
                    found.append(int(folder.name))
        return sorted(found)

    def kill_node(self, node):
        """Kill a node's daemon."""
        self.daemons[node].send_signal(signal.SIGKILL)

    def _configure(self):
        (self.folder / "munge").mkdir(mode=0o700)
        (self.folder / "munge" / "key").write_bytes(os.urandom(64))
        (self.folder / "munge" / "key").chmod(0o400)
        for name in ("state", *NODES):
            (self.folder / name).mkdir()
        host = subprocess.run(["hostname", "-s"], capture_output=True, text=True, check=True)
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host.stdout.strip()} NodeAddr=127.0.0.1 "
            f"Port={17001 + number} CPUs=8 RealMemory=20000"
            for number, node in enumerate(NODES)
        )
        (self.folder / "slurm.conf").write_text(f"""
ClusterName=proof
SlurmctldHost={host.stdout.strip()}(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge/socket
CryptoType=crypto/munge
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SlurmdParameters=config_overrides
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd-%n.log
SlurmdTimeout=20
ReturnToService=2
KillWait=5
{nodes}
PartitionName={PARTITION} Nodes={",".join(NODES)} Default=YES State=UP
""")

    def _start(self, name, *command):
        with (self.folder / f"{name}.out").open("wb") as log:
            self.daemons[name] = subprocess.Popen(
                [str(word) for word in command], env=self.environment, stdout=log, stderr=log
            )

    def _is_ready(self):
        with contextlib.suppress(subprocess.SubprocessError):
            return self.run("sinfo", "-h", "-o", "%t").split() == ["idle"]
        return False

    def _log(self):
        return " ".join(
            path.read_text(errors="replace")[-300:] for path in self.folder.glob("*.out")
        )


def _until(condition, why):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(why)
        time.sleep(0.2)
