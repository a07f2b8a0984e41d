"""Which sandbox there is: by its name, or the best that works on this machine."""

from __future__ import annotations

from collections.abc import Callable

from grader.errors import HarnessError
from grader.sandbox import Sandbox


def named(name: str, device: str, say: Callable[[str], None], *, first_core: int = 0) -> Sandbox:
    """Return the sandbox of this name; raises HarnessError where it does not work.

    ``first_core`` keeps graders that work side by side from pinning their boxes to the same cores.
    """
    # Each is imported where it is used: the engine's library alone takes 0.2 s.
    if name == "docker":
        from grader.sandbox.docker import DockerSandbox  # noqa: PLC0415 - see above

        return DockerSandbox(device=device, say=say, first_core=first_core)
    if name == "bubblewrap":
        from grader.sandbox.bubblewrap import BubblewrapSandbox  # noqa: PLC0415 - see above

        return BubblewrapSandbox(device=device, say=say, first_core=first_core)
    from grader.sandbox.process import ProcessSandbox  # noqa: PLC0415 - see above

    return ProcessSandbox()


def best(device: str, say: Callable[[str], None]) -> Sandbox:
    """Return Docker if an engine answers, else bubblewrap if it works here; else HarnessError."""
    from grader.sandbox import docker  # noqa: PLC0415 - see above

    try:
        docker.connect()
    except HarnessError as error:
        try:
            found = named("bubblewrap", device, say)
        except HarnessError as second:
            raise HarnessError(f"{error}, and {second}") from None
        say("no Docker engine answers; bubblewrap is used")
        return found
    return named("docker", device, say)
