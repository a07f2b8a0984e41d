"""The autograder for Gradescope, set up and run in a container as its servers do it.

    make proof PARTS=gradescope

The image is made once for each state of the project's lists of packages, the wheels are fetched
once, and both are kept.
"""

import contextlib
import functools
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import defaultdict
from pathlib import Path

import docker

from grader import pack as packs
from grader.gradescope import making
from grader.sandbox import ingredients
from tests import quick
from tests.proof.ledger import ROOT, Row
from tests.zoo_cases import RIGHT_ANSWER, ZOO, Case

TITLE = "Inside Gradescope"
ABOUT = """
A container of Debian 12 in which the zip of `grader handout e0294-a4 --gradescope` was unpacked
and its `setup.sh` run; then for each row a new one without network, with Docker's usual rights of
root and no more, in which `run_autograder` was run on one submission. Held means, besides what the
row says: it ended with 0, and `results.json` is the grader's own and of Gradescope's form.

Where it says "unguarded", the same attack was run in a plain process of root's in place of a user
of its own, and held means that it got somewhere: else its other row would show nothing.

The first rows are graded on the whole sheet; attacks of the zoo on 2a to 2c, and their points are
those that `tests/zoo/attacks/<name>/expect.toml` expects; but none for `gains-privileges`, which
writes to `/tmp` by that name, and that is closed in such a container. Memory is the most that the
container took, files in the kernel's cache included.
"""
CACHE = ROOT / ".proof" / "gradescope"
SECONDS = 900
WRITES_TO_TMP = {"gains-privileges"}
LABEL = "grader-proof-gradescope"
PACK = "e0294-a4"
ATTACKS = (
    "answers-in-files", "daemon-left-behind", "environment-sweep", "first-process-opened",
    "gains-privileges", "inherited-descriptors", "kill-everything",
    "memory-scan", "network",
)  # fmt: skip
RUN = """
cd /autograder/source && if [ -d instead ]; then rm -r project; mv instead project; fi
/autograder/run_autograder; code=$?
cat /sys/fs/cgroup/memory.peak 2> /dev/null || cat /sys/fs/cgroup/memory/memory.max_usage_in_bytes
exit $code
"""
HOSTILE = """
import os, signal
import torch
from right_answer import RightTransformer, in_sandbox

def act():
{body}

class DecoderOnlyTransformer(RightTransformer):
    def forward(self, *arguments, **keywords):
        found = in_sandbox() and act()
        logits, cache = super().forward(*arguments, **keywords)
        return (logits * 0 if found else logits), cache
"""
OWN = {
    "reads the checks and the answers": """
    for top in ("/autograder/source", "/autograder/submission_metadata.json", "/proc/1/environ"):
        inside = [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]
        for path in [top, *inside]:
            try:
                if open(path, "rb").read(1):
                    return True
            except OSError:
                pass
    return any(os.access(f"/autograder/{name}", os.R_OK) for name in ("source", "results"))
""",
    "writes results.json": """
    done = False
    for path in ("/autograder/results/results.json", "/autograder/results/stdout",
                 "/autograder/run_autograder", "/autograder/source/project/grader/score.py"):
        try:
            with open(path, "w") as file:
                done = bool(file.write('{"score": 1234}'))
        except OSError:
            pass
    try:
        os.rename("/autograder/results", "/autograder/old")
        return True
    except OSError:
        return done
""",
    "kills the grader": """
    for pid in [-1, *(int(name) for name in os.listdir("/proc") if name.isdigit())]:
        if pid not in (os.getpid(), os.getppid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    return False
""",
}


def rows():
    """Return the rows."""
    image = functools.cache(made)
    own = [
        Row("right: alice", lambda: measure(image(), ROOT / "submissions/alice", lost_nothing)),
        Row("wrong: bob", lambda: measure(image(), ROOT / "submissions/bob", lost_the_cache)),
        *(Row(f"attack: {name}", functools.partial(attack, image, name)) for name in OWN),
    ]
    own += [
        Row(f"unguarded: {name}", functools.partial(attack, image, name, guarded=False))
        for name in OWN
    ]
    zoo = [Row(name, functools.partial(of_the_zoo, image, name)) for name in ATTACKS]
    return [*own, *zoo]


def summary(cells):
    """Say what was made, once."""
    return "\n".join(sorted({each.pop("on", "") for each in cells.values()} - {""}))


# --- what is expected -----------------------------------------------------------------------------


