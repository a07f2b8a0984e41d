"""What holds of bubblewrap as root has to hold as anybody else: the same tests as another user.

Root's Python may lie where nobody else can look, below a home of mode 700 as often as not. In a
mount namespace of its own the other user gets the same paths with everything else gone from them.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.long import ALL

pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(1200)]

STRANGER = 12345
OF_THE_USER = (
    "no_network",
    "dangerous_calls",
    "scratch",
    "cannot_be_set",
    "nobody",
    "first_process",
    "looked_into",
    "limits_are_in_force",
    "only_python",
    "left_for_the_next",
    "nothing_is_left_after",
    "killed_grader",
)
"""Tests of what the user's rights have to do with; `make test ALL=1` runs all of them here."""
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def opened(paths):
    """Return the shell commands by which ``paths`` can be reached by everybody."""
    shut = {}
    for path in paths:
        above = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
        if above:
            shut.setdefault(above[0], []).append(path)
    lines = ["stash=$(mktemp -d)"]
    for number, (folder, inside) in enumerate(shut.items()):
        kept = [f'"$stash"/{number}-{i}' for i in range(len(inside))]
        for place, path in zip(kept, inside, strict=True):
            lines.append(f"mkdir {place} && mount --bind {shlex.quote(str(path))} {place}")
        lines.append(f"mount -t tmpfs -o mode=755 none {shlex.quote(str(folder))}")
        for place, path in zip(kept, inside, strict=True):
            quoted = shlex.quote(str(path))
            lines.append(f"mkdir -p {quoted} && mount --bind {place} {quoted}")
    return lines


def as_a_stranger(home, *command):
    """Run a command as a user who owns nothing but the folder ``home``."""
    paths = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, ROOT)}
    drop = ["setpriv", "--reuid", str(STRANGER), "--regid", str(STRANGER), "--clear-groups"]
    told = {name: os.environ[name] for name in ("CI",) if name in os.environ}
    told |= {"HOME": str(home), "PATH": "/usr/bin:/bin", "TMPDIR": str(home), "LANG": "C.UTF-8",
             "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    script = ["set -e", *opened(sorted(paths)), shlex.join(["exec", *drop, *map(str, command)])]
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(script)],
        env=told, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def home():
    """A folder of the stranger's; not below pytest's own, which only root can enter."""
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    os.chown(folder, STRANGER, STRANGER)
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_all_of_it_holds_as_another_user(bubblewrap_sandbox, home):
    """The tests of the sandbox pass for a user without any right, in a user namespace."""
    done = as_a_stranger(
        home, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rs",
        "-k", "" if ALL else " or ".join(OF_THE_USER),
        f"--basetemp={home}/pytest", HERE / "test_bubblewrap.py",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= len(OF_THE_USER)
    skipped = re.findall(r"^SKIPPED .*", done.stdout, re.MULTILINE)
    assert all("control group" in line or "numbering" in line for line in skipped), skipped
    print(done.stdout[-400:])
