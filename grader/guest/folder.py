"""The submission's files inside the sandbox: kept by the agent, laid out for each worker."""

from __future__ import annotations

import contextlib
import json
import os

from grader.guest.frames import Header


class Folder:
    """The files of a submission and the working folder that they are written to."""

    def __init__(self, work: str) -> None:
        self.work = work
        self.files: list[tuple[str, bytes]] = []

    def store(self, header: Header, body: bytearray) -> Header:
        """Keep the submission: a listing of paths and sizes, then contents one after the other."""
        self.files, start = [], header["listing"]
        for path, size in json.loads(body[:start]):
            self.files.append((path, bytes(body[start : start + size])))
            start += size
        return {"ok": True}

    def lay_out(self) -> None:
        """Write the submission's files into the working folder."""
        os.makedirs(self.work, exist_ok=True)  # noqa: PTH103 - strings all the way, no pathlib
        for path, data in self.files:
            full = os.path.join(self.work, path)  # noqa: PTH118
            # An odd name (too long, a file where a folder should be) loses that file only.
            with contextlib.suppress(OSError, ValueError):
                os.makedirs(os.path.dirname(full), exist_ok=True)  # noqa: PTH103, PTH120
                with open(full, "wb") as file:  # noqa: PTH123
                    file.write(data)