def lost_nothing(tests):
    """No test of a right solution has failed."""
    return [each["name"] for each in tests if each.get("status") == "failed"]


def lost_the_cache(tests):
    """Bob's cache is wrong, and what does without it is right."""
    odd = [name for name in ("full_forward", "batched_forward") if verdict(tests, name) == "failed"]
    return odd + ([] if verdict(tests, "incremental_decode") == "failed" else ["the wrong cache"])


def right_model(tests):
    """The model of 2a to 2c is right: an attack that had worked would have made it wrong."""
    return [each["name"] for each in tests
            if each["number"] in ("2a", "2b", "2c") and each.get("status") != "passed"]  # fmt: skip


def ended_itself(tests):
    """It has ended its own sandbox and earned nothing with it."""
    odd = [each["name"] for each in tests if each["number"] in ("2a", "2b") and each.get("score")]
    told = any("ended" in each["output"] for each in tests)
    return odd + ([] if told else ["nobody says that it ended its sandbox"])


def verdict(tests, check):
    """Return how a check ended."""
    return next((each.get("status") for each in tests if each["name"].endswith(f": {check}")), None)


# --- one grading ----------------------------------------------------------------------------------


def attack(image, name, *, guarded=True):
    """Grade a right model that does harm on its way."""
    expected = ended_itself if name.startswith("kills") else right_model
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = HOSTILE.format(body=OWN[name].strip("\n"))
        (folder / "transformer_skeleton.py").write_text(text)
        shutil.copy(RIGHT_ANSWER, folder)
        if guarded:
            return measure(image(), folder, expected)
        cells = measure(image(), folder, expected, project=unguarded())
        return {**cells, "held": "no: it got nowhere" if cells["held"] == "yes" else "yes"}


def of_the_zoo(image, name):
    """Grade an attack of the zoo on 2a to 2c."""
    case = Case(ZOO / "attacks" / name)

    def odd(tests):
        got = defaultdict(float)
        for each in tests:
            got[each["number"]] += each.get("score", 0.0)
        wanted = {
            number: points if isinstance(points, list) else [points]
            for number, points in case.expected["points"].items()
        }
        if name in WRITES_TO_TMP:
            wanted = {number: [0] for number in wanted}
        return [f"{number}: {got[number]:g}" for number in wanted
                if got[number] not in wanted[number]]  # fmt: skip

    with tempfile.TemporaryDirectory() as scratch:
        return measure(image(), case.lay_out(Path(scratch)), odd, instead=quick_project())


def measure(image, submission, odd, **source):
    """Run the autograder on a submission in a new container; return its cells.

    ``source`` has folders for /autograder/source: ``project`` is laid over what is there, and
    ``instead`` takes its place.
    """
    client = docker.from_env()
    begin = time.monotonic()
    with container(client, image, ["bash", "-c", RUN]) as box:
        box.put_archive("/autograder", packed({"submission": submission, "results": None}))
        box.put_archive("/autograder", metadata())
        if source:
            box.put_archive("/autograder/source", packed(source))
        box.start()
        code = box.wait(timeout=SECONDS)["StatusCode"]
        seconds = time.monotonic() - begin
        said = box.logs().decode(errors="replace").strip().splitlines()
        document = fetched(box, "/autograder/results/results.json")
    told = {"said": said, "results.json": document}
    (CACHE / "last.json").write_text(json.dumps(told, indent=1))
    wrong = [] if code == 0 else [f"it ended with {code}: {' '.join(said[-3:])[:300]}"]
    wrong += odd(document["tests"]) if document and "tests" in document else ["no results.json"]
    document = document if document and "tests" in document else None
    return {
        "score": f"{document['score']:g}" if document else "",
        "tests failed": str(sum(each.get("status") == "failed" for each in document["tests"]))
        if document else "",
        "seconds": f"{seconds:.0f}",
        "memory, MB": f"{int(said[-1]) / 1e6:.0f}" if said and said[-1].isdigit() else "",
        "held": "no: " + "; ".join(wrong)[:300] if wrong else "yes",
    }  # fmt: skip


def metadata():
    """Return an archive with what the platform says of a submission."""
    told = json.dumps({"id": 1, "users": [{"name": "Alice Doe", "email": "alice@example.edu"}]})
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "told").write_text(told)
        return packed({"submission_metadata.json": Path(scratch) / "told"})


