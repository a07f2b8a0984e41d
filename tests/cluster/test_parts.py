"""What is behind `--engine` without any cluster: addresses, certificates, packs, folders."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grader import pack as packs
from grader.cluster import addresses, machine, packing, private, sent, tls
from grader.cluster.machine import Asked
from grader.errors import HarnessError, UsageError
from grader.handed import Handed
from grader.intake import SourceFile, Submission
from grader.records import Attachment, Limits
from grader.sandbox import image

ROOT = Path(__file__).parents[2]
PACK = "batched-cache"


# --- addresses ------------------------------------------------------------------------------------


def test_addresses_say_which_machines(tmp_path):
    """Each kind of address is read with what may stand behind it; a file names a machine a line."""
    assert addresses.parsed("dask://10.0.0.1:8786") == addresses.Dask("10.0.0.1", 8786)
    file = tmp_path / "hosts.txt"
    file.write_text("# ours\ngpu1\n\nbob@gpu2  cd /opt/grader && .venv/bin/grader\n")
    found = addresses.parsed(f"ssh://{file}?listen=10.0.0.9")
    assert [host.name for host in found.hosts] == ["gpu1", "bob@gpu2"]
    assert found.hosts[1].command == "cd /opt/grader && .venv/bin/grader"
    assert found.hosts[0].command == f"{sys.executable} -m grader"
    assert found.listen == "10.0.0.9"
    slurm = addresses.parsed("slurm://gpu?jobs=3&gpus=1&time=01:00:00&options=--exclusive%20-v")
    assert (slurm.partition, slurm.jobs, slurm.gpus) == ("gpu", 3, 1)
    assert (slurm.time, slurm.options) == ("01:00:00", ("--exclusive", "-v"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dask://gpu1", "HOST:PORT"),
        ("dask://gpu1:http", "HOST:PORT"),
        ("ray://gpu1:1", "slurm://PARTITION"),
        ("gpu1", "slurm://PARTITION"),
        ("slurm://", "slurm://PARTITION"),
        ("slurm://gpu?workers=3", "workers is not known"),
        ("slurm://gpu?jobs=none", "has to be a number"),
        ("ssh://no-such-file", "cannot be read"),
    ],
)
def test_an_address_that_is_none_is_said(text, words):
    """What cannot be meant is refused in a sentence that says what can."""
    with pytest.raises(UsageError, match=words):
        addresses.parsed(text)


def test_a_machine_is_never_an_option_of_ssh(tmp_path):
    """A line that ssh would take for an option is refused."""
    file = tmp_path / "hosts.txt"
    file.write_text("-oProxyCommand=reboot\n")
    with pytest.raises(UsageError, match="names the machine -o"):
        addresses.parsed(f"ssh://{file}")


# --- certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["10.0.0.1", "gpu1", "2001:db8::1", "0.0.0.0"])
def test_a_line_without_certificates_is_refused(host):
    """Without encryption nobody but this very machine is spoken to."""
    with pytest.raises(UsageError, match="without encryption"):
        tls.line(host, 8786, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_may_do_without(host):
    """A scheduler on the loopback needs no certificate."""
    assert tls.line(host, 8786, None)[0].startswith("tcp://")


def test_certificates_are_read_and_tried(tmp_path):
    """A folder with a certificate and its key makes a line TLS; with half of it, it says so."""
    tls.written(tls.temporary(), tmp_path)
    (tmp_path / "ca.pem").unlink()  # it has signed itself
    where, security = tls.line("10.0.0.1", 8786, tls.read(tmp_path))
    assert where == "tls://10.0.0.1:8786"
    assert security.require_encryption
    other = tls.temporary()
    (tmp_path / "key.pem").write_text(other["key"])
    with pytest.raises(UsageError, match="no certificate with its key"):
        tls.read(tmp_path)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(UsageError, match="openssl req"):
        tls.read(tmp_path)


# --- packs and hand-ins ---------------------------------------------------------------------------


def test_a_pack_arrives_whole_and_alone(tmp_path):
    """Laid out elsewhere a pack has its digest, its calculator, and no other pack's reference."""
    digest = packs.load(ROOT, PACK).digest
    data = packing.packed(ROOT, PACK)
    packing.laid_out(data, tmp_path, PACK, digest)
    assert packs.names(tmp_path) == [PACK]
    assert (tmp_path / "reference" / "calculator" / "__init__.py").exists()
    others = {packs.reference_of(name) for name in packs.names(ROOT)} - {packs.reference_of(PACK)}
    assert not others & {path.name for path in (tmp_path / "reference").iterdir()}
    with pytest.raises(HarnessError, match="has arrived as"):
        packing.laid_out(data, tmp_path, PACK, "sha256:0")


