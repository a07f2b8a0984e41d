"""What the tests share: the project's root, one sandbox and one oracle of each kind."""

import os
import sys
from pathlib import Path

import pytest

from grader import pack as packs
from grader.checking.draw import Draw
from grader.errors import HarnessError
from grader.grade import family_for, oracle_for
from grader.sandbox import docker
from grader.sandbox.bubblewrap import BubblewrapSandbox
from tests import quick
from tests.zoo_cases import untimed

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root():
    """Return the project's root."""
    return ROOT


@pytest.fixture(scope="session")
def pack():
    """Return the shipped assignment, but for what takes long to measure (see `tests/latency`)."""
    return untimed(packs.load(ROOT, "e0294-a4"))


@pytest.fixture(scope="session")
def quick_project(tmp_path_factory):
    """A copy of the project in which a machine grades 2a to 2c of the sheet alone."""
    return quick.project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def docker_sandbox():
    """The real thing; where CI is set its absence is a failure and not a skip."""
    try:
        docker.connect()
    except HarnessError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return docker.DockerSandbox(say=lambda text: sys.stderr.write(text + "\n") and None)


@pytest.fixture(scope="session")
def bubblewrap_sandbox():
    """Namespaces without an engine; where CI is set their absence is a failure and not a skip."""
    try:
        return BubblewrapSandbox(say=lambda text: sys.stderr.write(text + "\n") and None)
    except HarnessError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def draw():
    """Return one draw for all submissions of a run."""
    return Draw.fresh()


@pytest.fixture(scope="session")
def docker_oracle(docker_sandbox, pack):
    """One reference for all submissions of a run, as in a batch."""
    with oracle_for(pack, docker_sandbox) as oracle:
        yield oracle


@pytest.fixture(scope="session")
def bubblewrap_oracle(bubblewrap_sandbox, pack):
    """One reference for all submissions of a run, in a bubblewrap box."""
    with oracle_for(pack, bubblewrap_sandbox) as oracle:
        yield oracle


@pytest.fixture(scope="session")
def docker_family(docker_sandbox, pack, draw):
    """The known mistakes on the run's draw, in one sandbox for all submissions."""
    with family_for(pack, docker_sandbox, draw) as family:
        yield family
