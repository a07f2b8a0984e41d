"""What grading one trivial submission takes with other graders, for `batch.py`.

None of them is a part of this project: they are installed into a folder of their own. Each grades
what it was made for and no torch: a function f(x) = x + 1 with two tests.
"""

import json
import os
import subprocess
import sys
import time

import docker

from grader.sandbox import image

PACKAGES = ("otter-grader", "nbgrader", "ipykernel", "autograder-sandbox")
SOLUTION = "def f(x):\n    return x + 1\n"
OTTER_TEST = """
OK_FORMAT = True
cases = [{"code": ">>> f(1) == 2\\nTrue"}, {"code": ">>> f(2) == 3\\nTrue"}]
suite = {"cases": cases, "scored": True, "setup": "", "teardown": "", "type": "doctest"}
test = {"name": "q1", "points": 2, "suites": [suite]}
"""
IN_SANDBOX = """
import sys, time
from autograder_sandbox import AutograderSandbox
begin = time.perf_counter()
with AutograderSandbox(docker_image=sys.argv[1]) as box:
    box.add_files(sys.argv[2])
    for _ in range(3):
        done = box.run_command(["python3", "sub.py"])
        assert done.return_code == 0, done.stderr.read()
    print(time.perf_counter() - begin)
"""
SANDBOX_IMAGE = "grader-bench-autograder-sandbox"
DOCKERFILE = """
FROM {base}
USER root
RUN echo 'autograder:x:1000:1000::/home/autograder:/bin/bash' >> /etc/passwd \\
    && echo 'autograder:x:1000:' >> /etc/group \\
    && mkdir -p /home/autograder/working_dir && chown -R 1000:1000 /home/autograder
WORKDIR /home/autograder/working_dir
CMD ["/bin/bash"]
"""


class Peers:
    """Those that could be installed here, each ready to grade its submission."""

    def __init__(self, folder):
        self.folder = folder
        self.binaries = folder / "venv" / "bin"
        self.absent = {}
        self.rows = {}
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        for package in PACKAGES:
            pip = [self.binaries / "python", "-m", "pip", "install", "--quiet", package]
            done = subprocess.run(pip, capture_output=True, text=True, check=False)
            if done.returncode:
                self.absent[package] = done.stderr.strip().splitlines()[-1][:200]
        if not {"otter-grader", "ipykernel"} & self.absent.keys():
            self._otter()
        if not {"nbgrader", "ipykernel"} & self.absent.keys():
            self._nbgrader()
        self.sub = folder / "sub.py"
        self.sub.write_text(SOLUTION)
        self.rows["docker run, three times (import torch)"] = self._docker
        if "autograder-sandbox" not in self.absent:
            self._autograder_sandbox()

    def close(self):
        """Remove the image that was made here."""
        if "autograder-sandbox: create, three runs, destroy" in self.rows:
            docker.from_env().images.remove(SANDBOX_IMAGE, force=True)

    def _run(self, *command, cwd):
        """Run a command that must succeed; return its seconds and what it printed."""
        environment = {"PATH": f"{self.binaries}:{os.environ['PATH']}", "HOME": str(self.folder)}
        begin = time.perf_counter()
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stdout}{done.stderr}")
        return time.perf_counter() - begin, done.stdout

    def _otter(self):
        folder = self.folder / "otter"
        (folder / "tests").mkdir(parents=True)
        (folder / "out").mkdir()
        (folder / "tests" / "q1.py").write_text(OTTER_TEST)
        (folder / "sub.py").write_text(SOLUTION)
        make = ("-t", "tests", "-o", "autograder.zip", "--no-environment")
        self._run("otter", "generate", *make, cwd=folder)
        grade = ("otter", "run", "-a", "autograder.zip", "-o", "out", "sub.py")
        self.rows["otter run"] = lambda: self._run(*grade, cwd=folder)[0]

    def _nbgrader(self):
        folder = self.folder / "nbgrader"
        solved = SOLUTION.replace("    return", "    ### BEGIN SOLUTION\n    return")
        cells = [
            _cell("f", f"{solved}    ### END SOLUTION", solution=True),
            _cell("t", "assert f(1) == 2\nassert f(2) == 3", grade=True, locked=True, points=2),
        ]
        for place, source in (("source/ps1", cells), ("submitted/alice/ps1", cells)):
            (folder / place).mkdir(parents=True)
            (folder / place / "ps1.ipynb").write_text(json.dumps(_book(source)))
        make = ("ps1", "--create", "--CourseDirectory.course_id=c")
        self._run("nbgrader", "generate_assignment", *make, cwd=folder)
        grade = ("nbgrader", "autograde", "ps1", "--create", "--force")
        self.rows["nbgrader autograde"] = lambda: self._run(*grade, cwd=folder)[0]

    def _docker(self):
        python = docker.from_env().images.get(image.tag("cpu")).labels["grader.python"]
        once = ("docker", "run", "--rm", "--network", "none", image.tag("cpu"), python)
        torch = ("-c", "import torch")
        return sum(self._run(*once, *torch, cwd=self.folder)[0] for _ in range(3))

    def _autograder_sandbox(self):
        recipe = DOCKERFILE.format(base=image.tag("cpu"))
        build = ["docker", "build", "--quiet", "--network", "none", "-t", SANDBOX_IMAGE, "-"]
        done = subprocess.run(build, input=recipe, capture_output=True, text=True, check=False)
        if done.returncode:
            self.absent["autograder-sandbox"] = f"its image: {done.stderr.strip()[-200:]}"
            return
        grade = ("python", "-c", IN_SANDBOX, SANDBOX_IMAGE, str(self.sub))
        self.rows["autograder-sandbox: create, three runs, destroy"] = lambda: self._run(
            *grade, cwd=self.folder
        )[0]


def _book(cells):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _cell(name, source, **marks):
    """Return a cell with what nbgrader keeps beside it."""
    usual = {"grade": False, "locked": False, "solution": False, "task": False}
    metadata = {"nbgrader": {**usual, "schema_version": 3, "grade_id": name, **marks}}
    return {"cell_type": "code", "id": name, "metadata": metadata, "source": source,
            "outputs": [], "execution_count": None}  # fmt: skip