def test_a_hand_in_travels_as_it_is():
    """Odd names, any bytes, remarks and dates are the same on the other end, as are files back."""
    whole = Submission(
        "alice", (SourceFile("a/\udcff.py", b"\x00\xff"),), "sha256:1", ("no README",)
    )
    known = Handed(("alice.zip",), ("alice",), "Alice", {"canvas": "12"}, attempt=2)
    told = json.loads(json.dumps(sent.hand_in(whole, known)))
    assert (sent.submission(told), sent.handed(told)) == (whole, known)
    assert sent.handed(json.loads(json.dumps(sent.hand_in(whole, None)))) is None
    back = json.loads(json.dumps(sent.graded({"total": 1}, [Attachment("a.png", b"\x89")])))
    assert sent.result(back) == ({"total": 1}, [Attachment("a.png", b"\x89")])


# --- folders --------------------------------------------------------------------------------------


def test_a_private_folder_is_nobody_elses_and_goes(tmp_path):
    """Only its owner may look into it, and it is gone at the end."""
    with private.folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "hidden").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    """SIGKILL leaves a folder; the next process removes it, and spares that of a live one."""
    code = (
        "import sys, time; from pathlib import Path; from grader.cluster import private\n"
        "with private.folder(Path(sys.argv[1])) as f: print(f, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as alive,
    ):
        left, kept = (Path(each.stdout.readline().strip()) for each in (killed, alive))
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert left.exists()
        with private.folder(tmp_path):
            assert (left.exists(), kept.exists()) == (False, True)
        alive.kill()


# --- machines -------------------------------------------------------------------------------------


def asked(**changes):
    """Return what a batch of this very grader asks."""
    made = Asked.here("bubblewrap", ("cpu",), None, Limits())
    return Asked(**{**made.__dict__, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "0.0.1"}, "and not 0.0.1"),
        ({"sources": "sha256:0"}, "of other files"),
        ({"devices": ("cuda:7",)}, "no cuda:7"),
    ],
)
def test_a_machine_that_grades_otherwise_says_so(changes, words):
    """Another version, other files or a GPU that is not there: one sentence, and no grading."""
    with pytest.raises(HarnessError, match=words):
        machine.examined(asked(**changes))


def test_a_machine_without_a_sandbox_says_so(monkeypatch):
    """No engine, no image or no bubblewrap: one sentence with the remedy; no image is made."""

    def no_engine():
        raise HarnessError("no Docker engine answers")

    monkeypatch.setattr("grader.sandbox.docker.connect", no_engine)
    monkeypatch.setenv("PATH", "/nowhere")
    for wanted, words in (("docker", "no Docker"), ("auto", "no Docker .*, and .*bubblewrap")):
        with pytest.raises(HarnessError, match=words):
            machine.examined(asked(sandbox=wanted))
    with pytest.raises(HarnessError, match="bubblewrap"):
        machine.examined(asked())
    monkeypatch.setattr("grader.sandbox.docker.connect", lambda: None)
    monkeypatch.setattr(image, "find", lambda *_: None)
    with pytest.raises(HarnessError, match="grader image"):
        machine.examined(asked(sandbox="docker"))


# --- what a local batch needs ---------------------------------------------------------------------


def test_a_local_batch_knows_nothing_of_dask():
    """All that grades on this machine alone is imported without a module of Dask."""
    rooms = ("cli.door", "cli.commands", "batch.story", "batch.local", "batch.slot", "regrade")
    code = "; ".join(f"import grader.{room}" for room in rooms) + (
        "; import sys; print(sorted({n.split('.')[0] for n in sys.modules}"
        " & {'dask', 'distributed', 'dask_jobqueue', 'tornado', 'cryptography'}),"
        " [n for n in sys.modules if n.startswith('grader.cluster')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("[] []", "")


@pytest.mark.parametrize("visible", ["GPU-1a2b", "0,MIG-3c"])
def test_gpus_that_go_by_no_number_are_refused_and_not_overlooked(monkeypatch, visible):
    """A batch must not go to the CPU because nobody could read which GPU it may use."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(HarnessError, match="known by their numbers"):
        machine._devices((machine.AUTO,))