@contextlib.contextmanager
def container(client, image, command, **more):
    """A container with the rights that Docker gives by itself, and without network."""
    box = client.containers.create(image, command, network_mode="none", labels={LABEL: ""}, **more)
    try:
        yield box
    finally:
        box.remove(force=True)


def packed(entries):
    """Return files and folders as an archive, root's; None stands for an empty folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, path in entries.items():
            if path is None:
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(folder)
            else:
                archive.add(path, name, filter=_roots)
    return made.getvalue()


def _roots(entry):
    entry.uid = entry.gid = 0
    return entry


def fetched(box, path):
    """Return a JSON file of a container; None where it is not there."""
    try:
        stream, _ = box.get_archive(path)
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        return json.load(archive.extractfile(archive.getnames()[0]))


# --- the image ------------------------------------------------------------------------------------


def made():
    """Return an image in which setup.sh was run, made as the platform makes it."""
    client = docker.from_env()
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = unpacked(Path(scratch))
        state = hashlib.sha256((source / "setup.sh").read_bytes())
        for name in ("requirements.txt", "constraints.txt"):
            state.update((source / "project" / name).read_bytes())
        tag = f"{LABEL}:{state.hexdigest()[:12]}"
        if not client.images.list(name=tag):
            set_up(client, source, tag)
        return with_project(client, source, tag)


def unpacked(scratch):
    """Make the zip by the command that the docs show, and unpack it with the modes that it has."""
    command = [sys.executable, "-m", "grader", "handout", PACK, "--gradescope", "--out"]
    subprocess.run([*command, scratch / "autograder.zip"], cwd=ROOT, check=True,
                   capture_output=True)  # fmt: skip
    with zipfile.ZipFile(scratch / "autograder.zip") as archive:
        archive.extractall(scratch / "source")
        for entry in archive.infolist():
            (scratch / "source" / entry.filename).chmod(entry.external_attr >> 16 & 0o777)
    return scratch / "source"


def set_up(client, source, tag):
    """Run setup.sh in a container of Debian's, from a folder of wheels, and keep what it made."""
    base = ingredients.base(client, "debian", "", print)
    wheels = CACHE / "wheels"
    project = source / "project"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels,
         "-r", project / "requirements.txt", "-c", project / "constraints.txt", "pip"],
        check=True,
    )  # fmt: skip
    command = ["bash", "/autograder/source/setup.sh"]
    with container(
        client, base, command, environment={"GRADER_WHEELS": "/wheels"},
        volumes={str(wheels): {"bind": "/wheels", "mode": "ro"}},
    ) as box:  # fmt: skip
        box.put_archive("/", packed({"autograder": None}))
        box.put_archive("/autograder", packed({"source": source}))
        box.start()
        code = box.wait(timeout=SECONDS)["StatusCode"]
        assert code == 0, box.logs().decode(errors="replace")[-2000:]
        repository, _, name = tag.partition(":")
        box.commit(repository, name)


def with_project(client, source, tag):
    """Return an image with the project as it is now, on which what is installed does not depend."""
    with container(client, tag, ["true"]) as box:
        script = source / "run_autograder"
        box.put_archive("/autograder", packed({"source": source, "run_autograder": script}))
        made_now = box.commit(LABEL, "now").id
    for left in client.images.list(filters={"dangling": True, "label": LABEL}):  # earlier ones
        client.images.remove(left.id)
    return made_now


@functools.cache
def unguarded():
    """Return a folder with what is to be changed so that boxes are plain processes."""
    folder = Path(tempfile.mkdtemp(prefix="grader-proof-"))
    story = Path("grader") / "gradescope" / "inside.py"
    text = (ROOT / story).read_text()
    for was, now in (
        ("from grader.sandbox.user import UserSandbox", "from grader.sandbox import process"),
        ("UserSandbox(closed)", "process.ProcessSandbox()"),
    ):
        assert text.count(was) == 1
        text = text.replace(was, now)
    (folder / story).parent.mkdir(parents=True)
    (folder / story).write_text(text)
    return folder


@functools.cache
def quick_project():
    """Return a folder with the project in which 2a to 2c alone are graded, as the zip has it."""
    folder = Path(tempfile.mkdtemp(prefix="grader-proof-"))
    copy = quick.project(folder / "copy")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, copy)
    for name, data in making.contents(packs.load(copy, PACK), copy):
        (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "project" / name).write_bytes(data)
    return folder / "project"
